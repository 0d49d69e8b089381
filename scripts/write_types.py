"""Write the types of OCPI's classes and enums, and the overloads that use them, from the schemas.

``python -m scripts.write_types`` writes the files; tests/test_types.py compares them with what it would write.
"""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from subprocess import PIPE
from typing import cast

from flask_ocpi.core import enums as core_enums
from flask_ocpi.core.description import Module
from flask_ocpi.core.description import ObjectType
from flask_ocpi.core.description import Operation
from flask_ocpi.core.description import Version
from flask_ocpi.core.enums import ModuleID
from flask_ocpi.core.fields import Boolean
from flask_ocpi.core.fields import Enum
from flask_ocpi.core.fields import Field
from flask_ocpi.core.fields import Integer
from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.fields import Number
from flask_ocpi.core.schema import Object
from flask_ocpi.core.schema import Schema
from flask_ocpi.modules import enums as module_enums
from flask_ocpi.modules import payments_schemas
from flask_ocpi.modules.bookings_schemas import Booking
from flask_ocpi.modules.enums import ReservationRequestStatus
from flask_ocpi.modules.tokens import AuthorizationInfo
from flask_ocpi.versions import V2_2_1
from flask_ocpi.versions import V2_3_0
from flask_ocpi.versions import stored

ROOT = Path(__file__).parents[1]
TYPES = Path("flask_ocpi/core/types")
SAVES = Path("flask_ocpi/exchange/typed_saves.py")
READS = Path("flask_ocpi/exchange/typed_reads.py")

#: The modules whose classes are in the first file of classes; the second one builds on it.
FIRST = ("locations_schemas", "types", "credentials", "versions", "hubclientinfo")

#: The modules whose classes are in the third one.
ADDED = ("invoicereconciliation", "payments_schemas", "bookings_schemas")

FILES = ("places", "charging", "added")

#: Classes that only other versions have, and that are stored in those.
FIRST_ADDED = ("EVSEParking", "Parking", "TaxAmount")

#: Added and taken away by the extension itself, so that host applications never see it.
HIDDEN = "response_url"

WRITTEN = "Written by scripts/write_types.py: change the schemas instead."


def files() -> dict[Path, str]:
    """Return the text of each file by its path below the root of the repository."""
    texts = {
        TYPES / "__init__.py": _exports(),
        TYPES / "enums.py": _literals(),
        TYPES / "places.py": _typed_dicts("places", "The classes of locations, parties and endpoints"),
        TYPES / "charging.py": _typed_dicts("charging", "The classes of charging and what it costs"),
        TYPES / "added.py": _typed_dicts("added", "The classes of the modules of 2.3.0"),
        SAVES: _saves(),
        READS: _reads(),
    }
    return {path: _formatted(path, text) for path, text in texts.items()}


def classes() -> list[type[Schema]]:
    """Return the classes of all bodies, answers and results, each after those that it is made of."""
    found: dict[type[Schema], None] = {}

    def visit(schema: type[Schema]) -> None:
        if schema not in found:
            for field in schema._declared_fields.values():
                inner = field.inner if isinstance(field, ListOf) else field
                if isinstance(inner, Object):
                    visit(V2_2_1.stored(inner.nested))
            found[schema] = None

    for version, operation in _operations():
        for schema in (operation.body, operation.returns, operation.result):
            if isinstance(schema, type) and issubclass(schema, Schema):
                visit(version.stored(schema))
    return list(found)


def object_types() -> list[tuple[str, ObjectType]]:
    """Return the classes of stored objects with the ids of their modules."""
    return [(str(module.id), kind) for module in (*V2_2_1.modules, *_added()) for kind in module.objects]


def _added() -> list[Module]:
    """Return the modules that 2.2.1 does not have."""
    known = {module.id for module in V2_2_1.modules}
    return [module for module in V2_3_0.modules if module.id not in known]


