"""The examples of Sessions and CDRs cost what the example of a tariff makes of them."""

from __future__ import annotations

import pytest

from flask_ocpi.modules.cdrs_schemas import CDR
from flask_ocpi.modules.sessions import Session
from flask_ocpi.modules.tariffs import Tariff
from flask_ocpi.pricing import audit
from flask_ocpi.pricing import differences
from flask_ocpi.pricing import price
from flask_ocpi.web.examples import full_example


@pytest.mark.parametrize("schema", [CDR, Session], ids=["cdr", "session"])
def test_example_costs_what_its_tariff_says(schema):
    example = full_example(schema)

    report = price(example, full_example(Tariff), time_zone="Europe/Amsterdam")

    assert report.total_cost.excl_vat
    assert differences(example, report) == ()


def test_an_audit_of_the_example_finds_nothing():
    assert audit(full_example(CDR), time_zone="Europe/Amsterdam").findings == ()
