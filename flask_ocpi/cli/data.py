"""Commands that move objects: import and export our own, pull those of other platforms, push ours to them."""

from __future__ import annotations

import logging
import shutil
import sys
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import IO
from typing import Any

import click
import orjson

from flask_ocpi.cli.arguments import moment
from flask_ocpi.cli.arguments import name_of
from flask_ocpi.cli.arguments import parsed
from flask_ocpi.cli.arguments import party_option
from flask_ocpi.cli.arguments import require_party
from flask_ocpi.cli.output import Progress
from flask_ocpi.cli.output import command
from flask_ocpi.cli.output import counted
from flask_ocpi.cli.output import logged_to
from flask_ocpi.cli.output import refusal
from flask_ocpi.cli.output import tell
from flask_ocpi.cli.output import warn
from flask_ocpi.cli.output import written_whole
from flask_ocpi.client.listing import Broken
from flask_ocpi.core.converting import Find
from flask_ocpi.core.converting import nothing
from flask_ocpi.core.description import Document
from flask_ocpi.core.description import ObjectType
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.responses import BYTE_ORDER_MARK
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.exchange.documents import with_audience
from flask_ocpi.exchange.origins import finder
from flask_ocpi.host.shapes import Shapes
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.storage.base import Party
from flask_ocpi.sync.receiving import Pulled
from flask_ocpi.web.current import current_ocpi

_MAX_SHOWN = 20
_SUCH_AS = 'such as {"locations": [...]}'
_SHOWN_EVERY = 500  # objects


@command("import", short_help="Store own objects from a file.")
@click.argument("file", type=click.File("rb"))
@click.option(
    "--audience",
    "may_widen",
    is_flag=True,
    help="Use the _audience of each object in FILE, even if it is larger than the stored one.",
)
@click.option("--version", help="The version of OCPI that FILE is written in, instead of the stored shape.")
@party_option("With --version, the owner of objects that name none.")
def import_objects(file: IO[bytes], may_widen: bool, version: str | None, party: Party | None) -> None:
    """Save the objects in FILE as own objects: all of them, or none if one is invalid.

    FILE (- reads stdin) is a JSON object from module ids to lists of objects, such as {"locations": [...]}, or JSON
    Lines: such an object in each line, for files that do not fit in memory. An object replaces the stored one with its
    id. Its audience stays, or is reduced to the parties that FILE names.

    Objects have the stored shape, that of OCPI 2.2.1, unless you name another version.
    """
    name = name_of(file)
    done = 0
    with Progress("Importing") as bar, _read_twice(file) as whole:
        lists = _Lists(whole, name)

        def progress() -> None:
            nonlocal done
            done += 1
            bar.reach(done, sum(lists.counts.values()))

        withheld: list[str] = []
        try:
            current_ocpi.objects.save_all(
                lists.read,
                progress=progress,
                may_widen=may_widen,
                withheld=lambda module, key: withheld.append(f"{module} {key.owner} {key.id}"),
                version=version,
                party=party,
            )
        except InvalidParametersError as error:
            raise refusal(f"line {lists.line}: {error.message}" if lists.line else error.message) from error
    tell({"imported": lists.counts, "withheld": withheld}, f"Imported {_listing(lists.counts)}.")
    if withheld:
        some = _some(withheld, len(withheld), "; --json lists them all")
        number = counted(len(withheld), "object")
        stayed = f"{number} stayed for those who see {'it' if len(withheld) == 1 else 'them'} now"
        warn("\n".join([f"{name} names others in _audience: {stayed}, unless you add --audience.", *some]))


