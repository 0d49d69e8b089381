"""Routes that compile late what writes their URLs."""

from __future__ import annotations

import pytest
from flask import Flask
from flask import url_for

from flask_ocpi.web.api import add_route


def show(**path):
    return path


@pytest.fixture
def late():
    app = Flask("late")
    add_route(app, "/objects/<id>", "show", show, ["GET"])
    return app


def test_path_is_matched(late):
    assert late.test_client().get("/objects/7").json == {"id": "7"}


@pytest.mark.parametrize("method", ["PUT", "HEAD", "OPTIONS"])
def test_only_its_methods_are_matched(late, method):
    assert late.test_client().open("/objects/7", method=method).status_code == 405


def test_every_method_is_matched_where_none_is_named(late):
    add_route(late, "/any", "any", lambda: "any")

    assert late.test_client().patch("/any").text == "any"


def test_slash_at_the_end_makes_no_difference(late):
    assert late.test_client().get("/objects/7/").json == {"id": "7"}


def test_two_slashes_are_not_one(late):
    assert late.test_client().get("/objects//7").status_code == 404


def test_urls_are_written_as_by_other_rules(late):
    late.add_url_rule("/others/<id>", "other", show)

    with late.test_request_context():
        for _ in range(2):
            ours, other = (url_for(name, id="a/ü", page=2) for name in ("show", "other"))

            assert ours == other.replace("others", "objects")


def test_url_without_its_part_is_refused(late):
    with late.test_request_context(), pytest.raises(Exception, match="Did you forget to specify values"):
        url_for("show")


def test_name_that_is_taken_is_refused(late):
    with pytest.raises(ValueError, match="a view with the name show already"):
        add_route(late, "/other", "show", lambda: "other")


def test_one_view_may_have_two_paths(late):
    add_route(late, "/again/<id>", "show", show, ["GET"])

    assert late.test_client().get("/again/7").json == {"id": "7"}


def test_what_writes_urls_is_compiled_when_one_is_written(late, monkeypatch):
    rules = "werkzeug.routing.rules.Rule._compile_builder"
    monkeypatch.setattr(rules, lambda *args: lambda rule, **values: ("", f"/compiled/{values['id']}"))
    add_route(late, "/first/<id>", "first", lambda id: id, ["GET"])
    with late.test_request_context():
        assert url_for("first", id="7") == "/compiled/7"
    monkeypatch.undo()
    with late.test_request_context():
        assert url_for("first", id="7") == "/compiled/7"
        assert url_for("show", id="7") == "/objects/7"
