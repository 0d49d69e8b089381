"""Frozen descriptions of modules: routes, OpenAPI, client, versions, CLI and docs are made from them."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from enum import StrEnum
from typing import Any

from flask_ocpi.core import converting
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.schema import Schema
from flask_ocpi.errors import NotFoundError
from flask_ocpi.errors import StatusCode

OWNER_KEY = ("country_code", "party_id")

Document = dict[str, Any]
Handler = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class PathParameter:
    """A variable segment of an operation's path: a CiString of at most ``max`` characters."""

    name: str
    max: int
    description: str = ""
    example: str = ""
    min: int = 1


@dataclass(frozen=True, slots=True)
class Part:
    """A class of objects that live in a list property of another object, such as the EVSEs of a Location.

    name: "evse"; property: "evses"; key: the identifying property ("uid"); parameter: its URL segment.
    """

    name: str
    schema: type[Schema]
    property: str
    key: str
    parameter: PathParameter


@dataclass(frozen=True, slots=True)
class ObjectType:
    """A class of objects that is stored and exchanged as a whole.

    name: singular ("location"); kind: where it is stored ("locations"), also the plural in operation names.
    parameter: its URL segment, None if only the owner is in the URL.
    key: the properties that identify it, starting with the owner's; the rest make up the id. Without the owner's, only
    the ids distinguish the objects of a partner, and no property names their owner.
    defaults: values of key properties that a URL may leave out of its query (a Token's type).
    parts: nested classes with their own URLs, outermost first.
    appended: lists that a PATCH adds to. final: a stored object never changes.
    content: returns what must be the same when a final one is sent again; None: all of it.
    described: the party in its key is not its owner but its subject (ClientInfo).
    audience: the (country code, party id) of the receivers of an own object, if the object names them.
    private: an own object without audience is refused, instead of being for all.
    refused_change: returns the reason why a stored object cannot become another one; None: it can.
    replaced: called with the storage and own objects that were replaced, each before and after (records; before is
    None if it is not known), in the transaction that stores them.
    missing: the error for an object (or part) that does not exist.
    """

    name: str
    kind: str
    schema: type[Schema]
    parameter: PathParameter | None = None
    key: tuple[str, ...] = (*OWNER_KEY, "id")
    defaults: tuple[tuple[str, str], ...] = ()
    parts: tuple[Part, ...] = ()
    appended: tuple[str, ...] = ()
    final: bool = False
    content: Callable[[Document], Document] | None = None
    described: bool = False
    audience: Callable[[Document], tuple[tuple[str, str], ...]] | None = None
    private: bool = False
    refused_change: Callable[[Document, Document], str | None] | None = None
    replaced: Callable[[Any, Any], None] | None = None
    missing: type[NotFoundError] = NotFoundError

    @property
    def is_owned(self) -> bool:
        """Whether its objects name their owner."""
        return self.key[: len(OWNER_KEY)] == OWNER_KEY

    @property
    def id_key(self) -> tuple[str, ...]:
        """The properties that make up the id."""
        return self.key[len(OWNER_KEY) :] if self.is_owned else self.key

    def owner_of(self, document: Mapping[str, Any]) -> tuple[str, str]:
        """Return the country code and party id of the owner of an object; empty ones if it names none."""
        return (str(document["country_code"]), str(document["party_id"])) if self.is_owned else ("", "")

    def id_of(self, document: Mapping[str, Any]) -> str:
        """Return the id under which a document is stored; several properties are joined with a line feed."""
        return "\n".join(str(document[name]) for name in self.id_key)

    def id_from(self, values: Mapping[str, str | None]) -> str:
        """Return the id from values of the key, some of which may be missing."""
        defaults = dict(self.defaults)
        return "\n".join([values.get(name) or defaults[name] for name in self.id_key])

    def split_ids(self, ids: Sequence[str]) -> tuple[dict[str, str], tuple[str, ...]]:
        """Split ids as people give them into the values of the key and the ids of parts, one per level."""
        width = len(self.id_key)
        return dict(zip(self.id_key, ids, strict=False)), tuple(ids[width:])


