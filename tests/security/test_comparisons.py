"""Secrets are looked up by a hash and compared in constant time, so that no answer's time tells a part of one."""

from __future__ import annotations

import ast
import hmac
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import flask_ocpi
from flask_ocpi.partners.auth_tokens import hash_token
from flask_ocpi.partners.auth_tokens import same_hash
from flask_ocpi.partners.platforms import TOKENS
from flask_ocpi.storage.base import Key

pytestmark = pytest.mark.conformance("A-14")

PACKAGE = Path(flask_ocpi.__file__).parent
SECRETS = {"token", "tokens", "hash", "hashed", "secret", "digest", "password"}
#: What compares such names with == although it is no secret that a caller could approach, by file and function.
HARMLESS = {
    ("exchange/handshake.py", "confirm"): "both hashes are stored ones",
    ("testing/sandbox/charge_points.py", "_reservation_for"): "both are cards of drivers",
    ("outbox/delivery.py", "attempt"): "both tokens are stored, encrypted ones",
}


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, Any]]:
    """What was given to the comparison in constant time."""
    pairs: list[tuple[Any, Any]] = []
    original = hmac.compare_digest

    def compare_digest(one: Any, other: Any) -> bool:
        pairs.append((one, other))
        return original(one, other)

    monkeypatch.setattr(hmac, "compare_digest", compare_digest)
    return pairs


def test_a_token_is_compared_by_its_hash_in_constant_time(ocpi_client, compared):
    assert ocpi_client.get("/ocpi/versions").http_status == 200

    hashed = hash_token(ocpi_client.token)
    assert (hashed, hashed) in compared


def test_the_comparison_decides(ocpi_client, monkeypatch):
    monkeypatch.setattr(hmac, "compare_digest", lambda one, other: False)

    assert ocpi_client.get("/ocpi/versions").http_status == 401


def test_a_token_is_looked_up_by_its_hash_and_never_as_it_is(ocpi, ocpi_client, monkeypatch):
    keys: list[tuple[str, str]] = []
    original = ocpi.storage.get

    def get(kind: str, key: Key, **options: Any) -> Any:
        keys.append((kind, key.id))
        return original(kind, key, **options)

    monkeypatch.setattr(ocpi.storage, "get", get)

    ocpi_client.get("/ocpi/versions")

    assert (TOKENS, hash_token(ocpi_client.token).upper()) in keys
    assert ocpi_client.token.upper() not in {id.upper() for _, id in keys}


@pytest.mark.parametrize(
    ("other", "same"), [("a" * 64, True), ("a" * 63 + "b", False), ("b" + "a" * 63, False), ("a", False)]
)
def test_hashes_are_the_same_only_as_a_whole(other, same):
    assert same_hash("a" * 64, other) is same


def test_nothing_in_the_package_compares_secrets_in_another_way():
    found = {
        (str(path.relative_to(PACKAGE)), function)
        for path in PACKAGE.rglob("*.py")
        for function in comparing_functions(ast.parse(path.read_text()))
    }

    assert found == set(HARMLESS)


@pytest.mark.parametrize(
    "source",
    ["token == other", "issued.hash != hashed", "known == item['hash']", "'x' == token[:5]"],
)
def test_such_a_comparison_would_be_found(source):
    assert list(comparing_functions(ast.parse(f"def check():\n    return {source}"))) == ["check"]


def comparing_functions(tree: ast.AST) -> Iterator[str]:
    """Yield the names of functions with a == or != of something that is called like a secret."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Compare) and any(isinstance(o, ast.Eq | ast.NotEq) for o in node.ops):
                    names = {name_of(operand) for operand in (node.left, *node.comparators)}
                    yield from [function.name] if names & SECRETS else []


def name_of(node: ast.expr) -> str:
    """Return how an operand is called: a variable, an attribute, or what is taken out of a mapping."""
    if isinstance(node, ast.Subscript):
        return node.slice.value if isinstance(node.slice, ast.Constant) else name_of(node.value)
    return getattr(node, "attr", getattr(node, "id", ""))
