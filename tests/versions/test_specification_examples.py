"""The script that reads the examples of the specification, with examples of our own in a repository like it."""

from __future__ import annotations

import json
import subprocess

import pytest

from flask_ocpi.testing import documents_of
from scripts import specification_examples


@pytest.fixture
def clone(tmp_path):
    """A repository with a branch for each text; returns the function that adds a file to one, and commits."""
    git(tmp_path, "init", "-q", "-b", "main")

    def add(branch, path, text):
        git(tmp_path, "checkout", "-q", "-B", branch)
        file = tmp_path / path
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        git(tmp_path, "add", "-A")
        git(
            tmp_path, "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "--allow-empty", "-m", path
        )

    add.path = str(tmp_path)
    return add


def git(folder, *arguments):
    subprocess.run(["git", "-C", str(folder), *arguments], check=True)


def test_examples_of_each_version_are_read_and_come_back(clone, capsys):
    for version, branch in specification_examples.BRANCHES:
        of = documents_of(version.number)
        clone(branch, "examples/location_example.json", json.dumps(of.location()))
        clone(branch, "mod_cdrs.md", f"```json\n{json.dumps({'status_code': 1000, 'data': [of.cdr()]})}\n```\n")
        clone(branch, "mod_tariffs.asciidoc", f"[source,json]\n----\n{json.dumps(of.tariff())}\n----\n")

    failed = specification_examples.main(clone.path)

    printed = capsys.readouterr().out
    assert failed == 0
    assert all(printed.count(f"{name}: ok") == 5 for name in ("Location", "CDR", "Tariff"))


@pytest.mark.parametrize("number", range(len(specification_examples.BRANCHES)))
def test_an_example_that_is_refused_or_comes_back_changed_is_a_failure(clone, capsys, number):
    for place, (version, branch) in enumerate(specification_examples.BRANCHES):
        location = documents_of(version.number).location()
        clone(branch, "examples/a.json", json.dumps(location))
        if place == number:
            location["coordinates"] = {"latitude": "no place"}
            clone(branch, "examples/a.json", json.dumps(location))

    assert specification_examples.main(clone.path) == 1
    assert capsys.readouterr().out.count("FAIL a, Location: is refused: Invalid Location: coordinates") >= 1
