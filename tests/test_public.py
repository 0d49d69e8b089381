"""What is public: the names in ``__all__``, what docs/api.md lists, and what the pages import, are held together."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

import flask_ocpi

ROOT = Path(__file__).parent.parent
#: Modules whose ``__all__`` is what they export.
PACKAGES = (
    "flask_ocpi",
    "flask_ocpi.client",
    "flask_ocpi.contrib.console",
    "flask_ocpi.errors",
    "flask_ocpi.host",
    "flask_ocpi.pricing",
    "flask_ocpi.signals",
    "flask_ocpi.storage",
    "flask_ocpi.sync",
    "flask_ocpi.testing",
    "flask_ocpi.versions",
)
#: Modules that are public as well, with what pages say of them.
MODULES = (
    "flask_ocpi.core.types",
    "flask_ocpi.modules.locations",
    "flask_ocpi.testing.documents",
    "flask_ocpi.testing.plugin",
    "flask_ocpi.testing.sandbox",
    "flask_ocpi.testing.storage_contract",
    "flask_ocpi.testing.strategies",
    "flask_ocpi.versions.v2_2_1",
    "flask_ocpi.web.limiter",
    "flask_ocpi.web.logs",
    "flask_ocpi.web.prometheus",
)
#: Pages about the inside of the package; they show what is not public.
INSIDE = {"architecture.md", "conformance.md", "dependencies.md", "validation.md"}
PAGES = sorted(page for page in [*(ROOT / "docs").glob("*.md"), ROOT / "README.md"] if page.name not in INSIDE)
#: What looks like a module on a page, and is the name of a logger or of a task.
OTHER = re.compile(r"flask_ocpi\.(messages|findings|deliver|dispatch|journal|outbox|actions|audits|tariffs|sync)\b")
IMPORT = re.compile(r"^from (flask_ocpi[\w.]*) import ([\w, ]+)$", re.MULTILINE)
NAME = re.compile(r"\bflask_ocpi(?:\.\w+)+")
#: Uses of the extension, not names of hosts and files such as ocpi.example.com and ocpi.env.
CALL = re.compile(r"(?<![\w./\"'-])(?:current_)?ocpi\.(?!example\b|env\b|dump\b|sqlite3\b)([a-z_]+)(?:\.([a-z_]+))?")


@pytest.mark.parametrize("name", PACKAGES)
def test_everything_in_all_is_there_and_sorted_once(name):
    module = importlib.import_module(name)

    assert len(set(module.__all__)) == len(module.__all__)
    assert [each for each in module.__all__ if not hasattr(module, each)] == []


def test_the_root_has_few_entries():
    names = {path.name for path in Path(flask_ocpi.__file__).parent.iterdir()}

    assert len(names - {"__pycache__", "py.typed"}) < 20


def test_all_errors_are_exported():
    from flask_ocpi import errors

    own = [name for name, each in vars(errors).items() if inspect.isclass(each) and each.__module__ == errors.__name__]

    assert set(own) <= set(errors.__all__)


def test_all_signals_are_exported_and_documented():
    from flask_ocpi import signals

    page = (ROOT / "docs" / "signals.md").read_text()

    assert {name for name in vars(signals) if re.fullmatch(r"[a-z]+(_[a-z]+)+", name)} == set(signals.__all__)
    assert [name for name in signals.__all__ if name not in page] == []


def resolved(name: str) -> bool:
    """Tell whether a dotted name is a public module, or is exported by one."""
    if name in PACKAGES or name in MODULES:
        return True
    module, _, attribute = name.rpartition(".")
    if module in PACKAGES:
        return attribute in importlib.import_module(module).__all__
    if module in MODULES:
        return hasattr(importlib.import_module(module), attribute)
    return False


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_a_page_names_only_what_is_public(page):
    text = re.sub(r"<!--.*?-->", "", page.read_text(), flags=re.DOTALL)
    named = {name for name in NAME.findall(text) if not OTHER.match(name)}
    imported = {f"{module}.{name.strip()}" for module, names in IMPORT.findall(text) for name in names.split(",")}

    assert sorted(name for name in named | imported if not resolved(name)) == []


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGES.md"], ids=lambda page: page.name)
def test_a_page_calls_only_what_the_extension_and_its_groups_have(page, ocpi):
    wrong = []
    for name, member in CALL.findall(page.read_text()):
        if not hasattr(ocpi, name):
            wrong.append(f"ocpi.{name}")
        elif member and not hasattr(getattr(ocpi, name), member):
            wrong.append(f"ocpi.{name}.{member}")

    assert wrong == []


@pytest.mark.parametrize("name", ["flask_ocpi", "flask_ocpi.client", "flask_ocpi.host", "flask_ocpi.testing"])
def test_what_is_exported_is_in_the_list_of_the_api(name):
    page = (ROOT / "docs" / "api.md").read_text()
    module = importlib.import_module(name)
    documented = set(re.findall(r"flask_ocpi(?:\.\w+)*\.(\w+)", page)) | set(re.findall(r"`(\w+)`", page))

    assert sorted(set(module.__all__) - documented - {"__version__"}) == []


def test_the_examples_import_only_what_exists():
    for path in sorted((ROOT / "examples").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("flask_ocpi"):
                module = importlib.import_module(str(node.module))
                assert [each.name for each in node.names if not hasattr(module, each.name)] == [], path
