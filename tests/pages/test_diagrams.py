"""The pictures of the documentation are those of their texts, and can be read."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest

from scripts import diagrams
from scripts.drawing import DARK
from scripts.drawing import LIGHT
from tests.pages.site import DOCS
from tests.pages.site import PAGES
from tests.pages.site import links

TEXTS = sorted(diagrams.FOLDER.glob("*.txt"))
every_text = pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)


def test_pictures_are_those_of_their_texts(capsys: pytest.CaptureFixture[str]):
    assert diagrams.main("--check") == 0, capsys.readouterr().out
    assert {path.stem for path in diagrams.FOLDER.glob("*.svg")} == {path.stem for path in TEXTS}


def test_a_stale_picture_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(diagrams, "FOLDER", tmp_path)
    (tmp_path / "one.txt").write_text("sequence: A call\none = One\nother = Other\none -> other: GET")
    diagrams.main()
    (tmp_path / "one.svg").write_text("old")
    capsys.readouterr()

    assert diagrams.main("--check") == 1
    assert capsys.readouterr().out == "docs/diagrams/one.svg is out of date: python -m scripts.diagrams\n"


def test_each_picture_is_on_a_page():
    shown = {Path(link).stem for path in PAGES for link in links(path) if link.startswith("diagrams/")}

    assert shown == {path.stem for path in TEXTS}


@every_text
def test_no_two_words_of_a_picture_overlap(path: Path):
    texts = diagrams.draw(path.read_text()).texts

    assert [(one.words, other.words) for one, other in combinations(texts, 2) if one.meets(other)] == []


@every_text
def test_a_picture_lies_within_its_bounds(path: Path):
    drawing = diagrams.draw(path.read_text())

    assert [text.words for text in drawing.texts if text.x < 0 or text.y < 0] == []
    assert drawing.width <= 1000  # a page is 740 wide: words stay readable


@every_text
def test_a_picture_is_an_svg_that_fetches_nothing(path: Path):
    svg = path.with_suffix(".svg").read_text()
    root = ElementTree.fromstring(svg)  # noqa: S314

    assert root.attrib["aria-label"]
    assert re.findall(r"href|url\((?!#)|@import|<script", svg) == []


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("words", "ground"), [("ink", "ground"), ("ink", "box"), ("ink", "accent"), ("faint", "ground")]
)
def test_words_stand_out_from_their_ground(colours: dict[str, str], words: str, ground: str):
    lighter, darker = sorted((luminance(colours[words]), luminance(colours[ground])), reverse=True)

    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour, as WCAG 2 defines it."""
    digits = colour.removeprefix("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    red, green, blue = (int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4))
    weighed = ((0.2126, red), (0.7152, green), (0.0722, blue))
    return sum(weight * (x / 12.92 if x <= 0.03928 else ((x + 0.055) / 1.055) ** 2.4) for weight, x in weighed)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("circle: no", "'circle: no' is neither"),
        ("sequence: A call\none = One\none -> two: GET", "'one -> two: GET' is no step between one"),
        ("boxes: A box\none = One\nrow one two", "A row names 'two', which is no box"),
        ("boxes: A box\none = One", "There is no row"),
    ],
    ids=["kind", "step", "box", "row"],
)
def test_a_text_that_is_no_picture_is_refused(text: str, message: str):
    with pytest.raises(diagrams.DiagramError, match=re.escape(message)):
        diagrams.draw(text)


def test_the_colours_are_those_of_the_site():
    site = (DOCS / "conf.py").read_text()

    for colours in (LIGHT, DARK):
        assert [colours[each] for each in ("ink", "faint") if colours[each] not in site] == []
