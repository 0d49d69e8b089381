"""The console: web pages that show what happens between this platform and its partners, and set it right."""

from __future__ import annotations

from flask_ocpi.contrib.console.desk import Level
from flask_ocpi.contrib.console.desk import Tiles
from flask_ocpi.contrib.console.desk import Visitor
from flask_ocpi.contrib.console.registering import Console

__all__ = ["Console", "Level", "Tiles", "Visitor"]
