"""The OpenAPI document of a platform that serves both interfaces of every module, and how to read it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator

from tests.golden import platform

JSON = "application/json"
METHODS = ("get", "put", "post", "patch", "delete")
SPEC = json.loads(json.dumps(platform().extensions["ocpi"].specs["2.2.1"]))


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in SPEC["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def operation_of(operation_id: str) -> tuple[str, dict[str, Any]]:
    """Return the path of an operation, and what is said of it."""
    return next((path, operation) for path, _, operation in operations() if operation["operationId"] == operation_id)


def module_of(path: str) -> str:
    """Return the module in a path with an interface segment, or an empty text."""
    found = re.match(r"/ocpi/2\.2\.1/(?:sender|receiver)/(\w+)", path)
    return found.group(1) if found else ""


def resolved(item: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference, if there is one."""
    reference = item.get("$ref")
    if reference is None:
        return item
    found: Any = SPEC
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def errors(value: Any, schema: dict[str, Any], validator: Any = Draft202012Validator) -> list[str]:
    checker = validator({**schema, "components": SPEC["components"]})
    return [f"{error.json_path}: {error.message}" for error in checker.iter_errors(value)]


def parameters(path: str, operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    listed = [*SPEC["paths"][path].get("parameters", []), *operation.get("parameters", [])]
    return {item["name"]: item for item in map(resolved, listed)}
