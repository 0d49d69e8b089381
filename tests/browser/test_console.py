"""The console in a real browser: its policy holds, everything is reached by keyboard, nothing of a partner runs."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page
from playwright.sync_api import expect

from flask_ocpi.extension import OCPI
from flask_ocpi.testing import documents
from tests.browsers import Browser
from tests.console.platform import fill
from tests.console.platform import platform
from tests.console.test_map import app_with
from tests.serving import served

PARTNER = "script-document-title-run-script-amp-7-7"
WIDTHS = [390, 1440]
CONTROLS = "input:not([type=hidden]), select, textarea, button"
NAMED = "e => (e.labels && e.labels.length > 0) || e.textContent.trim() !== '' || e.ariaLabel !== null"
#: What the policy would stop; the map places what it draws by script, which it may.
INLINE = "style, script:not([src]), [style]:not(#map, #map *)"
LISTENS = "[...document.querySelectorAll('*')].some(e => e.getAttributeNames().some(n => n.startsWith('on')))"


@pytest.fixture
def own() -> OCPI:
    """A platform with hostile data."""
    network, own = platform()
    fill(network, own)
    return own


@pytest.fixture
def console(browser: Browser, own: OCPI) -> Iterator[str]:
    """The URL of its console, with an administrator at the screen."""
    with served(own.app) as url:
        browser.page.context.add_cookies([{"name": "visitor", "value": "ann:admin", "url": url}])
        yield f"{url}/ocpi/console"


def pages(browser: Browser, console: str) -> list[str]:
    """Follow the links from the first page on; return a URL for each kind of page and each kind of object."""
    found: dict[str, str] = {}
    waiting = [f"{console}/"]
    while waiting:
        url = waiting.pop(0)
        browser.page.goto(url)
        for link in browser.page.locator("main a, nav a").evaluate_all("all => all.map(each => each.href)"):
            parts = urlsplit(link)
            asked = parse_qs(parts.query)
            kind = " ".join((parts.path, *(asked.get(name, [""])[0] for name in ("tab", "module"))))
            if kind not in found and "#" not in link:
                found[kind] = link
                waiting.append(link)
        if url.endswith("/search"):
            waiting.append(f"{url}?q=S1")
        if url.endswith("/objects"):
            modules = browser.page.locator("select[name=module] option").all_inner_texts()
            waiting += [f"{url}?module={module}" for module in modules]
    return list(found.values())


def test_every_page_fits_its_screen_and_runs_nothing_of_a_partner(browser: Browser, console: str):
    page = browser.page

    for url in pages(browser, console):
        page.goto(url)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})

            assert page.evaluate("document.documentElement.scrollWidth") <= width, (url, width)
        assert page.title() != "run"
        assert page.evaluate(f"document.querySelectorAll('{INLINE}').length") == 0, url
        assert page.evaluate(LISTENS) is False, url
        assert_accessible(page)

    assert browser.strayed == []
    assert browser.complaints == []


def assert_accessible(page: Page) -> None:
    """Check that there are landmarks, one heading of the page, and names for controls, tables and pictures."""
    assert [page.locator(mark).count() for mark in ("main", "header", "h1")] == [1, 1, 1]
    assert page.locator("[aria-current=page]").count() == 1
    assert page.evaluate(f"[...document.querySelectorAll('{CONTROLS}')].filter(e => !({NAMED})(e)).length") == 0
    assert (
        page.evaluate("[...document.querySelectorAll('table')].filter(e => !e.querySelector('th[scope]')).length") == 0
    )
    assert page.evaluate("[...document.querySelectorAll('svg')].filter(e => !e.ariaLabel).length") == 0
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(set(ids)) == len(ids)


def test_a_partner_is_invited_with_the_keyboard_alone(browser: Browser, console: str):
    page = browser.page
    page.goto(console)

    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to the content")
    page.keyboard.press("Enter")
    while page.evaluate("document.activeElement.innerText") != "Invite a partner":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("Nova")
    page.keyboard.press("Enter")

    expect(page.locator("h1")).to_contain_text("Nova")
    expect(page.locator(".notice code")).to_have_count(2)
    page.goto(f"{console}/partner?id=nova")
    expect(page.locator(".notice code")).to_have_count(0)
    assert browser.complaints == []


def test_a_registration_is_ended_only_after_a_question(browser: Browser, console: str):
    page = browser.page
    page.goto(f"{console}/partner?id={PARTNER}")

    expect(page.get_by_role("button", name="End it")).to_be_hidden()
    page.get_by_text("End the registration").click()
    page.get_by_role("button", name="End it").click()

    expect(page.get_by_role("status")).to_contain_text("Done: ended the registration")
    expect(page.locator(".facts .badge").first).to_have_text("UNREGISTERED")
    page.get_by_role("link", name="Actions").click()
    expect(page.locator("tbody tr").first).to_contain_text("ann")
    assert browser.complaints == []


def test_a_page_that_refreshes_by_itself_shows_what_is_new(browser: Browser, own: OCPI, console: str):
    page = browser.page
    page.goto(console)
    page.get_by_label("Refresh by itself").check()

    own.partners.invite(name="Nova")

    expect(page.get_by_role("link", name="Nova")).to_be_visible()
    assert browser.complaints == []


def test_any_id_leads_to_its_story_and_its_messages(browser: Browser, console: str):
    page = browser.page
    page.goto(console)

    page.get_by_role("searchbox").fill("S1")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Story of session S1").click()
    page.get_by_role("link", name="sent session S1").click()

    expect(page.locator("h1")).to_contain_text("Message")
    expect(page.locator(".json").first).to_contain_text('"id": "S1"')
    assert browser.complaints == []


def test_every_action_is_done_with_the_mouse_and_noted(browser: Browser, own: OCPI, console: str):
    page = browser.page

    def done(what: str) -> None:
        expect(page.get_by_role("status").first).to_contain_text(f"Done: {what}")

    def question(summary: str, button: str) -> None:
        page.locator("summary", has_text=summary).click()
        page.get_by_role("button", name=button, exact=True).click()

    page.goto(f"{console}/inbox?tab=parked")
    page.locator("td a").click()
    page.get_by_role("button", name="Retry now").click()
    done("sent a refused object again")
    page.get_by_role("link", name="Refused by us").click()
    page.locator("td a").click()
    page.get_by_role("button", name="Mark as done").click()
    done("marked a finding as done")
    page.get_by_role("link", name="Audits").click()
    page.locator("td a").first.click()
    page.get_by_role("button", name="Audit now").click()
    done("audited a CDR")
    page.get_by_role("button", name="Mark as done").click()
    done("dealt with an audit")
    page.goto(f"{console}/object?module=tariffs&owner=NL-ABC&id=T1")
    page.get_by_role("button", name="Send", exact=True).click()
    done("sent an object again")
    page.get_by_role("button", name="Compare now").click()
    expect(page.get_by_role("status")).to_contain_text("All equal")
    page.goto(f"{console}/story?kind=tariff&id=T1")
    page.get_by_role("link", name="sent tariff T1").first.click()
    question("Send it again", "Send it")
    done("sent a message again")
    page.goto(f"{console}/partner?id={PARTNER}")
    page.get_by_label("Value").fill("on")
    page.get_by_role("button", name="Set", exact=True).click()
    done("set a quirk")
    question("Renew the registration", "Renew")
    done("renewed the registration")
    question("Probe", "Probe it now")
    expect(page.locator("h2").filter(has_text="Probe:")).to_contain_text("requests.")

    assert len(own.actions.list()) == 9
    assert all(action.who == "ann" and action.is_done for action in own.actions.list())
    assert browser.complaints == []


def test_an_evse_on_the_map_leads_to_its_object(browser: Browser):
    app = app_with()
    with app.app_context():
        app.extensions["ocpi"].save("locations", documents.location(evses=[documents.evse()]))
    page = browser.page
    with served(app) as url:
        page.goto(f"{url}/ocpi/console/map")
        expect(page.locator("#map[data-shown='1']")).to_be_visible()
        page.locator("#map").click()  # the only one is in the middle

        page.locator(".leaflet-popup-content").get_by_role("link", name="Object").click()

        expect(page.locator("h1")).to_contain_text("LOC1")
    assert browser.strayed == []
    assert browser.complaints == []
