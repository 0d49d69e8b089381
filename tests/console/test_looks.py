"""The style of the console is readable, and its texts are in one place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flask_ocpi.contrib import console
from flask_ocpi.contrib.console.desk import SECTIONS
from flask_ocpi.contrib.console.pages.inbox import TABS
from flask_ocpi.contrib.console.pages.objects import DIRECTIONS
from flask_ocpi.contrib.console.texts import TEXTS

FOLDER = Path(console.__file__).parent
STYLE = (FOLDER / "static" / "console.css").read_text()
TEMPLATES = sorted((FOLDER / "templates").rglob("*.html"))
PAIRS = [
    *((ink, ground) for ink in ("ink", "faint", "accent") for ground in ("ground", "panel")),
    *((kind, f"{kind}-ground") for kind in ("good", "warn", "bad", "calm")),
    ("accent", "calm-ground"),
    ("panel", "accent"),
    ("panel", "bad"),
    ("ink", "mark"),
]


def luminance(colour):
    digits = colour if len(colour) == 6 else "".join(digit * 2 for digit in colour)
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("pair", PAIRS, ids=" on ".join)
def test_texts_have_enough_contrast(scheme, pair):
    colours = dict(
        re.findall(
            r"--([\w-]+): #([0-9a-f]{3,6});", STYLE.split("@media (prefers-color-scheme: dark)")[scheme == "dark"]
        )
    )
    light, dark = sorted((luminance(colours[name]) for name in pair), reverse=True)

    assert (light + 0.05) / (dark + 0.05) >= 4.5


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_have_no_texts_of_their_own(path):
    text = re.sub(r"\{#.*?#\}|\{\{.*?\}\}|\{%.*?%\}", "", path.read_text(), flags=re.DOTALL)
    text = re.sub(r"<[^>]*>", " ", text)

    assert re.findall(r"[A-Za-z]{2,}", text) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_turn_escaping_off_nowhere(path):
    assert re.findall(r"\|\s*safe|autoescape|javascript:|style=|<style|\son\w+=", path.read_text()) == []


def test_every_text_is_used_and_every_used_text_exists():
    sources = "".join(path.read_text() for path in [*TEMPLATES, *FOLDER.rglob("*.py")])
    used = set(re.findall(r"\b(?:t|TEXTS)\.([a-z_]+)", sources)) | set(SECTIONS)
    used |= {
        f"{prefix}_{way}" for prefix in ("compared", "repaired", "repair", "repair_question") for way in DIRECTIONS
    }
    used |= {f"{prefix}_{tab}" for prefix in ("tab", "about") for tab in TABS}

    assert used == set(vars(TEXTS))
