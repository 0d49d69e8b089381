"""What partners sent is shown as text on every page, and no secret is."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

import pytest

from flask_ocpi.client.wire import Request
from flask_ocpi.client.wire import Response
from tests.console.platform import HOSTILE
from tests.console.platform import ID
from tests.console.platform import SECRETS
from tests.console.platform import refuse

#: The views that have hostile texts of the filled platform.
VIEWS = ["", "partner", "inbox", "finding", "parked", "objects", "object", "story", "message"]


@pytest.fixture
def pages(visit, filled):
    partner = filled.partners.find("DE-EMS").id
    lists = [f"/objects?module={module}&partner={of}" for module in filled.objects.modules() for of in ("", partner)]
    return visit("admin").pages(*lists, "/search?q=S1", f"/search?q={quote(ID)}")


def test_texts_of_partners_are_escaped_on_every_page(pages):
    seen = set()
    for path, page in pages.items():
        assert "<script>document" not in page, path
        assert HOSTILE not in page, path
        assert ID not in page, path
        assert "\u202e" not in page, path
        if "&lt;script&gt;document" in page:
            seen.add(path.removeprefix("/ocpi/console/").partition("?")[0])

    assert seen >= set(VIEWS)


def test_no_page_shows_a_secret(pages, filled):
    issued = [filled.services.platforms.cipher.decrypt(p.token) for p in filled.partners.list() if p.token]
    for path, page in pages.items():
        assert [secret for secret in (*issued, *SECRETS) if secret in page] == [], path


@pytest.mark.parametrize("module", ["locations", "sessions", "cdrs", "tariffs", "tokens"])
def test_objects_of_every_module_are_among_the_pages(pages, module):
    assert [path for path in pages if f"/object?module={module}&" in path] != []


@pytest.mark.parametrize("place", ["evses.²", "evses[²]", "evses.٣", "evses." + "9" * 300])
def test_a_refusal_may_name_any_place(visit, own, network, filled, place):
    partner = own.partners.find("DE-EMS").id
    refuse(network, f"{place} is wrong.")
    own.patch("locations", "L2", changes={"name": "Another"})
    own.outbox.flush()

    page = visit("read").text(f"/parked?partner={partner}&entry={own.outbox.list(partner, parked=True)[0].id}")

    assert "is wrong." in page


@pytest.mark.parametrize("depth", [100, 500, 1000])
def test_an_answer_that_is_nested_deeply_is_a_short_page(visit, own, network, filled, depth):
    data = "[" * depth + ",".join("1" * 1000) + "]" * depth

    def answer(request: Request, response: Response) -> Response:
        body = f'{{"status_code":2001,"data":{data},"timestamp":"2026-01-01T12:00:00Z"}}'
        return response if request.method == "GET" else replace(response, body=body.encode())

    network.after_send = answer
    own.patch("locations", "L2", changes={"name": "Another"})
    own.outbox.flush()
    own.journal.flush()

    page = visit("read").text(f"/message?number={own.journal.list(failed=True, limit=1)[0].number}")

    assert len(page) < 80 * len(data) + 10_000
    assert ("…" in page) is (depth > 128)
