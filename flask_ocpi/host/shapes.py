"""Own objects in the shape of a version, for a host application that works with that version."""

from __future__ import annotations

from collections.abc import Callable

from flask_ocpi.core.converting import Find
from flask_ocpi.core.converting import Origin
from flask_ocpi.core.converting import nothing
from flask_ocpi.core.description import Document
from flask_ocpi.core.description import Version
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.schema import Schema
from flask_ocpi.core.schema import load
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import NotSaidError
from flask_ocpi.exchange.context import Services
from flask_ocpi.storage.base import Party
from flask_ocpi.versions.shaping import place_of
from flask_ocpi.versions.shaping import said


def to_store(
    services: Services, module: str, number: str, *, party: Party | None = None
) -> Callable[[Document], Document]:
    """Return a converter to the stored shape; it raises InvalidParametersError for invalid objects.

    party: the owner, if the objects of the version do not name it.
    """
    version, cls = _required_class(services, module, number)
    schema, conversion = services.schemas[cls], version.conversion(cls)
    parties = services.own_parties(module, InterfaceRole.SENDER)
    owner = party or (parties[0] if len(parties) == 1 else None)
    if owner is None and "party_id" not in schema.load_fields:
        raise InvalidParametersError(
            f"A {cls.__name__} of OCPI {number} does not say whose it is: say it with party=, or --party."
        )

    def convert(document: Document) -> Document:
        checked = load(schema, document, where=cls.__name__)
        return checked if conversion is None else conversion.to_store(checked, Origin(owner))

    return convert


class Shapes:
    """Converts stored objects to the shape of a version, and counts the losses; None: the stored shape."""

    def __init__(self, services: Services, number: str | None) -> None:
        self._services = services
        self._number = number
        #: The number of losses by their texts.
        self.lost: dict[str, int] = {}

    def has(self, module: str) -> bool:
        """Tell whether the version has the objects of a module."""
        return self._number is None or _class(self._services, module, self._number)[1] is not None

    def of(self, module: str, find: Find = nothing) -> Callable[[Document], Document | None]:
        """Return a converter for the objects of a module; it returns None for an object that the version cannot say.

        find: finds related stored objects. Raises InvalidParametersError if the version lacks the module.
        """
        if self._number is None:
            return lambda document: document
        version, cls = _required_class(self._services, module, self._number)

        def lose(pointer: str, reason: str) -> None:
            text = f"{module} {place_of(pointer)}".rstrip() + f": {reason}"
            self.lost[text] = self.lost.get(text, 0) + 1

        def convert(document: Document) -> Document | None:
            try:
                return said(self._services, version, cls, document, where=f"A {cls.__name__}", lose=lose, find=find)
            except NotSaidError:
                return None

        return convert


def _class(services: Services, module: str, number: str) -> tuple[Version, type[Schema] | None]:
    """Return a version and its class of a module's objects; raise InvalidParametersError for an unknown version."""
    served = {version.number: version for version in (services.own, *services.versions)}
    if number not in served:
        raise InvalidParametersError(f"OCPI {number} is not served here; there is {', '.join(served)}.")
    version = served[number]
    known = version.module(module) is not None
    stored = services.own.stored(services.object_type(module).schema)
    return version, version.own(stored) if known else None


def _required_class(services: Services, module: str, number: str) -> tuple[Version, type[Schema]]:
    version, cls = _class(services, module, number)
    if cls is None:
        raise InvalidParametersError(f"OCPI {number} has no objects of {module}: use another version.")
    return version, cls
