"""Charging profiles: how much power or current a session may take over time."""
