"""What a browser may do with our pages, and what they hold of whoever asked for them."""

from __future__ import annotations

import base64
import hashlib
import re
from urllib.parse import urljoin

import pytest
from flask import Flask
from flask.testing import FlaskClient

PAGES = ["/ocpi/docs/", "/ocpi/docs", "/ocpi/docs/swagger-ui-bundle.js", "/ocpi/docs/oauth2-redirect.html"]
DOCUMENTS = ["/ocpi/openapi-2.2.1.json", "/ocpi/health"]


@pytest.fixture
def client(ocpi_app: Flask) -> FlaskClient:
    return ocpi_app.test_client()


@pytest.mark.parametrize("path", PAGES + DOCUMENTS)
def test_a_page_is_not_framed_guessed_or_told_of(client, path):
    headers = client.get(path, buffered=True).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"].replace("style-src 'self' 'unsafe-inline'", "")


def test_the_docs_page_runs_its_own_scripts_only(client):
    page = client.get("/ocpi/docs/")

    policy = dict(part.split(" ", 1) for part in page.headers["Content-Security-Policy"].split("; "))
    inline = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in inline]
    assert policy["script-src"].split() == ["'self'", *(f"'sha256-{digest}'" for digest in digests)]
    assert policy["connect-src"].split() == ["'self'", "https://platform.example"]
    assert len(inline) == 1


def test_the_docs_page_has_the_browser_keep_no_token(client):
    page = client.get("/ocpi/docs/").text

    assert '"persistAuthorization": false' in page


@pytest.mark.parametrize("path", PAGES + DOCUMENTS)
@pytest.mark.parametrize("ocpi_config", [{}, {"OCPI_BASE_URL": None}], ids=["base URL", "no base URL"])
def test_a_page_repeats_nothing_of_the_host_header(client, path):
    names = {"Host": "attacker.example", "X-Forwarded-Host": "attacker.example", "Forwarded": "host=attacker.example"}

    answer = client.get(path, headers=names, buffered=True)

    assert answer.status_code in (200, 308)
    assert "attacker.example" not in f"{answer.headers}{answer.text}"


def test_the_docs_page_is_found_without_its_slash(client):
    answer = client.get("/ocpi/docs")

    assert answer.status_code == 308
    assert urljoin("http://localhost/ocpi/docs", answer.headers["Location"]) == "http://localhost/ocpi/docs/"


def test_the_numbers_of_a_process_are_no_page_either(ocpi_app: Flask, ocpi):
    from prometheus_client import CollectorRegistry

    from flask_ocpi.web.prometheus import Metrics

    metrics = Metrics(ocpi_app, registry=CollectorRegistry())
    ocpi_app.register_blueprint(metrics.blueprint())

    answer = ocpi_app.test_client().get("/metrics")

    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
