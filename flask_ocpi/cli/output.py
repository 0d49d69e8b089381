"""The output of the commands: JSON documents, tables, progress bars, warnings and errors."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO
from typing import Any
from typing import Self
from typing import TextIO

import click
import orjson
from flask.cli import AppGroup

from flask_ocpi.errors import FlaskOCPIError

_REDRAWN = 200  # at most so many updates, for any number of objects

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")


yes_option = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")


class Commands(AppGroup):
    """A group whose commands end with ``Error: <message>`` and exit code 1 when this package refuses something."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of their use."""
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


def show(document: Any) -> None:
    """Print the one JSON document of a command on stdout."""
    click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS))


def warn(message: str) -> None:
    """Print a warning on stderr."""
    click.echo(f"{click.style('Warning:', fg='yellow')} {printable(message)}", err=True)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out rows in columns under a header."""
    cells = [[printable(cell).replace("\n", " ") for cell in row] for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    padded = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)
    return "\n".join(line.rstrip() for line in padded)


def counted(number: int, noun: str) -> str:
    """Write a number with its noun, such as "1 object" or "2 objects"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


class Progress:
    """A progress bar on stderr if that is a terminal; otherwise nothing is shown. Use it in a ``with`` block."""

    def __init__(self, label: str, *, stream: TextIO | None = None) -> None:
        self._label = label
        self._stream = stream or sys.stderr
        self._bar: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.__exit__(kind, error, trace)

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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
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
