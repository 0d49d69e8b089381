"""Tests with generated documents."""
