"""Print the figures of the house: its size, its import circles, and what a request costs in calls.

Run with ``python -m scripts.house_figures 091d058 .``: each commit or folder of a checkout is a column of the table;
without any it is this checkout. What is counted:

- lines, files, median: of the Python files of the package; the lines of the tests likewise;
- root entries: what ``ls flask_ocpi`` lists besides ``py.typed``;
- circles: groups of modules that import each other, and the modules in them; once as imported at run time, once with
  imports inside functions and those for types only;
- calls: functions of the package that are called for one PUT of an EVSE, from the WSGI middleware until the end of the
  answer, on a storage in memory; their files, and how deep they lie in each other;
- hops: functions of the package from the view to the storage, the view counted and the storage not.
"""

from __future__ import annotations

import argparse
import ast
import io
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

PACKAGE = "flask_ocpi"
ROOT = Path(__file__).parent.parent
SMALL = 60
LARGE = 450
#: What Python runs as functions and nobody calls.
COMPREHENSIONS = ("<listcomp>", "<dictcomp>", "<setcomp>", "<genexpr>")

Graph = Mapping[str, frozenset[str]]


@contextmanager
def checkout(source: str) -> Iterator[Path]:
    """Yield the folder of a checkout: the folder that is named, or a commit unpacked into a temporary one."""
    if Path(source, PACKAGE).is_dir():
        yield Path(source).resolve()
        return
    archive = subprocess.run(["git", "archive", source, PACKAGE, "tests"], cwd=ROOT, capture_output=True, check=False)
    if archive.returncode != 0:
        raise SystemExit(f"{source} is neither a checkout nor a commit: {archive.stderr.decode().strip()}")
    with tempfile.TemporaryDirectory(prefix="flask-ocpi-figures-") as folder:
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
            tar.extractall(folder, filter="data")
        yield Path(folder)


def lines_of(files: Iterable[Path]) -> list[int]:
    return [len(path.read_text(encoding="utf-8").splitlines()) for path in files]


def sizes(root: Path) -> dict[str, object]:
    """Return what can be counted without reading the code."""
    lines = lines_of(root.joinpath(PACKAGE).rglob("*.py"))
    entries = {path.name for path in root.joinpath(PACKAGE).iterdir()} - {"__pycache__", "py.typed"}
    return {
        "lines": sum(lines),
        "files": len(lines),
        "median lines of a file": round(statistics.median(lines)),
        f"files under {SMALL} lines": sum(count < SMALL for count in lines),
        f"files over {LARGE} lines": sum(count > LARGE for count in lines),
        "root entries": len(entries),
        "lines of tests": sum(lines_of(root.joinpath("tests").rglob("*.py"))),
    }