@dataclass(frozen=True, slots=True)
class Alias:
    """Another path of an operation, for software that calls that one; it is open to every partner, but not documented.

    owned: as that of the operation.
    """

    path: str
    parameters: tuple[PathParameter, ...]
    owned: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """One HTTP operation of an interface.

    path: below the interface's URL, with ``{parameters}``. handler: ``(ctx, target, body) -> Result``.
    query, body, returns: schema classes; returns may also be an enum. returns_list: an array of them, paginated.
    result: the class of the later result at the response_url in the body or query.
    object: the class of its stored objects; part: how many levels of parts the path goes down.
    owned: the URL names the owner, who has to be a party of the calling partner (PUSH-05).
    partial: the body is a PATCH. dated: a list whose callers have to send date_from. created: it answers 201 when it
    creates something; located: with its URL in Location. rooted: its path is below the OCPI prefix itself, not below
    the interface (the list of versions).
    admits: raises if the caller may not use it in its present state; called before the body is read.
    finished: called with the services and a request with its result, in the transaction that stores it.
    errors: OCPI status codes beyond 2000, 2001 and 3000, for the documentation.
    alias: another path, with its own ``owned``.
    """

    name: str
    method: str
    path: str
    summary: str
    handler: Handler
    description: str = ""
    parameters: tuple[PathParameter, ...] = ()
    query: type[Schema] | None = None
    body: type[Schema] | None = None
    body_required: bool = True
    returns: type[Schema] | type[StrEnum] | None = None
    result: type[Schema] | None = None
    returns_list: bool = False
    object: ObjectType | None = None
    part: int = 0
    owned: bool = False
    partial: bool = False
    dated: bool = False
    created: bool = False
    located: bool = False
    rooted: bool = False
    admits: Callable[[Any], None] | None = None
    finished: Callable[[Any, Any], None] | None = None
    errors: tuple[StatusCode, ...] = ()
    alias: Alias | None = None

    @property
    def aliased(self) -> Operation:
        """The operation under its alias, or itself."""
        if self.alias is None:
            return self
        return replace(self, path=self.alias.path, parameters=self.alias.parameters, owned=self.alias.owned, alias=None)


@dataclass(frozen=True, slots=True)
class Interface:
    """One side of a module: the operations that the SENDER or the RECEIVER of the data serves.

    hidden: partners whose roles do not use it get 404. path: its segment in URLs, if not the module's.
    """

    role: InterfaceRole
    operations: tuple[Operation, ...]
    hidden: bool = False
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Module:
    """An OCPI module.

    id: its ModuleID, or a custom one. configuration: a configuration module, whose messages have no routing headers.
    single: both interfaces are the same one, under one URL without an interface segment (credentials).
    listed: it is among the endpoints in the version details. path: its segment in URLs, by default the id.
    within: the module around it, if OCPI has several classes of objects in one module: the details of a version list
    only that one, roles and OCPI_MODULES name that one, and path is below that one's.
    requires: modules that this one needs according to OCPI. kinds: further kinds of records that it stores.
    extend: called with the flask-smorest blueprint, to add routes that do not fit a description.
    """

    id: str
    description: str
    interfaces: tuple[Interface, ...]
    configuration: bool = False
    single: bool = False
    listed: bool = True
    path: str | None = None
    within: str | None = None
    requires: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    extend: Callable[[Any], None] | None = None

    def interface(self, role: InterfaceRole) -> Interface | None:
        """Return the interface of that role, or None; a module with a single interface returns it for both roles."""
        if self.single:
            return self.interfaces[0]
        return next((interface for interface in self.interfaces if interface.role is role), None)

    @property
    def identifier(self) -> str:
        """Its ModuleID in version details and permissions."""
        return self.within or self.id

    def below(self, interface: Interface) -> str:
        """Return the segment of an interface in URLs."""
        path = self.path if interface.path is None else interface.path
        return f"/{self.id}" if path is None else path

    def path_of(self, interface: Interface) -> str:
        """Return the path of an interface below its version: ``/sender/locations``, or ``/credentials``."""
        below = self.below(interface)
        segment = f"/{self.within}{below}" if self.within else below
        return segment if self.single else f"/{interface.role.lower()}{segment}"

    def view_name(self, role: InterfaceRole, operation: Operation) -> str:
        """Name an operation with its side: ``receiver_put_evse``, or ``get_credentials`` if there is only one."""
        return operation.name if self.single else f"{role.lower()}_{operation.name}"

    def takes_result(self, operation: Operation) -> bool:
        """Tell whether an operation receives the later result of another one, at the response_url."""
        results = (o.result for interface in self.interfaces for o in interface.operations)
        return operation.body is not None and operation.body in results

    @property
    def objects(self) -> tuple[ObjectType, ...]:
        """The classes of stored objects of its operations, each once."""
        found = {o.object.name: o.object for i in self.interfaces for o in i.operations if o.object is not None}
        return tuple(found.values())


