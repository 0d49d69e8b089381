"""Drivers charge by themselves: guests at the sandbox's charge points, and its own drivers at those of partners."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_ocpi.client import Request
from flask_ocpi.errors import UnreachableError
from flask_ocpi.signals import message_exchanged
from flask_ocpi.testing.network import Network
from flask_ocpi.testing.sandbox.app import VERSIONS
from flask_ocpi.testing.sandbox.drivers import GUESTS
from flask_ocpi.testing.sandbox.drivers import PATIENCE
from flask_ocpi.testing.sandbox.drivers import Drivers
from flask_ocpi.testing.sandbox.running import line_of
from tests.sandbox.partners import ROUND
from tests.sandbox.partners import add_sandbox
from tests.sandbox.partners import ocpi_of
from tests.sandbox.partners import pass_rounds


@pytest.fixture
def cpo(ocpi_network: Network, tmp_path: Path) -> Flask:
    return add_sandbox(ocpi_network, "cpo", tmp_path)


@pytest.fixture
def emsp(ocpi_network: Network, tmp_path: Path, cpo: Flask) -> Flask:
    app = add_sandbox(ocpi_network, "emsp", tmp_path)
    ocpi_network.connect(ocpi_of(app), ocpi_of(cpo))
    return app


def drivers_of(app: Flask) -> Drivers:
    return Drivers(app, seed=1, every=ROUND)


def documents(app: Flask, module: str, *, copies: bool = False) -> list[dict[str, Any]]:
    """Return what a platform has of a module, by id."""
    found = ocpi_of(app).objects.documents(module, copies=copies)
    return sorted(found, key=lambda document: str(document.get("id")))


def test_guests_charge_and_their_provider_gets_sessions_and_cdrs(
    ocpi_network: Network, cpo: Flask, emsp: Flask
) -> None:
    pass_rounds(ocpi_network, [cpo], [drivers_of(cpo)], 30)

    sessions, cdrs = documents(emsp, "sessions", copies=True), documents(emsp, "cdrs", copies=True)
    assert {session["status"] for session in sessions} >= {"COMPLETED"}
    assert {session["auth_method"] for session in sessions} <= {"AUTH_REQUEST", "WHITELIST"}
    assert len(cdrs) == Counter(session["status"] for session in sessions)["COMPLETED"]
    assert {cdr["id"] for cdr in cdrs} == {cdr["id"] for cdr in documents(cpo, "cdrs")}
    assert all(ocpi_of(emsp).pricing.audit(cdr).verdict == "ok" for cdr in cdrs)


def test_only_so_many_guests_charge_at_a_time(ocpi_network: Network, cpo: Flask, emsp: Flask) -> None:
    pass_rounds(ocpi_network, [], [drivers_of(cpo)], 6)

    assert len(documents(cpo, "sessions")) == GUESTS


def test_a_card_that_is_not_allowed_does_not_charge(ocpi_network: Network, cpo: Flask, emsp: Flask) -> None:
    for token in documents(emsp, "tokens"):
        ocpi_of(emsp).save("tokens", {**token, "valid": False, "whitelist": "NEVER"})

    pass_rounds(ocpi_network, [cpo], [drivers_of(cpo)], 6)

    assert documents(cpo, "sessions") == []


def test_own_drivers_start_sessions_at_a_partner_and_stop_them(ocpi_network: Network, cpo: Flask, emsp: Flask) -> None:
    pass_rounds(ocpi_network, [cpo], [drivers_of(emsp)], 12)

    sessions = documents(emsp, "sessions", copies=True)
    done = [session for session in sessions if session["status"] == "COMPLETED"]
    assert done
    assert {session["auth_method"] for session in sessions} == {"COMMAND"}
    assert len(documents(emsp, "cdrs", copies=True)) == len(done)


def test_a_session_that_never_comes_is_given_up(ocpi_network: Network, cpo: Flask, emsp: Flask) -> None:
    def cut(request: Request) -> None:
        if "/receiver/sessions/" in request.url:
            raise UnreachableError("The line is cut.")

    ocpi_network.before_send = cut
    drivers = drivers_of(emsp)
    pass_rounds(ocpi_network, [], [drivers], 1)
    (ride,) = drivers.rides.values()

    pass_rounds(ocpi_network, [], [drivers], PATIENCE + 1)

    assert ride not in drivers.rides.values()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_day_in_each_version_has_no_message_that_fails(ocpi_network: Network, tmp_path: Path, version: str) -> None:
    cpo = add_sandbox(ocpi_network, "cpo", tmp_path, versions=[version])
    emsp = add_sandbox(ocpi_network, "emsp", tmp_path, versions=[version])
    failed = []

    def heard(sender: Flask, message: Any, **_: Any) -> None:
        if message.failed:
            failed.append(line_of(message))

    role = "CPO" if version == "2.1.1" else None
    _, token = ocpi_of(cpo).partners.invite(version=version, own_role=role)
    ocpi_of(emsp).partners.register(ocpi_of(cpo).versions_url, token, own_role=role and "EMSP")

    with message_exchanged.connected_to(heard):
        pass_rounds(ocpi_network, [cpo], [drivers_of(emsp), drivers_of(cpo)], 20)

    assert failed == []
    assert documents(emsp, "cdrs", copies=True)
