"""Versions: which versions of OCPI a platform speaks, and where their endpoints are."""
