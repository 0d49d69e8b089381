"""Swagger UI in a real browser that reaches nothing but the platform."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page
from playwright.sync_api import expect

from flask_ocpi.extension import OCPI
from flask_ocpi.partners.auth_tokens import authorization
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.testing.documents import full_location
from flask_ocpi.testing.network import add_partner
from flask_ocpi.testing.network import party_settings
from flask_ocpi.web.pages import register_docs
from tests.browsers import Browser
from tests.serving import served

BOTH_SIDES = ["locations", "sessions", "cdrs", "tariffs", "tokens", "commands", "chargingprofiles"]
TAGS = [
    "versions",
    "credentials",
    *(f"{module} {side}" for module in BOTH_SIDES for side in ("SENDER", "RECEIVER")),
    "hubclientinfo RECEIVER",
]
START_SESSION = "#operations-commands_RECEIVER-commands_receiver_start_session"
LIST = "#operations-locations_SENDER-locations_sender_list_locations"


@pytest.fixture
def platform() -> Flask:
    app = Flask("browsed", root_path=".")
    parties = [party_settings("NL", "ABC", ["CPO", "EMSP"])]
    app.config.update(SECRET_KEY="a secret", OCPI_PARTIES=parties, OCPI_VERSIONS=["2.2.1"])
    ocpi = OCPI(app, storage=MemoryStorage())
    ocpi.save("locations", {**full_location(), "name": "Central Station"})
    return app


@pytest.fixture
def url(platform: Flask) -> Iterator[str]:
    with served(platform) as address:
        yield address


def test_swagger_ui_works_with_the_network_cut(browser: Browser, platform: Flask, url: str):
    page = browser.page
    partner = add_partner(platform, [("DE", "EMS", ["EMSP"])])

    page.goto(f"{url}/ocpi/docs/")
    _check_overview(page)
    _authorize(page, partner.token)
    answer = _try_it_out(page)

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


def test_swagger_ui_shows_where_the_result_of_a_command_goes(browser: Browser, url: str):
    page = browser.page

    page.goto(f"{url}/ocpi/docs/")
    operation = page.locator(START_SESSION)
    operation.locator(".opblock-summary-control").first.click()
    operation.locator(".tab-item", has_text="Callbacks").click()

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
