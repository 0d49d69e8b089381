"""Price a session second by second: slow, written from the rules alone, and sharing nothing with the engine."""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

HALF = Fraction(1, 2)
DAYS = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]


def simulate(tariff, seconds, start, zone_name):
    """Return what a session costs before limits: {dimension: [excl_vat, incl_vat]}, fees as FLAT and RESERVED.

    ``seconds``: for each second what is used in it, {dimension: volume}, with ENERGY in kWh and times in seconds, and
    what is stated, {"MAX_POWER": ...}. A second is looked at in its middle.
    """
    zone = ZoneInfo(zone_name)
    expired = has_expired(seconds)
    first = next((at for at, (used, _) in enumerate(seconds) if "RESERVATION_TIME" not in used), len(seconds))
    taken = defaultdict(list)  # dimension: [(component, volume)] in order
    kwh = Fraction(0)
    charged = {"FLAT": expired, "RESERVED": False}
    for at, (used, stated) in enumerate(seconds):
        local = (start + timedelta(seconds=at, microseconds=500_000)).astimezone(zone)
        facts = {
            "clock": local.time().isoformat(),
            "day": local.date().isoformat(),
            "weekday": DAYS[local.weekday()],
            "duration": max(at + HALF - first, Fraction(0)),
            "kwh": kwh + Fraction(used.get("ENERGY", 0)) / 2,
            **stated,
        }
        reserved = "RESERVATION_TIME" in used
        fee = "RESERVED" if reserved else "FLAT"
        if not charged[fee]:
            component = look_up(tariff, "FLAT", facts, reserved, expired)
            if component:
                charged[fee] = True
                taken[fee].append((component, Fraction(1)))
        for dimension in ("RESERVATION_TIME", "ENERGY", "TIME", "PARKING_TIME"):
            if used.get(dimension):
                component = look_up(tariff, "TIME" if reserved else dimension, facts, reserved, expired)
                if component:
                    taken[dimension].append((component, Fraction(used[dimension])))
                    if dimension in ("TIME", "PARKING_TIME"):
                        charged["last"] = dimension
        kwh += Fraction(used.get("ENERGY", 0))
    rounded = {"ENERGY", "RESERVATION_TIME", charged.get("last")}
    return {dimension: cost(dimension, parts, dimension in rounded) for dimension, parts in taken.items()}


def has_expired(seconds):
    reserved = any("RESERVATION_TIME" in used for used, _ in seconds)
    return reserved and not any(used.get(kind) for used, _ in seconds for kind in ("TIME", "PARKING_TIME", "ENERGY"))


def look_up(tariff, dimension, facts, reserved, expired):
    found = []
    for element in tariff["elements"]:
        restrictions = element.get("restrictions", {})
        kind = restrictions.get("reservation")
        if bool(kind) != reserved or (kind == "RESERVATION_EXPIRES" and not expired):
            continue
        component = next((each for each in element["price_components"] if each["type"] == dimension), None)
        if component and matches(restrictions, facts):
            found.append((kind, component))
    if dimension == "TIME" and reserved:
        found.sort(key=lambda each: each[0] != "RESERVATION_EXPIRES")
    return found[0][1] if found else None


def matches(restrictions, facts):
    clock = facts["clock"]
    start, end = restrictions.get("start_time"), restrictions.get("end_time")
    if end == "00:00":
        end = "24:00"
    if start is not None or end is not None:
        start, end = start or "00:00", end or "24:00"
        inside = start <= clock < end if start < end else (clock >= start or clock < end)
        if start != end and not inside:
            return False
    if not restrictions.get("start_date", "0000") <= facts["day"] < restrictions.get("end_date", "9999"):
        return False
    days = restrictions.get("day_of_week")
    if days and facts["weekday"] not in days:
        return False
    for name in ("kwh", "duration"):
        if not restrictions.get(f"min_{name}", -math.inf) <= facts[name] < restrictions.get(f"max_{name}", math.inf):
            return False
    for name in ("power", "current"):
        low, high = restrictions.get(f"min_{name}"), restrictions.get(f"max_{name}")
        if low is not None and not facts.get(f"MIN_{name.upper()}", -math.inf) >= low:
            return False
        if high is not None and not facts.get(f"MAX_{name.upper()}", math.inf) < high:
            return False
    return True


def cost(dimension, parts, is_rounded):
    per_unit = 3600 if dimension in ("TIME", "PARKING_TIME", "RESERVATION_TIME") else 1
    excl = sum(Fraction(str(component["price"])) * volume for component, volume in parts) / per_unit
    incl = sum(Fraction(str(component["price"])) * volume * vat(component) for component, volume in parts) / per_unit
    if is_rounded:
        last = parts[-1][0]
        step = Fraction(last["step_size"]) / (1000 if dimension == "ENERGY" else 1)
        total = sum(volume for _, volume in parts)
        if step and total > 0:
            more = (math.ceil(total / step) * step - total) * Fraction(str(last["price"])) / per_unit
            excl, incl = excl + more, incl + more * vat(last)
    return [excl, incl]


def vat(component):
    return 1 + Fraction(str(component["vat"])) / 100


# --- generated tariffs and sessions -----------------------------------------------------------------------------------

# Moments near which clocks say something special: both changes of summer time, midnight, the end of a month and a year.
PLACES = [
    ("Europe/Amsterdam", "2026-03-29T00:58:30+00:00"),
    ("Europe/Amsterdam", "2026-10-25T00:58:30+00:00"),
    ("Europe/Amsterdam", "2026-10-24T23:58:30+00:00"),
    ("Europe/Lisbon", "2026-05-04T22:57:00+00:00"),
    ("America/New_York", "2026-11-01T05:58:00+00:00"),
    ("Australia/Lord_Howe", "2026-04-04T14:58:00+00:00"),
    ("Africa/Cairo", "2026-04-23T21:58:00+00:00"),
    ("Asia/Kathmandu", "2026-12-31T18:13:00+00:00"),
    ("UTC", "2026-02-28T23:58:00+00:00"),
    ("America/Sao_Paulo", "2018-11-04T02:58:00+00:00"),
]