@command(short_help="Print own objects as JSON.")
@click.argument("modules", metavar="[MODULE]...", nargs=-1)
@click.option("--copies", is_flag=True, help="Export copies of partners' objects instead.")
@click.option("--partner", "platform", help="Export the copies from this partner, by id, name or party.")
@click.option("--output", type=click.Path(dir_okay=False), help="Write to this file instead of stdout.")
@click.option("--lines", is_flag=True, help="Write JSON Lines, for large exports.")
@click.option("--version", help="The version of OCPI to write, instead of the stored shape.")
def export(
    modules: tuple[str, ...],
    copies: bool,
    platform: str | None,
    output: str | None,
    lines: bool,
    version: str | None,
) -> None:
    """Print own objects of all modules, or of MODULES, in the format that import reads.

    With --lines it prints JSON Lines, one object in each line, which import reads in little memory.

    _audience names the parties that receive an object; if it is empty, all do.

    The file of --output is replaced after everything is written; with --json, stdout then tells what it contains.

    Objects have the stored shape, that of OCPI 2.2.1, unless you name another version. Values and modules that the
    version lacks are left out.
    """
    objects = current_ocpi.objects
    shapes = Shapes(current_ocpi.services, version)
    chosen = tuple(dict.fromkeys(modules)) or tuple(filter(shapes.has, objects.modules()))
    for module in chosen:
        objects.object_type(module)
    found = None if platform is None else current_ocpi.partners.find(platform)
    lists = {module: _copies(module, found, shapes) if copies or found else _own(module, shapes) for module in chosen}
    write = _write_lines if lines else _write
    if output is None:
        write(sys.stdout.buffer, lists)
        return _warn_of_lost(shapes.lost, version)
    with written_whole(output) as file:
        counts = write(file, lists)
    tell({"output": output, "exported": counts, "lost": shapes.lost}, f"Exported {_listing(counts)} to {output}.")
    return _warn_of_lost(shapes.lost, version)


def _own(module: str, shapes: Shapes) -> Iterator[Document]:
    convert = shapes.of(module, finder(current_ocpi.services))
    records = current_ocpi.objects.records(module)
    converted = ((convert(record.document), record) for record in records)
    return (with_audience(document, record) for document, record in converted if document is not None)


def _copies(module: str, platform: Platform | None, shapes: Shapes) -> Iterator[Document]:
    receivers = current_ocpi.services.own_parties(module, InterfaceRole.RECEIVER)
    find: Find = nothing
    if platform is not None and len(receivers) == 1:
        find = finder(current_ocpi.services, receivers[0], platform.id)
    converted = map(shapes.of(module, find), current_ocpi.copies.documents(module, platform=platform))
    return (document for document in converted if document is not None)


def _warn_of_lost(lost: dict[str, int], version: str | None) -> None:
    if lost:
        some = _some([f"{text}: {counted(number, 'time')}" for text, number in lost.items()], len(lost))
        warn("\n".join([f"OCPI {version} cannot say all that is stored:", *some]))


@command(short_help="Fetch the objects of a partner.")
@click.argument("module")
@click.option("--partner", "platform", required=True, help="The partner to ask, by id, name or party.")
@click.option(
    "--date-from",
    metavar="DATE",
    callback=moment,
    help="Only objects changed at this moment or later (a date or a DateTime).",
)
@click.option("--date-to", metavar="DATE", callback=moment, help="Only objects changed before this moment.")
@party_option("The own party that receives the copies, if several can.")
def pull(module: str, platform: str, date_from: str | None, date_to: str | None, party: Party | None) -> None:
    """Fetch the objects of MODULE from a platform and store copies.

    Without dates, copies that the platform lists no more are removed. Objects that are not valid are left out with a
    warning, and then nothing is removed; the exit code is 1 only when none could be read.
    """
    object_type = current_ocpi.objects.object_type(module)
    require_party(current_ocpi.services.own_parties(module, InterfaceRole.RECEIVER), party)
    found = current_ocpi.partners.find(platform)
    with Progress(f"Pulling {module}") as bar, logged_to(logging.NullHandler()):
        pulled = current_ocpi.pull(
            module,
            found,
            date_from=date_from,
            date_to=date_to,
            receiver=party,
            progress=lambda state: bar.reach(state.seen, state.total),
        )
    counts = pulled.counts
    broken = [{"id": _id(object_type, item), "reason": item.reason} for item in pulled.broken]
    figures = {**counts, "broken": pulled.left_out.number}
    rows = [f"  {name:<9}  {number:>{len(str(max(figures.values())))}}" for name, number in figures.items()]
    tell(
        {"platform": found.id, "module": module, "listed": pulled.total, **counts, "broken": broken},
        "\n".join([f"Pulled {module} from {found.name} ({found.id}):", *rows]),
    )
    _warn_of_broken(pulled, broken, full=date_from is None and date_to is None)


