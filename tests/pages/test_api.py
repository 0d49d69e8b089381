"""The page of the API explains arguments one by one, where a docstring does."""

from __future__ import annotations

import inspect
import runpy

from tests.pages.site import DOCS


def test_a_sentence_about_an_argument_becomes_an_entry_of_its_own():
    with_arguments = runpy.run_path(str(DOCS / "conf.py"))["with_arguments"]
    docstring = """Do it.

    Slowly. party: the owner,
    if several have it. limit, most: how many.

    Raises Oops: no."""

    lines = with_arguments(inspect.cleandoc(docstring).splitlines(), ["party", "limit", "most"])

    assert [line for line in lines if line] == [
        "Do it.",
        "Slowly.",
        "Raises Oops: no.",
        ":param party: The owner, if several have it.",
        ":param limit: How many.",
        ":param most: How many.",
    ]
