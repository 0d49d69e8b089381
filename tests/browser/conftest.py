"""A real browser, if one is installed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browsers import Browser
from tests.browsers import started
from tests.servers import CHROMIUM
from tests.servers import chromium_path
from tests.servers import left_out


@pytest.fixture(scope="session")
def chromium() -> str:
    path = chromium_path()
    if path is None:
        reason = "no Chromium is installed"
        left_out(CHROMIUM, reason)
        pytest.skip(reason)
    return path


@pytest.fixture
def browser(chromium: str) -> Iterator[Browser]:
    with started(chromium) as found:
        yield found
