"""The conditions of the commands module that no single field can check."""

from __future__ import annotations

from collections.abc import Iterator

from flask_ocpi.schema import Document
from flask_ocpi.schema import Violation


def connector_is_of_an_evse(command: Document) -> Iterator[Violation]:
    """Demand the EVSE of a connector, whose id says nothing without it (CMD-18)."""
    if "connector_id" in command and "evse_uid" not in command:
        yield "evse_uid", "is required where there is a connector_id"