@command(short_help="Send one of our objects to a platform.")
@click.argument("module")
@click.argument("ids", metavar="[ID...]", nargs=-1)
@click.option("--partner", help="The partner that receives it, by id, name or party.")
@click.option("--all", "every", is_flag=True, help="All own objects of the module, to one partner or to all.")
@party_option("The own party that has the object, if several have one.")
def push(module: str, ids: tuple[str, ...], partner: str | None, every: bool, party: Party | None) -> None:
    """Send the current state of one of our own objects to a partner: CDRs with POST, all others with PUT.

    With --all, all own objects of the module are written to the outbox, such as after the partner lost its data.

    A part of an object takes one ID a level: LOC1 is a Location, LOC1 EVSE1 one of its EVSEs. A token's type may follow
    its uid; it is RFID unless given. The ID of a ClientInfo is its role, and --party the party that it describes.
    """
    if every:
        return _push_all(module, partner, ids)
    if partner is None or not ids:
        raise click.UsageError("Give --partner and the ID of one object, or --all.")
    object_type = current_ocpi.objects.object_type(module)
    names = (object_type.name if name == "id" else name for name in object_type.id_key)
    levels = [*names, *(part.name for part in object_type.parts)]
    if len(ids) > len(levels):
        raise click.UsageError(f"{module} takes at most {counted(len(levels), 'ID')}: {', '.join(levels)}.")
    owner = _owner(object_type, party)
    client = current_ocpi.client(partner)
    document = current_ocpi.objects.get(module, *ids, party=owner)
    audience = current_ocpi.objects.record(module, *ids, party=owner).audience
    if audience and set(audience).isdisjoint(client.platform.parties if client.to is None else (client.to,)):
        listing = ", ".join(map(str, audience))
        raise refusal(f"{object_type.name} {ids[0]} is for {listing}, so it is not sent to {client.platform.id}.")
    _, part_ids = object_type.split_ids(ids)
    parents = ids[:-1] if part_ids else ()
    answer = client.module(module).push(document, *parents, owner=owner)
    created = answer.http_status == 201
    name = object_type.parts[len(part_ids) - 1].name if part_ids else object_type.name
    state = "created" if created else "replaced"
    return tell(
        {"platform": client.platform.id, "module": module, "ids": list(ids), "created": created},
        f"Pushed {name} {' '.join(ids)} to {client.platform.name}: {state} there.",
    )


def _push_all(module: str, partner: str | None, ids: tuple[str, ...]) -> None:
    if ids:
        raise click.UsageError("Give either IDs or --all.")
    found = None if partner is None else current_ocpi.partners.find(partner)
    number = current_ocpi.objects.push_all(module, platform=found)
    document = {"platform": found and found.id, "module": module, "number": number}
    tell(document, f"Wrote {counted(number, 'object')} of {module} to the outbox.")


@contextmanager
def _read_twice(file: IO[bytes]) -> Iterator[IO[bytes]]:
    """Return a file that can be read again from its beginning: a copy of a stream, such as stdin."""
    if file.seekable():
        yield file
        return
    with TemporaryFile() as whole:
        shutil.copyfileobj(file, whole)
        yield whole


class _Lists:
    """The lists of objects in a file: one JSON object, or one in each line, with one line at a time in memory.

    counts: the number of objects of each module. line: the number of the current line; 0 if the file is one object.
    """

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._file = file
        self._name = name
        self._is_checked = False
        self.counts: dict[str, int] = {}
        self.line = 0

    def read(self) -> Iterator[tuple[str, Any]]:
        """Walk the lists from the beginning of the file, and count them the first time."""
        self._file.seek(0)
        if self._is_checked:
            for document in self._documents():
                self.line = 0
                yield from self._lists_of(document)
            return
        with Progress("Checking") as bar:
            shown = number = 0
            for document in self._documents():
                for module, items in self._lists_of(document):
                    yield module, items
                    read = len(items) if isinstance(items, list) else 0
                    self.counts[module] = self.counts.get(module, 0) + read
                    number += read
                if number - shown >= _SHOWN_EVERY:
                    shown = number
                    bar.reach(shown, None)
        self._is_checked = True

    def _documents(self) -> Iterator[Any]:
        first = self._file.readline().removeprefix(BYTE_ORDER_MARK)
        try:
            document = orjson.loads(first)
        except orjson.JSONDecodeError:  # it goes on in the next line
            yield parsed(first + self._file.read(), self._name)
            return
        yield document
        for number, line in enumerate(self._file, 2):
            if line.strip():
                self.line = number
                yield parsed(line, self._name, first_line=number)
        self.line = 0

    def _lists_of(self, document: Any) -> Iterable[tuple[str, Any]]:
        if not isinstance(document, dict):
            raise refusal(f"{self._name} must hold a JSON object of module ids to lists, {_SUCH_AS}.")
        return document.items()


