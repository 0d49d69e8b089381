"""What the page on the console shows runs as it is."""

from __future__ import annotations

from flask import Flask

from flask_ocpi.extension import OCPI
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.testing.network import party_settings
from tests.snippets import Page


def test_the_console_of_the_page_lets_in_who_is_logged_in():
    app = Flask("host", root_path=".")
    app.config.update(SECRET_KEY="a secret", OCPI_PARTIES=[party_settings("NL", "ABC", ["CPO"])])
    OCPI(app, storage=MemoryStorage())

    Page("docs/console.md", app=app).run()
    client = app.test_client()
    before = client.get("/ocpi/console").status_code
    client.set_cookie("user", "ann")

    assert (before, client.get("/ocpi/console").status_code) == (403, 200)
