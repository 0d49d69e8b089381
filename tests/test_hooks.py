"""A hook that cannot be called as it will be is refused when it is registered."""

from __future__ import annotations

import pytest

from flask_ocpi import OCPI
from flask_ocpi import ConfigurationError

WRONG = [
    (lambda ocpi: ocpi.authorizer(lambda token: None), r"@ocpi.authorizer calls its function with (token, location)"),
    (
        lambda ocpi: ocpi.charging_preferences(lambda: "ACCEPTED"),
        r"@ocpi.charging_preferences calls its function with (session, preferences)",
    ),
    (
        lambda ocpi: ocpi.push_filter(lambda module, document: True),
        r"@ocpi.push_filter calls its function with (module, document, platform)",
    ),
    (
        lambda ocpi: ocpi.registration_filter(lambda a, b, c: "ask"),
        r"@ocpi.registration_filter calls its function with (platform, role)",
    ),
    (
        lambda ocpi: ocpi.command("START_SESSION")(lambda command: "ACCEPTED"),
        r'@ocpi.command("START_SESSION") calls its function with (asked, reply)',
    ),
    (
        lambda ocpi: ocpi.charging_profile("PUT")(lambda asked, *, reply: "ACCEPTED"),
        r'@ocpi.charging_profile("PUT") calls its function with (asked, reply), which <lambda>(asked, *, reply)',
    ),
]


@pytest.mark.parametrize(("register", "message"), WRONG, ids=[message.split()[0] for _, message in WRONG])
def test_a_wrong_signature_is_refused_with_the_right_one(register, message):
    with pytest.raises(ConfigurationError) as error:
        register(OCPI())

    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    "function",
    [lambda token, location: None, lambda *given: None, lambda token, location=None, extra=1: None],
    ids=["exact", "any", "with defaults"],
)
def test_what_can_be_called_is_registered(function):
    ocpi = OCPI()

    assert ocpi.authorizer(function) is function


def test_a_hook_is_a_function():
    with pytest.raises(ConfigurationError, match=r"@ocpi.authorizer takes a function, got 'ALLOWED'"):
        OCPI().authorizer("ALLOWED")
