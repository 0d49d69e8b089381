"""Routes that cost little to add: what writes URLs of them is compiled when the first one is written."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Collection
from typing import Any

from flask import Flask
from werkzeug.routing import Rule as WerkzeugRule


class Rule(WerkzeugRule):
    """A rule of Werkzeug that compiles the two functions which write its URLs late: here, paths are only matched.

    Werkzeug compiles them as the rule is added; that was most of what registering all modules took.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        compile_builder = super()._compile_builder
        compiled: list[Callable[..., tuple[str, str]]] = []

        def build(rule: Rule, /, **values: Any) -> tuple[str, str]:
            if not compiled:
                compiled.append(compile_builder(append_unknown))
            return compiled[0](rule, **values)

        return build


def add_route(
    app: Flask, path: str, endpoint: str, view: Callable[..., Any], methods: Collection[str] | None = None
) -> None:
    """Add a route for just these methods, or for all. No path is redirected to one with other slashes."""
    if app.view_functions.setdefault(endpoint, view) is not view:
        raise ValueError(f"There is a view with the name {endpoint} already.")
    # Without defaults, as Flask adds rules, and flask-smorest reads them: an empty dict.
    options: dict[str, Any] = {"defaults": {}, "strict_slashes": False, "merge_slashes": False}
    rule = Rule(path, endpoint=endpoint, **options)
    rule.methods = None if methods is None else set(methods)
    app.url_map.add(rule)
