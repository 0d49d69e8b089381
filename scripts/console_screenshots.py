"""Take the screenshots of docs/console.md: ``python -m scripts.console_screenshots``. It needs Chromium."""

from __future__ import annotations

import io
import logging
import sys
from datetime import UTC
from datetime import datetime
from pathlib import Path

from flask import Flask
from PIL import Image

from flask_ocpi.contrib.console import Console
from flask_ocpi.contrib.console import Visitor
from flask_ocpi.core.moments import SECOND
from flask_ocpi.errors import UnreachableError
from flask_ocpi.exchange.findings import Finding
from flask_ocpi.extension import OCPI
from flask_ocpi.outbox.processes import Process
from flask_ocpi.testing import documents
from flask_ocpi.testing.network import Clock
from flask_ocpi.testing.network import Network
from tests.browsers import Browser
from tests.browsers import started
from tests.console.platform import refuse
from tests.servers import chromium_path
from tests.serving import served

FOLDER = Path(__file__).parent.parent / "docs" / "console"
DE = {"country_code": "DE", "party_id": "EMS"}
NL = {"country_code": "NL", "party_id": "ABC"}
WIDE, PHONE = (1200, 760), (390, 780)
SHOTS = {
    "partners": ("/", WIDE),
    "inbox": ("/inbox?tab=parked", WIDE),
    "object": ("/object?module=cdrs&owner=DE-EMS&id=CDR-2026-0117&partner=ems-mobility", WIDE),
    "story": ("/story?kind=session&id=S-20260117-3", WIDE),
    "health": ("/health", (1200, 1000)),
    "phone": ("/story?kind=session&id=S-20260117-3", PHONE),
}


def main() -> None:
    """Take all screenshots."""
    chromium = chromium_path()
    if chromium is None:
        sys.exit("There is no Chromium.")
    logging.disable(logging.WARNING)
    FOLDER.mkdir(exist_ok=True)
    with served(make_app()) as url, started(chromium) as browser:
        for name, (path, size) in SHOTS.items():
            take(browser, f"{url}/ocpi/console{path}", size, FOLDER / f"{name}.png")


def take(browser: Browser, url: str, size: tuple[int, int], file: Path) -> None:
    """Write the screenshot of a page, with few colours, so that it is small."""
    browser.page.set_viewport_size({"width": size[0], "height": size[1]})
    browser.page.goto(url)
    if "tab=parked" in url:
        browser.page.locator("td a").first.click()
    picture = Image.open(io.BytesIO(browser.page.screenshot()))
    picture.convert("RGB").quantize(128).save(file, optimize=True)
    print(f"{file.name}: {file.stat().st_size // 1024} KB")


def make_app() -> Flask:
    """Return the app of a provider with three partners, after a charge and some trouble."""
    clock = Clock(datetime(2026, 1, 17, 9, 30, tzinfo=UTC))
    network = Network(clock=clock, config={"OCPI_JOURNAL": "all"})
    own = network.add("abc.example", [("NL", "ABC", ["EMSP", "CPO"])])
    Console(own.app, authorize=lambda request: Visitor("ann@abc.example", "admin"))
    ems, volt, old = (
        network.add(f"{host}.example", [(*party, roles)])
        for host, party, roles in (
            ("ems", ("DE", "EMS"), ["CPO", "EMSP"]),
            ("volt", ("BE", "VLT"), ["CPO"]),
            ("old", ("FR", "OLD"), ["CPO"]),
        )
    )
    for partner, name in ((ems, "Ems Mobility"), (volt, "Voltway"), (old, "Old Charging")):
        _, token = own.partners.invite(name=name)
        partner.partners.register(own.versions_url, token)
    own.partners.unregister("old-charging")
    own.partners.invite(name="Nova Charge")
    charge(network, clock, own, ems)
    trouble(network, clock, own)
    return own.app