def module_name(root: Path, path: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(nodes: Iterable[ast.AST], known: Mapping[str, Path]) -> Iterator[str]:
    """Yield the modules of the package that these statements import."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in known else node.module


def at_run_time(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk what runs when a module is imported: no bodies of functions, nothing that is there for types only."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        yield node
        yield from at_run_time(node)


def graphs(root: Path) -> tuple[Graph, Graph]:
    """Return which module imports which: at run time, and in any way."""
    known = {module_name(root, path): path for path in root.joinpath(PACKAGE).rglob("*.py")}
    trees = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in known.items()}
    return (
        {name: frozenset(imported(at_run_time(tree), known)) & known.keys() for name, tree in trees.items()},
        {name: frozenset(imported(ast.walk(tree), known)) & known.keys() for name, tree in trees.items()},
    )


def reachable(graph: Graph, start: str) -> set[str]:
    found: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += graph[name]
    return found


def circles(graph: Graph) -> list[frozenset[str]]:
    """Return the groups of modules that reach each other."""
    reach = {name: reachable(graph, name) for name in graph}
    groups = {
        frozenset(other for other in reach[name] if name in reach[other]) for name in graph if name in reach[name]
    }
    return sorted(groups, key=sorted)


def say_circles(groups: Sequence[frozenset[str]]) -> str:
    return f"{len(groups)} ({sum(map(len, groups))} modules)" if groups else "0"


class Calls:
    """Counts the calls of functions of the package, as a function for ``sys.setprofile``."""

    def __init__(self, package: Path) -> None:
        self._package = f"{package}{os.sep}"
        self._storage = f"{package / 'storage'}{os.sep}"
        self._testing = f"{package / 'testing'}{os.sep}"  # the client of the test
        self.count = 0
        self.deepest = 0
        self.hops = 0
        self.files: set[str] = set()

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        if event != "call" or not self._is_ours(frame):
            return
        self.count += 1
        self.files.add(frame.f_code.co_filename)
        stack = list(self._stack(frame))
        self.deepest = max(self.deepest, sum(map(self._is_ours, stack)))
        if frame.f_code.co_filename.startswith(self._storage):
            self.hops = max(self.hops, self._hops(stack))

    def _is_ours(self, frame: FrameType) -> bool:
        name = frame.f_code.co_filename
        if frame.f_code.co_name in COMPREHENSIONS or name.startswith(self._testing):
            return False
        return name.startswith((self._package, "<compiled"))

    @staticmethod
    def _stack(frame: FrameType | None) -> Iterator[FrameType]:
        while frame is not None:
            yield frame
            frame = frame.f_back

    def _hops(self, stack: Sequence[FrameType]) -> int:
        """Count the functions between Flask's dispatching and the storage; 0 when no view is at work."""
        count = 0
        for frame in stack:
            if frame.f_code.co_name == "dispatch_request":
                return count
            if self._is_ours(frame) and not frame.f_code.co_filename.startswith(self._storage):
                count += 1
        return 0


def measure_calls(root: Path) -> dict[str, object]:
    """Count what a PUT of an EVSE calls. Runs in a process of its own, which imports the package of that checkout."""
    sys.path.insert(0, str(root))
    from flask_ocpi.testing.documents import evse
    from flask_ocpi.testing.documents import location
    from flask_ocpi.testing.network import Network
    from flask_ocpi.testing.network import add_partner

    network = Network()
    # Without successes in the journal: apps of a network write it in the request, others in a thread.
    network.add("platform.example", [("NL", "ABC", ["EMSP"])], config={"OCPI_JOURNAL": "errors"})
    client = add_partner(network.apps["platform.example"], [("DE", "CPO", ["CPO"])])
    path = "/ocpi/2.2.1/receiver/locations/DE/CPO/LOC1"
    owned = location(country_code="DE", party_id="CPO")
    calls = Calls(root / PACKAGE)
    for count in range(3):  # the first ones make what later ones find
        client.put(path, owned)
        calls = Calls(root / PACKAGE)
        body = evse(last_updated=f"2030-01-01T00:00:0{count}Z")
        sys.setprofile(calls)
        try:
            answer = client.put(f"{path}/EVSE1", body)
        finally:
            sys.setprofile(None)
        if answer.status_code != 1000:
            raise SystemExit(f"The PUT was answered {answer.envelope}")
    return {
        "calls for a PUT of an EVSE": calls.count,
        "files in them": len(calls.files),
        "depth of them": calls.deepest,
        "hops from view to storage": calls.hops,
    }


def calls_of(root: Path) -> dict[str, object]:
    """Run :func:`measure_calls` on a checkout."""
    command = [sys.executable, "-P", str(Path(__file__).resolve()), "--calls", str(root)]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise SystemExit(f"The calls of {root} could not be counted: {run.stderr}")
    figures: dict[str, object] = json.loads(run.stdout)
    return figures


def figures_of(source: str) -> dict[str, object]:
    """Return all figures of a checkout or commit."""
    with checkout(source) as root:
        run_time, any_way = graphs(root)
        return {
            **sizes(root),
            "circles at run time": say_circles(circles(run_time)),
            "circles, type-only and late imports included": say_circles(circles(any_way)),
            **calls_of(root),
        }


def print_table(columns: Mapping[str, Mapping[str, object]]) -> None:
    print("| |", " | ".join(columns), "|")
    print("| --- |", " | ".join("---:" for _ in columns), "|")
    for name in next(iter(columns.values())):
        print(f"| {name} |", " | ".join(str(figures[name]) for figures in columns.values()), "|")


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m scripts.house_figures", description=__doc__)
    parser.add_argument("sources", nargs="*", default=["."], help="commits or folders of checkouts (.)")
    parser.add_argument("--calls", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.calls is not None:
        print(json.dumps(measure_calls(options.calls)))
        return
    print_table({source: figures_of(source) for source in options.sources})


if __name__ == "__main__":
    main(sys.argv[1:])
