"""What goes to other platforms and comes back, and the seam to whatever carries it."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent to another platform; its repr shows neither the credentials token nor the body.

    timeout: seconds that the whole exchange may take; None for what the transport allows, which is never exceeded.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    timeout: float | None = None

    def __repr__(self) -> str:
        shown = {name: "***" if name.lower() == "authorization" else text for name, text in self.headers.items()}
        return f"Request({self.method!r}, {self.url!r}, headers={shown!r}, body={_size(self.body)})"


@dataclass(frozen=True, slots=True)
class Response:
    """What another platform answered: the decoded body, and headers that are looked up in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "headers", Headers(self.headers))

    def __repr__(self) -> str:
        return f"Response({self.status!r}, {self.url!r}, body={_size(self.body)})"


class Headers(Mapping[str, str]):
    """Headers that are looked up in any case. Of one that is there in several, the last counts."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._lines = {name.lower(): (name, headers[name]) for name in headers}

    def __getitem__(self, name: str) -> str:
        return self._lines[name.lower()][1]

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._lines.values())

    def __len__(self) -> int:
        return len(self._lines)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        return _folded(self) == _folded(other)

    __hash__ = None  # type: ignore[assignment]  # as all mappings

    def __repr__(self) -> str:
        return f"Headers({dict(self)!r})"


class Transport(Protocol):
    """The seam between the client and the network: tests and other HTTP libraries plug in here."""

    def send(self, request: Request) -> Response:
        """Send one request and return the answer, whatever its status.

        Raises UnreachableError, BlockedAddressError or InvalidResponseError.
        """

    def close(self) -> None:
        """Give back what the transport holds open."""


def _folded(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): headers[name] for name in headers}


def _size(body: bytes | None) -> str:
    return "None" if body is None else f"<{len(body)} bytes>"
