"""Credentials: how two platforms register with each other."""
