"""What goes over the wire: headers in any case, and nothing secret in what is shown."""

from __future__ import annotations

import pytest
from urllib3 import HTTPHeaderDict

from flask_ocpi.client import transport
from flask_ocpi.client import wire
from flask_ocpi.client.wire import Headers
from flask_ocpi.client.wire import Response


def test_headers_are_found_in_any_case():
    headers = Response(200, {"X-Total-Count": "3"}, b"", "https://a.example").headers

    assert headers["x-total-count"] == headers["X-TOTAL-COUNT"] == "3"
    assert "X-total-count" in headers
    assert headers.get("Link") is None


def test_headers_keep_their_names_and_order():
    assert list(Headers({"X-Limit": "5", "Link": "<a>"}).items()) == [("X-Limit", "5"), ("Link", "<a>")]


def test_one_header_in_two_spellings_is_one():
    headers = Headers({"Link": "<a>", "LINK": "<b>"})

    assert len(headers) == 1
    assert headers["link"] == "<b>"


def test_lines_of_one_header_are_read_together():
    lines = HTTPHeaderDict()
    lines.add("Link", "<a>")
    lines.add("Link", "<b>")

    assert Headers(lines)["link"] == "<a>, <b>"


def test_headers_equal_those_in_another_case():
    assert Headers({"Link": "<a>"}) == Headers({"link": "<a>"}) == {"LINK": "<a>"}
    assert Headers({"Link": "<a>"}) != {"Link": "<b>"}
    assert Headers({}) != []


def test_headers_cannot_be_changed():
    with pytest.raises(TypeError):
        Headers({"Link": "<a>"})["Link"] = "<b>"


@pytest.mark.parametrize("name", ["Request", "Response", "Transport"])
def test_transport_offers_what_it_takes_and_returns(name):
    assert getattr(transport, name) is getattr(wire, name)
