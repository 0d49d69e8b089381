"""Swagger UI in a real browser that reaches nothing but the platform."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from playwright.sync_api import Page
from playwright.sync_api import Route
from playwright.sync_api import expect
from playwright.sync_api import sync_playwright

from flask_ocpi.extension import OCPI
from flask_ocpi.partners.auth_tokens import authorization
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.testing.documents import full_location
from flask_ocpi.testing.network import add_partner
from flask_ocpi.testing.network import party_settings
from flask_ocpi.web.docs import register_docs
from tests.servers import CHROMIUM
from tests.servers import chromium_path
from tests.servers import left_out
from tests.serving import served

OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-default-browser-check",
    "--no-first-run",
]
TIMEOUT = 20_000  # milliseconds; waited for only where something is broken
expect.set_options(timeout=TIMEOUT)
BOTH_SIDES = ["locations", "sessions", "cdrs", "tariffs", "tokens", "commands", "chargingprofiles"]
TAGS = [
    "versions",
    "credentials",
    *(f"{module} {side}" for module in BOTH_SIDES for side in ("SENDER", "RECEIVER")),
    "hubclientinfo RECEIVER",
]
START_SESSION = "#operations-commands_RECEIVER-commands_receiver_start_session"
LIST = "#operations-locations_SENDER-locations_sender_list_locations"


@dataclass
class Browser:
    """A page, what it asked for elsewhere, and what its console complained of."""

    page: Page
    strayed: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def watch(self) -> None:
        def cut(route: Route) -> None:
            if urlsplit(route.request.url).hostname == "127.0.0.1":
                route.continue_()
            else:
                self.strayed.append(route.request.url)
                route.abort()

        self.page.route("**/*", cut)
        self.page.on("console", lambda message: self._complain(message.type, message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _complain(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(f"{kind}: {text}")


@pytest.fixture(scope="module")
def chromium() -> str:
    path = chromium_path()
    if path is None:
        reason = "no Chromium is installed"
        left_out(CHROMIUM, reason)
        pytest.skip(reason)
    return path


@pytest.fixture
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=OPTIONS, headless=True)
        try:
            page = started.new_page(viewport={"width": 1280, "height": 1600})
            page.set_default_timeout(TIMEOUT)
            found = Browser(page)
            found.watch()
            yield found
        finally:
            started.close()


@pytest.fixture
def platform() -> Flask:
    app = Flask("browsed", root_path=".")
    app.config.update(SECRET_KEY="a secret", OCPI_PARTIES=[party_settings("NL", "ABC", ["CPO", "EMSP"])])
    ocpi = OCPI(app, storage=MemoryStorage())
    ocpi.save("locations", {**full_location(), "name": "Central Station"})
    return app


@pytest.fixture
def url(platform: Flask) -> Iterator[str]:
    with served(platform) as address:
        yield address


def test_swagger_ui_works_with_the_network_cut(browser: Browser, platform: Flask, url: str, tmp_path: Path):
    page = browser.page
    partner = add_partner(platform, [("DE", "EMS", ["EMSP"])])

    page.goto(f"{url}/ocpi/docs/")
    _check_overview(page)
    page.screenshot(path=tmp_path / "overview.png", full_page=True)
    _authorize(page, partner.token)
    answer = _try_it_out(page)
    page.screenshot(path=tmp_path / "list.png", full_page=True)

    assert answer["status_code"] == 1000
    assert [item["name"] for item in answer["data"]] == ["Central Station"]
    assert browser.strayed == []
    assert browser.complaints == []


def test_swagger_ui_shows_what_a_wrong_token_brings(browser: Browser, url: str):
    page = browser.page

    page.goto(f"{url}/ocpi/docs/")
    _authorize(page, "no-such-token")
    answer = _try_it_out(page, status="401")

    assert answer["status_code"] == 2000
    assert browser.strayed == []


def test_swagger_ui_shows_where_the_result_of_a_command_goes(browser: Browser, url: str, tmp_path: Path):
    page = browser.page

    page.goto(f"{url}/ocpi/docs/")
    operation = page.locator(START_SESSION)
    operation.locator(".opblock-summary-control").first.click()
    operation.locator(".tab-item", has_text="Callbacks").click()
    page.screenshot(path=tmp_path / "callbacks.png", full_page=True)

    expect(operation.locator(".callbacks-container")).to_contain_text("{$request.body#/response_url}")
    expect(operation.locator(".callbacks-container")).to_contain_text("The result, once the charge point gave it")
    assert browser.strayed == []
    assert browser.complaints == []


def _check_overview(page: Page) -> None:
    expect(page.locator(".info .title")).to_contain_text("OCPI platform of ABC Charging")
    expect(page.locator(".info")).to_contain_text("Token ZXhhbXBsZS10b2tlbg==")
    tags = page.locator(".opblock-tag-section h3.opblock-tag")
    expect(tags).to_have_count(len(TAGS))
    assert [tag.get_attribute("data-tag") for tag in tags.all()] == TAGS
    expect(page.locator(".opblock")).to_have_count(51)
    expect(page.locator(".model-container")).to_have_count(0)


def _authorize(page: Page, token: str) -> None:
    page.locator(".auth-wrapper .btn.authorize").first.click()
    dialog = page.locator(".dialog-ux")
    expect(dialog).to_contain_text("Base64")
    dialog.locator("input").fill(authorization(token))
    dialog.locator(".btn.authorize").click()
    dialog.get_by_role("button", name="Close").first.click()
    expect(page.locator(".dialog-ux")).to_have_count(0)


def _try_it_out(page: Page, *, status: str = "200") -> dict[str, Any]:
    operation = page.locator(LIST)
    operation.locator(".opblock-summary-control").click()
    operation.locator(".try-out__btn").click()
    operation.locator(".btn.execute").click()
    live = operation.locator(".live-responses-table tbody .response").first
    expect(live.locator(".response-col_status")).to_contain_text(status)
    shown = live.locator(".response-col_description .highlight-code pre").first
    if status == "200":
        expect(shown).to_contain_text("Central Station")
    answer: dict[str, Any] = json.loads(shown.inner_text())
    return answer


def test_the_policy_lets_several_versions_be_chosen_from(browser: Browser, platform: Flask):
    page = browser.page
    app = Flask("versions", root_path=".")
    ocpi: OCPI = platform.extensions["ocpi"]
    document = ocpi.specs["2.2.1"]
    later = {**document, "info": {**document["info"], "title": "A later one"}}
    register_docs(app, ocpi.services, {"2.2.1": document, "2.3.0": later})

    with served(app) as url:
        page.goto(f"{url}/ocpi/docs")
        expect(page.locator(".info .title")).to_contain_text("A later one")
        page.locator(".topbar select").select_option(label="OCPI 2.2.1")
        expect(page.locator(".info .title")).to_contain_text("OCPI platform of ABC Charging")

    assert browser.strayed == []
    assert browser.complaints == []
