"""Tests of the storages: the contract on each of them, and what only databases and processes show."""
