"""What a release is made of: its number, its packages, its notes, and what it announces."""

from __future__ import annotations

import ast
import configparser
import io
import re
import tarfile
from pathlib import Path

import pytest
from packaging.version import Version

from flask_ocpi import __version__
from flask_ocpi.core.advice import warn_of_removal
from flask_ocpi.errors import RemovalWarning
from scripts.build_packages import level
from scripts.build_packages import source_files
from tests.snippets import ROOT

CHANGES = (ROOT / "CHANGES.md").read_text()
#: The groups of https://keepachangelog.com, and what an upgrade needs.
GROUPS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security", "Upgrade notes"}
RELEASES = (ROOT / "docs" / "releases.md").read_text()


def setup_cfg() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def removals() -> list[tuple[str, str]]:
    """Return (file, version) of each removal that the package announces."""
    found = []
    for path in (ROOT / "flask_ocpi").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "warn_of_removal":
                (removed_in,) = (each.value for each in node.keywords if each.arg == "removed_in")
                found.append((path.name, ast.literal_eval(removed_in)))
    return found


def test_the_number_is_the_same_everywhere():
    newest = re.search(r"^## \[(\S+)\] - (\d{4}-\d\d-\d\d)$", CHANGES, re.MULTILINE)
    citation = (ROOT / "CITATION.cff").read_text()

    assert newest is not None
    assert newest[1] == __version__
    assert f"\nversion: {newest[1]}\ndate-released: {newest[2]}\n" in citation


def test_changes_are_in_groups_by_release():
    headings = re.findall(r"^(##|###) (.+)$", CHANGES, re.MULTILINE)

    assert headings[0][0] == "##"
    assert {text for level, text in headings if level == "###"} <= GROUPS
    assert all(re.fullmatch(r"\[\S+\] - \S+|Unreleased", text) for level, text in headings if level == "##")


def test_every_example_is_installed():
    patterns = setup_cfg()["options.data_files"]
    installed = {
        path.relative_to(ROOT).as_posix(): target
        for target, listed in patterns.items()
        for pattern in listed.split()
        for path in ROOT.glob(pattern)
        if path.is_file()
    }
    wanted = {name for name in source_files() if name.startswith("examples/")}

    assert wanted - installed.keys() == set(), "setup.cfg lacks them: [options.data_files] needs lines for their folder"
    assert [name for name, target in installed.items() if f"share/flask-ocpi/{Path(name).parent}" != target] == []


def test_every_extra_is_explained():
    extras = setup_cfg().options("options.extras_require")
    page = (ROOT / "docs" / "dependencies.md").read_text()

    assert [extra for extra in extras if f"`{extra}`" not in page] == []


def packed(path: Path, *, mtime: int, owner: str, reverse: bool) -> Path:
    """Write an archive as another machine would."""
    with tarfile.open(path, "w:gz") as archive:
        for name in sorted(("x-1/a.py", "x-1/b.sh"), reverse=reverse):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime, entry.uname, entry.mode = 2, mtime, owner, 0o775 if name.endswith("sh") else 0o664
            archive.addfile(entry, io.BytesIO(name[-2:].encode()))
    return path


def test_an_sdist_does_not_depend_on_the_machine(tmp_path):
    here = packed(tmp_path / "here.tar.gz", mtime=1, owner="me", reverse=False)
    there = packed(tmp_path / "there.tar.gz", mtime=2, owner="you", reverse=True)

    level(here, 1_700_000_000)
    level(there, 1_700_000_000)

    assert here.read_bytes() == there.read_bytes()
    with tarfile.open(here) as archive:
        assert [(entry.name, entry.mode, entry.mtime) for entry in archive] == [
            ("x-1/a.py", 0o644, 1_700_000_000),
            ("x-1/b.sh", 0o755, 1_700_000_000),
        ]
        assert archive.extractfile("x-1/a.py").read() == b"py"


def test_a_removal_is_announced_with_what_to_do():
    with pytest.warns(RemovalWarning) as warned:
        warn_of_removal("The setting OCPI_X", removed_in="2.0", instead="Set OCPI_Y.")

    assert str(warned[0].message) == "The setting OCPI_X ends in Flask-OCPI 2.0. Set OCPI_Y."


def test_what_was_announced_is_on_the_page_and_not_overdue():
    announced = removals()

    assert announced
    assert [name for name, version in announced if Version(__version__) >= Version(version)] == []
    assert {version for _, version in announced} == set(re.findall(r"^\|.*\| (\d+\.\d+) \|", RELEASES, re.MULTILINE))


def test_issue_templates_say_what_they_are_for():
    templates = list((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.md"))

    assert {path.stem for path in templates} == {"bug", "feature", "partner"}
    for path in templates:
        assert re.match(r"---\nname: .+\nabout: .+\nlabels: \S+\n---\n", path.read_text()), path.name
