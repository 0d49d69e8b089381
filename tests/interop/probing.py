"""Probe servers on other OCPI libraries, and print the deviations that it finds.

Run with ``python -m tests.interop.probing``; ``--write`` renews the table of docs/probe.md. The exit code is 1 when a
known fault of a library is not found.
"""

from __future__ import annotations

import argparse
import logging
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.http.contestants import PEERS
from benchmarks.http.contestants import version_of
from flask_ocpi.client.probe.checks import Outcome
from flask_ocpi.client.probe.report import Report
from flask_ocpi.client.probe.report import grouped
from scripts.setup_benchmarks import install_peer
from tests.interop.exchange import objects_of_the_peer
from tests.interop.servers import TOKEN_A
from tests.interop.servers import peer
from tests.interop.servers import platform

PAGE = Path(__file__).parents[2] / "docs" / "probe.md"
BEGIN, END = "<!-- made by python -m tests.interop.probing --write -->", "<!-- end of the libraries -->"
_ADDRESS = re.compile(r"127\.0\.0\.1:\d+")
_COMMON = (
    "auth.ids", "auth.missing", "auth.wrong", "endpoints.unique", "error.envelope", "message.correlation_id",
    "message.request_id", "message.routing", "object.class", "object.get", "page.link_url", "page.next",
    "page.xlimit_own",
)  # fmt: skip
#: What is known of the libraries from reading them and exchanging with them: each must be found.
KNOWN: Mapping[str, tuple[str, ...]] = {
    "extrawest-ocpi": (*_COMMON, "auth.envelope"),
    "py-ocpi": (*_COMMON, "error.unknown", "message.server", "message.slash", "message.timestamp"),
}


def probed(name: str) -> Report:
    """Start a library, register with it, and probe it."""
    with tempfile.TemporaryDirectory(prefix="probing-") as folder:
        theirs, ours = Path(folder) / "theirs", Path(folder) / "ours"
        theirs.mkdir()
        ours.mkdir()
        with peer(name, theirs, objects_of_the_peer()) as running, platform(ours, running.certificate) as ocpi:
            url = f"{running.url}/ocpi/versions"
            found = ocpi.partners.register(url, TOKEN_A, name=name)
            return ocpi.partners.probe(found)


def table(name: str, report: Report) -> str:
    """Return the section of a library."""
    found = [result for result in report.results if result.outcome in (Outcome.FAIL, Outcome.WARN)]
    rows = [
        f"| {result.outcome} | `{result.check.id}` | {', '.join(modules)} | {_ADDRESS.sub('peer', result.seen)} |"
        for result, modules in sorted(grouped(found), key=lambda pair: pair[0].outcome)
    ]
    head = "| Outcome | Check | Modules | Seen |\n|---|---|---|---|"
    quirks = "".join(f"\nProposed quirk: `{proposal.text}`. {proposal.reason}\n" for proposal in report.proposals)
    return f"### {name} {version_of(name)}\n\n{report.summary}\n\n{head}\n" + "\n".join(rows) + "\n" + quirks


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peers", nargs="*", metavar="PEER", default=[*PEERS], help="the libraries; by default all")
    parser.add_argument("--write", action="store_true", help=f"renew {PAGE.name}")
    arguments = parser.parse_args()
    logging.getLogger("flask_ocpi").setLevel(logging.CRITICAL)
    tables, missed = [], 0
    for name in arguments.peers:
        install_peer(name)
        report = probed(name)
        tables.append(table(name, report))
        found = {result.check.id for result in report.results if result.outcome in (Outcome.FAIL, Outcome.WARN)}
        missing = sorted(set(KNOWN[name]) - found)
        missed += len(missing)
        print(f"\n{tables[-1]}\nNot found: {', '.join(missing) or 'nothing'}.", flush=True)
    if arguments.write:
        head, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        PAGE.write_text(f"{head}{BEGIN}\n\n" + "\n".join(tables) + f"\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