@dataclass(frozen=True, slots=True)
class Dialect:
    """The differences between versions besides modules and classes; the defaults are those of OCPI 2.2.1.

    routing: whether functional modules have the OCPI-to and OCPI-from headers. Without, they are not read; those in a
    request are answered.
    token_encoding: "base64" or "plain", the encoding of a sent token; None leaves it to OCPI_TOKEN_ENCODING.
    patch_has_last_updated: whether a PATCH needs last_updated. Without, it is the time of the request.
    patch_appends: whether a PATCH of charging periods adds to the existing ones; otherwise it replaces them.
    lists_all: whether a list has as many objects as its X-Total-Count. Otherwise fewer are no flaw, and our own lists
    are read whole where possible, to count only what they have.
    """

    routing: bool = True
    token_encoding: str | None = None
    patch_has_last_updated: bool = True
    patch_appends: bool = True
    lists_all: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Version:
    """A version of OCPI.

    is_one_sided: its version details do not distinguish the two sides of a module, because a platform has one role
    there: operator or provider.
    Stored objects have the shape of 2.2.1, also for the host application. converters: by its own classes, for changes
    beyond left out or added properties. origins: the class of the stored shape for each class that replaces it.
    marked: its classes whose stored class has all their properties and values; own objects that say more are marked.
    """

    number: str
    modules: tuple[Module, ...]
    dialect: Dialect = Dialect()
    converters: Mapping[type[Schema], converting.Converter] = field(default_factory=dict)
    origins: Mapping[type[Schema], type[Schema]] = field(default_factory=dict)
    marked: frozenset[type[Schema]] = frozenset()
    is_one_sided: bool = field(init=False)
    _conversions: dict[Any, converting.Conversion | None] = field(default_factory=dict, init=False, repr=False)
    _wholes: dict[str, converting.Conversion | None] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        endpoint = self.endpoint
        object.__setattr__(self, "is_one_sided", endpoint is not None and "role" not in converting.fields_of(endpoint))

    @property
    def endpoint(self) -> type[Schema] | None:
        """The class of the entries in its version details."""
        details = self.operation("versions", "get_version_details")
        returns = None if details is None else details.returns
        if not (isinstance(returns, type) and issubclass(returns, Schema)):
            return None
        field: Any = converting.fields_of(returns)["endpoints"]
        endpoint: type[Schema] = field.inner.nested
        return endpoint

    @property
    def slug(self) -> str:
        """The number as part of a name: ``2_2_1``."""
        return self.number.replace(".", "_")

    def module(self, id: str) -> Module | None:
        return next((module for module in self.modules if module.id == id), None)

    def operation(self, module: str, name: str) -> Operation | None:
        """Return an operation by its name, or None."""
        return next((o for m, _, o in self.operations() if m.id == module and o.name == name), None)

    def operations(self) -> Iterator[tuple[Module, Interface, Operation]]:
        """Walk all operations in the order of the description."""
        for module in self.modules:
            for interface in module.interfaces:
                for operation in interface.operations:
                    yield module, interface, operation

    def routes(self, module: Module) -> bool:
        """Tell whether the messages of a module have routing headers."""
        return self.dialect.routing and not module.configuration

    def conversion(self, schema: Any) -> converting.Conversion | None:
        """Return the conversion of one of its classes; None if stored objects are sent unchanged."""
        if not self.origins and not self.converters:
            return None
        if schema not in self._conversions:
            is_schema = isinstance(schema, type) and issubclass(schema, Schema)
            found = converting.conversion_of(schema, self.converters, self.origins, self.marked) if is_schema else None
            self._conversions[schema] = found
        return self._conversions[schema]

    def stored(self, schema: type[Schema]) -> type[Schema]:
        """Return the class of the stored shape for one of its own classes."""
        return self.origins.get(schema, schema)

    def whole(self, object_type: ObjectType) -> converting.Conversion | None:
        """Return the conversion of whole objects to another shape; None if the version has the stored shape."""
        if object_type.kind not in self._wholes:
            got = (o.returns for _, _, o in self.operations() if o.object is object_type and o.method == "GET")
            found = self.conversion(next(got, None))
            self._wholes[object_type.kind] = None if found is None or found.is_marked else found
        return self._wholes[object_type.kind]

    def classes(self) -> tuple[type[Schema], ...]:
        """Return the classes that it exchanges, followed by the classes nested in them."""
        exchanged = (cls for _, _, o in self.operations() for cls in (o.body, o.returns, o.result))
        found = dict.fromkeys(cls for cls in exchanged if isinstance(cls, type) and issubclass(cls, Schema))
        waiting = list(found)
        while waiting:
            inner = map(converting.class_in, converting.fields_of(waiting.pop()).values())
            new = [cls for cls in inner if cls is not None and cls not in found]
            found |= dict.fromkeys(new)
            waiting += new
        return tuple(found)

    def own(self, schema: type[Schema]) -> type[Schema] | None:
        """Return its own class for one of the stored shape; None if it has none."""
        return next((cls for cls in self.classes() if self.stored(cls) is schema), None)

    @property
    def unconverted(self) -> Version:
        """The version with its own shape of objects only, without conversions."""
        return replace(self, converters={}, origins={})

    def with_module(self, *modules: Module) -> Version:
        """Return the version with more modules, which replace its own of the same ids."""
        given = {module.id: module for module in modules}
        others = (known for known in self.modules if known.id not in given)
        return replace(self, modules=(*others, *given.values()))

    def evolve(
        self,
        number: str,
        *,
        dialect: Dialect | None = None,
        classes: Mapping[type[Schema], type[Schema]] | None = None,
        converters: Mapping[type[Schema], converting.Converter] | None = None,
        enums: Mapping[type[StrEnum], type[StrEnum]] | None = None,
        parameters: Mapping[str, PathParameter] | None = None,
        open_enums: Sequence[str] = (),
        drop: Sequence[str] = (),
    ) -> Version:
        """Return another version with the given differences.

        classes: the classes that replace others, also in all classes around these. converters: by those classes, if
        properties are not only left out or added. parameters: by name, segments of paths that differ.
        enums: the enums that replace others. open_enums: the names of enums that accept unknown values.
        drop: the ids of modules that it lacks.
        """
        replacing = converting.Replacing(classes or {}, enums=enums or {}, open_enums=open_enums)
        segments = parameters or {}
        modules = [_replaced(module, replacing, segments) for module in self.modules if module.id not in drop]
        given = {replacing(schema): converter for schema, converter in (converters or {}).items()}
        return replace(
            self,
            number=number,
            modules=tuple(modules),
            dialect=self.dialect if dialect is None else dialect,
            converters={**{replacing(old): converter for old, converter in self.converters.items()}, **given},
            origins={**self.origins, **{new: self.stored(old) for new, old in replacing.origins.items()}},
        )


def _replaced(module: Module, classes: converting.Replacing, segments: Mapping[str, PathParameter]) -> Module:
    """Return a module with other classes and segments in its operations; stored objects do not change."""
    interfaces = tuple(
        replace(
            interface,
            operations=tuple(
                replace(
                    o,
                    parameters=tuple(segments.get(parameter.name, parameter) for parameter in o.parameters),
                    query=classes(o.query),
                    body=classes(o.body),
                    returns=classes(o.returns),
                    result=classes(o.result),
                )
                for o in interface.operations
            ),
        )
        for interface in module.interfaces
    )
    return replace(module, interfaces=interfaces)


def version_order(number: str) -> tuple[int, ...]:
    """Sort key of version numbers, by value and not by text: 2.10 comes after 2.2 (VER-15)."""
    return tuple(int(part) if part.isdigit() else -1 for part in number.split("."))
