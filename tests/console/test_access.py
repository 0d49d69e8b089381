"""The console is closed unless the host application lets somebody in, and only for what their level allows."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask import redirect

from flask_ocpi import ConfigurationError
from flask_ocpi.contrib.console import Console
from flask_ocpi.contrib.console import Visitor
from flask_ocpi.contrib.console.pages import PAGES
from flask_ocpi.extension import OCPI
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.testing.network import party_settings

LEVELS = ["read", "operate", "admin"]
GETS = [page for page in PAGES if page.method == "GET"]
POSTS = [page for page in PAGES if page.method == "POST"]


@pytest.fixture
def bare():
    """An app with a platform, without a console."""
    app = Flask("bare", root_path=".")
    app.config.update(SECRET_KEY="a secret", OCPI_PARTIES=[party_settings("NL", "ABC", ["CPO"])])
    OCPI(app, storage=MemoryStorage())
    return app


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_stranger_gets_no_page_and_sends_no_form(visit, own, page):
    response = visit().client.open(f"/ocpi/console{page.rule}", method=page.method)

    assert response.status_code == 403
    assert "DE-EMS" not in response.get_data(as_text=True)
    assert own.actions.list() == []


def test_without_a_function_that_decides_the_console_is_closed(bare):
    Console(bare)

    assert bare.test_client().get("/ocpi/console").status_code == 403


@pytest.mark.parametrize("answer", [None, False], ids=["none", "false"])
def test_who_is_nobody_gets_403(bare, answer):
    Console(bare, authorize=lambda request: answer)

    assert bare.test_client().get("/ocpi/console/").status_code == 403


def test_the_host_may_answer_with_its_login(bare):
    Console(bare, authorize=lambda request: redirect("/login"))

    response = bare.test_client().get("/ocpi/console")

    assert (response.status_code, response.headers["Location"]) == (302, "/login")


@pytest.mark.parametrize("answer", [True, "admin", ("ann", "admin")], ids=repr)
def test_an_answer_that_names_no_visitor_opens_nothing(bare, answer):
    Console(bare, authorize=lambda request: answer)
    bare.config["PROPAGATE_EXCEPTIONS"] = False

    assert bare.test_client().get("/ocpi/console").status_code == 500


def test_an_error_of_the_host_opens_nothing(bare):
    Console(bare, authorize=lambda request: 1 // 0)
    bare.config["PROPAGATE_EXCEPTIONS"] = False

    assert bare.test_client().get("/ocpi/console").status_code == 500


@pytest.mark.parametrize("page", POSTS, ids=lambda page: page.name)
def test_a_form_is_for_its_level_and_those_above(visit, page):
    answers = {level: visit(level).post(page.rule).get_data(as_text=True) for level in LEVELS}

    refused = [level for level, answer in answers.items() if "Your level does not allow this" in answer]
    assert refused == LEVELS[: page.level - 1]
    assert refused != []


def test_forms_are_shown_to_whom_they_are_allowed(visit):
    assert "Invite a partner" not in visit("read").text()
    assert "Invite a partner" not in visit("operate").text()
    assert "Invite a partner" in visit("admin").text()


def test_a_form_without_the_key_of_its_page_does_nothing(visit, own):
    visitor = visit("admin")
    visitor.text()

    for sent in ({}, {"key": ""}, {"key": "a" * 43}, {"key": "ü"}):
        assert visitor.post("/partners/invite", {"name": "Eve", **sent}).status_code == 403

    assert own.actions.list() == []
    assert "Eve" not in visitor.text()


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_form_that_another_site_sent_does_nothing(visit, own, site):
    visitor = visit("admin")
    key = re.search(r'name="key" value="([^"]+)"', visitor.text())[1]

    response = visitor.post("/partners/invite", {"name": "Eve", "key": key}, headers={"Sec-Fetch-Site": site})

    assert response.status_code == 403
    assert own.actions.list() == []


def test_the_key_is_in_a_cookie_that_scripts_and_other_sites_do_not_get(visit):
    [plain] = visit("read").get().headers.getlist("Set-Cookie")
    [secure] = visit("read").get(base_url="https://localhost").headers.getlist("Set-Cookie")

    assert plain.startswith("ocpi_console=")
    assert secure.startswith("__Host-ocpi_console=")
    assert all(part in secure for part in ("HttpOnly", "SameSite=Strict", "Secure", "Path=/"))
    assert all(part in plain for part in ("HttpOnly", "SameSite=Strict"))


@pytest.mark.parametrize("path", ["", "/actions", "/static/console.css", "/partner?id=nobody"])
def test_every_answer_limits_the_browser_to_the_console(visit, path):
    response = visit("read").get(path)
    headers = response.headers
    response.close()

    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert (headers["X-Frame-Options"], headers["X-Content-Type-Options"]) == ("DENY", "nosniff")


def test_pages_are_not_kept_by_browsers(visit):
    assert visit("read").get().headers["Cache-Control"] == "no-store"


def test_a_large_form_is_refused(visit):
    visitor = visit("admin")
    visitor.text()

    assert visitor.post("/partners/invite", {"name": "x" * 300_000}).status_code == 413


def test_the_console_follows_the_prefix_of_ocpi():
    app = Flask("moved", root_path=".")
    app.config.update(OCPI_PARTIES=[party_settings("NL", "ABC", ["CPO"])], OCPI_URL_PREFIX="/api/roaming")
    app.config["SECRET_KEY"] = "a secret"
    OCPI(app, storage=MemoryStorage())
    Console(app, authorize=lambda request: Visitor("ann"))

    assert app.test_client().get("/api/roaming/console").status_code == 200
    assert app.test_client().get("/ocpi/console").status_code == 404


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda app: Console(Flask("other", root_path=".")), "call OCPI"),
        (lambda app: [Console(app), Console(app)], "once"),
        (lambda app: Console(app, authorize="admin"), "a function of the request"),
        (lambda app: Visitor("ann", "root"), "read, operate or admin, not 'root'"),
        (lambda app: Visitor(" ", "read"), "needs a name"),
    ],
    ids=["no platform", "twice", "no function", "no level", "no name"],
)
def test_a_wrong_setup_is_refused_with_the_fix(bare, make, message):
    with pytest.raises(ConfigurationError, match=message):
        make(bare)
