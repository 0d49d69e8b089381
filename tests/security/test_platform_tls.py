"""TLS to other platforms, against a real server: always checked, and with what was set for the host it goes to."""

from __future__ import annotations

import socket
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from flask_ocpi import OCPI
from flask_ocpi.client.transport import Request
from flask_ocpi.client.transport import Transport
from flask_ocpi.errors import ConfigurationError
from flask_ocpi.errors import UnreachableError
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.testing.network import party_settings
from tests.security.tls import Authority
from tests.security.tls import served

pytestmark = pytest.mark.conformance("T-01")

CPO = "cpo.example"
OTHER = "other.example"

Call = Callable[[str, int], int]


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority that is trusted for all hosts."""
    return Authority(tmp_path_factory.mktemp("public"), "public")


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority of one platform."""
    return Authority(tmp_path_factory.mktemp("private"), "private")


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every host name lead to this machine."""

    def getaddrinfo(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.fixture
def transport_of() -> Iterator[Callable[..., Transport]]:
    """Make the transport of a platform with these settings."""
    made: list[Transport] = []

    def make(**settings: Any) -> Transport:
        app = Flask("tls", root_path=".")
        app.config.update(
            SECRET_KEY="a secret", OCPI_PARTIES=[party_settings("NL", "ABC", ["CPO"])], OCPI_HTTP_ALLOW_PRIVATE=True
        )
        app.config.update({f"OCPI_HTTP_{name.upper()}": value for name, value in settings.items()})
        made.append(OCPI(app, storage=MemoryStorage()).transport)
        return made[-1]

    yield make
    for transport in made:
        transport.close()


def call(transport: Transport, host: str, port: int) -> int:
    return transport.send(Request("GET", f"https://{host}:{port}/ocpi/versions")).status


def test_a_certificate_of_an_unknown_authority_is_refused(transport_of, private):
    with (
        served(private.issue(CPO)) as server,
        pytest.raises(UnreachableError, match="unable to get local issuer certificate"),
    ):
        call(transport_of(), CPO, server.port)

    assert server.clients == []


def test_a_platforms_own_authority_is_accepted_at_its_host(transport_of, private):
    transport = transport_of(platform_tls={CPO: {"ca_bundle": private.bundle}})

    with served(private.issue(CPO)) as server:
        assert call(transport, CPO, server.port) == 200


@pytest.mark.parametrize("spelling", ["CPO.example", "cpo.example."])
def test_the_host_may_be_spelled_in_any_way(transport_of, private, spelling):
    transport = transport_of(platform_tls={spelling: {"ca_bundle": private.bundle}})

    with served(private.issue(CPO)) as server:
        assert call(transport, "Cpo.Example", server.port) == 200


@pytest.mark.parametrize("host", [OTHER, "sub.cpo.example", "cpo.example.evil.example"])
def test_a_platforms_own_authority_does_not_count_at_other_hosts(transport_of, private, host):
    transport = transport_of(platform_tls={CPO: {"ca_bundle": private.bundle}})

    with (
        served(private.issue(host)) as server,
        pytest.raises(UnreachableError, match="unable to get local issuer certificate"),
    ):
        call(transport, host, server.port)


def test_the_common_authorities_do_not_count_where_a_platform_has_its_own(transport_of, public, private):
    transport = transport_of(ca_bundle=public.bundle, platform_tls={CPO: {"ca_bundle": private.bundle}})

    with served(public.issue(CPO)) as server, pytest.raises(UnreachableError, match="TLS"):
        call(transport, CPO, server.port)


def test_a_certificate_of_another_host_is_refused_whoever_signed_it(transport_of, private):
    transport = transport_of(platform_tls={CPO: {"ca_bundle": private.bundle}})

    with served(private.issue(OTHER)) as server, pytest.raises(UnreachableError, match="Hostname mismatch"):
        call(transport, CPO, server.port)

    assert server.clients == []


def test_a_certificate_that_is_over_is_refused(transport_of, private):
    transport = transport_of(platform_tls={CPO: {"ca_bundle": private.bundle}})

    with served(private.issue(CPO, days=-1)) as server, pytest.raises(UnreachableError, match="has expired"):
        call(transport, CPO, server.port)

    assert server.clients == []


def test_a_server_that_demands_a_client_certificate_refuses_who_has_none(transport_of, private):
    transport = transport_of(platform_tls={CPO: {"ca_bundle": private.bundle}})

    with (
        served(private.issue(CPO), asks=private.bundle, demands=True) as server,
        pytest.raises(UnreachableError),
    ):
        call(transport, CPO, server.port)

    assert server.clients == []


@pytest.mark.parametrize("as_pair", [False, True], ids=["one file", "two files"])
def test_a_server_that_demands_a_client_certificate_gets_the_one_for_its_host(transport_of, private, as_pair):
    file = private.issue("abc.example")
    own = {"ca_bundle": private.bundle, "client_certificate": [file, file] if as_pair else file}
    transport = transport_of(platform_tls={CPO: own})

    with served(private.issue(CPO), asks=private.bundle, demands=True) as server:
        assert call(transport, CPO, server.port) == 200

    assert server.clients == ["abc.example"]


def test_other_hosts_do_not_get_to_see_that_client_certificate(transport_of, public, private):
    own = {"ca_bundle": private.bundle, "client_certificate": private.issue("abc.example")}
    transport = transport_of(ca_bundle=public.bundle, platform_tls={CPO: own})

    with (
        served(private.issue(CPO), asks=private.bundle) as server,
        served(public.issue(OTHER), asks=private.bundle) as curious,
    ):
        statuses = [call(transport, CPO, server.port), call(transport, OTHER, curious.port)]
        statuses += [call(transport, CPO, server.port), call(transport, OTHER, curious.port)]

    assert statuses == [200, 200, 200, 200]
    assert server.clients == ["abc.example", "abc.example"]
    assert curious.clients == [None, None]


def test_a_connection_of_one_host_is_not_used_for_another_at_the_same_address(transport_of, public, private):
    own = {"client_certificate": private.issue("abc.example")}
    transport = transport_of(ca_bundle=public.bundle, platform_tls={CPO: own})

    with served(public.issue(CPO), asks=private.bundle) as server:
        assert call(transport, CPO, server.port) == 200
        with pytest.raises(UnreachableError, match="Hostname mismatch"):
            call(transport, OTHER, server.port)

    assert server.clients == ["abc.example"]


def test_a_host_with_an_authority_of_its_own_keeps_the_common_client_certificate(transport_of, private):
    transport = transport_of(
        client_certificate=private.issue("abc.example"), platform_tls={CPO: {"ca_bundle": private.bundle}}
    )

    with served(private.issue(CPO), asks=private.bundle, demands=True) as server:
        assert call(transport, CPO, server.port) == 200

    assert server.clients == ["abc.example"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("cpo.example", "OCPI_HTTP_PLATFORM_TLS must look like"),
        ({"https://cpo.example/": {"ca_bundle": "x"}}, "without scheme and port"),
        ({"cpo.example:443": {"ca_bundle": "x"}}, "without scheme and port"),
        ({"bücher.example": {"ca_bundle": "x"}}, "without scheme and port"),
        ({"": {"ca_bundle": "x"}}, "without scheme and port"),
        ({CPO: {}}, "must look like"),
        ({CPO: {"verify": False}}, "must look like"),
        ({CPO: {"ca_bundle": False}}, "must be a text that is not empty"),
        ({CPO: {"client_certificate": ["one"]}}, "must be a PEM file"),
    ],
)
def test_a_wrong_setting_is_named(transport_of, value, message):
    with pytest.raises(ConfigurationError, match=message):
        transport_of(platform_tls=value)


def test_a_missing_file_is_named_before_anything_is_sent(transport_of, tmp_path):
    with pytest.raises(ConfigurationError, match=r"none\.pem cannot be used"):
        transport_of(platform_tls={CPO: {"client_certificate": str(tmp_path / "none.pem")}})
