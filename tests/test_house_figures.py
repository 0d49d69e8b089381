"""The figures of the house are those of the checkout that is looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import house_figures

ROOT = Path(__file__).parent.parent


@pytest.fixture
def house(tmp_path):
    """A function that makes a checkout of modules."""

    def make(**modules):
        folder = tmp_path / "flask_ocpi"
        folder.mkdir()
        (tmp_path / "tests").mkdir()
        for name, text in modules.items():
            (folder / f"{name}.py").write_text(text, encoding="utf-8")
        return tmp_path

    return make


def test_sizes_are_those_of_the_files(house):
    root = house(__init__="", small="x = 1\n" * 3, large="x = 1\n" * 500)

    figures = house_figures.sizes(root)

    assert (figures["lines"], figures["files"], figures["median lines of a file"]) == (503, 3, 3)
    assert (figures["files under 60 lines"], figures["files over 450 lines"], figures["root entries"]) == (2, 1, 3)


def test_the_house_has_no_long_file_a_small_root_and_no_circles():
    figures = house_figures.sizes(ROOT)

    assert figures["files over 450 lines"] == 0
    assert figures["root entries"] < 20
    assert list(map(house_figures.circles, house_figures.graphs(ROOT))) == [[], []]


def test_circles_of_types_and_of_late_imports_are_no_circles_at_run_time(house):
    root = house(
        a="from flask_ocpi import b\nfrom flask_ocpi import c",
        b="from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from flask_ocpi.a import A",
        c="def late():\n    import flask_ocpi.d",
        d="from flask_ocpi.c import late",
        e="import flask_ocpi.a",
    )

    run_time, any_way = map(house_figures.circles, house_figures.graphs(root))

    assert run_time == []
    assert any_way == [{"flask_ocpi.a", "flask_ocpi.b"}, {"flask_ocpi.c", "flask_ocpi.d"}]


def test_circles_at_run_time_are_found(house):
    root = house(a="import flask_ocpi.b", b="import flask_ocpi.c", c="import flask_ocpi.a")

    run_time, _ = map(house_figures.circles, house_figures.graphs(root))

    assert house_figures.say_circles(run_time) == "1 (3 modules)"


def test_calls_of_a_request_are_counted():
    figures = house_figures.calls_of(ROOT)

    assert 0 < figures["hops from view to storage"] < figures["depth of them"] < figures["calls for a PUT of an EVSE"]
