"""Sphinx configuration; build with `make docs`."""

from __future__ import annotations

from flask_ocpi import __version__

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
