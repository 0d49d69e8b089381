"""Tests of the declared classes."""
