"""Read the examples of the specification in each version, and send them again.

``python -m scripts.specification_examples CLONE`` takes a clone of the specification's repository with its branches
(git clone, or a bare mirror). Every JSON example of a version is read as if a partner had sent it, converted to the
stored shape, converted back, and compared. The exit code is 1 if an example is refused or comes back changed for a
reason that :data:`ERRATA` does not have; docs/errata.md tells what is done about each.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from flask_ocpi.core.converting import Origin
from flask_ocpi.core.description import Version
from flask_ocpi.core.schema import Schema
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.exchange.context import Schemas
from flask_ocpi.versions import V2_1_1
from flask_ocpi.versions import V2_2_1
from flask_ocpi.versions import V2_3_0
from flask_ocpi.versions.reading import read

#: The branches of a version's texts.
BRANCHES = (
    (V2_1_1, "release-2.1.1-bugfixes"),
    (V2_2_1, "release-2.2.1-bugfixes"),
    (V2_3_0, "2.3.0/release/core"),
    (V2_3_0, "2.3.0/release/payments"),
    (V2_3_0, "2.3.0/release/bookings"),
)

#: Why an example does not come back as it is printed: the class, a part of the outcome, and the reason.
ERRATA = (
    ("EVSE", "power_type is required", "the example of a new EVSE lacks needed properties of its connectors"),
    ("Tariff", "last_updated is required", "the example of a PUT lacks last_updated, which orders changes"),
    ("CDR", "changed at /tariffs/0/tax_included", "its tariff lacks tax_included, which is NO then"),
    (
        "FinancialAdviceConfirmation",
        "changed at /total_costs",
        "its Price is that of 2.2.1; the taxes are the difference",
    ),
    ("FinancialAdviceConfirmation", "is no FinancialAdviceConfirmation", "a failure without eft_data is kept without"),
    ("", "is no JSON", "the example of a ClientInfo has a comma too many"),
)

#: What the URL of a request says.
OWNER = {"country_code": "NL", "party_id": "ABC"}
ORIGIN = Origin(("NL", "ABC"), ("DE", "EMS"))
SCHEMAS = Schemas()
_BLOCK = re.compile(
    r"^(?:```|~~~)\s*json\s*\n(.*?)^(?:```|~~~)|^\[source, ?json\]\n(?:^\..*\n)?^----\n(.*?)^----", re.M | re.S
)
_LEAST_SHARE = 0.6


def main(clone: str) -> int:
    failures = 0
    for version, branch in BRANCHES:
        print(f"{version.number}  {branch}")
        for name, document in _documents(clone, branch):
            cls, partial = (None, False) if isinstance(document, ValueError) else _class_of(version, document)
            partial = partial or "patch" in name
            outcome = _outcome(version, cls, document, partial=partial)
            reason = "" if outcome == "ok" else _erratum("" if cls is None else cls.__name__, outcome)
            failed = reason is None
            failures += failed
            about = "of no class" if cls is None else f"{'part of ' * partial}{cls.__name__}"
            print(f"  {'FAIL' * failed:4} {name}, {about}: {outcome}{f' ({reason})' * bool(reason)}")
    return min(1, failures)


def _documents(clone: str, branch: str) -> Iterator[tuple[str, Any]]:
    """Return the JSON of a branch's example files, and of the blocks within its texts."""
    for path in map(PurePosixPath, _git(clone, "ls-tree", "-r", "--name-only", branch).splitlines()):
        if path.suffix == ".json" and path.parts[0] == "examples":
            yield from _parsed(path.stem, _git(clone, "show", f"{branch}:{path}"))
        elif path.suffix in {".md", ".asciidoc"} and len(path.parts) == 1:
            for number, match in enumerate(_BLOCK.finditer(_git(clone, "show", f"{branch}:{path}")), 1):
                yield from _parsed(f"{path.stem}[{number}]", match[1] or match[2])


def _git(clone: str, *arguments: str) -> str:
    return subprocess.run(["git", "-C", clone, *arguments], check=True, capture_output=True, text=True).stdout


def _parsed(name: str, text: str) -> Iterator[tuple[str, Any]]:
    """Return the objects of a text; without the names that HTTP or prose put before and after them."""
    start = re.search(r"^[\[{]", text, re.M)
    if start is None:
        return
    name += " patch" * ("PATCH" in text[: start.start()])
    try:
        found, _ = json.JSONDecoder().raw_decode(text[start.start() :])
    except ValueError as error:
        yield name, error
        return
    if isinstance(found, dict) and "status_code" in found:
        found = found.get("data")
    for item in found if isinstance(found, list) else [found]:
        if isinstance(item, dict):
            yield name, item


def _erratum(cls: str, outcome: str) -> str | None:
    return next((why for name, text, why in ERRATA if name == cls and text in outcome), None)


def _outcome(version: Version, cls: type[Schema] | None, document: Any, *, partial: bool) -> str:
    """Return "ok", with the flaws that were mended, or what is wrong."""
    if isinstance(document, ValueError):
        return f"is no JSON: {document}"
    if cls is None:
        return "ok"
    try:
        known = {name: value for name, value in OWNER.items() if name in cls._declared_fields}
        reading = read(SCHEMAS[cls], document, partial=partial, where=cls.__name__, known=known)
    except InvalidParametersError as error:
        return f"is refused: {error.message}"
    conversion = None if partial else version.conversion(cls)
    if conversion is None:
        return "ok"
    losses: list[str] = []
    stored = conversion.to_store(json.loads(json.dumps(reading.document)), ORIGIN)
    again = conversion.from_store(stored, lambda pointer, reason: losses.append(f"loses {pointer}: {reason}"))
    if SCHEMAS[cls].load_valid(again) is None:
        return f"comes back, and is no {cls.__name__}"
    changed = [f"changed at {pointer}" for pointer in _differences(reading.document, again)]
    return f"comes back: {'; '.join(losses + changed)}" if losses or changed else "ok"


def _differences(before: Any, after: Any, pointer: str = "") -> Iterator[str]:
    """Return JSON pointers to what differs; null and an empty list are as good as absent."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted(before.keys() | after.keys()):
            yield from _differences(before.get(name), after.get(name), f"{pointer}/{name}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _differences(one, other, f"{pointer}/{index}")
    elif (before or None) != (after or None):
        yield pointer


def _class_of(version: Version, document: Mapping[str, Any]) -> tuple[type[Schema] | None, bool]:
    """Return the class that shares most properties with an example, and whether the example is a part of an object."""
    best: tuple[float, type[Schema] | None, bool] = (0, None, False)
    for cls in version.classes():
        fields = cls._declared_fields
        known = [name for name in document if name in fields]
        needed = [name for name, field in fields.items() if field.required]
        missing = [name for name in needed if name not in document]
        share = len(known) / max(1, len(document))
        score = share + len(known) / 100 - len(missing) / max(1, 2 * len(needed))
        if share >= _LEAST_SHARE and score > best[0]:
            best = (score, cls, 2 * len(missing) > len(needed))
    return best[1], best[2]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
