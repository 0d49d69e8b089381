"""The values of OCPI's enums.

Written by scripts/write_types.py: change the schemas instead.
"""

from typing import Literal

from flask_ocpi.core import enums as _enums

# fmt: off
#: What a party does (OCPI 2.2.1, Types, "Role"; PTP is that of the payments module of 2.3.0).
Role = Literal["CPO", "EMSP", "HUB", "NAP", "NSP", "OTHER", "PTP", "SCSP"] | _enums.Role
#: The side of a module: SENDER is the owner of the data (OCPI 2.2.1, Versions, "InterfaceRole").
InterfaceRole = Literal["SENDER", "RECEIVER"] | _enums.InterfaceRole
#: The modules (OCPI 2.2.1, Versions, "ModuleID").
ModuleID = Literal["cdrs", "chargingprofiles", "commands", "credentials", "hubclientinfo", "locations", "sessions",
    "tariffs", "tokens"] | _enums.ModuleID
#: The versions of OCPI that 2.2.1 knows (OCPI 2.2.1, Versions, "VersionNumber").
VersionNumber = Literal["2.0", "2.1", "2.1.1", "2.2", "2.2.1"] | _enums.VersionNumber
#: The way in which a driver was authorised (OCPI 2.2.1, CDRs, "AuthMethod").
AuthMethod = Literal["AUTH_REQUEST", "COMMAND", "WHITELIST"]
#: A measured quantity, in kWh, A, kW, hours or percent (OCPI 2.2.1, CDRs, "CdrDimensionType").
CdrDimensionType = Literal["CURRENT", "ENERGY", "ENERGY_EXPORT", "ENERGY_IMPORT", "MAX_CURRENT", "MIN_CURRENT",
    "MAX_POWER", "MIN_POWER", "PARKING_TIME", "POWER", "RESERVATION_TIME", "STATE_OF_CHARGE", "TIME",
    "RESERVATION_EXPIRES", "RESERVATION_OVERTIME"]
#: The unit of limits: W in all, or A on each phase (OCPI 2.2.1, ChargingProfiles, "ChargingRateUnit").
ChargingRateUnit = Literal["W", "A"]
#: The immediate answer of a CPO (OCPI 2.2.1, ChargingProfiles, "ChargingProfileResponseType").
ChargingProfileResponseType = Literal["ACCEPTED", "NOT_SUPPORTED", "REJECTED", "TOO_OFTEN", "UNKNOWN_SESSION"]
#: The later result of a request at the EVSE (OCPI 2.2.1, ChargingProfiles, "ChargingProfileResultType").
ChargingProfileResultType = Literal["ACCEPTED", "REJECTED", "UNKNOWN"]
#: The immediate answer of a CPO (OCPI 2.2.1, Commands, "CommandResponseType").
CommandResponseType = Literal["NOT_SUPPORTED", "REJECTED", "ACCEPTED", "UNKNOWN_SESSION"]
#: The later result of a command at the charge point (OCPI 2.2.1, Commands, "CommandResultType").
CommandResultType = Literal["ACCEPTED", "CANCELED_RESERVATION", "EVSE_OCCUPIED", "EVSE_INOPERATIVE", "FAILED",
    "NOT_SUPPORTED", "REJECTED", "TIMEOUT", "UNKNOWN_RESERVATION"]
#: The commands; drivers must not send UNLOCK_CONNECTOR themselves (OCPI 2.2.1, Commands, "CommandType").
CommandType = Literal["CANCEL_RESERVATION", "RESERVE_NOW", "START_SESSION", "STOP_SESSION", "UNLOCK_CONNECTOR"]
#: The state of the connection with a party (OCPI 2.2.1, HubClientInfo, "ConnectionStatus").
ConnectionStatus = Literal["CONNECTED", "OFFLINE", "PLANNED", "SUSPENDED"]
#: A capability of an EVSE (OCPI 2.2.1, Locations, "Capability").
Capability = Literal["CHARGING_PROFILE_CAPABLE", "CHARGING_PREFERENCES_CAPABLE", "CHIP_CARD_SUPPORT",
    "CONTACTLESS_CARD_SUPPORT", "CREDIT_CARD_PAYABLE", "DEBIT_CARD_PAYABLE", "PED_TERMINAL",
    "REMOTE_START_STOP_CAPABLE", "RESERVABLE", "RFID_READER", "START_SESSION_CONNECTOR_REQUIRED",
    "TOKEN_GROUP_CAPABLE", "UNLOCK_CAPABLE"]
