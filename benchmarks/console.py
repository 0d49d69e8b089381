"""How long each page of the console takes: ``python -m benchmarks.console``.

Three partners, 10,000 locations, 100,000 messages in the journal, in SQLite, or (``--postgresql URL``) PostgreSQL.
Prints the median of several requests for each page, in milliseconds, by the clock and of the processor, and the size of
the page; with ``--browser`` also the time until a real browser has it on the screen, and what its console complains of.
"""

from __future__ import annotations

import argparse
import logging
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask import Flask
from playwright.sync_api import CDPSession

from flask_ocpi import OCPI
from flask_ocpi.contrib.console import Console
from flask_ocpi.contrib.console import Visitor
from flask_ocpi.core.moments import SECOND
from flask_ocpi.exchange.findings import Finding
from flask_ocpi.exchange.journal_groups import write
from flask_ocpi.exchange.messages import Direction
from flask_ocpi.exchange.messages import Kept
from flask_ocpi.exchange.messages import Message
from flask_ocpi.exchange.references import Reference
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import full_cdr
from flask_ocpi.testing.documents import full_session
from flask_ocpi.testing.documents import full_tariff
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import add_partner
from flask_ocpi.testing.network import party_settings
from tests.browsers import Browser
from tests.browsers import started
from tests.servers import chromium_path
from tests.serving import served

LOCATIONS = 10_000
MESSAGES = 100_000
PARTNERS = ("alpha", "beta", "gamma")
OWN = {"country_code": "NL", "party_id": "ABC"}
TIMES = 7


def make_app(folder: Path, url: str | None) -> Flask:
    """Return an app with a console in which everybody is an administrator."""
    app = Flask("measured", root_path=".", instance_path=str(folder))
    app.config.update(
        SECRET_KEY="a secret",
        OCPI_BASE_URL="https://cpo.example",
        OCPI_PARTIES=[party_settings("NL", "ABC", ["CPO", "EMSP"])],
        OCPI_PUSH=False,
        OCPI_DISPATCHER="none",
        OCPI_FINDINGS_MAX_COUNT=1000,
    )
    if url is not None:
        app.config.update(SQLALCHEMY_DATABASE_URI=url, OCPI_CREATE_TABLES=True)
    app.testing = True
    OCPI(app)
    Console(app, authorize=lambda request: Visitor("ann", "admin"))
    return app


def fill(app: Flask, ocpi: OCPI) -> None:
    """Store partners, objects, findings and messages."""
    for number, name in enumerate(PARTNERS):
        add_partner(app, [("DE", f"EM{number}", ["EMSP", "CPO"])], name=name)
    ocpi.objects.save_all({"locations": map(_location, range(LOCATIONS))})
    ocpi.save("tariffs", {**full_tariff(), **OWN, "id": "T1"})
    ocpi.save("sessions", {**full_session(), **OWN, "id": "S1"})
    ocpi.save("cdrs", {**full_cdr(), **OWN, "id": "C1"})
    list(ocpi.pricing.audit_all())
    for i in range(1000):
        flaw = Finding("alpha", "refused", "locations", f"DE EM0 L{i}", "name", refused=True, document={"id": "L"})
        ocpi.findings.add(flaw)
    ocpi.findings.flush()
    messages = list(_messages(int(time.time() * SECOND)))
    for start in range(0, MESSAGES, 500):
        write(ocpi.storage, messages[start : start + 500])


def _location(number: int) -> dict[str, Any]:
    """Return a location somewhere in Europe, with an EVSE."""
    chosen = random.Random(number)
    place = {"latitude": f"{chosen.uniform(43, 58):.5f}", "longitude": f"{chosen.uniform(-3, 22):.5f}"}
    status = chosen.choice(["AVAILABLE", "AVAILABLE", "CHARGING", "OUTOFORDER"])
    evses = [evse(uid=f"E{number}", status=status)]
    return location(**OWN, id=f"LOC{number}", name=f"Place {number}", coordinates=place, evses=evses)


def _messages(now: int) -> Iterator[Kept]:
    """Yield the messages of 30 days: every tenth is about one of a thousand sessions."""
    chosen = random.Random(1)
    for number in range(MESSAGES):
        moment = now - (MESSAGES - number) * 26 * SECOND
        name = f"S{chosen.randrange(1000)}" if number % 10 == 0 else f"LOC{chosen.randrange(LOCATIONS)}"
        kind = "session" if number % 10 == 0 else "location"
        failed = number % 50 == 0
        message = Message(
            direction=Direction.OUT if number % 3 else Direction.IN,
            method="PUT",
            url=f"https://partner.example/ocpi/2.2.1/receiver/{kind}s/NL/ABC/{name}",
            moment=moment,
            duration=chosen.random() / 10,
            platform=PARTNERS[number % 3],
            module=f"{kind}s",
            operation=f"receiver_put_{kind}",
            request_id=f"request-{number}",
            correlation_id=f"correlation-{number // 2}",
            http_status=500 if failed else 200,
            status_code=None if failed else 1000,
            error="It failed." if failed else "",
        )
        yield Kept(message, (Reference.of(kind, name),), f"sent {kind} {name}")


