"""Every property is described, with an example, and every class says where it is from."""

from __future__ import annotations

import re
from typing import Any

import pytest

from flask_ocpi.core.responses import PageQuery
from tests.schemas.declarations import QUERIES
from tests.schemas.declarations import SCHEMAS


def _properties() -> list[Any]:
    return [
        pytest.param(schema, field, id=f"{name}.{field}")
        for name, schema in {**SCHEMAS, **QUERIES}.items()
        for field in schema().load_fields
        if name not in QUERIES or field not in PageQuery._declared_fields
    ]


@pytest.mark.parametrize(("schema", "name"), _properties())
def test_property_is_described_with_an_example_that_is_valid(schema, name):
    field = schema().load_fields[name]

    assert field.metadata["description"].endswith(".")
    assert field.deserialize(field.metadata["example"]) == field.metadata["example"]


@pytest.mark.parametrize("schema", [*SCHEMAS.values(), *QUERIES.values()], ids=lambda schema: schema.__name__)
def test_class_says_which_section_it_is_from(schema):
    assert re.search(r"\(OCPI \d\.\d\.\d, ", schema.__doc__ or "")
