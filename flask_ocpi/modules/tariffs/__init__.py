"""Tariffs: what charging costs, when, and for whom."""
