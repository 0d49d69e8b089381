"""A simulated charge point operator, for examples/platform.py."""

from __future__ import annotations
