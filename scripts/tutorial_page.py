"""What a tutorial says: its blocks, and the comparison of what is printed with them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass

#: What differs from run to run, and what stands for it while lines are compared. Of the first three the real ones are
#: remembered. A port must follow the address; a number of a message must follow a date.
VARIABLE = {
    "TOKEN": r"(?<![\w-])[\w-]{43}(?![\w-])",
    "ID": r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-fA-F]{16,32}\b",
    "PORT": r"(?<=127\.0\.0\.1:)\d+",
    "DATE": r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z(?:\s+\d+\b)?",
    "CLOCK": r"\b\d\d:\d\d:\d\d\b",
    "DURATION": r"\b\d+(?:\.\d+)? ?(?:ms|s)\b",
}
REMEMBERED = ("TOKEN", "ID", "PORT")
_VARIABLE = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in VARIABLE.items()))
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Step:
    """A block of a page: its language, its text, and the paragraph before it."""

    language: str
    text: str
    before: str
    line: int


def steps_of(page: str) -> Iterator[Step]:
    """Yield the blocks of a page in order; paragraphs between them as blocks of the language ``""``."""
    end = 0
    for found in _BLOCK.finditer(page):
        prose = page[end : found.start()].strip()
        paragraphs = [paragraph for paragraph in re.split(r"\n\s*\n", prose) if paragraph.strip()]
        for paragraph in paragraphs:
            yield Step("", paragraph, "", page.count("\n", 0, found.start()) + 1)
        before = paragraphs[-1] if paragraphs else ""
        yield Step(found[1], found[2], before, page.count("\n", 0, found.start()) + 1)
        end = found.end()
    for paragraph in re.split(r"\n\s*\n", page[end:].strip()):
        yield Step("", paragraph, "", page.count("\n"))


def masked(line: str) -> str:
    """Put the names of what differs in its place, and one blank for many."""
    return re.sub(r"\s+", " ", _VARIABLE.sub(lambda found: f"<{found.lastgroup}>", line.rstrip()))


def real_ones(said: str, printed: str) -> dict[str, str]:
    """Return what a line of the page has in the places of tokens, ids and ports, each with the real one."""
    pairs = zip(_VARIABLE.finditer(said), _VARIABLE.finditer(printed), strict=False)
    return {a[0]: b[0] for a, b in pairs if a.lastgroup == b.lastgroup and a.lastgroup in REMEMBERED}


def compare(expected: Sequence[str], printed: Sequence[str], *, whole: bool) -> tuple[dict[str, str], int] | None:
    """Find the lines of the page among those that were printed, in order; ``...`` stands for any lines.

    Return the real ones of what the page has, and how many lines were used; None if the page says something else.
    whole: there must be no line before, between or after; else lines may come before the first one.
    """
    known: dict[str, str] = {}
    at, free = 0, not whole
    for line in expected:
        if line.strip() == "...":
            free = True
            continue
        candidates = range(at, len(printed)) if free else range(at, min(at + 1, len(printed)))
        found = next((n for n in candidates if masked(printed[n]) == masked(line)), None)
        if found is None:
            return None
        known |= real_ones(line, printed[found])
        at, free = found + 1, False
    return (known, at) if free or not whole or at == len(printed) else None


def commands_of(block: str) -> list[tuple[str, list[str]]]:
    """Return the commands of a block, each with the lines that it prints."""
    commands: list[tuple[str, list[str]]] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            commands.append((line.removeprefix("$ "), []))
        else:
            commands[-1][1].append(line)
    return commands
