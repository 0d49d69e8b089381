"""The host's Flask-Limiter counts each platform for itself, and answers in the envelope."""

from __future__ import annotations

import subprocess
import sys

import pytest
from flask import Flask
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from flask_ocpi.errors import ConfigurationError
from flask_ocpi.partners.auth_tokens import authorization
from flask_ocpi.testing.network import PartnerClient
from flask_ocpi.testing.network import add_partner
from flask_ocpi.web.limiter import limit_platforms
from tests.conformance.sharing import check
from tests.urls import ocpi_url

VERSIONS = "/ocpi/versions"
LOCATIONS = ocpi_url("sender/locations")


@pytest.fixture
def limiter(ocpi_app: Flask) -> Limiter:
    """The limiter of the host, which has a page of its own with two requests a minute."""
    host = Limiter(get_remote_address, app=ocpi_app, default_limits=["2/minute"], storage_uri="memory://")

    @ocpi_app.route("/page")
    def page() -> str:
        return "A page"

    @ocpi_app.route("/free")
    @host.exempt
    def free() -> str:
        return "A free page"

    return host


@pytest.fixture
def limited(ocpi_app: Flask, limiter: Limiter) -> Flask:
    limit_platforms(ocpi_app, limiter, "3/minute")
    return ocpi_app


@pytest.fixture
def other(ocpi_app: Flask) -> PartnerClient:
    return add_partner(ocpi_app, [("FR", "OTH", ["EMSP"])], name="Other")


def test_a_platform_that_calls_too_often_is_answered_429_in_the_envelope(limited, ocpi_client):
    first = [ocpi_client.get(path) for path in (VERSIONS, LOCATIONS, ocpi_url())]

    answer = ocpi_client.get(LOCATIONS)

    assert [answered.http_status for answered in first] == [200, 200, 200]
    check(answer, 429, 2000)
    assert 1 <= int(answer.headers["Retry-After"]) <= 61
    assert "3 per 1 minute" in answer.message


def test_one_platform_does_not_use_up_what_another_has(limited, ocpi_client, other):
    assert [ocpi_client.get(VERSIONS).http_status for _ in range(5)] == [200, 200, 200, 429, 429]

    assert [other.get(VERSIONS).http_status for _ in range(4)] == [200, 200, 200, 429]


def test_who_is_not_known_is_counted_by_address_and_apart_from_the_platforms(limited, ocpi_client):
    unknown = {"Authorization": authorization("not-in-use")}

    assert [ocpi_client.get(VERSIONS, headers=unknown).http_status for _ in range(4)] == [401, 401, 401, 429]
    assert ocpi_client.get(VERSIONS, headers={"Authorization": None}).http_status == 429
    assert ocpi_client.get(VERSIONS).http_status == 200


def test_nothing_is_read_or_stored_for_a_refused_request(limited, ocpi_client, ocpi):
    for _ in range(3):
        ocpi_client.get(VERSIONS)

    answer = ocpi_client.put(ocpi_url("receiver/locations/DE/CPO/LOC1"), data=b"not JSON")

    assert answer.http_status == 429


def test_the_hosts_own_routes_keep_their_limits_and_their_answers(limited, ocpi_client, ocpi_app):
    client = ocpi_app.test_client()
    for _ in range(4):
        ocpi_client.get(VERSIONS)

    pages = [client.get("/page") for _ in range(3)]

    assert [page.status_code for page in pages] == [200, 200, 429]
    assert pages[2].mimetype == "text/html"
    assert [client.get("/free").status_code for _ in range(5)] == [200] * 5


def test_default_limits_of_the_host_do_not_count_platforms_as_one(limited, ocpi_client, other):
    statuses = [client.get(VERSIONS).http_status for client in (ocpi_client, other) for _ in range(3)]

    assert statuses == [200] * 6


def test_without_limit_platforms_the_hosts_limits_are_answered_in_the_envelope_too(limiter, ocpi_client):
    assert [ocpi_client.get(VERSIONS).http_status for _ in range(2)] == [200, 200]

    check(ocpi_client.get(VERSIONS), 429, 2000)


def test_several_limits_hold_at_once(ocpi_app, limiter, ocpi_client):
    limit_platforms(ocpi_app, limiter, "5/hour; 2/minute")

    statuses = [ocpi_client.get(VERSIONS).http_status for _ in range(3)]

    assert statuses == [200, 200, 429]


def test_limits_are_set_once(limited, limiter):
    with pytest.raises(ConfigurationError, match="call limit_platforms once"):
        limit_platforms(limited, limiter, "5/minute")


def test_limits_are_set_after_the_app():
    with pytest.raises(ConfigurationError, match="before limit_platforms"):
        limit_platforms(Flask("host"), Limiter(get_remote_address), "5/minute")


def test_without_flask_limiter_it_says_what_to_install():
    code = "import sys; sys.modules['flask_limiter'] = None\nimport flask_ocpi.web.limiter"

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert 'Install it with: pip install "Flask-OCPI[limiter]"' in result.stderr