def _owner(object_type: ObjectType, party: Party | None) -> Party:
    """Return the party in the key of an object: an own party, unless the object describes another one."""
    if object_type.described:
        if party is None:
            raise click.UsageError(f"Say with --party which party the {object_type.name} describes.")
        return party
    owners = current_ocpi.objects.parties()
    require_party(owners, party)
    if party is not None and party not in owners:
        raise refusal(f"{party} is not one of our own parties: use one of {', '.join(map(str, owners))}.")
    return party or owners[0]


def _write(file: IO[bytes], lists: Mapping[str, Iterator[Document]]) -> dict[str, int]:
    """Write the objects, one a line, as the storage returns them; return their number for each module."""
    counts = dict.fromkeys(lists, 0)
    file.write(b"{")
    for index, (module, documents) in enumerate(lists.items()):
        file.write(b",\n" if index else b"\n")
        file.write(orjson.dumps(module) + b": [")
        for document in documents:
            file.write((b",\n" if counts[module] else b"\n") + orjson.dumps(document))
            counts[module] += 1
        file.write(b"\n]" if counts[module] else b"]")
    file.write(b"\n}\n")
    return counts


def _write_lines(file: IO[bytes], lists: Mapping[str, Iterator[Document]]) -> dict[str, int]:
    """Write a line for each object as the storage returns it; return their number for each module."""
    counts = dict.fromkeys(lists, 0)
    for module, documents in lists.items():
        for document in documents:
            file.write(orjson.dumps({module: [document]}) + b"\n")
            counts[module] += 1
    return counts


def _warn_of_broken(pulled: Pulled, broken: list[dict[str, Any]], *, full: bool) -> None:
    if not pulled.left_out.number:
        return
    kept = " Nothing was removed, since what is missing may be among them." if full else ""
    number = pulled.left_out.number
    more = "; --json lists them all" if number == len(broken) else f"; --json lists {len(broken)} of them"
    lines = _some([f"{item['id'] or '(no id)'}: {item['reason']}" for item in broken], number, more)
    left_out = counted(number, "object")
    if pulled.seen == number:
        raise refusal("\n".join([f"None of {left_out} could be read.{kept}", *lines]))
    warn("\n".join([f"{left_out} could not be read and left out.{kept}", *lines]))


def _some(lines: Sequence[str], number: int, more: str = "") -> list[str]:
    """Return the first of so many lines, and how many are not shown."""
    hidden = [f"and {number - _MAX_SHOWN} more{more}"] if number > _MAX_SHOWN else []
    return [f"  {line}" for line in (*lines[:_MAX_SHOWN], *hidden)]


def _id(object_type: ObjectType, item: Broken) -> str | None:
    """Return the identifiers of a broken object, as far as it has them."""
    if not isinstance(item.document, dict):
        return None
    names = object_type.key if object_type.described else object_type.id_key
    return " ".join(str(item.document[name]) for name in names if name in item.document) or None


def _listing(counts: dict[str, int]) -> str:
    """Return the numbers as text, such as "300 locations and 1 tariff"."""
    kinds = {module: current_ocpi.objects.object_type(module).name.replace("_", " ") for module in counts}
    found = [counted(number, kinds[module]) for module, number in counts.items() if number]
    return " and ".join(filter(None, [", ".join(found[:-1]), *found[-1:]])) or "nothing"
