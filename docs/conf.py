"""Sphinx configuration; build with `make docs`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection
from typing import Any

from flask_ocpi import __version__

project = "Flask-OCPI"
author = "Flask-OCPI contributors"
copyright = "2026, Flask-OCPI contributors"
release = __version__
version = ".".join(__version__.split(".")[:2])

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build", "benchmarks/results.md"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "description"

html_theme = "furo"
html_title = f"Flask-OCPI {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "../flask_ocpi/contrib/console/static/icon.svg"
html_show_sourcelink = False
html_copy_source = False
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
# The colours of the console, light and dark.
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#14578a",
        "color-brand-content": "#14578a",
        "color-brand-visited": "#14578a",
        "color-foreground-primary": "#1b2430",
        "color-foreground-secondary": "#546070",
        "color-foreground-muted": "#546070",
        "color-background-primary": "#ffffff",
        "color-background-secondary": "#f5f6f8",
        "color-background-border": "#d5dae1",
        "color-code-background": "#f5f6f8",
    },
    "dark_css_variables": {
        "color-brand-primary": "#7dbdf0",
        "color-brand-content": "#7dbdf0",
        "color-brand-visited": "#7dbdf0",
        "color-foreground-primary": "#e6ebf1",
        "color-foreground-secondary": "#a3afbd",
        "color-foreground-muted": "#a3afbd",
        "color-background-primary": "#12161c",
        "color-background-secondary": "#1b2129",
        "color-background-border": "#354050",
        "color-code-background": "#1b2129",
    },
}


def setup(app: Any) -> None:
    """Show the arguments that a docstring explains in sentences as a list: "party: the owner." is about party."""
    app.connect("autodoc-process-docstring", _list_arguments)


def _list_arguments(app: Any, what: str, name: str, object: Any, options: Any, lines: list[str]) -> None:
    try:
        names = inspect.signature(object).parameters
    except (TypeError, ValueError):
        return
    lines[:] = with_arguments(lines, names)


def with_arguments(lines: Collection[str], names: Collection[str]) -> list[str]:
    """Return the lines of a docstring with the sentences about arguments as fields at its end."""
    if not names:
        return list(lines)
    known = "|".join(names)
    about = re.compile(rf"(?:^|(?<=[.;] ))((?:{known})(?:, (?:{known}))*): ")
    kept: list[str] = []
    fields: list[str] = []
    for paragraph in "\n".join(lines).split("\n\n"):
        first, *rest = about.split(" ".join(paragraph.split("\n")))
        if not rest:
            kept += [*paragraph.split("\n"), ""]
            continue
        if first.strip():
            kept += [first.strip(), ""]
        for about_these, words in zip(rest[::2], rest[1::2], strict=True):
            text = f"{words[:1].upper()}{words[1:].strip().removesuffix(';')}"
            fields += [f":param {name}: {text}" for name in about_these.split(", ")]
    return [*kept, *fields, ""]
