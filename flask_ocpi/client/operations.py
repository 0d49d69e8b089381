"""The operations of a module as the client needs them: by their purpose, with their classes and paths."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from enum import StrEnum
from urllib.parse import quote

from flask_ocpi.core.description import Module
from flask_ocpi.core.description import ObjectType
from flask_ocpi.core.description import Operation
from flask_ocpi.core.description import Version
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.schema import Schema
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import MissingEndpointError


def operations_of(module: Module, role: InterfaceRole) -> tuple[Operation, ...]:
    """Return the operations of an interface; none if the module does not have it."""
    interface = module.interface(role)
    return () if interface is None else interface.operations


def find(module: Module, role: InterfaceRole, fits: Callable[[Operation], bool]) -> Operation:
    """Return the first operation of an interface that fits; raise MissingEndpointError if there is none."""
    found = next(filter(fits, operations_of(module, role)), None)
    if found is None:
        raise MissingEndpointError(f"OCPI has no such operation in {module.id} {role}.")
    return found


def find_addressed(
    module: Module, method: str, ids: Sequence[str], role: InterfaceRole = InterfaceRole.RECEIVER
) -> Operation:
    """Return the operation on the object, or the part of it, that this number of ids addresses."""

    def addresses(operation: Operation) -> bool:
        return operation.object is not None and operation.method == method and not operation.returns_list

    object_type = object_of(find(module, role, addresses))
    width = 0 if object_type.parameter is None else len(object_type.id_key)
    least, most = width - len(object_type.defaults), width + len(object_type.parts)
    if not least <= len(ids) <= most:
        count = "1 id" if (least, most) == (1, 1) else f"{least} to {most} ids" if most else "no id"
        raise InvalidParametersError(f"A {object_type.name} is addressed by {count}, not {len(ids)}.")
    part = max(0, len(ids) - width)
    return find(module, role, lambda o: addresses(o) and o.part == part)


def path_of(operation: Operation, segments: Sequence[str]) -> str:
    """Fill in the path of an operation; raise InvalidParametersError for values that would lead to another path."""
    names = [parameter.name for parameter in operation.parameters]
    if len(segments) != len(names):
        wanted = ", ".join(names) or "nothing"
        raise InvalidParametersError(f"The path of {operation.name} is made of {wanted}; {len(segments)} were given.")
    for name, segment in zip(names, segments, strict=True):
        if segment in ("", ".", ".."):
            raise InvalidParametersError(f"{name} must not be {segment!a} in a URL.")
    values = {name: quote(segment, safe="") for name, segment in zip(names, segments, strict=True)}
    return operation.path.format(**values)


def schema_of(operation: Operation) -> type[Schema]:
    if operation.returns is None or issubclass(operation.returns, StrEnum):
        raise MissingEndpointError(f"{operation.name} returns no object.")
    return operation.returns


def answer_of(version: Version, module: str, name: str) -> type[Schema]:
    """Return the class of the answer of a version's operation, by its name."""
    found = version.operation(module, name)
    if found is None:
        raise MissingEndpointError(f"OCPI {version.number} has no {name} in {module}.")
    return schema_of(found)


def enum_of(operation: Operation) -> type[StrEnum]:
    if operation.returns is None or not issubclass(operation.returns, StrEnum):
        raise MissingEndpointError(f"{operation.name} returns no value of an enum.")
    return operation.returns


def body_of(operation: Operation) -> type[Schema]:
    if operation.body is None:
        raise MissingEndpointError(f"{operation.name} takes no object.")
    return operation.body


def object_of(operation: Operation) -> ObjectType:
    if operation.object is None:
        raise MissingEndpointError(f"{operation.name} works on no object.")
    return operation.object
