"""What the types of calls are made of, for type checkers.

A dict that is written in a call has to be what OCPI says, a variable of type ``dict[str, Any]`` is taken as it is.
mypy names ``Unchecked`` where a dict that is written is neither: give it its type, as in ``tariff: Tariff = {...}``,
and mypy names the property.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from typing import Any
from typing import Generic
from typing import TypeVar
from typing import cast
from typing import final

if TYPE_CHECKING:
    from flask_ocpi.core import types

    #: What ends a command or charging profile request: its result, or the whole object.
    Outcome = (
        types.CommandResultType
        | types.ChargingProfileResultType
        | types.CommandResult
        | types.ActiveChargingProfileResult
        | types.ChargingProfileResult
        | types.ClearProfileResult
        | dict[str, "Unchecked"]
    )
    #: The answer to a request for a booking, and what else it sets.
    Booked = types.ReservationRequestStatus | types.BookingAnswer | dict[str, "Unchecked"] | None

F = TypeVar("F")


@final
class Unchecked:
    """A property of a document whose type says nothing of its properties."""


Document = dict[str, Unchecked]


class typed_as(Generic[F]):
    """Gives a method the type of a protocol: ``@typed_as[Save]()``; the method stays what it is."""

    def __call__(self, method: Callable[..., Any]) -> F:
        return cast(F, method)
