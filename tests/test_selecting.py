"""Tests are chosen by names that exist."""

from __future__ import annotations

from types import SimpleNamespace

from tests import selecting


def test_slow_tests_are_where_the_list_says():
    assert [name for name in (*selecting.SLOW, *selecting.UNMEASURED) if not (selecting.TESTS / name).exists()] == []


def test_first_cases_are_taken_of_each_test():
    items = [SimpleNamespace(nodeid=name) for name in ("a::x[1]", "a::x[2]", "a::y", "b::x[1]", "a::x[3]")]

    first, others = selecting._first_cases(items, 2)

    assert [item.nodeid for item in first] == ["a::x[1]", "a::x[2]", "a::y", "b::x[1]"]
    assert [item.nodeid for item in others] == ["a::x[3]"]
