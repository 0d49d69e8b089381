"""The page of signals has the arguments with which the package sends each of them."""

from __future__ import annotations

import ast
import functools
import re

import pytest

from flask_ocpi import signals
from tests.pages.site import DOCS
from tests.snippets import ROOT


@functools.cache
def sent() -> dict[str, list[set[str]]]:
    """Return the names of the arguments of each call that sends a signal, ``**`` where some come in a mapping."""
    found: dict[str, list[set[str]]] = {}
    for path in (ROOT / "flask_ocpi").rglob("*.py"):
        for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)):
            named = [each.id for each in call.args if isinstance(each, ast.Name)]
            for name in {*named} & {*signals.__all__}:
                found.setdefault(name, []).append({option.arg or "**" for option in call.keywords})
    return found


@pytest.mark.parametrize("name", sorted(signals.__all__))
def test_arguments_of_a_signal_are_those_on_its_page(name: str):
    table = dict(re.findall(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|$", (DOCS / "signals.md").read_text(), re.MULTILINE))

    named = set(re.findall(r"`(\w+)`", table[name]))
    assert sent()[name]
    for arguments in sent()[name]:
        assert arguments - {"**"} <= named
        assert arguments == named or "**" in arguments
