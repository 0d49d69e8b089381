"""Sphinx configuration; build with `make docs`."""

from __future__ import annotations

from collections.abc import Iterator

from sphinx.application import Sphinx

from flask_ocpi import __version__
from flask_ocpi.core.config import SETTINGS

project = "Flask-OCPI"
author = "Flask-OCPI contributors"
copyright = "2026, Flask-OCPI contributors"
release = __version__
version = ".".join(__version__.split(".")[:2])

extensions = ["myst_parser", "pallets_sphinx_themes", "sphinx.ext.autodoc"]
exclude_patterns = ["_build", "benchmarks/results.md"]
# The theme brings domains that cannot be asked for references of any kind; nothing of ours is in them.
suppress_warnings = ["myst.domains"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "description"

html_theme = "flask"
html_title = f"Flask-OCPI {version}"
html_show_sourcelink = False


def settings_table() -> str:
    """Write the settings as a Markdown table."""
    return "\n".join(_settings_rows())


def _settings_rows() -> Iterator[str]:
    yield "| Key | Type | Default | Meaning |"
    yield "|---|---|---|---|"
    for setting in SETTINGS:
        default = "" if setting.default in (None, (), {}) else f"`{_shown(setting.default)}`"
        yield f"| `{setting.key}` | {setting.kind.type} | {default} | {setting.doc} |"


def _shown(default: object) -> str:
    if isinstance(default, tuple):
        return repr(list(default)).replace("'", '"')
    return str(default)


def _fill_in_settings(app: Sphinx, docname: str, source: list[str]) -> None:
    if docname == "configuration":
        source[0] = source[0].replace("{settings}", settings_table())


def setup(app: Sphinx) -> None:
    app.connect("source-read", _fill_in_settings)
