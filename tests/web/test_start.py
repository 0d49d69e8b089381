"""The page at /ocpi/ in debug mode: what is there, and what to do next."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from flask_ocpi import OCPI
from flask_ocpi import MemoryStorage
from flask_ocpi.errors import StorageError
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import add_partner
from flask_ocpi.testing.network import party_settings


def make(*roles, debug=True, storage=None, **settings):
    app = Flask(__name__)
    app.debug = debug
    app.config.update(
        TESTING=True, SECRET_KEY="s", OCPI_PARTIES=[party_settings("NL", "ABC", list(roles or ["CPO"]))], **settings
    )
    OCPI(app, storage=storage or MemoryStorage())
    return app


def page_of(app):
    response = app.test_client().get("/ocpi/")
    assert (response.status_code, response.mimetype) == (200, "text/html")
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    return response.text


def test_an_empty_app_says_how_to_begin():
    page = page_of(make())

    assert "NL-ABC speaks OCPI" in page
    assert "<code>http://localhost/ocpi/versions</code>" in page
    for command in ("export FLASK_OCPI_BASE_URL=http://localhost", "flask ocpi sandbox --role emsp"):
        assert command in page
    assert "flask ocpi example location --wrap --party NL-ABC | flask ocpi import -" in page


def test_a_provider_is_shown_tokens_and_an_operator_as_partner():
    page = page_of(make("EMSP"))

    assert "flask ocpi example token" in page
    assert "flask ocpi sandbox --role cpo" in page


def test_what_is_done_is_not_proposed_any_more():
    app = make(OCPI_BASE_URL="https://ocpi.example.com")
    ocpi = app.extensions["ocpi"]
    add_partner(app, [("DE", "EMS", ["EMSP"])])
    with app.app_context():
        ocpi.objects.save("locations", location())

    page = page_of(app)

    assert "1 registered partner<" in page
    assert "own objects: locations" in page
    assert "https://ocpi.example.com/ocpi/versions" in page
    assert not re.search(r"sandbox|export|flask ocpi example", page)
    assert "flask ocpi status" in page


def test_links_of_the_page_are_there():
    app = make()

    links = re.findall(r'<a href="([^"]+)"', page_of(app))

    assert links
    assert [app.test_client().get(f"/ocpi/{link}").status_code for link in links] == [200] * len(links)


def test_only_what_is_served_is_linked():
    assert "docs/" not in page_of(make(OCPI_DOCS=False))


def test_a_storage_that_does_not_answer_is_named():
    class Broken(MemoryStorage):
        def list(self, kind, query):
            raise StorageError("A <table> is missing.")

    page = page_of(make(storage=Broken()))

    assert "A &lt;table&gt; is missing." in page
    assert "flask ocpi init-db" in page


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_there_is_no_page_without_debug_mode(method):
    response = make(debug=False).test_client().open("/ocpi/", method=method)

    assert response.status_code == 404
    assert response.mimetype == "application/json"
