"""What the demo network is made of: cities, kinds of sites, chargers, energy contracts and texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

HOUSEHOLD = "HOUSEHOLD"
"""Stands for the household socket of the country the site is in."""


@dataclass(frozen=True)
class Country:
    """A country with the codes OCPI needs; `household_socket` is a ConnectorType."""

    alpha_3: str
    time_zone: str
    postal_letters: bool
    household_socket: str


@dataclass(frozen=True)
class City:
    """A city: `code` opens its location ids, `postal_stems` its postal codes; its own language is first."""

    code: str
    name: str
    state: str
    country: Country
    latitude: float
    longitude: float
    postal_stems: tuple[str, ...]
    motorway: str
    languages: tuple[str, str]
    streets: tuple[str, ...]


@dataclass(frozen=True)
class Socket:
    """A connector in V (line to neutral for AC), A and W; `limit` only where below the computed power."""

    standard: str
    format: str
    power_type: str
    voltage: int
    amperage: int
    limit: int | None = None


@dataclass(frozen=True)
class Charger:
    """A kind of EVSE."""

    sockets: tuple[Socket, ...]
    capabilities: tuple[str, ...]
    tariff_ids: tuple[str, ...]


@dataclass(frozen=True)
class SiteKind:
    """A kind of location: `radius` is in km from the city centre, `evses` the fewest and the most EVSEs."""

    id: str
    names: dict[str, tuple[str, ...]]
    parking_types: tuple[str, ...]
    chargers: tuple[Charger, ...]
    evses: tuple[int, int]
    radius: float
    facilities: tuple[str, ...] = ()
    nearby: tuple[str, ...] = ()
    restrictions: tuple[tuple[str, ...], ...] = ((),)
    hours: tuple[tuple[tuple[int, ...], str, str], ...] = ()
    charging_when_closed: bool | None = None
    floors: tuple[str, ...] = ()
    directions: dict[str, str] | None = None
    landmark: dict[str, str] | None = None
    evse_coordinates: bool = False
    publish: bool = True
    has_owner: bool = False


NETHERLANDS = Country("NLD", "Europe/Amsterdam", True, "DOMESTIC_F")
BELGIUM = Country("BEL", "Europe/Brussels", False, "DOMESTIC_E")
GERMANY = Country("DEU", "Europe/Berlin", False, "DOMESTIC_F")

CITIES = (
    City("AMS", "Amsterdam", "Noord-Holland", NETHERLANDS, 52.3728, 4.8936,
         ("1012", "1015", "1017", "1053", "1072", "1091"), "A10", ("nl", "en"),
         ("Overtoom", "Weteringschans", "Linnaeusstraat",
          "Ceintuurbaan", "Kinkerstraat", "Czaar Peterstraat")),
    City("BER", "Berlin", "Berlin", GERMANY, 52.5200, 13.4050,
         ("10115", "10178", "10405", "10585", "10961", "12043"), "A100", ("de", "en"),
         ("Torstraße", "Kantstraße", "Bergmannstraße",
          "Schönhauser Allee", "Karl-Marx-Straße", "Müllerstraße")),
    City("ANR", "Antwerpen", "Antwerpen", BELGIUM, 51.2194, 4.4025,
         ("2000", "2018", "2060", "2140", "2600"), "E19", ("nl", "fr"),
         ("Nationalestraat", "Turnhoutsebaan", "Lange Leemstraat", "Plantin en Moretuslei", "Italiëlei")),
    City("RTM", "Rotterdam", "Zuid-Holland", NETHERLANDS, 51.9225, 4.4792,
         ("3011", "3014", "3021", "3039", "3061", "3072"), "A20", ("nl", "en"),
         ("Nieuwe Binnenweg", "Oostzeedijk", "Schiekade", "Goudsesingel", "Bergweg", "Putselaan")),
    City("BRU", "Brussel", "Brussel", BELGIUM, 50.8467, 4.3525,
         ("1000", "1030", "1040", "1050", "1060", "1080"), "E40", ("fr", "nl"),
         ("Rue du Midi", "Chaussée de Wavre", "Avenue Louise",
          "Boulevard Anspach", "Rue Haute", "Place Flagey")),
    City("UTR", "Utrecht", "Utrecht", NETHERLANDS, 52.0907, 5.1214,
         ("3511", "3512", "3521", "3531", "3551", "3581"), "A2", ("nl", "en"),
         ("Biltstraat", "Amsterdamsestraatweg", "Croeselaan", "Kanaalstraat", "Maliebaan", "Vleutenseweg")),
    City("HAM", "Hamburg", "Hamburg", GERMANY, 53.5511, 9.9937,
         ("20095", "20144", "20253", "20357", "22085", "22765"), "A7", ("de", "en"),
         ("Große Elbstraße", "Mönckebergstraße", "Grindelallee",
          "Osterstraße", "Mühlenkamp", "Stresemannstraße")),
    City("GNT", "Gent", "Oost-Vlaanderen", BELGIUM, 51.0543, 3.7174,
         ("9000", "9040", "9050"), "E17", ("nl", "fr"),
         ("Kortrijksesteenweg", "Dampoortstraat", "Coupure Links", "Brusselsesteenweg", "Voskenslaan")),
    City("EIN", "Eindhoven", "Noord-Brabant", NETHERLANDS, 51.4416, 5.4697,
         ("5611", "5612", "5615", "5622", "5651"), "A67", ("nl", "en"),
         ("Aalsterweg", "Boschdijk", "Geldropseweg", "Kruisstraat", "Leenderweg", "Strijpsestraat")),
)  # fmt: skip

AC_TARIFFS = ("AC-REGULAR",)
AC_ADHOC_TARIFFS = ("AC-REGULAR", "AC-ADHOC")
DC_TARIFFS = ("DC-REGULAR", "DC-ADHOC")
DEPOT_TARIFFS = ("DEPOT-REGULAR",)

CARD = ("RFID_READER", "REMOTE_START_STOP_CAPABLE", "TOKEN_GROUP_CAPABLE")
AC = (*CARD, "UNLOCK_CAPABLE", "CHARGING_PROFILE_CAPABLE", "CHARGING_PREFERENCES_CAPABLE")
TERMINAL = (*CARD, "CONTACTLESS_CARD_SUPPORT", "CREDIT_CARD_PAYABLE", "DEBIT_CARD_PAYABLE", "PED_TERMINAL")

AC_22 = Charger((Socket("IEC_62196_T2", "SOCKET", "AC_3_PHASE", 230, 32),), AC, AC_TARIFFS)
AC_17 = Charger((Socket("IEC_62196_T2", "SOCKET", "AC_3_PHASE", 230, 32, 17000),), AC, AC_TARIFFS)
AC_11 = Charger((Socket("IEC_62196_T2", "CABLE", "AC_3_PHASE", 230, 16),), AC, AC_ADHOC_TARIFFS)
AC_7 = Charger((Socket("IEC_62196_T2", "CABLE", "AC_2_PHASE", 230, 16),), CARD, AC_TARIFFS)
AC_OLD = Charger(
    (
        Socket("IEC_62196_T1", "CABLE", "AC_1_PHASE", 230, 32, 3700),
        Socket("IEC_62196_T3C", "SOCKET", "AC_3_PHASE", 230, 16),
    ),
    ("RFID_READER", "START_SESSION_CONNECTOR_REQUIRED"),
    AC_TARIFFS,
)
TWO_WHEELER = Charger((Socket(HOUSEHOLD, "SOCKET", "AC_1_PHASE", 230, 16, 2300),), ("RFID_READER",), AC_TARIFFS)
DC_50 = Charger(
    (
        Socket("IEC_62196_T2_COMBO", "CABLE", "DC", 500, 125, 50000),
        Socket("CHADEMO", "CABLE", "DC", 500, 125, 50000),
        Socket("IEC_62196_T2", "CABLE", "AC_3_PHASE", 230, 63),
    ),
    (*TERMINAL, "CHIP_CARD_SUPPORT", "START_SESSION_CONNECTOR_REQUIRED"),
    DC_TARIFFS,
)
DC_150 = Charger(
    (
        Socket("IEC_62196_T2_COMBO", "CABLE", "DC", 920, 400, 150000),
        Socket("CHADEMO", "CABLE", "DC", 500, 200),
    ),
    (*TERMINAL, "CHIP_CARD_SUPPORT", "START_SESSION_CONNECTOR_REQUIRED"),
    DC_TARIFFS,
)
DC_300 = Charger((Socket("IEC_62196_T2_COMBO", "CABLE", "DC", 920, 400, 300000),), TERMINAL, DC_TARIFFS)
DC_350 = Charger((Socket("IEC_62196_T2_COMBO", "CABLE", "DC", 920, 500, 350000),), TERMINAL, DC_TARIFFS)
BUS_ROOF = Charger(
    (
        Socket("PANTOGRAPH_TOP_DOWN", "CABLE", "DC", 750, 600, 300000),
        Socket("IEC_62196_T2_COMBO", "CABLE", "DC", 750, 250, 150000),
    ),
    (*CARD, "CHARGING_PROFILE_CAPABLE", "START_SESSION_CONNECTOR_REQUIRED"),
    DEPOT_TARIFFS,
)
BUS_MAST = Charger((Socket("PANTOGRAPH_BOTTOM_UP", "CABLE", "DC", 750, 600, 300000),), CARD, DEPOT_TARIFFS)
WORKSHOP = Charger(
    (
        Socket("IEC_60309_2_three_32", "SOCKET", "AC_3_PHASE", 230, 32),
        Socket("IEC_60309_2_three_16", "SOCKET", "AC_3_PHASE", 230, 16),
        Socket("IEC_60309_2_single_16", "SOCKET", "AC_1_PHASE", 230, 16),
    ),
    ("RFID_READER", "START_SESSION_CONNECTOR_REQUIRED"),
    DEPOT_TARIFFS,
)

WORKDAYS = (1, 2, 3, 4, 5)

KERBSIDE = SiteKind(
    "kerbside", {"nl": ("{street}",), "de": ("{street}",), "fr": ("{street}",)}, ("ON_STREET",),
    (AC_22, AC_22, AC_22, AC_17), (1, 3), 3.0,
    nearby=("BUS_STOP", "TRAM_STOP", "CAFE", "MUSEUM", "BIKE_SHARING"),
    restrictions=(("EV_ONLY",), ("EV_ONLY", "PLUGGED"), ()),
)  # fmt: skip
HUB = SiteKind(
    "hub",
    {
        "nl": ("Laadplein Vinkenveld", "Laadplein Zwaluwhoek", "Laadplein Reigersdal"),
        "de": ("Ladepark Kiebitzwiese", "Ladepark Schwalbenwinkel"),
        "fr": ("Aire de recharge du Pinson", "Aire de recharge des Hirondelles"),
    },
    ("ALONG_MOTORWAY",), (DC_150, DC_300, DC_350, DC_350), (4, 10), 8.0,
    facilities=("RESTAURANT", "WIFI"), nearby=("FUEL_STATION", "CAFE", "NATURE", "CARPOOL_PARKING"),
    restrictions=(("EV_ONLY", "PLUGGED"),), evse_coordinates=True,
    landmark={"nl": "Wegrestaurant", "de": "Rasthof", "fr": "Restaurant de l'aire"},
    directions={
        "nl": "Neem de afslag naar de verzorgingsplaats en volg de groene stekkerborden.",
        "en": "Take the exit to the service area and follow the green plug signs.",
        "fr": "Prenez la sortie vers l'aire de service et suivez les panneaux verts.",
        "de": "Ausfahrt Raststätte nehmen und den grünen Schildern mit dem Stecker folgen.",
    },
)  # fmt: skip
GARAGE = SiteKind(
    "garage", {"nl": ("Parkeergarage {street}",), "de": ("Parkhaus {street}",), "fr": ("Parking {street}",)},
    ("PARKING_GARAGE", "UNDERGROUND_GARAGE"),
    (AC_22, AC_22, AC_11, DC_50), (4, 8), 2.0,
    nearby=("METRO_STATION", "TAXI_STAND", "MUSEUM", "AIRPORT", "RESTAURANT", "BIKE_SHARING"),
    restrictions=(("EV_ONLY",), ("EV_ONLY", "DISABLED"), ("PLUGGED",)), charging_when_closed=True,
    hours=((WORKDAYS, "06:00", "23:30"), ((6, 7), "07:00", "23:59")), floors=("-2", "-1", "0", "1"),
    has_owner=True,
    directions={
        "nl": "Rijd door tot voorbij de slagboom en houd rechts aan.",
        "en": "Drive past the barrier and keep to the right.",
        "fr": "Passez la barrière et tenez votre droite.",
        "de": "Hinter der Schranke rechts halten.",
    },
)  # fmt: skip
MALL = SiteKind(
    "mall",
    {
        "nl": ("Winkelcentrum Hofpassage", "Meentgalerij"),
        "de": ("Lindenpark Passage", "Einkaufszentrum Kranichplatz"),
        "fr": ("Galerie du Tilleul", "Passage des Roseaux"),
    },
    ("PARKING_LOT",),
    (AC_22, AC_22, DC_50), (3, 8), 5.0, facilities=("MALL", "SUPERMARKET"), has_owner=True,
    nearby=("RESTAURANT", "CAFE", "WIFI", "SPORT", "TRAM_STOP"), charging_when_closed=False,
    restrictions=(("CUSTOMERS", "EV_ONLY"), ("CUSTOMERS",), ("DISABLED", "EV_ONLY")),
    hours=(((1, 2, 3, 4), "09:00", "20:00"), ((5,), "09:00", "21:00"), ((6,), "09:00", "18:00")),
    evse_coordinates=True,
    landmark={"nl": "Ingang Zuid", "de": "Eingang Süd", "fr": "Entrée sud"},
    directions={
        "nl": "De laders staan bij de zuidelijke ingang.",
        "en": "The chargers are near the south entrance.",
        "fr": "Les bornes se trouvent près de l'entrée sud.",
        "de": "Die Ladesäulen stehen am Südeingang.",
    },
)  # fmt: skip
HOTEL = SiteKind(
    "hotel",
    {
        "nl": ("Hotel Reigersoever", "Hotel Oeverzicht"),
        "de": ("Hotel Eisvogelhof", "Hotel Uferblick"),
        "fr": ("Hôtel du Héron Gris", "Hôtel des Berges Vertes"),
    },
    ("ON_DRIVEWAY", "PARKING_LOT"), (AC_11, AC_11, AC_7, TWO_WHEELER), (2, 4), 6.0, has_owner=True,
    facilities=("HOTEL", "RESTAURANT", "WIFI"), nearby=("NATURE", "SPORT", "RECREATION_AREA", "MUSEUM"),
    restrictions=(("CUSTOMERS",), ()),
    directions={
        "nl": "Meld u bij de receptie voor een parkeerplaats.",
        "en": "Ask the reception for a parking space.",
        "fr": "Demandez une place de parking à la réception.",
        "de": "Bitte fragen Sie an der Rezeption nach einem Stellplatz.",
    },
)  # fmt: skip
PARK_AND_RIDE = SiteKind(
    "park-and-ride",
    {
        "nl": ("P+R {city} Noord", "P+R {city} Oost"),
        "de": ("P+R {city} Nord", "P+R {city} Ost"),
        "fr": ("P+R {city} Nord", "P+R {city} Est"),
    },
    ("PARKING_LOT",),
    (AC_22, AC_22, AC_OLD, TWO_WHEELER), (3, 8), 5.0, facilities=("PARKING_LOT",), evse_coordinates=True,
    landmark={"nl": "Station", "de": "Bahnhof", "fr": "Gare"},
    nearby=("TRAIN_STATION", "BUS_STOP", "METRO_STATION", "TAXI_STAND", "BIKE_SHARING", "CARPOOL_PARKING",
            "AIRPORT"),
    restrictions=(("EV_ONLY",), ("EV_ONLY", "PLUGGED"), ("MOTORCYCLES",)),
)  # fmt: skip
DEPOT = SiteKind(
    "depot",
    {"nl": ("Busremise {street}",), "de": ("Betriebshof {street}",), "fr": ("Dépôt {street}",)},
    ("PARKING_LOT",), (BUS_ROOF, BUS_MAST, WORKSHOP), (3, 6), 7.0,
    hours=((WORKDAYS, "04:30", "12:00"), (WORKDAYS, "12:30", "22:00")), publish=False,
    has_owner=True, evse_coordinates=True,
)  # fmt: skip

SITES = (
    KERBSIDE, HUB, KERBSIDE, GARAGE, HOTEL, KERBSIDE, MALL, DEPOT, PARK_AND_RIDE, KERBSIDE,
    KERBSIDE, GARAGE, KERBSIDE, HUB, MALL, KERBSIDE, HOTEL, PARK_AND_RIDE, GARAGE, KERBSIDE,
)  # fmt: skip
"""The kinds in the order they come round; sharing no factor with the length of CITIES, all pairs occur."""

BAY_DIRECTIONS = {
    "nl": "Niveau {floor}, vak {bay}, naast de lift.",
    "en": "Level {floor}, bay {bay}, next to the lift.",
    "fr": "Niveau {floor}, place {bay}, à côté de l'ascenseur.",
    "de": "Ebene {floor}, Platz {bay}, neben dem Aufzug.",
}

OWNERS = ("Hofzicht Vastgoed", "Kanaaldijk Parkeren", "Lindenhain Immobilien", "Bruyère Immobilier")
SUBOPERATORS = ("Laadbeheer Oeverland", "Polderwacht Service", "Säulenpflege Nord")

PUBLISH_ALLOWED_TO: tuple[list[dict[str, str]], ...] = (
    [{"uid": "04A1B2C3D4E580", "type": "RFID"}, {"group_id": "DEPOT-DRIVERS"}],
    [{"visual_number": "NL-XYZ-000123-7", "issuer": "Xyz Mobility"}],
    [{"uid": "8f0c7f52-bus-app", "type": "APP_USER", "group_id": "BUS-FLEET"}],
    [{"uid": "WORKSHOP-KEY-7", "type": "OTHER", "visual_number": "W 007", "issuer": "Abc Werkplaats"}],
    [{"uid": "VISITOR-PASS-1", "type": "AD_HOC_USER"}],
)


ENERGY_MIXES: tuple[dict[str, Any], ...] = (
    {
        "is_green_energy": True,
        "energy_sources": [
            {"source": "WIND", "percentage": 62.5},
            {"source": "SOLAR", "percentage": 25},
            {"source": "WATER", "percentage": 12.5},
        ],
        "environ_impact": [
            {"category": "CARBON_DIOXIDE", "amount": 9},
            {"category": "NUCLEAR_WASTE", "amount": 0},
        ],
        "supplier_name": "Noordenwind Energie",
        "energy_product_name": "Wind van Zee",
    },
    {
        "is_green_energy": True,
        "energy_sources": [{"source": "GENERAL_GREEN", "percentage": 100}],
        "supplier_name": "Zonnedal Coöperatie",
    },
    {
        "is_green_energy": False,
        "energy_sources": [
            {"source": "GAS", "percentage": 35},
            {"source": "COAL", "percentage": 20},
            {"source": "NUCLEAR", "percentage": 15.5},
            {"source": "GENERAL_FOSSIL", "percentage": 4.5},
            {"source": "WIND", "percentage": 25},
        ],
        "environ_impact": [
            {"category": "CARBON_DIOXIDE", "amount": 372},
            {"category": "NUCLEAR_WASTE", "amount": 0.5},
        ],
        "supplier_name": "Stadtstrom Elbtal",
        "energy_product_name": "Basis",
    },
    {"is_green_energy": True},
)

# What an EVSE may do next, with weights; a REMOVED one never comes back.
NEXT_STATUS: dict[str, dict[str, int]] = {
    "AVAILABLE": {
        "CHARGING": 70,
        "RESERVED": 10,
        "BLOCKED": 8,
        "OUTOFORDER": 5,
        "INOPERATIVE": 4,
        "UNKNOWN": 3,
    },
    "CHARGING": {"AVAILABLE": 88, "BLOCKED": 5, "OUTOFORDER": 4, "UNKNOWN": 3},
    "RESERVED": {"CHARGING": 70, "AVAILABLE": 30},
    "BLOCKED": {"AVAILABLE": 90, "OUTOFORDER": 10},
    "INOPERATIVE": {"AVAILABLE": 80, "OUTOFORDER": 20},
    "OUTOFORDER": {"AVAILABLE": 80, "INOPERATIVE": 20},
    "UNKNOWN": {"AVAILABLE": 70, "CHARGING": 20, "OUTOFORDER": 10},
    "PLANNED": {"AVAILABLE": 90, "INOPERATIVE": 10},
}
STATUSES = {
    "AVAILABLE": 55, "CHARGING": 28, "BLOCKED": 4, "OUTOFORDER": 3, "RESERVED": 3, "UNKNOWN": 2,
    "INOPERATIVE": 3, "REMOVED": 2,
}  # fmt: skip
