"""The commands on the pages are commands that there are, with the arguments and options that they take."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from flask_ocpi.cli import ocpi as group
from tests.pages.site import DOCS
from tests.pages.site import OUTSIDE
from tests.pages.site import PAGES
from tests.pages.site import name

LINE = re.compile(r"^ *(?:\$ )?(?:[A-Z_]+=\S+ +)*flask ocpi (\S.*)$", re.MULTILINE)
INLINE = re.compile(r"`flask ocpi ([^`]+)`")


def commands() -> dict[str, click.Command]:
    """Return each command by what is typed behind ``flask ocpi``."""

    def below(path: tuple[str, ...], command: click.Command) -> Iterator[tuple[str, click.Command]]:
        if isinstance(command, click.Group):
            for each, member in command.commands.items():
                yield from below((*path, each), member)
        else:
            yield " ".join(path), command

    return dict(below((), group))


def written(path: Path) -> Iterator[str]:
    """Yield the commands in the blocks of a page and within its sentences."""
    text = path.read_text()
    for block in re.findall(r"^ *```(?:sh|text|console)\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE):
        yield from LINE.findall(block)
    prose = re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)
    yield from (" ".join(each.split()) for each in INLINE.findall(prose))


def wrong(line: str) -> str | None:
    """Return what is wrong with a command, or None: words in capitals and dots stand for values."""
    words = shlex.split(re.split(r" [|>] ?", line.replace("\\", ""))[0], comments=True)
    command: click.Command = group
    while isinstance(command, click.Group) and words:
        if words[0].startswith("-"):
            break
        names = [each for each in words[0].split("|") if each]
        unknown = [each for each in names if each not in command.commands]
        if unknown:
            return f"no {unknown[0]}"
        command = command.commands[names[0]]
        words = words[1:]
    options = {option for each in command.params for option in (*each.opts, *each.secondary_opts)} | {"--help"}
    unknown = [word for word in words if word.startswith("--") and word.partition("=")[0] not in options]
    return f"{command.name} has no {unknown[0]}" if unknown else None


@pytest.mark.parametrize("path", [*PAGES, *OUTSIDE], ids=name)
def test_a_command_on_a_page_is_one_that_there_is(path: Path):
    faults = {line: fault for line in written(path) if (fault := wrong(line)) is not None}

    assert faults == {}


@pytest.mark.parametrize("line", ["nonsense", "sync --nonsense", "partners nonsense", "outbox list --marked"])
def test_a_command_that_there_is_not_is_noticed(line: str):
    assert wrong(line) is not None


def test_the_page_of_the_commands_has_all_of_them():
    page = (DOCS / "cli.md").read_text()

    missing = [each for each in commands() if not re.search(rf"`(?:flask ocpi )?{each}\b|flask ocpi {each}\b", page)]
    assert missing == []