def generate(random):
    """Return a tariff, the phases of a session, when and where it starts."""
    zone, around = random.choice(PLACES)
    start = datetime.fromisoformat(around).astimezone(UTC) + timedelta(seconds=random.randint(0, 120))
    unit = random.choice([Fraction("0.01"), Fraction("0.02"), Fraction("0.05")])
    phases = [random_phase(random, unit) for _ in range(random.randint(1, 4))]
    if random.random() < 0.25:
        phases.insert(0, (random.randint(1, 40), {"RESERVATION_TIME": Fraction(1)}, {}))
        if random.random() < 0.4:
            phases = phases[:1]
    local = start.astimezone(ZoneInfo(zone))
    reserving = 0.6 if "RESERVATION_TIME" in phases[0][1] else 0.1
    elements = [random_element(random, local, unit, reserving) for _ in range(random.randint(1, 6))]
    tariff = {"id": "G", "currency": "EUR", "elements": elements}
    for limit, low, high in (("min_price", 0, 3), ("max_price", 3, 9)):
        if random.random() < 0.2:
            tariff[limit] = {"excl_vat": random.randint(low, high), "incl_vat": random.randint(low, high)}
    return tariff, phases, start, zone


def random_phase(random, unit):
    """Return (seconds, volumes in each of them, what is stated)."""
    kind = random.choice(["TIME", "TIME", "PARKING_TIME", "BOTH", "ENERGY"])
    used = {}
    if kind == "BOTH":
        used = {"TIME": HALF, "PARKING_TIME": HALF}
    elif kind != "ENERGY":
        used = {kind: Fraction(1)}
    if kind in {"TIME", "BOTH", "ENERGY"}:
        used["ENERGY"] = unit * random.choice([1, 1, 1, 0, -1])
    stated = {}
    for name in ("POWER", "CURRENT"):
        if random.random() < 0.5:
            low = random.randint(0, 40)
            stated |= {f"MIN_{name}": low, f"MAX_{name}": low + random.randint(0, 20)}
    return random.randint(1, 45), used, stated


def random_element(random, local, unit, reserving):
    kinds = random.sample(["ENERGY", "TIME", "PARKING_TIME", "FLAT"], random.randint(1, 3))
    restrictions = random_restrictions(random, local, unit)
    if random.random() < reserving:
        restrictions["reservation"] = random.choice(["RESERVATION", "RESERVATION_EXPIRES"])
    components = [
        {
            "type": kind,
            "price": random.choice([0, 0.25, 1.9, 3, 12.345]),
            "vat": random.choice([0, 5.2, 10, 21.0]),
            "step_size": random.choice([0, 1, 7, 60, 100, 300, 900]),
        }
        for kind in kinds
    ]
    return {"price_components": components, **({"restrictions": restrictions} if restrictions else {})}


def random_restrictions(random, local, unit):
    restrictions = {}

    def near():
        return f"{local + timedelta(minutes=random.choice([-60, -1, 0, 1, 1, 2, 2, 3, 60])):%H:%M}"

    def day():
        return (local.date() + timedelta(days=random.randint(-1, 2))).isoformat()

    if random.random() < 0.35:
        restrictions["start_time"] = random.choice([near(), near(), "00:00"])
    if random.random() < 0.35:
        restrictions["end_time"] = random.choice([near(), near(), "00:00"])
    for name, make, chance in (
        ("start_date", day, 0.08),
        ("end_date", day, 0.08),
        ("day_of_week", lambda: random.sample(DAYS, random.randint(1, 6)), 0.2),
        ("min_kwh", lambda: unit * random.randint(0, 80), 0.2),
        ("max_kwh", lambda: unit * random.randint(0, 120), 0.2),
        ("min_duration", lambda: random.randint(0, 100), 0.2),
        ("max_duration", lambda: random.randint(0, 150), 0.2),
        ("min_power", lambda: random.randint(0, 40), 0.1),
        ("max_power", lambda: random.randint(0, 60), 0.1),
        ("min_current", lambda: random.randint(0, 40), 0.1),
        ("max_current", lambda: random.randint(0, 60), 0.1),
    ):
        if random.random() < chance:
            restrictions[name] = make()
    return restrictions


def seconds_of(phases):
    return [(used, stated) for length, used, stated in phases for _ in range(length)]


def document_of(phases, start):
    """Return a CDR with a period for each phase, volumes as exact fractions of hours and kWh."""
    periods = []
    now = start
    for length, used, stated in phases:
        volumes = {kind: volume * length / (1 if kind == "ENERGY" else 3600) for kind, volume in used.items()}
        dimensions = [{"type": kind, "volume": volume} for kind, volume in {**volumes, **stated}.items()]
        periods.append({"start_date_time": now.isoformat(), "tariff_id": "G", "dimensions": dimensions})
        now += timedelta(seconds=length)
    return {
        "start_date_time": start.isoformat(),
        "end_date_time": now.isoformat(),
        "currency": "EUR",
        "charging_periods": periods,
    }


def split(random, phases):
    """Return the phases with one of them, chosen at random, as two."""
    place = random.randrange(len(phases))
    length, used, stated = phases[place]
    border = random.randint(0, length)
    return [*phases[:place], (border, used, stated), (length - border, used, stated), *phases[place + 1 :]]
