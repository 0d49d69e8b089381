"""Fixtures that follow messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from flask_ocpi import OCPI
from flask_ocpi.exchange.journal import Search
from flask_ocpi.exchange.journal import latest
from flask_ocpi.exchange.messages import Message
from flask_ocpi.signals import message_exchanged


@pytest.fixture
def heard(ocpi_app: Flask) -> Iterator[list[Message]]:
    """The messages of the platform at platform.example, as a listener hears of them."""
    messages: list[Message] = []

    def listen(app: Flask, message: Message, **_: Any) -> None:
        messages.append(message)

    message_exchanged.connect(listen, ocpi_app)
    yield messages
    message_exchanged.disconnect(listen, ocpi_app)


def kept(ocpi: OCPI) -> list[Message]:
    """Return what is in the journal, oldest first."""
    return [entry.message for entry in latest(ocpi.storage, Search(), 100_000)]
