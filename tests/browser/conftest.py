"""A real browser, if one is installed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser as Program

from tests.browsers import Browser
from tests.browsers import opened
from tests.browsers import running
from tests.servers import CHROMIUM
from tests.servers import chromium_path
from tests.servers import left_out


@pytest.fixture(scope="package")
def chromium() -> Iterator[Program]:
    """One for the tests of this folder: its loop of events is in the way of those of others."""
    path = chromium_path()
    if path is None:
        reason = "no Chromium is installed"
        left_out(CHROMIUM, reason)
        pytest.skip(reason)
    with running(path) as program:
        yield program


@pytest.fixture
def browser(chromium: Program) -> Iterator[Browser]:
    """A page in a context of its own."""
    with opened(chromium) as found:
        yield found
