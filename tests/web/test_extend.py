"""The exit of the description: a module may add ordinary flask-smorest routes."""

from __future__ import annotations

import pytest
from flask import Flask
from flask import Response
from flask import abort
from flask import redirect

from flask_ocpi import StorageError
from flask_ocpi import current_ocpi
from flask_ocpi import current_platform
from flask_ocpi.core.description import Module
from flask_ocpi.errors import ConfigurationError
from flask_ocpi.testing.network import PartnerClient
from flask_ocpi.testing.network import add_partner
from flask_ocpi.versions.v2_2_1 import VERSION as V2_2_1
from tests.urls import ocpi_url


class BusyError(Exception):
    """An error of the host's own."""


def add_routes(blueprint):
    @blueprint.errorhandler(BusyError)
    def say_busy(error):
        return Response("busy", 420)

    @blueprint.errorhandler(418)
    def say_teapot(error):
        return Response("teapot", 418)

    @blueprint.route(ocpi_url("sender/reports/<name>"))
    def report(name):
        if name.isdigit():
            abort(int(name))
        if name == "moved":
            return redirect("/elsewhere")
        if name == "lost":
            raise StorageError("password hunter2")
        if name == "busy":
            raise BusyError
        return Response(f"{name} for {current_platform.id} of {current_ocpi.versions_url}", mimetype="text/plain")


REPORTS = Module(id="nlabc-reports", description="Reports.", interfaces=(), extend=add_routes)


@pytest.fixture
def partner(ocpi_network):
    ocpi_network.add("reports.example", [("NL", "ABC", ["CPO"])], versions=(V2_2_1.with_module(REPORTS),))
    return add_partner(ocpi_network.apps["reports.example"], [("DE", "EMS", ["EMSP"])])


def fetch(partner, name, **headers):
    headers = {"Authorization": f"Token {partner.token}", **headers}
    return partner.app.test_client().get(ocpi_url(f"sender/reports/{name}"), headers=headers)


def test_added_routes_know_the_calling_platform(partner):
    assert fetch(partner, "monthly").text == "monthly for partner of https://reports.example/ocpi/versions"


def test_added_routes_answer_with_the_message_ids(partner):
    assert fetch(partner, "monthly", **{"X-Request-ID": "7"}).headers["X-Request-ID"] == "7"


def test_added_routes_are_documented(partner):
    ocpi = partner.app.extensions["ocpi"]

    assert ocpi_url("sender/reports/{name}") in ocpi.specs["2.2.1"]["paths"]


def test_added_routes_are_for_registered_platforms_only(partner):
    ocpi = partner.app.extensions["ocpi"]
    _, token = ocpi.partners.invite(name="New")

    assert PartnerClient(partner.app, token).get(ocpi_url("sender/reports/monthly")).http_status == 401
    assert PartnerClient(partner.app, "none").get(ocpi_url("sender/reports/monthly")).http_status == 401


@pytest.mark.parametrize(
    ("name", "http_status", "status_code"),
    [("418", 418, 2000), ("405", 405, 2000), ("503", 503, 3000), ("lost", 200, 3000)],
)
def test_errors_in_added_routes_come_in_the_envelope(partner, name, http_status, status_code):
    response = fetch(partner, name)

    assert (response.status_code, response.json["status_code"]) == (http_status, status_code)
    assert "hunter2" not in response.text


def test_added_routes_may_answer_errors_of_their_own(partner):
    response = fetch(partner, "busy")

    assert (response.status_code, response.text) == (420, "busy")


def test_added_routes_may_redirect(partner):
    assert fetch(partner, "moved").status_code == 302


def test_proxies_say_what_is_missing():
    with Flask("bare").app_context():
        with pytest.raises(ConfigurationError, match="has no OCPI platform"):
            str(current_ocpi.versions_url)
        with pytest.raises(RuntimeError, match="while an OCPI request is handled"):
            str(current_platform.id)
