"""Routes of apps that tests build: Werkzeug compiles each path once a process, not once more for each app.

An app has two hundred routes, and compiling them was a third of what building it costs. Platforms in processes of their
own have Werkzeug as it is.
"""

from __future__ import annotations

from werkzeug.routing import Rule

#: What compiling makes of a path, beside the two functions that build URLs.
COMPILED = ("_parts", "_trace", "_converters", "arguments")


def compile_paths_once() -> None:
    """Have Werkzeug remember what it has compiled."""
    compile_anew = Rule.compile
    known: dict[tuple[object, ...], Rule] = {}

    def compile(rule: Rule) -> None:
        place = (type(rule), rule.rule, rule.subdomain, rule.host, rule.merge_slashes, rule.map.host_matching)
        place += tuple(rule.map.converters.values())
        found = known.get(place)
        if rule.defaults or found is None:
            compile_anew(rule)
            if not rule.defaults:
                known[place] = rule
            return
        for name in COMPILED:
            setattr(rule, name, getattr(found, name))
        rule._build = found._build.__func__.__get__(rule)
        rule._build_unknown = found._build_unknown.__func__.__get__(rule)

    Rule.compile = compile
