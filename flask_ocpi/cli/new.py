"""The command that writes a small app to begin with."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

import click

from flask_ocpi.cli.arguments import party_given
from flask_ocpi.cli.output import command
from flask_ocpi.cli.output import refusal
from flask_ocpi.cli.output import say
from flask_ocpi.storage.base import Party

_ROLES = {
    "cpo": (Party.of("NL", "ABC"), "Abc Charging", "emsp"),
    "emsp": (Party.of("DE", "EMS"), "Ems Mobility", "cpo"),
    "hub": (Party.of("BE", "HUB"), "Crossroads", "cpo"),
}
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
    templates = files("flask_ocpi.cli") / "templates"
    for folder in ("common", role):
        for name, template in _walk(templates / folder):
            target = directory / name
            target.parent.mkdir(parents=True, exist_ok=True)
            text = Template(template.read_text(encoding="utf-8")).substitute(values)
            target.write_text(text, encoding="utf-8")
            yield name


def _walk(folder: Traversable, above: str = "") -> Iterator[tuple[str, Traversable]]:
    """Yield the templates below a folder with the names of what is made of them."""
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _walk(entry, f"{above}{entry.name}/")
        elif entry.name.endswith(".txt"):
            name = entry.name.removesuffix(".txt")
            yield above + _HIDDEN.get(name, name), entry
