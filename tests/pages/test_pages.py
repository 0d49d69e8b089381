"""A reader reaches every page, follows every link, and finds nothing that was left to be written."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.pages.site import DOCS
from tests.pages.site import OUTSIDE
from tests.pages.site import PAGES
from tests.pages.site import anchors
from tests.pages.site import links
from tests.pages.site import listed
from tests.pages.site import name
from tests.pages.site import prose
from tests.snippets import ROOT

INVENTED = ("example.com", ".example", ".local")
every_page = pytest.mark.parametrize("path", [*PAGES, *OUTSIDE], ids=name)
INDEX = DOCS / "index.md"
PLACEHOLDER = re.compile(r"\b(?:TODO|FIXME|TBD|XXX|lorem ipsum|coming soon)\b|(?<!`)\{[a-z_]+\}", re.IGNORECASE)


def test_each_page_is_in_the_navigation_once():
    found = Counter(page for path in PAGES for page in listed(path))

    assert found == Counter(set(PAGES) - {INDEX})


def test_the_navigation_has_the_four_kinds_of_pages():
    captions = re.findall(r"^:caption: (.+)$", INDEX.read_text(), re.MULTILINE)
    doors = re.findall(r"^## (.+)$", INDEX.read_text(), re.MULTILINE)

    assert doors == ["Tutorials", "How-to guides", "Explanation", "Reference"]
    assert [caption for caption in captions if ":" not in caption] == doors


@every_page
def test_a_link_leads_to_a_file_and_a_heading(path: Path):
    dead = []
    for link in links(path):
        target, _, anchor = link.partition("#")
        if "://" in link or target.startswith("mailto:"):
            continue
        file = (path.parent / target).resolve() if target else path
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
            dead.append(link)

    assert dead == []


@every_page
def test_a_link_to_another_site_is_an_address_of_it(path: Path):
    wrong = []
    for link in links(path):
        url = urlsplit(link)
        host = url.hostname or ""
        if "://" in link and (url.scheme != "https" or "." not in host or host.endswith(INVENTED)):
            wrong.append(link)

    assert wrong == []


@every_page
def test_nothing_is_left_to_be_written(path: Path):
    text = re.sub(r"`[^`\n]*`", "", prose(path))

    assert PLACEHOLDER.findall(text) == []
    headings = re.findall(r"^(#+) (.+)\n+(?=(#+) )", prose(path), re.MULTILINE)
    assert [words for level, words, below in headings if len(below) <= len(level)] == []


@every_page
def test_a_block_of_code_names_its_language(path: Path):
    fences = re.findall(r"^ *```(.*)$", path.read_text(), re.MULTILINE)

    opened = fences[::2]
    assert [language for language in opened if not language] == []
    assert [closed for closed in fences[1::2] if closed] == []


@every_page
def test_a_picture_says_what_it_shows(path: Path):
    text = path.read_text()
    alternatives = re.findall(r"!\[([^\]]*)\]\(", text) + re.findall(r"^:alt:(.*)$", text, re.MULTILINE)
    pictures = re.findall(r"!\[[^\]]*\]\(|^```\{image\}", text, re.MULTILINE)

    assert len(alternatives) == len(pictures)
    assert [each for each in alternatives if len(each) < 20] == []


def test_every_page_with_python_is_run_by_a_test():
    tests = "\n".join(path.read_text() for path in sorted((ROOT / "tests").rglob("*.py")))
    run = set(re.findall(r"[\"/ ]docs\W{1,5}([\w-]+)\.md", tests)) | set(re.findall(r"\.page\(\s*\"([\w-]+)\"", tests))
    pages = [path for path in PAGES if re.search(r"^ *```python", path.read_text(), re.MULTILINE)]
    not_run = [path.stem for path in pages if path.stem not in run and "<!-- not run: " not in path.read_text()]

    assert len(pages) > 20
    assert not_run == []