def _operations() -> Iterator[tuple[Version, Operation]]:
    yield from ((V2_2_1, operation) for _, _, operation in V2_2_1.operations())
    added = {module.id for module in _added()}
    yield from ((V2_3_0, operation) for module, _, operation in V2_3_0.operations() if module.id in added)


def main() -> None:
    for path, text in files().items():
        (ROOT / path).write_text(text)
    print(f"Wrote {len(files())} files.")


def _exports() -> str:
    imports = [f"from flask_ocpi.core.types.{name} import *" for name in ("enums", *FILES)]
    return _text(
        f'''
        """The types of what is saved, received and sent, for editors and type checkers; at run time they are dicts.

        {WRITTEN}

        A class is a TypedDict with its required and optional properties. ``LocationChanges`` and its like are what
        ``ocpi.patch`` takes: nothing is required, what identifies the object is left out, and None clears what is
        optional. An enum is a Literal of its values.
        """
        ''',
        *imports,
    )


def _literals() -> str:
    lines = []
    for enum in _enums():
        values = ", ".join(f'"{member.value}"' for member in enum)
        literal = f"{enum.__name__} = Literal[{values}]"
        if _is_public(enum):
            literal += f" | _enums.{enum.__name__}"
        lines.append(f"#: {_summary(enum)}")
        lines += textwrap.wrap(literal, 116, subsequent_indent="    ", break_on_hyphens=False)
    return _text(
        f'''
        """The values of OCPI's enums.

        {WRITTEN}
        """
        ''',
        "from typing import Literal",
        "from flask_ocpi.core import enums as _enums",
        "# fmt: off",
        *lines,
    )


def _typed_dicts(name: str, about: str) -> str:
    bodies: list[str] = []
    for schema in classes():
        if _file_of(schema) != name:
            continue
        bodies.append(_typed_dict(schema.__name__, _summary(schema), _properties(schema)))
        if schema in _changing():
            text = f"The properties of {schema.__name__} that can be changed; None clears an optional one."
            bodies.append(_typed_dict(f"{schema.__name__}Changes", text, _changes(schema), total=False))
        if issubclass(schema, AuthorizationInfo):
            text = "The properties of AuthorizationInfo that an authorizer may return; the others are added."
            parts = {name: _type_of(field) for name, field in _fields(schema)}
            bodies.append(_typed_dict("AuthorizationAnswer", text, parts, total=False))
        if issubclass(schema, Booking):
            text = "The properties of a Booking that the hook for bookings may set, with its answer to the request."
            parts = {"request_status": f"enums.{ReservationRequestStatus.__name__}", **_changes(schema)}
            bodies.append(_typed_dict("BookingAnswer", text, parts, total=False))
    body = re.sub(rf"(?<=[\[ ]){name}\.(?=[A-Z])", "", "\n".join(bodies))
    return _text(
        f'''
        """{about}.

        {WRITTEN}
        """
        ''',
        *(f"from typing import {name}" for name in ("NotRequired", "TypedDict")),
        *(f"from flask_ocpi.core.types import {file}" for file in ("enums", *FILES) if f"{file}." in body),
        body,
    )


def _typed_dict(name: str, about: str, properties: dict[str, str], *, total: bool = True) -> str:
    lines = [f"    {property}: {type}" for property, type in properties.items()]
    bases = "TypedDict" if total else "TypedDict, total=False"
    return "\n".join([f"class {name}({bases}):", f'    """{about}"""', "", *lines, ""])


def _properties(schema: type[Schema]) -> dict[str, str]:
    return {
        name: _type_of(field) if field.required else f"NotRequired[{_type_of(field)}]"
        for name, field in _fields(schema)
        if name != HIDDEN
    }


def _changes(schema: type[Schema]) -> dict[str, str]:
    identity = _changing()[schema]
    return {
        name: _type_of(field) if field.required else f"{_type_of(field)} | None"
        for name, field in _fields(schema)
        if name not in identity
    }


