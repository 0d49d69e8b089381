"""Write the pages of the reference that follow from the code: the objects of each version, settings and errors.

``python -m scripts.reference_pages`` writes the pages; ``--check`` compares them, and exits with 1 if one is stale.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask_ocpi.core.config import SETTINGS
from flask_ocpi.core.converting import class_in
from flask_ocpi.core.converting import fields_of
from flask_ocpi.core.description import Version
from flask_ocpi.core.fields import Boolean
from flask_ocpi.core.fields import CiString
from flask_ocpi.core.fields import DateTime
from flask_ocpi.core.fields import Enum
from flask_ocpi.core.fields import Integer
from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.fields import Number
from flask_ocpi.core.fields import String
from flask_ocpi.core.fields import Url
from flask_ocpi.core.schema import Schema
from flask_ocpi.versions import VERSIONS
from flask_ocpi.web.examples import examples_of
from scripts.error_page import error_page

DOCS = Path(__file__).resolve().parents[1] / "docs"
#: The headings of the page of settings, by the first key below each: flask_ocpi.core.config has them in this order.
GROUPS = {
    "OCPI_PARTIES": "Platform",
    "OCPI_NEW_ROLES": "Registrations and tokens",
    "OCPI_PAGE_LIMIT": "Requests and lists",
    "OCPI_UNKNOWN_FIELDS": "What is accepted",
    "OCPI_COMMAND_TIMEOUT": "Commands and charging profiles",
    "OCPI_DISPATCHER": "Push",
    "OCPI_SYNC_INTERVAL": "Sync",
    "OCPI_JOURNAL": "Journal and findings",
    "OCPI_AUDIT": "Prices",
    "OCPI_HEALTH": "Pages and tables",
    "OCPI_HTTP_ALLOW_PRIVATE": "Calls to partners",
}
COMMAND = "python -m scripts.reference_pages"
_WRITTEN = "<!-- Written by scripts/reference_pages.py: change the code instead. -->"


def main(*arguments: str) -> int:
    stale = [path for path, text in pages().items() if not path.exists() or path.read_text() != text]
    if "--check" in arguments:
        for path in stale:
            print(f"{path.relative_to(DOCS.parent)} is out of date: {COMMAND}")
        return 1 if stale else 0
    for path in stale:
        path.write_text(pages()[path])
        print(f"Wrote {path.relative_to(DOCS.parent)}.")
    return 0


def pages() -> Mapping[Path, str]:
    """Return the text of each page by its path."""
    found = {DOCS / f"objects-{version.number}.md": "\n".join(_objects(version)) + "\n" for version in VERSIONS}
    others = {"settings": _settings(), "errors": _errors()}
    return {**found, **{DOCS / f"{name}.md": "\n".join(lines) + "\n" for name, lines in others.items()}}


def _errors() -> Iterator[str]:
    yield f"# Errors\n\n{_WRITTEN}\n"
    yield from error_page()


def _objects(version: Version) -> Iterator[str]:
    classes = sorted(version.classes(), key=lambda schema: schema.__name__)
    stored = {kind.schema.__name__: str(module.id) for module in version.modules for kind in module.objects}
    enums: dict[str, list[Enum]] = {}
    for schema in classes:
        for field in _enums_in(schema):
            enums.setdefault(field.enum.__name__, []).append(field)
    yield f"# Objects of OCPI {version.number}"
    yield f"\n{_WRITTEN}\n"
    yield (
        "Every class that partners exchange, with its properties and an example. "
        f"`flask ocpi example CLASS --version {version.number}` prints further ones."
    )
    if version.number == "2.2.1":
        yield "The host application saves and reads objects in this shape, whatever version a partner speaks."
    yield "\nObjects by module: " + ", ".join(f"[{module}](#{name.lower()})" for name, module in stored.items()) + "."
    for schema in classes:
        yield from _class(version, schema, is_complete=schema.__name__ in stored)
    yield "\n## Enums\n"
    yield "| Enum | Values |"
    yield "|---|---|"
    for name, fields in sorted(enums.items()):
        values = [f"`{value}`" for value in fields[0].enum if any(value in field.values for field in fields)]
        yield f"| {name} | {', '.join(values)}{', and others' * any(field.open for field in fields)} |"


def _class(version: Version, schema: type[Schema], *, is_complete: bool) -> Iterator[str]:
    examples = examples_of(version)
    yield f"\n## {schema.__name__}\n"
    yield _summary(schema)
    yield "\n| Property | Type | Required | Meaning |"
    yield "|---|---|---|---|"
    for name, field in fields_of(schema).items():
        required = "yes" if field.required else ""
        yield f"| `{name}` | {_type(field)} | {required} | {field.metadata.get('description', '')} |"
    document = examples.full(schema) if is_complete else examples.required(schema)
    if schema().validate(document):
        document = examples.full(schema)
    yield f"\n```json\n{json.dumps(document, indent=2, ensure_ascii=False)}\n```"


def _summary(schema: type[Schema]) -> str:
    return str(schema.__doc__).partition("\n\n")[0].replace("\n    ", " ").strip()


def _type(field: Any) -> str:
    if isinstance(field, ListOf):
        return f"list of {_type(field.inner)}{', not empty' * field.required}"
    nested = class_in(field)
    if nested is not None:
        return f"[{nested.__name__}](#{nested.__name__.lower()})"
    if isinstance(field, Enum):
        return f"[{field.enum.__name__}](#enums)"
    if isinstance(field, Integer):
        return "int"
    for kind, name in ((CiString, "CiString"), (String, "string")):
        if isinstance(field, kind):
            return f"{name}({field.max})"
    simple = {DateTime: "DateTime", Boolean: "boolean", Number: "number", Url: "URL"}
    return next((name for kind, name in simple.items() if isinstance(field, kind)), "string")


def _enums_in(schema: type[Schema]) -> Iterator[Enum]:
    for field in fields_of(schema).values():
        inner = field.inner if isinstance(field, ListOf) else field
        if isinstance(inner, Enum):
            yield inner


def _settings() -> Iterator[str]:
    yield "# Settings"
    yield f"\n{_WRITTEN}\n"
    yield (
        "Keys of `app.config`, all optional but `OCPI_PARTIES`. [Configuration](configuration.md) tells how they are "
        "read; `flask ocpi settings` lists them with their values in an app."
    )
    for setting in SETTINGS:
        if setting.key in GROUPS:
            yield f"\n## {GROUPS[setting.key]}\n"
            yield "| Key | Type | Default | Meaning |"
            yield "|---|---|---|---|"
        default = "" if setting.default in (None, (), {}) else f"`{_shown(setting.default)}`"
        yield f"| `{setting.key}` | {setting.kind.type} | {default} | {setting.doc} |"


def _shown(default: object) -> str:
    return json.dumps(list(default)) if isinstance(default, tuple) else str(default)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