def charge(network: Network, clock: Clock, own: OCPI, ems: OCPI) -> None:
    """Let a driver of ours charge at the partner, from the tariff to the CDR."""
    token = documents.token(**NL, uid="04A2B7C9D1", contract_id="NL-ABC-C00012")
    reference = {name: token[name] for name in ("country_code", "party_id", "uid", "type", "contract_id")}
    own.save("tokens", token)
    ems.save("tariffs", {**documents.tariff(), **DE, "id": "DAY"})
    place = documents.location(**DE, id="LOC7", name="Station Road", city="Bremen", country="DEU")
    ems.save("locations", place)
    session = {
        **documents.session(),
        **DE,
        "id": "S-20260117-3",
        "cdr_token": reference,
        "location_id": "LOC7",
        "authorization_reference": "AUTH-7731",
        "start_date_time": "2026-01-17T09:30:00Z",
        "charging_periods": [],
    }
    for minutes, kwh in ((0, 0.0), (5, 1.8), (5, 3.7), (5, 5.5)):
        clock.advance(minutes * 60)
        periods = [] if not minutes else [_period(clock, minutes, kwh / 3)]
        session["charging_periods"] = [*session["charging_periods"], *periods]
        moment = clock().strftime("%Y-%m-%dT%H:%M:%SZ")
        ems.save(
            "sessions", {**session, "kwh": kwh, "last_updated": moment, "status": "COMPLETED" if kwh > 5 else "ACTIVE"}
        )
    clock.advance(30)
    known = documents.cdr()
    cdr = {
        **known,
        **DE,
        "id": "CDR-2026-0117",
        "session_id": "S-20260117-3",
        "cdr_token": reference,
        "cdr_location": {**known["cdr_location"], "id": "LOC7", "city": "Bremen", "country": "DEU"},
        "start_date_time": "2026-01-17T09:30:00Z",
        "end_date_time": "2026-01-17T09:45:00Z",
        "charging_periods": session["charging_periods"],
        "total_energy": 5.5,
        "total_time": 0.25,
    }
    ems.save("cdrs", cdr)
    list(own.pricing.audit_all())


def _period(clock: Clock, minutes: int, kwh: float) -> documents.Document:
    start = clock().timestamp() - minutes * 60
    moment = datetime.fromtimestamp(start, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"start_date_time": moment, "dimensions": [{"type": "ENERGY", "volume": round(kwh, 3)}]}


def trouble(network: Network, clock: Clock, own: OCPI) -> None:
    """Let a partner refuse an object, and another one be cut off."""
    refuse(network, "evses[0].status: RESERVED is not supported here.")
    evse = documents.evse(status="RESERVED")
    own.save("locations", documents.location(**NL, id="LOC1", name="Central Station", city="Utrecht", evses=[evse]))
    own.outbox.flush()
    network.after_send = lambda request, response: response
    own.findings.add(
        Finding(
            "voltway",
            "mended",
            "locations",
            "BE VLT V-12",
            "coordinates.latitude",
            came="51,2194",
            outcome="A comma was read as the decimal point.",
        )
    )
    own.findings.flush()

    def cut(request: object) -> None:
        raise UnreachableError("The line is cut.")

    network.before_send = cut
    own.partners.suspend("voltway", reason="wrong prices, ticket 4711")
    waiting(own, clock)
    clock.advance(40)


def waiting(own: OCPI, clock: Clock) -> None:
    """Let a change wait for four minutes, with two processes that look for work, one of which was killed."""
    own.save("locations", documents.location(**NL, id="LOC2", name="Harbour", city="Utrecht"))
    now = own.services.now()
    for pid, silent in ((4211, 0), (4212, 540)):
        process = Process("web-1", pid, "gunicorn", began=now - 7_200 * SECOND, seen=now + (240 - silent) * SECOND)
        own.storage.save(Process.KIND, process.key, process.to_record(last_updated=process.seen))
    for minute in range(1, 5):
        clock.advance(60)
        own.services.traffic.contacts.waited("ems-mobility", minute * 60)


if __name__ == "__main__":
    main()