def _changing() -> dict[type[Schema], Sequence[str]]:
    """Return the classes that can be changed, with the names of what identifies them."""
    found: dict[type[Schema], Sequence[str]] = {}
    for _, kind in object_types():
        if not kind.final:
            found[V2_2_1.stored(kind.schema)] = kind.key
            found.update({V2_2_1.stored(part.schema): (part.key,) for part in kind.parts})
    return found


def _fields(schema: type[Schema]) -> Iterator[tuple[str, Field]]:
    for name, field in schema._declared_fields.items():
        yield name, cast(Field, field)


def _type_of(field: Field) -> str:
    match field:
        case ListOf():
            return f"list[{_type_of(field.inner)}]"
        case Object():
            nested = cast("type[Schema]", field.nested)
            return f"{_file_of(nested)}.{nested.__name__}"
        case Enum():
            return f"enums.{field.enum.__name__}"
        case Boolean():
            return "bool"
        case Integer():
            return "int"
        case Number():
            return "float"
        case _:
            return "str"


def _saves() -> str:
    saves, patches = [], []
    for module, kind in object_types():
        ids = _ids(kind)
        type = f"types.{kind.schema.__name__}"
        saves.append(_overload(f"{_module(module)}, document: {type}, {_SAVING}", "Saved"))
        for parts, schema in () if kind.final else _levels(kind):
            changes = f"types.{schema.__name__}Changes"
            patches.append(_overload(f"{_module(module)}{ids}{parts}, /, *, changes: {changes}, {_CHANGING}", type))
    saves.append(_overload(f"module: str, document: Document, {_SAVING}", "Saved"))
    saves.append(_overload(f"module: str, document: dict[str, Any], *, {_CONVERTING}, {_SAVING}", "Saved"))
    patches.append(_overload(f"module: str, *ids: str, changes: Document, {_CHANGING}", "dict[str, Any]"))
    return _calls(
        "How own objects are saved and changed",
        _options("Saving", "The options of a save", f"audience: Iterable[Party] | None, {_SESSION}", total=False),
        _options("Changing", "The options of a change", f"party: Party | None, {_SESSION}", total=False),
        *_protocol("Save", "Creates or replaces an own object.", saves),
        *_protocol("Patch", "Changes an own object, or a part of it, and returns the whole object.", patches),
        _objects(),
        *_protocol("SaveAll", "Saves many own objects, all or none.", [_SAVE_ALL]),
    )


def _reads() -> str:
    gets, copies = [], []
    for module, kind in object_types():
        copies.append(_overload(f"{_module(module)}{_ids(kind)}, /, {_COPIES}", f"types.{kind.schema.__name__}"))
        for parts, schema in _levels(kind):
            gets.append(_overload(f"{_module(module)}{_ids(kind)}{parts}, /, *, {_PARTY}", f"types.{schema.__name__}"))
    gets.append(_overload(f"module: str, *ids: str, {_PARTY}", "dict[str, Any]"))
    copies.append(_overload(f"module: str, *ids: str, {_COPIES}", "dict[str, Any]"))
    return _calls(
        "How own objects and copies are read",
        _options("CopyOf", "The owner of a copy, its sender and its receiver", _OWNER),
        *_protocol("Get", "Returns an own object, or a part of it.", gets),
        *_protocol("GetCopy", "Returns the copy of an object of another party.", copies),
    )


def _module(id: str) -> str:
    member = f", ModuleID.{ModuleID(id).name}" if id in set(ModuleID) else ""
    return f'module: Literal["{id}"{member}]'


def _ids(kind: ObjectType) -> str:
    return "".join(f", {id}: str" + " = ..." * (id in dict(kind.defaults)) for id in kind.id_key)


def _levels(kind: ObjectType) -> Iterator[tuple[str, type[Schema]]]:
    """Return the parameters that address an object or a part below its ids, with its class."""
    for level, schema in enumerate([kind.schema, *(part.schema for part in kind.parts)]):
        yield "".join(f", {part.name}_{part.key}: str" for part in kind.parts[:level]), schema


