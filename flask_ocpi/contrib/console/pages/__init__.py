"""The pages of the console, a module for each group of them."""

from __future__ import annotations

from flask_ocpi.contrib.console.pages import health
from flask_ocpi.contrib.console.pages import inbox
from flask_ocpi.contrib.console.pages import map
from flask_ocpi.contrib.console.pages import objects
from flask_ocpi.contrib.console.pages import partners
from flask_ocpi.contrib.console.pages import stories

#: All pages, and what their forms do.
PAGES = (
    *partners.PAGES,
    *inbox.PAGES,
    *objects.PAGES,
    *map.PAGES,
    *stories.PAGES,
    *health.PAGES,
)