#: The format of a connector: a socket, or a cable fixed to the EVSE (OCPI 2.2.1, Locations, "ConnectorFormat").
ConnectorFormat = Literal["SOCKET", "CABLE"]
#: The standard of a socket or plug; some are of mixed case (OCPI 2.2.1, Locations, "ConnectorType").
ConnectorType = Literal["CHADEMO", "CHAOJI", "DOMESTIC_A", "DOMESTIC_B", "DOMESTIC_C", "DOMESTIC_D", "DOMESTIC_E",
    "DOMESTIC_F", "DOMESTIC_G", "DOMESTIC_H", "DOMESTIC_I", "DOMESTIC_J", "DOMESTIC_K", "DOMESTIC_L", "DOMESTIC_M",
    "DOMESTIC_N", "DOMESTIC_O", "GBT_AC", "GBT_DC", "IEC_60309_2_single_16", "IEC_60309_2_three_16",
    "IEC_60309_2_three_32", "IEC_60309_2_three_64", "IEC_62196_T1", "IEC_62196_T1_COMBO", "IEC_62196_T2",
    "IEC_62196_T2_COMBO", "IEC_62196_T3A", "IEC_62196_T3C", "NEMA_5_20", "NEMA_6_30", "NEMA_6_50", "NEMA_10_30",
    "NEMA_10_50", "NEMA_14_30", "NEMA_14_50", "PANTOGRAPH_BOTTOM_UP", "PANTOGRAPH_TOP_DOWN", "TESLA_R", "TESLA_S",
    "MCS", "SAE_J3400"]
#: A source of electricity (OCPI 2.2.1, Locations, "EnergySourceCategory").
EnergySourceCategory = Literal["NUCLEAR", "GENERAL_FOSSIL", "COAL", "GAS", "GENERAL_GREEN", "SOLAR", "WIND",
    "WATER"]
#: A kind of waste from making electricity (OCPI 2.2.1, Locations, "EnvironmentalImpactCategory").
EnvironmentalImpactCategory = Literal["NUCLEAR_WASTE", "CARBON_DIOXIDE"]
#: The position of the EVSE, seen from the parking place (OCPI 2.3.0, Locations, "EVSEPosition").
EVSEPosition = Literal["LEFT", "RIGHT", "CENTER"]
#: A facility near a location (OCPI 2.2.1, Locations, "Facility").
Facility = Literal["HOTEL", "RESTAURANT", "CAFE", "MALL", "SUPERMARKET", "SPORT", "RECREATION_AREA", "NATURE",
    "MUSEUM", "BIKE_SHARING", "BUS_STOP", "TAXI_STAND", "TRAM_STOP", "METRO_STATION", "TRAIN_STATION", "AIRPORT",
    "PARKING_LOT", "CARPOOL_PARKING", "FUEL_STATION", "WIFI"]
#: The subject of an image (OCPI 2.2.1, Locations, "ImageCategory").
ImageCategory = Literal["CHARGER", "ENTRANCE", "LOCATION", "NETWORK", "OPERATOR", "OTHER", "OWNER"]
#: A restriction on parking at an EVSE (OCPI 2.2.1, Locations, "ParkingRestriction").
ParkingRestriction = Literal["EV_ONLY", "PLUGGED", "DISABLED", "CUSTOMERS", "MOTORCYCLES", "EMPLOYEES", "TAXIS",
    "TENANTS"]
#: The kind of place that a location is (OCPI 2.2.1, Locations, "ParkingType").
ParkingType = Literal["ALONG_MOTORWAY", "PARKING_GARAGE", "PARKING_LOT", "ON_DRIVEWAY", "ON_STREET",
    "UNDERGROUND_GARAGE"]
#: Direct or alternating current, and its phases (OCPI 2.2.1, Locations, "PowerType").
PowerType = Literal["AC_1_PHASE", "AC_2_PHASE", "AC_2_PHASE_SPLIT", "AC_3_PHASE", "DC"]
#: The state of an EVSE; REMOVED stands for deletion (OCPI 2.2.1, Locations, "Status").
Status = Literal["AVAILABLE", "BLOCKED", "CHARGING", "INOPERATIVE", "OUTOFORDER", "PLANNED", "REMOVED", "RESERVED",
    "UNKNOWN"]
#: The answer to charging preferences (OCPI 2.2.1, Sessions, "ChargingPreferencesResponse").
ChargingPreferencesResponse = Literal["ACCEPTED", "DEPARTURE_REQUIRED", "ENERGY_NEED_REQUIRED", "NOT_POSSIBLE",
    "PROFILE_TYPE_NOT_SUPPORTED"]
