"""The recurring patterns of operations: lists of own objects, and objects that their owner pushes."""

from __future__ import annotations

from collections.abc import Sequence

from flask_ocpi.core.advice import with_article
from flask_ocpi.core.description import Handler
from flask_ocpi.core.description import ObjectType
from flask_ocpi.core.description import Operation
from flask_ocpi.core.description import PathParameter
from flask_ocpi.core.responses import PageQuery
from flask_ocpi.core.schema import Schema
from flask_ocpi.exchange import handlers

COUNTRY_CODE = PathParameter("country_code", 2, "ISO 3166 alpha-2 country code of the owner.", "NL", min=2)
PARTY_ID = PathParameter("party_id", 3, "Party id of the owner.", "ABC", min=3)
OWNER = (COUNTRY_CODE, PARTY_ID)
CALL_ID = PathParameter("id", 64, "The last segment of the response_url.", "0f7d3c9a5b1e4d6f8a2c4e6b8d0f1a3c")


def list_objects(object_type: ObjectType, *, dated: bool = False) -> tuple[Operation, ...]:
    """The paginated GET of a Sender interface; ``dated``: callers have to send date_from."""
    return (
        Operation(
            name=f"list_{object_type.kind}",
            method="GET",
            path="",
            summary=f"List {object_type.schema.__name__}s",
            description="A page of the objects that the calling platform may see, oldest first.",
            handler=handlers.list_objects,
            query=PageQuery,
            returns=object_type.schema,
            returns_list=True,
            object=object_type,
            dated=dated,
        ),
    )


def get_objects(object_type: ObjectType) -> tuple[Operation, ...]:
    """The GET of one object, and of its parts, on a Sender interface."""
    return tuple(
        Operation(
            name=f"get_{name}",
            method="GET",
            path=_path(parameters),
            summary=f"Get {with_article(schema.__name__)}",
            handler=handlers.get_object,
            parameters=parameters,
            returns=schema,
            object=object_type,
            part=part,
        )
        for part, name, schema, parameters in _levels(object_type)
    )


def client_owned(
    object_type: ObjectType, *, verbs: Sequence[str], query: type[Schema] | None = None, segment: str = ""
) -> tuple[Operation, ...]:
    """The Receiver interface of objects that the calling partner owns: GET, PUT, PATCH, DELETE, on each level.

    ``query`` declares the properties of the key that are in the query. ``segment`` comes between owner and id, with its
    slash. OCPI 2.2.1, Transport and format, "Client Owned Object Push".
    """
    operations = []
    for part, name, schema, parameters in _levels(object_type):
        path_parameters = (*OWNER, *parameters)
        for verb in verbs:
            handler, summary = _VERBS[verb][bool(part)]
            operations.append(
                Operation(
                    name=f"{verb.lower()}_{name}",
                    method=verb,
                    path=f"{_path(OWNER)}{segment}{_path(parameters)}",
                    summary=summary.format(with_article(schema.__name__)),
                    handler=handler,
                    parameters=path_parameters,
                    query=query,
                    body=schema if verb in ("PUT", "PATCH") else None,
                    returns=schema if verb == "GET" else None,
                    object=object_type,
                    part=part,
                    owned=True,
                    partial=verb == "PATCH",
                    created=verb == "PUT",
                )
            )
    return tuple(operations)


_VERBS: dict[str, tuple[tuple[Handler, str], tuple[Handler, str]]] = {
    "GET": ((handlers.get_copy, "Get the stored copy of {}"), (handlers.get_copy, "Get the stored copy of {}")),
    "PUT": ((handlers.put_object, "Create or replace {}"), (handlers.put_part, "Add or replace {}")),
    "PATCH": ((handlers.patch_object, "Change {}"), (handlers.patch_part, "Change {}")),
    "DELETE": ((handlers.delete_object, "Remove {}"), (handlers.delete_object, "Remove {}")),
}


def _levels(object_type: ObjectType) -> list[tuple[int, str, type[Schema], tuple[PathParameter, ...]]]:
    parameters: tuple[PathParameter, ...] = () if object_type.parameter is None else (object_type.parameter,)
    levels = [(0, object_type.name, object_type.schema, parameters)]
    for index, part in enumerate(object_type.parts, start=1):
        parameters = (*parameters, part.parameter)
        levels.append((index, part.name, part.schema, parameters))
    return levels


def _path(parameters: Sequence[PathParameter]) -> str:
    return "".join(f"/{{{parameter.name}}}" for parameter in parameters)
