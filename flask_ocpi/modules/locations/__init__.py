"""Locations: where one can charge, with which EVSEs and connectors."""
