"""The enums of the tariffs module."""

from __future__ import annotations

from enum import StrEnum


class DayOfWeek(StrEnum):
    """A day of the week, where the EVSE is (OCPI 2.2.1, Tariffs, "DayOfWeek")."""

    MONDAY = "MONDAY"
    TUESDAY = "TUESDAY"
    WEDNESDAY = "WEDNESDAY"
    THURSDAY = "THURSDAY"
    FRIDAY = "FRIDAY"
    SATURDAY = "SATURDAY"
    SUNDAY = "SUNDAY"


class ReservationRestrictionType(StrEnum):
    """Which reservations cost: all, or the unused (OCPI 2.2.1, Tariffs, "ReservationRestrictionType")."""

    RESERVATION = "RESERVATION"
    RESERVATION_EXPIRES = "RESERVATION_EXPIRES"


class TariffDimensionType(StrEnum):
    """What is priced (OCPI 2.2.1, Tariffs, "TariffDimensionType").

    Prices are per kWh for ENERGY, per hour for the times, and once for FLAT; step_size counts Wh or seconds.
    """

    ENERGY = "ENERGY"
    FLAT = "FLAT"
    PARKING_TIME = "PARKING_TIME"
    TIME = "TIME"


class TariffType(StrEnum):
    """Which sessions a tariff is for; PROFILE_x goes with the ProfileType x (OCPI 2.2.1, Tariffs, "TariffType")."""

    AD_HOC_PAYMENT = "AD_HOC_PAYMENT"
    PROFILE_CHEAP = "PROFILE_CHEAP"
    PROFILE_FAST = "PROFILE_FAST"
    PROFILE_GREEN = "PROFILE_GREEN"
    REGULAR = "REGULAR"
