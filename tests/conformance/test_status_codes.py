"""OCPI status codes: group ST of the requirements."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.errors import OCPIError
from flask_ocpi.errors import RefusedError
from flask_ocpi.errors import StatusCode
from flask_ocpi.errors import UnknownLocationError
from flask_ocpi.errors import UnknownTokenError
from flask_ocpi.errors import abort
from flask_ocpi.errors import is_success
from flask_ocpi.testing.documents import location
from flask_ocpi.versions import VERSIONS
from tests.conformance.sharing import SharedNetwork
from tests.conformance.sharing import shared_network
from tests.urls import ocpi_url

SENDER = ocpi_url("sender/locations")


@pytest.fixture
def ocpi_network() -> SharedNetwork:
    return shared_network()


def every_error():
    """Return all classes of errors that are answered in the envelope."""
    errors = [OCPIError]
    for error in errors:
        errors += error.__subclasses__()
    return errors


@pytest.fixture
def answered(ocpi_network, ocpi, ocpi_other):
    """Call a platform that answers an envelope with a given code."""
    platform, _ = ocpi_network.connect(ocpi, ocpi_other)

    def call(code, *, http_status=200):
        body = b'{"data":[],"status_code":%d,"timestamp":"2026-01-01T12:00:00Z"}' % code
        ocpi_network.after_send = lambda request, response: replace(response, body=body, status=http_status)
        with ocpi.client(platform) as client:
            return client.locations.put(location())

    return call


@pytest.mark.conformance("ST-01", "ST-02", "ST-03", "ST-04")
def test_the_codes_are_those_of_ocpi():
    assert [int(code) for code in StatusCode] == [
        *(1000, 2000, 2001, 2002, 2003, 2004),
        *(3000, 3001, 3002, 3003, 4000, 4001, 4002, 4003),
    ]
    assert UnknownLocationError.status_code == 2003
    assert (UnknownTokenError.status_code, UnknownTokenError.http_status) == (2004, 404)


@pytest.mark.conformance("ST-01")
@pytest.mark.parametrize("code", [1000, 1001, 1900, 1999])
def test_every_code_from_1000_is_a_success_to_the_client(answered, code):
    assert answered(code).status_code == code


@pytest.mark.conformance("ST-06", "ST-07", "ST-02", "ST-03", "ST-04")
@pytest.mark.parametrize("code", [0, 200, 999, 2000, 2001, 2222, 2900, 2999, 3000, 3003, 3999, 4002, 4900, 5000, 19000])
def test_every_other_code_is_a_refusal_even_with_http_200(answered, code):
    with pytest.raises(RefusedError, match=str(code)) as refused:
        answered(code)

    assert (refused.value.status_code, refused.value.http_status) == (code, 200)


@pytest.mark.conformance("ST-06")
@pytest.mark.parametrize("http_status", [201, 204, 299])
def test_every_http_status_of_success_goes_with_a_success(answered, http_status):
    assert answered(1000, http_status=http_status).http_status == http_status


@pytest.mark.conformance("ST-06")
@pytest.mark.parametrize("http_status", [302, 400, 401, 404, 500, 503])
def test_an_http_error_is_a_refusal_whatever_the_code(answered, http_status):
    with pytest.raises(RefusedError) as refused:
        answered(1000, http_status=http_status)

    assert refused.value.http_status == http_status


@pytest.mark.conformance("ST-06")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"status_code":"1000"}',
        b'{"status_code":true}',
        b'{"status_code":null}',
        b"\xff",
    ],
    ids=["empty", "html", "array", "no code", "text code", "boolean code", "null code", "bytes"],
)
def test_what_is_no_envelope_is_no_success(ocpi_network, ocpi, ocpi_other, body):
    platform, _ = ocpi_network.connect(ocpi, ocpi_other)
    ocpi_network.after_send = lambda request, response: replace(response, body=body)

    with ocpi.client(platform) as client, pytest.raises(InvalidResponseError):
        client.locations.put(location())


@pytest.mark.conformance("ST-06", "CLI-08")
def test_an_envelope_needs_no_more_than_its_code(ocpi_network, ocpi, ocpi_other):
    platform, _ = ocpi_network.connect(ocpi, ocpi_other)
    ocpi_network.after_send = lambda request, response: replace(response, body=b'{"status_code":1000}')

    with ocpi.client(platform) as client:
        assert client.locations.put(location()).data is None


@pytest.mark.conformance("ST-05")
def test_standard_modules_use_no_custom_codes():
    named = {code for version in VERSIONS for _, _, operation in version.operations() for code in operation.errors}
    errors = {error.status_code for error in every_error()}

    assert named
    assert {code for code in named | errors | set(StatusCode) if code % 1000 >= 900} == set()


@pytest.mark.conformance("ST-01", "ST-02", "ST-03", "ST-04", "ST-05")
@pytest.mark.parametrize("code", [*StatusCode, 1900, 2900, 2999, 3900, 4900], ids=str)
def test_a_host_answers_any_code_by_abort(ocpi, ocpi_client, monkeypatch, code):
    monkeypatch.setattr(ocpi.services.storage, "list", lambda *_: abort(code, "Not today."))

    answer = ocpi_client.get(SENDER)

    assert (answer.http_status, answer.status_code, answer.message) == (200, code, "Not today.")


@pytest.mark.conformance("ST-02", "ST-03", "ST-04")
def test_every_error_has_a_code_that_fits_its_http_status():
    assert len(every_error()) > 15
    for error in every_error():
        client_fault = 2000 <= error.status_code < 3000
        assert client_fault or error.http_status == 200
        assert error.http_status in (200, 400, 401, 403, 404, 405, 408, 413, 415, 429)


@pytest.mark.conformance("ST-01")
@pytest.mark.parametrize(("code", "success"), [(999, False), (1000, True), (1999, True), (2000, False)])
def test_the_first_digit_decides(code, success):
    assert is_success(code) is success