#: The kind of charging that a driver prefers (OCPI 2.2.1, Sessions, "ProfileType").
ProfileType = Literal["CHEAP", "FAST", "GREEN", "REGULAR"]
#: The state of a session; COMPLETED and INVALID are final (OCPI 2.2.1, Sessions, "SessionStatus").
SessionStatus = Literal["ACTIVE", "COMPLETED", "INVALID", "PENDING", "RESERVATION"]
#: A day of the week, where the EVSE is (OCPI 2.2.1, Tariffs, "DayOfWeek").
DayOfWeek = Literal["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]
#: The reservations to be priced: all, or the unused (OCPI 2.2.1, Tariffs, "ReservationRestrictionType").
ReservationRestrictionType = Literal["RESERVATION", "RESERVATION_EXPIRES"]
#: A priced dimension (OCPI 2.2.1, Tariffs, "TariffDimensionType").
TariffDimensionType = Literal["ENERGY", "FLAT", "PARKING_TIME", "TIME"]
#: The sessions that a tariff is for; PROFILE_x goes with the ProfileType x (OCPI 2.2.1, Tariffs, "TariffType").
TariffType = Literal["AD_HOC_PAYMENT", "PROFILE_CHEAP", "PROFILE_FAST", "PROFILE_GREEN", "REGULAR"]
#: Whether a token may charge; only the first value says so (OCPI 2.2.1, Tokens, "AllowedType").
AllowedType = Literal["ALLOWED", "BLOCKED", "EXPIRED", "NO_CREDIT", "NOT_ALLOWED"]
#: The kind of a token (OCPI 2.2.1, Tokens, "TokenType").
TokenType = Literal["AD_HOC_USER", "APP_USER", "OTHER", "RFID", "EMAID"]
#: The rule when to ask the eMSP about a token, valid or not (OCPI 2.2.1, Tokens, "WhitelistType").
WhitelistType = Literal["ALWAYS", "ALLOWED", "ALLOWED_OFFLINE", "NEVER"]
#: A kind of vehicles (OCPI 2.3.0, Locations, "VehicleType").
VehicleType = Literal["MOTORCYCLE", "PERSONAL_VEHICLE", "PERSONAL_VEHICLE_WITH_TRAILER", "VAN", "SEMI_TRACTOR",
    "RIGID", "TRUCK_WITH_TRAILER", "BUS", "DISABLED"]
#: A way to get access to a charger (OCPI 2.3.0, Bookings, "AccessMethod").
AccessMethod = Literal["OPEN", "TOKEN", "LICENSE_PLATE", "ACCESS_CODE", "INTERCOM", "PARKING_TICKET"]
#: The reason for a cancellation (OCPI 2.3.0, Bookings, "CanceledReason").
CanceledReason = Literal["POWER_OUTAGE", "BROKEN_CHARGER", "FULL", "BLOCKED", "TRAFFIC", "BROKEN_VEHICLE",
    "NO_CANCELED", "UNKNOWN"]
#: The status of a request for a booking (OCPI 2.3.0, Bookings, "ReservationRequestStatus").
ReservationRequestStatus = Literal["PENDING", "ACCEPTED", "DECLINED", "FAILED"]
#: The state of a booking (OCPI 2.3.0, Bookings, "ReservationStatus").
ReservationStatus = Literal["PENDING", "RESERVED", "CANCELED", "FAILED", "NO_SHOW", "FULFILLED", "REJECTED",
    "UNKNOWN"]
#: The part of a booking that an element prices (OCPI 2.3.0 with bookings, Tariffs, "BookingRestrictionType").
BookingRestrictionType = Literal["BOOKING", "BOOKING_EXPIRES", "BOOKING_CANCELLATION_FEES", "BOOKING_OVERTIME"]
#: A capability of a connector (OCPI 2.3.0, Locations, "ConnectorCapability").
ConnectorCapability = Literal["ISO_15118_2_PLUG_AND_CHARGE", "ISO_15118_20_PLUG_AND_CHARGE"]
#: The direction in which vehicles park (OCPI 2.3.0, Locations, "ParkingDirection").
ParkingDirection = Literal["PARALLEL", "PERPENDICULAR", "ANGLE"]
#: Whether prices include taxes; N/A if there are none (OCPI 2.3.0, Tariffs, "TaxIncluded").
TaxIncluded = Literal["YES", "NO", "N/A"]
#: The party that makes the invoice for the driver (OCPI 2.3.0, Payments, "InvoiceCreator").
InvoiceCreator = Literal["CPO", "PTP"]
#: The outcome of a payment (OCPI 2.3.0, Payments, "CaptureStatusCode").
CaptureStatusCode = Literal["SUCCESS", "PARTIAL_SUCCESS", "FAILED"]
