"""Commands to begin with, which need no app: write a small app, print an example of a class."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from string import Template

import click

from flask_ocpi.cli.arguments import party_given
from flask_ocpi.cli.output import command
from flask_ocpi.cli.output import refusal
from flask_ocpi.cli.output import say
from flask_ocpi.cli.output import show
from flask_ocpi.core.advice import nearest
from flask_ocpi.core.description import Version
from flask_ocpi.core.schema import Schema
from flask_ocpi.storage.base import Party
from flask_ocpi.versions import V2_2_1
from flask_ocpi.versions import VERSIONS
from flask_ocpi.web.examples import examples_of

_ROLES = {
    "cpo": (Party.of("NL", "ABC"), "Abc Charging", "emsp"),
    "emsp": (Party.of("DE", "EMS"), "Ems Mobility", "cpo"),
    "hub": (Party.of("BE", "HUB"), "Crossroads", "cpo"),
}
_TEMPLATES = Path(__file__).parent / "templates"
_HIDDEN = {"gitignore": ".gitignore"}
_NOT_IN_NAMES = frozenset('"\\$')


@command(short_help="Write a small app to begin with.", json=False, app=False)
@click.argument("role", type=click.Choice(list(_ROLES)))
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option("--party", callback=party_given, help="The party of the app, such as NL-ABC.")
@click.option("--name", help="The name of the company.")
def new(role: str, directory: Path, party: Party | None, name: str | None) -> None:
    """Write a small working app for ROLE into DIRECTORY, with hooks, sample data and tests. It needs no app.

    DIRECTORY is made if it is missing; one with anything in it is refused.
    """
    if directory.exists() and any(directory.iterdir()):
        raise refusal(f"{directory} is not empty.", "Name a directory that is new or empty.")
    own, company, partner = _ROLES[role]
    own, company = party or own, name or company
    if not company.isprintable() or _NOT_IN_NAMES & set(company):
        raise refusal("The name has a quote, a backslash, a dollar or a line break.", "Leave these out.")
    values = {
        "role": role.upper(),
        "country_code": own.country_code,
        "party_id": own.party_id,
        "name": company,
        "partner": partner,
    }
    written = sorted(write(role, directory, values))
    here = "" if directory.resolve() == Path.cwd() else f"  cd {directory}\n"
    sample = "" if role == "hub" else "  flask sample-data\n"
    say(
        f"Written to {directory}: {', '.join(written)}.\n\nNext:\n\n{here}  pip install -r requirements.txt\n  pytest\n"
        f"{sample}  flask run --debug\n"
        f"  flask ocpi sandbox --role {partner:<8} # in another terminal: start a partner\n"
        "  flask ocpi register URL TOKEN      # in a third one, here: URL and token from the sandbox"
    )


def write(role: str, directory: Path, values: dict[str, str]) -> Iterator[str]:
    """Write the files of a role with these values; yield the name of each."""
    for folder in (_TEMPLATES / "common", _TEMPLATES / role):
        for template in folder.rglob("*.txt"):
            name = template.relative_to(folder).as_posix().removesuffix(".txt")
            name = _HIDDEN.get(name, name)
            target = directory / name
            target.parent.mkdir(parents=True, exist_ok=True)
            text = Template(template.read_text(encoding="utf-8")).substitute(values)
            target.write_text(text, encoding="utf-8")
            yield name


@command(short_help="Print an example of a class.", json=False, app=False)
@click.argument("name", metavar="CLASS", required=False)
@click.option("--version", "number", help="Its version of OCPI; by default 2.2.1, or the first one that has the class.")
@click.option("--required", is_flag=True, help="Only the required properties.")
@click.option("--party", callback=party_given, metavar="CC-PID", help="Its owner, instead of NL-ABC.")
@click.option("--wrap", is_flag=True, help="Put the object into the document that `flask ocpi import` takes.")
@click.option("--list", "as_list", is_flag=True, help="List the classes instead.")
def example(
    name: str | None, number: str | None, required: bool, party: Party | None, wrap: bool, as_list: bool
) -> None:
    """Print a valid JSON example of a class, such as tariff, EVSE or cdrs. It needs no app.

    What 2.2.1 says is in the shape that is stored; import an example of another version with the same --version.
    """
    versions = [version for version in dict.fromkeys((V2_2_1, *VERSIONS)) if number in (None, version.number)]
    if not versions:
        raise refusal(f"OCPI {number} is not known; there is {', '.join(version.number for version in VERSIONS)}.")
    if as_list:
        return say("\n".join(sorted({schema.__name__ for version in versions for schema in version.classes()})))
    if name is None:
        raise click.UsageError("Name a class, or list them with --list.")
    version, schema = _found(name, versions)
    examples = examples_of(version)
    document = examples.required(schema) if required else examples.full(schema)
    if schema().validate(document):  # the rules of the class need more than the required properties
        document = examples.full(schema)
    if party is not None:
        own = {"country_code": party.country_code, "party_id": party.party_id}
        document = {**document, **{key: value for key, value in own.items() if key in document}}
    if not wrap:
        return show(document)
    keys = _keys(version)
    if schema.__name__ not in keys:
        raise refusal(f"{schema.__name__} is not imported by itself: use one of {', '.join(keys)}.")
    return show({keys[schema.__name__]: [document]})


def _found(name: str, versions: list[Version]) -> tuple[Version, type[Schema]]:
    """Return a class by its name or the id of its module, in the first version that has it."""
    known: dict[str, str] = {}
    for version in versions:
        names = {_plain(schema.__name__): schema for schema in version.classes()}
        names |= {_plain(key): names[_plain(cls)] for cls, key in _keys(version).items()}
        if _plain(name) in names:
            return version, names[_plain(name)]
        known |= {plain: schema.__name__ for plain, schema in names.items()}
    near = known[nearest(_plain(name), known)]
    numbers = ", ".join(version.number for version in versions)
    raise refusal(f"There is no class {name} in OCPI {numbers}.", f"Did you mean {near}? `--list` lists all.")


def _keys(version: Version) -> dict[str, str]:
    """Return the names of the classes of stored objects, each with the key that ``flask ocpi import`` has for it."""
    return {kind.schema.__name__: str(module.id) for module in version.modules for kind in module.objects}


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
