"""What partners sent is shown as text on every page, and no secret is."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.console.platform import HOSTILE
from tests.console.platform import ID
from tests.console.platform import SECRETS

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
