"""Exchange everything with servers on other OCPI libraries, and print what became of it.

Run with ``python -m tests.interop.run``, or ``make interop``; ``--write`` renews docs/interoperability-peers.md. Needs
the package registry the first time: each library is installed into an environment of its own. The exit code is 1 when
something was lost that a peer stores or sends.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from pathlib import Path

from benchmarks.http.contestants import PEERS
from benchmarks.http.contestants import python_of
from benchmarks.http.contestants import version_of
from scripts.setup_benchmarks import install_peer
from tests.interop.exchange import Exchange
from tests.interop.exchange import Row
from tests.interop.exchange import objects_of_the_peer
from tests.interop.servers import peer
from tests.interop.servers import platform

PAGE = Path(__file__).parents[2] / "docs" / "interoperability-peers.md"
BEGIN, END = "<!-- made by python -m tests.interop.run --write -->", "<!-- end -->"


def run(name: str) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="interop-") as folder:
        theirs, ours = Path(folder) / "theirs", Path(folder) / "ours"
        theirs.mkdir()
        ours.mkdir()
        with peer(name, theirs, objects_of_the_peer()) as running, platform(ours, running.certificate) as ocpi:
            return Exchange(ocpi, running).all()


def table(name: str, rows: list[Row]) -> str:
    lines = [f"## {name} {version_of(name)}", "", "| Message | Outcome | |", "|---|---|---|"]
    lines += [f"| {row.message} | {row.outcome.replace('|', '/')} | {_mark(row)} |" for row in rows]
    return "\n".join(lines)


def _mark(row: Row) -> str:
    return "**lost**" if row.lost else "theirs" if row.fault else "ok"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("peer", nargs="*", default=list(PEERS), help="which of them; default: all")
    parser.add_argument("--write", action="store_true", help=f"renew {PAGE.name}")
    arguments = parser.parse_args()
    tables, lost = [], 0
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    for name in arguments.peer:
        install_peer(name)
        if not python_of(name).exists():
            return 1
        rows = run(name)
        lost += sum(row.lost for row in rows)
        tables.append(table(name, rows))
        print(f"\n{tables[-1]}", flush=True)
    if arguments.write:
        head, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        tail = rest.partition(END)[2]
        body = "\n\n".join(tables)
        PAGE.write_text(f"{head}{BEGIN}\n\n{body}\n\n{END}{tail}", encoding="utf-8")
    print(f"\n{lost} messages lost something.", file=sys.stderr)
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
