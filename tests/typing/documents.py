"""Documents as host applications write them, right and wrong; tests/test_types.py has mypy read them."""

from __future__ import annotations

from flask_ocpi.core.types import AllowedType
from flask_ocpi.core.types import Connector
from flask_ocpi.core.types import LocationChanges
from flask_ocpi.core.types import PriceComponent
from flask_ocpi.core.types import Tariff

right: Tariff = {
    "country_code": "NL",
    "party_id": "ABC",
    "id": "DAY",
    "currency": "EUR",
    "elements": [{"price_components": [{"type": "ENERGY", "price": 0.25, "step_size": 1}]}],
    "last_updated": "2024-05-31T12:00:00Z",
}
whole_number: PriceComponent = {"type": "FLAT", "price": 1, "step_size": 1}
cleared: LocationChanges = {"name": None, "city": "Utrecht"}
answer: AllowedType = "NO_CREDIT"

misspelt: PriceComponent = {"type": "FLAT", "price": 1, "step_sise": 1}  # wrong
unknown_value: PriceComponent = {"type": "KWH", "price": 1, "step_size": 1}  # wrong
incomplete: Connector = {"id": "1"}  # wrong
text_for_a_number: PriceComponent = {"type": "FLAT", "price": "1", "step_size": 1}  # wrong
identity: LocationChanges = {"id": "LOC2"}  # wrong
required_cleared: LocationChanges = {"city": None}  # wrong
misspelt_answer: AllowedType = "ALOWED"  # wrong
