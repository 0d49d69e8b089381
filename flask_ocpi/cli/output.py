"""The output of the commands: JSON documents, tables, progress bars, warnings and errors."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from typing import Any
from typing import Self
from typing import TextIO

import click
import orjson
from flask.cli import AppGroup
from flask.cli import with_appcontext

from flask_ocpi.errors import FlaskOCPIError

_REDRAWN = 200  # at most so many updates, for any number of objects

_JSON = "flask_ocpi.json"  # the key in the meta of a context: was --json given?

#: What a command calls.
Function = Callable[..., None]


yes_option = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")


def command(
    name: str | None = None, *, json: bool = True, app: bool = True, **about: Any
) -> Callable[[Function], click.Command]:
    """Make a command as click.command does, in the context of the app unless it needs none.

    json: it has the option --json, of which :func:`wants_json` and :func:`tell` know.
    """

    def make(function: Function) -> click.Command:
        made = click.command(name, click.Command, **about)(with_appcontext(function) if app else function)
        if json:
            made.params.append(json_option())
        return made

    return make


def with_options(*options: Callable[[Function], Function]) -> Callable[[Function], Function]:
    """Return a decorator that gives a command several options; help lists them in this order."""

    def decorate(function: Function) -> Function:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def limit_option(default: int = 50, text: str = "Show this many, the latest.") -> Callable[[Function], Function]:
    """Return the option --limit."""
    return click.option("--limit", type=click.IntRange(min=1), default=default, show_default=True, help=text)


def json_option() -> click.Option:
    """Return the option --json."""

    def note(ctx: click.Context, param: click.Parameter, value: bool) -> None:
        ctx.meta[_JSON] = value

    text = "Print one JSON document instead of text."
    return click.Option(["--json"], is_flag=True, expose_value=False, callback=note, help=text)


class Commands(AppGroup):
    """A group that lists its commands in the order of their use, and makes them with :func:`command`.

    They end with ``Error: <message>`` and exit code 1 when this package refuses something.
    """

    def command(self, *args: Any, **about: Any) -> Callable[[Function], click.Command]:  # type: ignore[override]
        def add(function: Function) -> click.Command:
            made = command(*args, **about)(function)
            self.add_command(made)
            return made

        return add

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except FlaskOCPIError as error:
            raise refusal(str(error), error.advice) from error


def refusal(message: str, hint: str = "") -> click.ClickException:
    """Return the exception that ends a command with exit code 1; the hint names the fix."""
    return click.ClickException("\n".join(filter(None, (printable(message), hint))))


def confirm(question: str, *, yes: bool) -> None:
    """Ask on stderr before a step that cannot be undone; without a yes the command ends with exit code 1."""
    if not yes:
        click.confirm(printable(question), abort=True, err=True)


def printable(text: str) -> str:
    """Replace characters that control a terminal: names and messages come from partners."""
    return "".join(char if char.isprintable() or char == "\n" else "?" for char in text)


def say(text: str) -> None:
    """Print text for people on stdout."""
    click.echo(printable(text))


def show(document: Any, *, default: Callable[[Any], Any] | None = None) -> None:
    """Print the one JSON document of a command on stdout. default: as orjson.dumps has it."""
    click.echo(orjson.dumps(document, default, orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS))


def wants_json() -> bool:
    """Tell whether the running command was given --json."""
    return bool(click.get_current_context().meta.get(_JSON))


def tell(document: Any, text: str) -> None:
    """Print the document with --json, else the text."""
    show(document) if wants_json() else say(text)


def tell_rows(document: Any, header: Sequence[str], rows: Sequence[Sequence[object]], *, none: str) -> None:
    """Print the document with --json, else rows in columns, or the text ``none`` if there are none."""
    tell(document, table(header, rows) if rows else none)


def warn(message: str) -> None:
    """Print a warning on stderr."""
    click.echo(f"{click.style('Warning:', fg='yellow')} {printable(message)}", err=True)


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Lay out rows in columns under a header."""
    cells = [[printable(str(cell)).replace("\n", " ") for cell in row] for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    padded = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)
    return "\n".join(line.rstrip() for line in padded)


def counted(number: int, noun: str, nouns: str = "") -> str:
    """Write a number with its noun, such as "1 object" or "2 objects"; nouns: a plural without s at its end."""
    return f"{number} {noun}" if number == 1 else f"{number} {nouns or f'{noun}s'}"


class Progress:
    """A progress bar on stderr if that is a terminal; otherwise nothing is shown. Use it in a ``with`` block."""

    def __init__(self, label: str, *, stream: TextIO | None = None) -> None:
        self._label = label
        self._stream = stream or sys.stderr
        self._bar: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: Any) -> None:
        if self._bar is not None:
            self._bar.__exit__(*raised)

    def reach(self, done: int, total: int | None) -> None:
        """Move the bar to ``done`` of ``total`` objects; a total of None is not known."""
        if not self._stream.isatty():
            return
        if self._bar is None:
            unknown: Iterator[None] = iter(lambda: None, 0)
            self._bar = click.progressbar(
                unknown if total is None else None, total, self._label, show_pos=True, file=self._stream
            )
            self._bar.__enter__()
        if total is not None:
            self._bar.length = max(total, done)
            if done < total and done - self._bar.pos < total // _REDRAWN:
                return
        self._bar.update(done - self._bar.pos)


class Countdown:
    """The seconds left, on one line of stderr that is overwritten and finally removed. Use it in a ``with`` block.

    It is shown if stderr is a terminal and ``visible`` is true.
    """

    def __init__(self, label: str, *, visible: bool = True, stream: TextIO | None = None) -> None:
        self._label = printable(label)
        self._stream = stream or sys.stderr
        self._visible = visible and self._stream.isatty()
        self._width = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: Any) -> None:
        self._write("")

    def show(self, seconds: float) -> None:
        """Write the number of seconds left."""
        self._write(f"{self._label}: {seconds:3.0f} s left")

    def _write(self, line: str) -> None:
        if self._visible:
            self._stream.write(f"\r{line.ljust(self._width)}" + ("" if line else "\r"))
            self._stream.flush()
            self._width = len(line)


@contextmanager
def written_whole(name: str) -> Iterator[IO[bytes]]:
    """Open a file that replaces the file of that name if the block succeeds; otherwise that file does not change."""
    path = Path(name).resolve()
    special = path.exists() and not path.is_file()  # such as /dev/null: written to, never replaced
    part = path if special else path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield file
        if not special:
            part.replace(path)
    except OSError as error:
        raise refusal(f"{name} cannot be written: {error.strerror}.") from error
    finally:
        if not special:
            part.unlink(missing_ok=True)


@contextmanager
def logged_to(handler: logging.Handler) -> Iterator[None]:
    """Send the log records of this package to a handler during the block, instead of Python's last resort."""
    logger = logging.getLogger("flask_ocpi")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class WarningsHandler(logging.Handler):
    """Prints logged warnings like a command's own; errors are left to the exception that follows them."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno == logging.WARNING:
            warn(record.getMessage())
