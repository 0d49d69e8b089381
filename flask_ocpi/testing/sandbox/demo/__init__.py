"""A roaming day of an operator, a provider with systems of three versions, and a hub, each in a process of its own."""

from __future__ import annotations
