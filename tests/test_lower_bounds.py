"""Lower bounds: each dependency has one, and the smoke suite installs exactly these."""

from __future__ import annotations

import pytest
from packaging.requirements import Requirement

from scripts.lower_bounds import SMOKE
from scripts.lower_bounds import at_lower_bound
from scripts.lower_bounds import lowest
from tests.snippets import ROOT


def test_every_dependency_is_pinned_to_its_lower_bound():
    pinned = dict(pin.split("==") for pin in lowest())

    assert pinned["marshmallow"] == "4.3"
    assert {"Flask", "SQLAlchemy", "psycopg[binary]", "granian", "celery", "redis"} <= pinned.keys()


@pytest.mark.parametrize("line", ["Flask", "Flask>=3,<4", "Flask==3.1"], ids=["none", "upper bound too", "exact"])
def test_dependency_without_a_plain_lower_bound_is_refused(line):
    with pytest.raises(ValueError, match="lower bound and nothing else"):
        at_lower_bound(Requirement(line))


@pytest.mark.parametrize("path", SMOKE)
def test_what_the_smoke_suite_names_is_there(path):
    assert (ROOT / path.partition("::")[0]).exists()
