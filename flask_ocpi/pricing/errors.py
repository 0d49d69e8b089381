"""The error of this package: a document or a tariff that cannot be priced."""

from __future__ import annotations

from flask_ocpi.errors import FlaskOCPIError


class PricingError(FlaskOCPIError):
    """A document, a tariff or an argument cannot be priced; the message names the path and what is wrong there."""