def measure(app: Flask, pages: dict[str, str]) -> None:
    """Print the median time of each page."""
    client = app.test_client()
    print(f"{'page':34} {'ms':>8} {'CPU':>8} {'KB':>8}")
    for name, path in pages.items():
        times = []
        for _ in range(TIMES):
            began, used = time.perf_counter(), time.process_time()
            response = client.get(f"/ocpi/console{path}")
            times.append(((time.perf_counter() - began) * 1000, (time.process_time() - used) * 1000))
            assert response.status_code == 200, (path, response.get_data(as_text=True))
        clock, cpu = (statistics.median(column) for column in zip(*times, strict=True))
        print(f"{name:34} {clock:8.1f} {cpu:8.1f} {len(response.get_data()) / 1024:8.1f}")


def measure_in_browser(app: Flask, pages: dict[str, str]) -> None:
    """Print for each page the median time until the browser has it: the answer, and everything on the screen."""
    chromium = chromium_path()
    if chromium is None:
        sys.exit("There is no Chromium.")
    print(f"\n{'page':34} {'answer':>8} {'shown':>8} {'CPU':>8}")
    with served(app) as url, started(chromium, width=1440, height=900) as browser:
        devtools = browser.page.context.new_cdp_session(browser.page)
        devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
        for name, path in pages.items():
            times = [(*_visit(browser, f"{url}/ocpi/console{path}"), _worked(devtools)) for _ in range(TIMES)]
            answer, shown, cpu = (statistics.median(column) for column in zip(*times, strict=True))
            print(f"{name:34} {answer:8.1f} {shown:8.1f} {cpu:8.1f}")
        print(f"complaints of the browser's console: {browser.complaints or 'none'}")
        print(f"requests to elsewhere: {browser.strayed or 'none'}")


def _visit(browser: Browser, url: str) -> tuple[float, float]:
    """Open a page; return when its answer was complete, and when it was shown, in milliseconds after the click."""
    page = browser.page
    page.goto(url, wait_until="load")
    if url.endswith("/map"):
        page.wait_for_selector("#map[data-shown]")
        assert page.get_attribute("#map", "data-shown") == str(LOCATIONS)
        now = page.evaluate("performance.now()")
    else:
        now = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
    return page.evaluate("performance.getEntriesByType('navigation')[0].responseEnd"), now


def _worked(devtools: CDPSession) -> float:
    """Return for how many milliseconds of a processor the browser worked on the page."""
    metrics = devtools.send("Performance.getMetrics")["metrics"]
    return next(each["value"] * 1000 for each in metrics if each["name"] == "TaskDuration")


def main() -> None:
    """Fill a database and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgresql", metavar="URL", help="an empty database; by default a SQLite file")
    parser.add_argument("--browser", action="store_true", help="also open each page in Chromium")
    arguments = parser.parse_args()
    logging.getLogger("flask_ocpi").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        app = make_app(Path(folder), arguments.postgresql)
        ocpi = app.extensions["ocpi"]
        with app.app_context():
            began = time.perf_counter()
            fill(app, ocpi)
            print(f"filled in {time.perf_counter() - began:.0f} s: {ocpi.storage}")
            number = ocpi.journal.list(limit=1)[0].number
            finding = ocpi.findings.list(limit=1)[0].number
        pages = {
            "Partners": "/",
            "Partner": "/partner?id=alpha",
            "Inbox, refused by us": "/inbox",
            "Inbox, refused by partners": "/inbox?tab=parked",
            "Inbox, audits": "/inbox?tab=audits",
            "Finding": f"/finding?number={finding}",
            "Objects, first page": "/objects?module=locations",
            "Objects, last page": f"/objects?module=locations&offset={LOCATIONS - 50}",
            "Objects with a text, rare": "/objects?module=locations&text=Place%205",
            "Objects with a text, none": "/objects?module=locations&text=nowhere",
            "Location": "/object?module=locations&owner=NL-ABC&id=LOC5",
            "Tariff with calculator": "/object?module=tariffs&owner=NL-ABC&id=T1",
            "Session with cost and plot": "/object?module=sessions&owner=NL-ABC&id=S1",
            "CDR with audit": "/object?module=cdrs&owner=NL-ABC&id=C1",
            "Search": "/search?q=S500",
            "Story of a session": "/story?kind=session&id=S500",
            "Story of a partner": "/story?kind=partner&id=alpha",
            "Message": f"/message?number={number}",
            "Map": "/map",
            "Health": "/health",
            "Actions": "/actions",
        }
        measure(app, {**pages, "Map, its places": "/map/places.json"})
        if arguments.browser:
            measure_in_browser(app, pages)


if __name__ == "__main__":
    main()
