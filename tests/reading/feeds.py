"""Feeds as real platforms send them: sound objects, each with some deviations of a list, chosen by a seed.

What is needed of each object can be read, or follows from the rest: no object may be lost.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_ocpi.core.schema import Schema
from flask_ocpi.modules.cdrs_schemas import CDR
from flask_ocpi.modules.locations_schemas import Location
from flask_ocpi.modules.sessions import Session
from flask_ocpi.modules.tariffs import Tariff
from flask_ocpi.modules.tokens import Token
from flask_ocpi.testing import documents as made

Document = dict[str, Any]
GONE: Any = ...
COUNTS = {"locations": 500, "sessions": 200, "cdrs": 200, "tariffs": 100, "tokens": 100}
CLASSES: Mapping[str, type[Schema]] = {
    "locations": Location,
    "sessions": Session,
    "cdrs": CDR,
    "tariffs": Tariff,
    "tokens": Token,
}
_MAKERS: Mapping[str, Callable[[], Document]] = {
    "locations": made.full_location,
    "sessions": made.full_session,
    "cdrs": made.full_cdr,
    "tariffs": made.full_tariff,
    "tokens": made.full_token,
}


@dataclass(frozen=True, slots=True)
class Deviation:
    """What software sends instead of a value. choices: some of them; GONE: nothing. said: where it is told."""

    place: str
    choices: tuple[Any, ...]
    said: str = ""

    @property
    def path(self) -> str:
        """Return the path at which a finding tells of it, or the beginning of that path."""
        steps = (self.said or self.place).split(".")
        return ".".join(steps).replace(".0", "[]")

    def apply(self, document: Document, rng: random.Random) -> None:
        *above, last = (int(step) if step.isdigit() else step for step in self.place.split("."))
        owner: Any = document
        for step in above:
            owner = owner[step]
        chosen = rng.choice(self.choices)
        value = chosen(owner[last]) if callable(chosen) else copy.deepcopy(chosen)
        if value is GONE:
            del owner[last]
        else:
            owner[last] = value


def _one(value: Any) -> Any:
    return [value]


def _text(value: Any) -> str:
    return str(value)


def _lower(value: str) -> str:
    return value.lower()


def _spoken(value: str) -> str:
    return value.replace("_", " ").title()


#: The same instant in the spellings of others.
INSTANTS: tuple[Callable[[str], str], ...] = (
    lambda text: text.replace("T", " ").removesuffix("Z"),
    lambda text: text.removesuffix("Z") + "+00:00",
    lambda text: text.removesuffix("Z") + ".123456Z",
    lambda text: text.removesuffix("Z") + ".123456789Z",
    lambda text: text.lower(),
    lambda text: f" {text}",
    lambda text: text.removesuffix("Z") + "+0000",
)
PRICES = (lambda price: price["excl_vat"], lambda price: {"excl_vat": str(price["excl_vat"]).replace(".", ",")})
WEBSITES = ("www.example.com", "example.com/a b", " https://www.example.com ", "//example.com/x", "http//broken", "n/a")
TEXTS = ("Stationsplein 1\r\nUtrecht", "\tStationsplein 1", "Stationsplein\n1", " Stationsplein 1 ")
HOURS = (
    *(
        {"twentyfourseven": False, "regular_hours": [{"weekday": day, "period_begin": begin, "period_end": end}]}
        for day, begin, end in (
            (1, "06:00", "00:00"),
            (2, "00:00", "00:00"),
            (7, "22:00", "06:00"),
            ("3", "6:00", "24:00"),
            ("FRIDAY", "08:00:00", "20:00:00"),
            (4, "8.00", "17h30"),
        )
    ),
    {"twentyfourseven": True, "regular_hours": [{"weekday": 1, "period_begin": "08:00", "period_end": "18:00"}]},
    {"twentyfourseven": False},
    {"twentyfourseven": "true"},
)

DEVIATIONS: Mapping[str, tuple[Deviation, ...]] = {
    "locations": (
        Deviation("last_updated", INSTANTS),
        Deviation("evses.0.last_updated", (*INSTANTS, GONE)),
        Deviation("evses.0.connectors.0.last_updated", (*INSTANTS, GONE)),
        Deviation("coordinates.latitude", (52.089444, "52.089", "52.0894", "52.08944412", "52,089444", 52)),
        Deviation("coordinates.longitude", (5.110278, "5.110", "5.1102781234", " 5.110278", "+5.110278")),
        Deviation("coordinates", (_one,)),
        Deviation("evses.0.coordinates.latitude", ("91.00000", "north", 52.1), "evses.0.coordinates"),
        Deviation("postal_code", (3511, "3511 ED Utrecht", "3511\tED")),
        Deviation("address", TEXTS),
        Deviation("city", ("Utrecht\n", 7, "x" * 60)),
        Deviation("country", ("NL", "nld", "Netherlands", "nl")),
        Deviation("state", ("", " ", "x" * 30)),
        Deviation("name", (4711, "\n", "x" * 300)),
        Deviation("publish", ("false", 0, "False")),
        Deviation("operator.website", WEBSITES),
        Deviation("owner.logo.url", ("https://example.com/a logo.png", "example.com/logo.png", "", "none")),
        Deviation("images.0.url", ("https://example.com/my image.png", "nowhere"), "images"),
        Deviation("images.0.type", ("image/png", "x" * 9), "images"),
        Deviation("facilities", ("HOTEL", "hotel, cafe", ["HOTEL", "SWIMMING_POOL"], ["hotel", None], "none")),
        Deviation("parking_type", (_lower, "ON_THE_MOON", "Parking Garage", 7)),
        Deviation("time_zone", ("europe/amsterdam", GONE, "")),
        Deviation("charging_when_closed", ("yes", 1, "perhaps")),
        Deviation("opening_times", HOURS),
        Deviation("energy_mix.is_green_energy", ("true", 1), "energy_mix"),
        Deviation("energy_mix.energy_sources.0.percentage", ("80", "80,5", "most"), "energy_mix"),
        Deviation("directions", (lambda texts: texts[0], lambda texts: texts[0]["text"], [None], "")),
        Deviation("evses.0.status", (_lower, "FAULTED", "Out of order", "in use")),
        Deviation("evses.0.connectors.0.standard", (_lower, "IEC 62196 T2")),
        Deviation("evses.0.connectors.0.format", (_lower, "Socket")),
        Deviation("evses.0.connectors.0.power_type", ("ac_3_phase", "AC 3 Phase")),
        Deviation("evses.0.connectors.0.max_voltage", ("230", 230.4, "400 ".strip())),
        Deviation("evses.0.connectors.0.max_amperage", ("16", 15.6, "32.0")),
        Deviation("evses.0.connectors.0.tariff_ids", ("DAY", [7], "")),
        Deviation("evses.0.connectors.0.id", (1, 1.0)),
        Deviation("evses.0.connectors.0.terms_and_conditions", ("example.com/terms", "see website", "")),
        Deviation("evses.0.capabilities", (["TELEPATHY", "RFID_READER"], "reservable", ["rfid reader"], [None])),
        Deviation("evses.0.parking_restrictions", (["ev_only"], ["EV_ONLY", "TOURISTS"], "CUSTOMERS;PLUGGED")),
        Deviation("evses.0.floor_level", (-2, 0, "second basement")),
        Deviation("evses.0.status_schedule", ("none", [{}], [{"period_begin": "soon", "status": "CLOSED"}])),
        Deviation("evses.1", ({"uid": "E9", "status": "REMOVED", "connectors": []},), "evses"),
        Deviation("evses.1", ({"uid": "E9", "status": "planned"}, {"uid": "E9", "status": "REMOVED"}), "evses"),
        Deviation("related_locations.0.latitude", (52.1, "52.1", "far"), "related_locations"),
    ),
    "sessions": (
        Deviation("last_updated", INSTANTS),
        Deviation("start_date_time", INSTANTS),
        Deviation("end_date_time", (*INSTANTS, "", "never")),
        Deviation("kwh", ("12.5", "12,5", " 12.5")),
        Deviation("status", (_lower, "Completed")),
        Deviation("currency", ("eur", "€")),
        Deviation("auth_method", ("whitelist", "Auth Request", "MAGIC")),
        Deviation("cdr_token", (_one,)),
        Deviation("cdr_token.type", ("rfid", "App User", GONE)),
        Deviation("cdr_token.uid", (12345678905880,)),
        Deviation("cdr_token.contract_id", (GONE, "", "x" * 50)),
        Deviation("total_cost", PRICES),
        Deviation("meter_id", (4711, "", {})),
        Deviation("authorization_reference", ("", 4711)),
        Deviation("charging_periods.0.start_date_time", INSTANTS),
        Deviation("charging_periods.0.dimensions.0.volume", ("12.5", "12,5")),
        Deviation("charging_periods.0.dimensions.0.type", ("energy", "HEAT"), "charging_periods"),
        Deviation("evse_uid", (7, GONE, "")),
        Deviation("connector_id", (1, GONE)),
    ),
    "cdrs": (
        Deviation("last_updated", INSTANTS),
        Deviation("end_date_time", INSTANTS),
        Deviation("cdr_location.evse_uid", (GONE, "", 7)),
        Deviation(
            "cdr_location.coordinates.latitude", (52.0894, "52.089", "52.08944444444"), "cdr_location.coordinates"
        ),
        Deviation("cdr_location.country", ("NL", "nld", "The Netherlands", "")),
        Deviation("cdr_location.connector_standard", (_lower, "SCHUKO", GONE)),
        Deviation("cdr_location.connector_power_type", ("ac_3_phase", GONE)),
        Deviation("cdr_location.address", TEXTS),
        Deviation("cdr_location.state", ("x" * 30, "")),
        Deviation("cdr_token.type", ("rfid", "unknown", GONE)),
        Deviation("cdr_token", (_one,)),
        Deviation("auth_method", (_lower, GONE)),
        Deviation("currency", ("eur",)),
        Deviation("total_cost", PRICES),
        Deviation("total_energy_cost", (*PRICES, "much", {})),
        Deviation("total_energy", ("12.5", "12,50")),
        Deviation("total_time", ("1.5", GONE)),
        Deviation("total_parking_time", ("0,25", "")),
        Deviation("charging_periods.0.dimensions", (lambda dimensions: dimensions[0],)),
        Deviation("charging_periods.0.dimensions.0.volume", ("12.5",)),
        Deviation("tariffs.0.elements.0.price_components.0.price", ("0.25", "0,25")),
        Deviation("tariffs.0.last_updated", INSTANTS),
        Deviation("tariffs.0.energy_mix", ("green", [], {}), "tariffs.0.energy_mix"),
        Deviation("signed_data.signed_values", ("none", [{}], []), "signed_data"),
        Deviation("signed_data.url", ("example.com/check", "x" * 600)),
        Deviation("remark", ("", 7, "Refunded.\r\nSorry.", "x" * 300)),
        Deviation("credit", ("true", 1)),
        Deviation("home_charging_compensation", ("no", 0, "?")),
    ),
    "tariffs": (
        Deviation("last_updated", INSTANTS),
        Deviation("start_date_time", (*INSTANTS, "")),
        Deviation("currency", ("eur", "€")),
        Deviation("type", (_lower, "Regular", "HAPPY_HOUR")),
        Deviation("tariff_alt_url", WEBSITES),
        Deviation("tariff_alt_text", ("Parking is free.", lambda texts: texts[0], "", ["Parking is free."])),
        Deviation("min_price", PRICES),
        Deviation("max_price", (*PRICES, "none", {})),
        Deviation("energy_mix", ("green", _one, {})),
        Deviation("elements.0.price_components.0.type", (_lower, _spoken)),
        Deviation("elements.0.price_components.0.price", (_text, lambda price: str(price).replace(".", ","))),
        Deviation("elements.0.price_components.0.step_size", ("1", GONE, 1.0)),
        Deviation("elements.0.price_components", (lambda components: components[0],)),
    ),
    "tokens": (
        Deviation("last_updated", INSTANTS),
        Deviation("type", (_lower, "Rfid")),
        Deviation("valid", ("true", 1, "True")),
        Deviation("whitelist", (_lower, "Allowed")),
        Deviation("language", ("en-GB", "EN", "english", "")),
        Deviation("issuer", (GONE, "", "Ems\tCharging", "x" * 99)),
        Deviation("contract_id", (GONE, 12345)),
        Deviation("visual_number", (2001, "", [])),
        Deviation("group_id", ("", 7)),
        Deviation("default_profile_type", (_lower, "WARP")),
        Deviation("energy_contract", ("Example Energy", {}, lambda contract: {"contract_id": contract["contract_id"]})),
    ),
}


@dataclass(frozen=True, slots=True)
class Sent:
    """An object as it would be valid, as it is sent, and what differs."""

    sound: Document
    sent: Document
    deviations: tuple[Deviation, ...]


def feed(module: str, seed: int) -> Iterator[Sent]:
    """Make the objects of a module of DE PEE, in the order in which they changed; each deviation comes often."""
    rng = random.Random(f"{seed} {module}")
    deviations = DEVIATIONS[module]
    for number in range(COUNTS[module]):
        sound = copy.deepcopy(_MAKERS[module]())
        sound.update(
            country_code="DE", party_id="PEE", last_updated=f"2024-05-{number // 60 + 1:02}T12:{number % 60:02}:00Z"
        )
        if "cdr_token" in sound:
            sound["cdr_token"].update(country_code="NL", party_id="ABC")
        sound["uid" if module == "tokens" else "id"] = f"{module[0].upper()}{number}"
        one = deviations[number % len(deviations)]
        chosen = {each.place: each for each in (one, *rng.sample(deviations, rng.randrange(5)))}
        sent, applied = copy.deepcopy(sound), []
        for deviation in chosen.values():
            before = copy.deepcopy(sent)
            try:
                deviation.apply(sent, rng)
            except (LookupError, TypeError, AttributeError):  # another one has changed what is around it
                sent = before
            else:
                applied.append(deviation)
        yield Sent(sound, sent, tuple(applied))
