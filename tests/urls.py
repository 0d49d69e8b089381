"""Where the platform under test has its operations: the version that tests speak, unless they are about versions."""

from __future__ import annotations

VERSION = "2.2.1"


def ocpi_url(path: str = "") -> str:
    """Return the path of an operation, as "/ocpi/2.2.1/sender/locations" for "sender/locations"."""
    return f"/ocpi/{VERSION}/{path}" if path else f"/ocpi/{VERSION}"
