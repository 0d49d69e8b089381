"""The pages of the documentation as a reader of the site meets them: prose, links, headings, lists of pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.snippets import ROOT

DOCS = ROOT / "docs"
#: Included by another page.
PARTS = {DOCS / "benchmarks" / "results.md"}
PAGES = sorted({*DOCS.rglob("*.md")} - PARTS - {*(DOCS / "_build").rglob("*.md")})
#: What is read in the repository, outside of the site.
OUTSIDE = [ROOT / name for name in ("README.md", "CHANGES.md", "SECURITY.md", "examples/README.md")]
_FENCE = re.compile(r"^( *)(```+|:::+).*?^\1\2 *$", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"`[^`\n]+`")
_LINK = re.compile(r"\]\(([^()\s]+)\)")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def prose(path: Path) -> str:
    """Return the text of a page without comments and with no more than a word for each block of code."""
    return re.sub(r"<!--.*?-->", "", _FENCE.sub("(code)", path.read_text()), flags=re.DOTALL)


def links(path: Path) -> list[str]:
    """Return where the links and pictures of a page lead to."""
    return _LINK.findall(_CODE.sub("code", prose(path)))


def anchors(path: Path) -> set[str]:
    """Return the names of the headings of a page, as links have them."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ +(.+?) *$", prose(path), re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        base = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        slug, count = base, 0
        while slug in found:
            count += 1
            slug = f"{base}-{count}"
        found.add(slug)
    return found


def listed(path: Path) -> Iterator[Path]:
    """Yield the pages in the toctrees of a page."""
    for block in re.findall(r"^```\{toctree\}\n(.*?)^```", path.read_text(), re.DOTALL | re.MULTILINE):
        for line in block.splitlines():
            if line and not line.startswith(":"):
                yield path.parent / f"{line}.md"
