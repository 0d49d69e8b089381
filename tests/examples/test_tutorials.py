"""The tutorials can be typed in, and print what they say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts.run_tutorial import Differs
from scripts.run_tutorial import Reader
from scripts.tutorial_page import compare
from tests.snippets import ROOT
from tests.warm import programs

TUTORIALS = [ROOT / "docs/tutorial-cpo.md", ROOT / "docs/tutorial-provider.md"]
ID = "0123456789abcdef"
TOKEN = "T" * 43


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_runs_as_printed(tmp_path: Path, path: Path) -> None:
    with Reader(tmp_path, programs=programs()) as reader:
        reader.read(path.read_text(encoding="utf-8"))


def test_a_reader_has_every_block_that_a_tutorial_may_have() -> None:
    languages = {
        language for path in TUTORIALS for language in re.findall(r"^```(\w+)", path.read_text(), re.MULTILINE)
    }

    assert sorted((ROOT / "docs").glob("tutorial-*.md")) == TUTORIALS
    assert {language for language in languages if not hasattr(Reader, f"_{language}")} == set()


@pytest.mark.parametrize(
    ("said", "printed"),
    [
        (["4 passed in 0.52s"], ["4 passed in 12.80s"]),
        (["at 2026-01-01T12:00:00Z  7  to x   9 ms"], ["at 2026-02-03T04:05:06.789Z 1234 to x 1200 ms"]),
        (["a", "...", "d"], ["a", "b", "c", "d"]),
        (["...", "d"], ["d"]),
    ],
    ids=["duration", "date, number and blanks", "left out", "nothing left out"],
)
def test_what_differs_from_run_to_run_is_as_printed(said: list[str], printed: list[str]) -> None:
    assert compare(said, printed, whole=True)


@pytest.mark.parametrize(
    ("said", "printed"),
    [
        (["4 passed"], ["3 passed"]),
        (["1.5 kWh"], ["1.0 kWh"]),
        (["a"], ["a", "b"]),
        (["a", "b"], ["a"]),
        (["a", "...", "d"], ["a", "b"]),
        (["a", "c"], ["a", "b", "c"]),
    ],
    ids=["number", "amount", "more", "less", "never", "between"],
)
def test_anything_else_is_not(said: list[str], printed: list[str]) -> None:
    assert compare(said, printed, whole=True) is None


def test_ids_of_the_page_are_replaced_by_real_ones_later(tmp_path: Path) -> None:
    page = f"""Text.

```console
$ echo token {TOKEN[:-1]}U
token {TOKEN}
$ echo {TOKEN}
{TOKEN}
$ echo {TOKEN} > real.txt
```
"""
    with Reader(tmp_path) as reader:
        reader.read(page)

    assert (tmp_path / "real.txt").read_text() == f"{TOKEN[:-1]}U\n"


def test_files_are_changed_and_shown(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("PRICE = 1\nNAME = 'x'\n")
    change = "A change:\n\n```diff\n--- app.py\n-PRICE = 1\n+PRICE = 2\n```\n\n"
    page = f"{change}Then:\n\n```python\nPRICE = 2\nNAME = 'x'\n```\n"

    with Reader(tmp_path) as reader:
        reader.read(page)

    assert (tmp_path / "app.py").read_text() == "PRICE = 2\nNAME = 'x'\n"


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("Text.\n\n```console\n$ echo one\ntwo\n```\n", r"line 3: echo one\nThe page says:\ntwo\n\nIt printed:\none"),
        ("Text.\n\n```console\n$ false\n```\n", "line 3: false\nended with exit code 1, not 0"),
        ("It has exit code 2:\n\n```console\n$ true\n```\n", "ended with exit code 0, not 2"),
        ("Text.\n\n```python\nx = 1\n```\n", "No file has"),
        ("Text.\n\n```diff\n--- app.py\n-a\n+b\n```\n", "app.py has not once"),
        ("In the second terminal:\n\n```console\n$ echo one\ntwo\n```\n", "In the second terminal"),
        ("See <http://127.0.0.1:5000/nothing>.\n", "Connection refused"),
    ],
    ids=["output", "exit code", "no exit code", "part", "change", "terminal", "link"],
)
def test_a_page_that_says_something_else_is_named_with_the_line(tmp_path: Path, page: str, message: str) -> None:
    (tmp_path / "app.py").write_text("c\n")

    with Reader(tmp_path) as reader, pytest.raises(Differs, match=message):
        reader.read(page)


def test_what_goes_on_in_a_terminal_is_ended(tmp_path: Path) -> None:
    page = """In the second terminal:

```console
$ bash -c "echo begun; sleep 600"
begun
```

Press Ctrl-C in the second terminal.

Again, in the second terminal:

```console
$ bash -c "echo again; sleep 600"
again
```
"""
    with Reader(tmp_path) as reader:
        reader.read(page)
        (left,) = reader.running.values()

    assert left.process.returncode is not None
