"""What a message is about: the objects and causes that its URL and its bodies name, in any version."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from typing import NamedTuple
from urllib.parse import parse_qsl
from urllib.parse import unquote
from urllib.parse import urlsplit

import orjson

from flask_ocpi.core.description import Module
from flask_ocpi.core.description import Operation
from flask_ocpi.core.description import Version
from flask_ocpi.exchange.logs import LONGEST_ID
from flask_ocpi.exchange.logs import on_a_line
from flask_ocpi.storage.base import fold

COMMAND = "command"
CORRELATION = "correlation"
REFERENCE = "authorization_reference"
#: The references of a message besides those to objects.
CAUSES = (REFERENCE, "contract", COMMAND, CORRELATION)

_LONGEST_BODY = 1024 * 1024  # bytes
_MOST = 24
_MOST_OF_A_LIST = 10
#: Properties that name an object or a cause in any class.
_NAMES = {"authorization_reference": REFERENCE, "contract_id": "contract", "auth_id": "contract"}
#: Properties with an object that names another one: the kind of reference by the name of the inner property.
_OF_TOKEN = {"uid": "token", "contract_id": "contract", "auth_id": "contract"}
_OF_LOCATION = {"id": "location", "location_id": "location", "evse_uid": "evse", "evse_uids": "evse", "evses": "evse"}
_INNER = {"token": _OF_TOKEN, "cdr_token": {"uid": "token"}, "location": _OF_LOCATION, "cdr_location": _OF_LOCATION}


class Reference(NamedTuple):
    """An object or a cause that a message is about. Build it with :meth:`of`, which folds, to find messages by it."""

    kind: str
    value: str

    @classmethod
    def of(cls, kind: str, value: str) -> Reference:
        return cls(kind, fold(value.strip()))

    def folded(self) -> Reference:
        """Return it as :meth:`of` builds it."""
        value = fold(self.value.strip())
        return self if value == self.value else Reference(self.kind, value)


@dataclass(frozen=True, slots=True)
class Described:
    """What the description tells of an operation's messages.

    segments: the kinds of references in the last segments of the URL, "" for those that are none. object: the kind of
    the object in the body, "" if the body is none; key: the property with its id. name: the name of the objects of
    the operation. takes_result: the body is the later result of a command.
    """

    segments: tuple[str, ...] = ()
    object: str = ""
    key: str = "id"
    name: str = ""
    method: str = ""
    title: str = ""
    takes_result: bool = False
    returns_list: bool = False


UNKNOWN = Described()


class References:
    """Finds what messages are about. versions: those of the platform. hidden: properties that the journal hides."""

    def __init__(self, versions: Sequence[Version], *, hidden: Collection[str] = ()) -> None:
        self._versions = versions
        self._hidden = frozenset(map(str.lower, hidden))

    @cached_property
    def _operations(self) -> Mapping[tuple[str, str], Described]:
        found = {}
        for version in self._versions:
            for module, interface, operation in version.operations():
                name = module.view_name(interface.role, operation)
                found[str(module.id), name] = self._describe(module, operation)
        return found

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of references that messages can have: names of classes of objects, and causes."""
        types = [each for version in self._versions for module in version.modules for each in module.objects]
        # An EVSE has a uid; ids of other parts are not unique.
        named = [(each.name, *(part.name for part in each.parts if part.key == "uid")) for each in types]
        names = [name for group in named for name in group]
        return tuple(dict.fromkeys((*names, *CAUSES)))

    @cached_property
    def _names(self) -> Mapping[str, str]:
        """The kinds of references by the names of properties and of segments of URLs."""
        ids = {f"{kind}_{ending}": kind for kind in self.kinds for ending in ("id", "uid")}
        found = {**ids, **_NAMES}
        return {name: kind for name, kind in found.items() if not self._is_hidden(name, kind)}

    def _is_hidden(self, name: str, kind: str) -> bool:
        return name in self._hidden or (kind == "token" and "uid" in self._hidden)

    def _describe(self, module: Module, operation: Operation) -> Described:
        described = operation.object
        own = described.parameter.name if described is not None and described.parameter is not None else None
        kinds = {"{id}": COMMAND, **{f"{{{name}}}": kind for name, kind in self._names.items()}}
        if own is not None and described is not None:
            kinds[f"{{{own}}}"] = self._names.get(f"{described.name}_id", "")
        path = operation.path.strip("/")
        segments = [kinds.get(segment, "") for segment in path.split("/")] if path else []
        has_object = described is not None and operation.body is not None and operation.part == 0
        return Described(
            segments=tuple(segments),
            object=described.name if has_object and described is not None else "",
            key=described.id_key[0] if described is not None else "id",
            name=_name(operation),
            method=operation.method,
            title=operation.name,
            takes_result=module.takes_result(operation),
            returns_list=operation.returns_list,
        )

    def described(self, module: str | None, operation: str | None) -> Described:
        """Return the description of an operation of a message, by its names."""
        return self._operations.get((module or "", operation or ""), UNKNOWN)

    def decoded(self, body: bytes) -> Mapping[str, Any]:
        """Return the object in a body without hidden properties; {} if there is none, or if it is very large."""
        if not body or len(body) > _LONGEST_BODY:
            return {}
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError:
            return {}
        if not isinstance(document, dict):
            return {}
        return {name: document[name] for name in document if name not in self._hidden} if self._hidden else document

    def of(
        self, described: Described, url: str, bodies: Sequence[Any] = (), *, without: Collection[str] = ()
    ) -> tuple[Reference, ...]:
        """Return what a message is about, each once and as it is spelled there.

        bodies: decoded. without: credentials; an id that contains one is left out.
        """
        found: dict[Reference, None] = {}
        for kind, value in (*_in_url(described, url), *self._in_bodies(described, bodies)):
            shown = on_a_line(value.strip()[:LONGEST_ID])
            if not shown:
                continue
            for secret in without:
                if secret in value:
                    break
            else:
                found[Reference(kind, shown)] = None
                if len(found) >= _MOST:
                    break
        return tuple(found)

    @cached_property
    def _naming(self) -> frozenset[str]:
        """The properties that may name something."""
        return frozenset((*self._names, *_INNER, "response_url"))

    def _in_bodies(self, described: Described, bodies: Sequence[Any]) -> Iterator[tuple[str, str]]:
        for body in bodies:
            if not isinstance(body, dict):
                continue
            if (
                described.object
                and isinstance(body.get(described.key), str)
                and f"{described.object}_id" in self._names
            ):
                yield described.object, body[described.key]
            if not self._naming.isdisjoint(body):
                yield from self._in_body(body)

    def _in_body(self, body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        names = self._names
        for name, value in body.items():
            kind = names.get(name)
            if kind is not None:
                yield from _texts(kind, value)
            elif name in _INNER and isinstance(value, dict):
                for inner, kind in _INNER[name].items():
                    if inner in value and not self._is_hidden(inner, kind):
                        yield from _texts(kind, value[inner])
            elif name == "response_url" and isinstance(value, str):
                yield COMMAND, call_id(value)


def _name(operation: Operation) -> str:
    if operation.object is None:
        return ""
    return operation.object.parts[operation.part - 1].name if operation.part else operation.object.name


def _in_url(described: Described, url: str) -> list[tuple[str, str]]:
    path, _, query = url.partition("?")
    segments = zip(described.segments, segments_of(path, len(described.segments)), strict=False)
    found = [(kind, segment) for kind, segment in segments if kind]
    if "response_url=" in query:
        found += [(COMMAND, call_id(value)) for name, value in parse_qsl(query) if name == "response_url"]
    return found


def _texts(kind: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield the ids in a text, or in a list of texts or of objects with a uid."""
    for each in value[:_MOST_OF_A_LIST] if isinstance(value, list) else (value,):
        id = each.get("uid") if isinstance(each, dict) else each
        if isinstance(id, str):
            yield kind, id


def segments_of(path: str, number: int) -> list[str]:
    """Return the last segments of a path, decoded."""
    if not number:
        return []
    _, *parts = path.rstrip("/").rsplit("/", number)
    if len(parts) != number:
        return []
    return list(map(unquote, parts)) if "%" in path else parts


def call_id(response_url: str) -> str:
    """Return the id of a command from its response_url: the last segment; a hash of a URL that has a query."""
    try:
        parts = urlsplit(response_url)
    except ValueError:
        return ""
    if parts.query:
        return hashlib.sha256(response_url.encode("utf-8", "replace")).hexdigest()[:16]
    return unquote(parts.path.rstrip("/").rpartition("/")[2])
