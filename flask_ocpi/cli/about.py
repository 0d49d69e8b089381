"""Commands about this platform: its storage, what it serves, its OpenAPI documents."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from typing import TypeVar

import click
import orjson
from flask import current_app

from flask_ocpi.cli.output import command
from flask_ocpi.cli.output import refusal
from flask_ocpi.cli.output import say
from flask_ocpi.cli.output import show
from flask_ocpi.cli.output import table
from flask_ocpi.cli.output import tell
from flask_ocpi.cli.output import wants_json
from flask_ocpi.cli.output import warn
from flask_ocpi.cli.output import written_whole
from flask_ocpi.core.advice import nearest
from flask_ocpi.core.description import Interface
from flask_ocpi.core.description import Module
from flask_ocpi.core.description import Operation
from flask_ocpi.core.description import Version
from flask_ocpi.exchange import journal_groups
from flask_ocpi.host.checks import settings_in_force
from flask_ocpi.web.blueprints import url_rule
from flask_ocpi.web.current import current_ocpi
from flask_ocpi.web.pages import openapi_document
from flask_ocpi.web.setup import kinds

T = TypeVar("T")

_PACKAGE = Path(__file__).parent.parent


@command("init-db", short_help="Create missing tables.")
def init_db() -> None:
    """Make the storage ready: create missing tables, and adapt a database of an earlier state. It may be run again.

    Copies of an earlier state without a sender are assigned to the platform that speaks for their party now. The
    journal's references of an earlier state become groups.
    """
    storage = current_ocpi.storage
    storage.setup()
    storage.check()
    adopted = current_ocpi.copies.adopt()
    references = journal_groups.adopt(storage, most=sys.maxsize)
    services = current_ocpi.services
    names = kinds((services.own, *services.versions))
    copies = {"adopted": adopted.moved, "unknown": adopted.left}
    lines = [f"{storage} is ready.", f"It keeps {', '.join(names)}."]
    if references:
        lines.append(f"The journal's {references} references of an earlier state are in groups now.")
    if adopted.moved:
        lines.append(
            f"Of copies that did not say who sent them, {adopted.moved} now belong to the platform of their party."
        )
    tell({"storage": str(storage), "kinds": list(names), "copies": copies}, "\n".join(lines))
    if adopted.left and not wants_json():
        warn(
            f"Who sent {adopted.left} of the copies is not known, so no platform can read them. "
            "`flask ocpi copies list` counts them; `flask ocpi copies move - PLATFORM` gives them to a platform."
        )


@command(short_help="List modules, interfaces and operations.")
@click.option("-v", "--verbose", is_flag=True, help="Also list every operation: URL, schemas, handler, view.")
@click.option("--version", help="Only this version of OCPI.")
def modules(verbose: bool, version: str | None) -> None:
    """List the modules and interfaces that this platform serves, in each version of OCPI."""
    served = {served.number: served for served in current_ocpi.services.versions}
    versions = [_served_version(served, version)] if version else list(served.values())
    if wants_json():
        return show({v.number: [_module(v, m, verbose=verbose) for m in v.modules] for v in versions})
    for shown in versions:
        say(f"OCPI {shown.number}\n")
        rows = [
            (m.id, "both sides" if m.single else ", ".join(_interfaces(m)) or "-", _about(m)) for m in shown.modules
        ]
        say("\n".join(f"  {line}" for line in table(("MODULE", "SERVED", "ABOUT"), rows).splitlines()))
        if verbose:
            say("\n".join(_operation_lines(shown)))
    return None


@command(short_help="Print the OpenAPI document.")
@click.option("--version", help="The version of OCPI; by default the latest one served.")
@click.option("--output", type=click.Path(dir_okay=False), help="Write to this file instead of stdout.")
def openapi(version: str | None, output: str | None) -> None:
    """Print the OpenAPI document of this platform.

    Its server is OCPI_BASE_URL, or / without it. With --output and --json, stdout reports the written file.
    """
    specs = current_ocpi.specs
    number = version or list(specs)[-1]
    document = openapi_document(_served_version(specs, number), current_ocpi.services.settings.base_url or "/")
    if output is None:
        return show(document)
    with written_whole(output) as file:
        file.write(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
    text = f"Wrote the OpenAPI document of OCPI {number} to {output}."
    return tell({"output": output, "version": number}, text)


@command(short_help="List the settings in force.")
@click.argument("name", required=False)
@click.option("--changed", is_flag=True, help="Only those that differ from their default.")
def settings(name: str | None, changed: bool) -> None:
    """List the settings in force: value, source, meaning. NAME is a setting, or a part of the names of several.

    The source is "environment" for a variable such as FLASK_OCPI_BASE_URL that the app has read.
    """
    found = settings_in_force(current_ocpi.services.settings, current_app.config)
    if name is not None:
        wanted = name.upper().removeprefix("OCPI_")
        keys = [item.key for item in found if item.key == f"OCPI_{wanted}"] or [i.key for i in found if wanted in i.key]
        if not keys:
            near = nearest(f"OCPI_{wanted}", [item.key for item in found])
            raise refusal(f"There is no setting {name}.", f"Did you mean {near}?")
        found = [item for item in found if item.key in keys]
    if changed:
        found = [item for item in found if item.value != item.default]
    values = ("not set" if item.value is None else orjson.dumps(item.value).decode() for item in found)
    lines = [f"{i.key} = {value}  ({i.source})\n    {i.meaning}" for i, value in zip(found, values, strict=True)]
    tell([item.to_dict() for item in found], "\n".join(lines) or "Every setting has its default.")


def _served_version(versions: Mapping[str, T], number: str) -> T:
    """Return the entry of a version; refuse a version that is not served."""
    if number not in versions:
        raise refusal(f"OCPI {number} is not served here; there is {', '.join(versions)}.")
    return versions[number]


def _about(module: Module) -> str:
    return f"{module.description} Goes with {', '.join(module.requires)}." if module.requires else module.description


def _interfaces(module: Module) -> list[str]:
    if module.single:
        return ["SENDER", "RECEIVER"]
    return [i.role.value for i in module.interfaces if current_ocpi.services.serves(module, i.role)]


def _module(version: Version, module: Module, *, verbose: bool) -> dict[str, Any]:
    document: dict[str, Any] = {
        "id": module.id,
        "description": module.description,
        "requires": list(module.requires),
        "interfaces": _interfaces(module),
    }
    if verbose:
        document["operations"] = [_operation(version, module, *pair) for pair in _served(module)]
    return document


def _served(module: Module) -> list[tuple[Interface, Operation]]:
    interfaces = [i for i in module.interfaces if current_ocpi.services.serves(module, i.role)]
    return [(interface, operation) for interface in interfaces for operation in interface.operations]


def _operation(version: Version, module: Module, interface: Interface, operation: Operation) -> dict[str, Any]:
    returns = operation.returns.__name__ if operation.returns else None
    return {
        "name": operation.name,
        "interface": None if module.single else interface.role.value,
        "method": operation.method,
        "url": url_rule(current_ocpi.services, version, module, interface, operation),
        "body": operation.body.__name__ if operation.body else None,
        "returns": f"list of {returns}" if returns and operation.returns_list else returns,
        "result": operation.result.__name__ if operation.result else None,
        "handler": _place(operation.handler),
        "view": f"ocpi_{version.slug}_{module.id}.{module.view_name(interface.role, operation)}",
    }


def _operation_lines(version: Version) -> list[str]:
    lines = []
    for module in version.modules:
        for interface, operation in _served(module):
            about = _operation(version, module, interface, operation)
            said = (("takes", about["body"]), ("returns", about["returns"]), ("later sends", about["result"]))
            schemas = [f"{does} {schema}" for does, schema in said if schema]
            lines += [
                "",
                f"  {about['method']:<6} {about['url']}",
                f"         {about['name']}: {', '.join(schemas) or 'no object'}",
                f"         {about['handler']}  {about['view']}",
            ]
    return lines


def _place(handler: Any) -> str:
    """Return the place of a handler in the source, as file:line, from the folder of this package."""
    code = getattr(handler, "__code__", None)
    if code is None:
        return repr(handler)
    path = Path(code.co_filename)
    shown = path.relative_to(_PACKAGE.parent) if path.is_relative_to(_PACKAGE) else path
    return f"{shown.as_posix()}:{code.co_firstlineno}"