def _calls(about: str, *lines: str) -> str:
    return "\n".join(
        [f'"""{about}, with the types of each module, for type checkers.', "", WRITTEN, '"""', _OPENING, *lines]
    )


def _objects() -> str:
    """Return a TypedDict by ids of modules, which are no names of Python where they have hyphens."""
    types = {module: f"Iterable[types.{kind.schema.__name__} | Document]" for module, kind in object_types()}
    return f"#: Objects of several modules, to be saved together.\nObjects = TypedDict('Objects', {types}, total=False)"


def _protocol(name: str, about: str, overloads: Sequence[str]) -> list[str]:
    return [f"class {name}(Protocol):", f'    """{about}"""', "", *overloads]


def _options(name: str, about: str, options: str, *, total: bool = True) -> str:
    return _typed_dict(name, f"{about}.", dict(option.split(": ") for option in options.split(", ")), total=total)


def _overload(parameters: str, returns: str) -> str:
    return f"    @overload\n    def __call__(self, {parameters}) -> {returns}: ...\n"


_PARTY = "party: Party | None = None"
_SESSION = "session: HostSession | None"
_OWNER = "owner: Party, platform: NotRequired[Platform | str | None], receiver: NotRequired[Party | None]"
_SAVING = "**options: Unpack[Saving]"
_CONVERTING = "version: str | None, party: Party | None = None"
_CHANGING = "**options: Unpack[Changing]"
_COPIES = "**copy: Unpack[CopyOf]"

_SAVE_ALL = """
    def __call__(
        self,
        documents: Objects
        | Mapping[str, Iterable[Document]]
        | Iterable[tuple[str, Iterable[Document]]]
        | Callable[[], Iterable[tuple[str, Iterable[Document]]]],
        *,
        progress: Callable[[], None] = ...,
        may_widen: bool = False,
        withheld: Callable[[str, Key], None] = ...,
        session: HostSession | None = None,
        version: str | None = None,
        party: Party | None = None,
    ) -> int: ...
"""

_OPENING = """
# mypy: disable-error-code="overload-overlap"

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from typing import Any
from typing import Literal
from typing import NotRequired
from typing import Protocol
from typing import TypedDict
from typing import Unpack
from typing import overload

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping

    from flask_ocpi.core import types
    from flask_ocpi.core.enums import ModuleID
    from flask_ocpi.exchange.documents import Saved
    from flask_ocpi.exchange.typed import Document
    from flask_ocpi.partners.platforms import Platform
    from flask_ocpi.storage.base import HostSession
    from flask_ocpi.storage.base import Key
    from flask_ocpi.storage.base import Party
"""


def _enums() -> list[type[StrEnum]]:
    modules = (core_enums, module_enums, stored, payments_schemas)
    members = {name: item for module in modules for name, item in vars(module).items()}.values()
    return [item for item in members if isinstance(item, type) and issubclass(item, StrEnum) and item is not StrEnum]


def _is_public(enum: type[StrEnum]) -> bool:
    return enum.__module__ == core_enums.__name__


def _summary(cls: type) -> str:
    return str(cls.__doc__).partition("\n")[0]


def _file_of(schema: type[Schema]) -> str:
    modules = (cls.__module__.rpartition(".")[2] for cls in schema.__mro__)
    home = next(name for name in modules if name != "stored")
    if home in ADDED:
        return "added"
    return "places" if home in FIRST or schema.__name__ in FIRST_ADDED else "charging"


def _text(opening: str, *lines: str) -> str:
    return "\n".join([textwrap.dedent(opening).strip(), *lines, ""])


def _formatted(path: Path, text: str) -> str:
    name = ["--stdin-filename", str(ROOT / path), "-"]
    for command in (["check", "--select", "I,F401", "--fix", "-q", *name], ["format", "-q", *name]):
        done = subprocess.run([sys.executable, "-m", "ruff", *command], input=text, stdout=PIPE, text=True, check=True)
        text = done.stdout
    return text


if __name__ == "__main__":
    main()
