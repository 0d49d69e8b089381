"""The console in a real browser: its policy holds, everything is reached by keyboard, nothing of a partner runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browsers import Browser
from tests.console.platform import app_of
from tests.console.platform import platform
from tests.serving import served

PARTNER = "script-document-title-run-script-amp-7-7"
PAGES = ["/", f"/partner?id={PARTNER}", "/actions"]
WIDTHS = [390, 1440]
NAMED = "e => (e.labels && e.labels.length > 0) || e.textContent.trim() !== '' || e.ariaLabel !== null"
LISTENS = "[...document.querySelectorAll('*')].some(e => e.getAttributeNames().some(n => n.startsWith('on')))"


@pytest.fixture
def console(browser: Browser) -> Iterator[str]:
    """The URL of the console of a platform with hostile data, with an administrator at the screen."""
    network, _ = platform()
    with served(app_of(network)) as url:
        browser.page.context.add_cookies([{"name": "visitor", "value": "ann:admin", "url": url}])
        yield f"{url}/ocpi/console"


def test_every_page_fits_its_screen_and_runs_nothing_of_a_partner(browser: Browser, console: str):
    page = browser.page

    for path in PAGES:
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            page.goto(f"{console}{path}")

            assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
            assert page.title() != "run"
            assert page.evaluate("document.querySelectorAll('style, script:not([src]), [style]').length") == 0
            assert page.evaluate(LISTENS) is False

    assert browser.strayed == []
    assert browser.complaints == []


def test_every_page_has_landmarks_headings_and_names_for_all_controls(browser: Browser, console: str):
    page = browser.page

    for path in PAGES:
        page.goto(f"{console}{path}")

        assert [page.locator(mark).count() for mark in ("main", "header", "h1")] == [1, 1, 1]
        assert page.locator("[aria-current=page]").count() == 1
        for control in page.locator("input:not([type=hidden]), select, textarea, button").all():
            assert control.evaluate(NAMED), (path, control.evaluate("e => e.outerHTML"))
        for table in page.locator("table").all():
            assert table.locator("th[scope]").count() > 0


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
