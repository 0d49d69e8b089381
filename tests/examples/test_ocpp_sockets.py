"""The operator with OCPP charge points as it runs: two processes of its own, a provider, and real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.headers import build_authorization_basic

from examples.ocpp_cpo.charge_points import Simulated16
from examples.ocpp_cpo.charge_points import Simulated201
from examples.ocpp_cpo.simulate import session
from examples.ocpp_cpo.stage import WAIT_SECONDS
from examples.ocpp_cpo.stage import Stage
from examples.ocpp_cpo.stage import opened
from examples.ocpp_cpo.stage import until
from examples.ocpp_cpo.stage import wait_for
from flask_ocpi.testing.sandbox.serving import port_for
from tests.snippets import ROOT
from tests.snippets import blocks

CARD = "04A1B2C3D4E580"


@pytest.fixture
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    settings = {}
    if getattr(request, "param", "sqlite") == "postgresql":
        settings["FLASK_SQLALCHEMY_DATABASE_URI"] = request.getfixturevalue("postgres_url")
    with opened(tmp_path, **settings) as stage:
        yield stage


def test_the_day_of_the_page_is_played_as_it_is_shown() -> None:
    shown = blocks((ROOT / "docs" / "ocpp.md").read_text(), "text")[0]

    run = subprocess.run(
        [sys.executable, "-m", "examples.ocpp_cpo.simulate"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (run.returncode, run.stderr) == (0, "")
    assert _without_seconds(run.stdout) == _without_seconds(shown)


def _without_seconds(text: str) -> str:
    return re.sub(r"\d+\.\d\d s\b", "... s", text)


def test_commands_of_the_page_start_the_operator(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "ocpp.md").read_text()
    with port_for(None) as web, port_for(None) as central:
        typed = blocks(page, "sh")[1].replace("5001", str(web)).replace("9000", str(central))
        script = [
            "set -e",
            typed,
            f"for port in {web} {central}; do",
            "    until (echo > /dev/tcp/127.0.0.1/$port) 2> /dev/null; do sleep 0.05; done",
            "done",
            "kill $(jobs -p)",
            "wait",
        ]
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "FLASK_INSTANCE_PATH": str(tmp_path), "PYTHONPATH": str(ROOT), "PATH": path}
        shell = subprocess.Popen(
            ["bash", "-c", "\n".join(script)],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            output, _ = shell.communicate(timeout=2 * WAIT_SECONDS)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)

    assert "The tables, 1 location and 1 tariff are there." in output
    assert "Invitation for platform ems-mobility" in output
    assert f"Charge points connect to ws://127.0.0.1:{central}/ocpp/ID" in output


@pytest.mark.parametrize("stage", ["sqlite", "postgresql"], indirect=True)
def test_transaction_survives_the_end_of_the_central_system(stage: Stage) -> None:
    stage.add_token(CARD)
    charge_point = Simulated16("CP-16")

    async def scene() -> None:
        async with charge_point.connected(stage.central_url, stage.passwords["CP-16"]):
            await charge_point.boot()
            await charge_point.begin(CARD)
            await charge_point.measure(30, 5)
            await session(stage, "ACTIVE", 5)
            await asyncio.to_thread(stage.end_central, signal.SIGKILL)
        await asyncio.to_thread(stage.start_central)
        async with charge_point.connected(stage.central_url, stage.passwords["CP-16"]):
            await charge_point.measure(30, 5)
            await charge_point.end()
            cdr = (await until(lambda: stage.copies("cdrs"), "the provider has the CDR"))[0]
        assert (cdr["total_energy"], cdr["total_time"], cdr["total_cost"]["excl_vat"]) == (10, 1, 4.5)

    asyncio.run(scene())


def test_many_charge_points_at_once_lose_nothing(stage: Stage) -> None:
    stage.add_token(CARD, whitelist="ALWAYS")
    ocpi = stage.cpo.extensions["ocpi"]
    quay = ocpi.objects.get("locations", "QUAY")
    uids = [f"QUAY-{number}" for number in range(3, 23)]
    ocpi.save("locations", {**quay, "evses": [*quay["evses"], *({**quay["evses"][0], "uid": uid} for uid in uids)]})
    run = stage.cpo.test_cli_runner().invoke
    passwords = {uid: run(args=["add-charge-point", uid, f"1=QUAY/{uid}/1"]).output.strip() for uid in uids}

    async def charge(number: int, uid: str) -> None:
        charge_point = (Simulated16, Simulated201)[number % 2](uid)
        async with charge_point.connected(stage.central_url, passwords[uid]):
            await charge_point.boot()
            assert await charge_point.begin(CARD) == "Accepted"
            await charge_point.measure(30, 5)
            await charge_point.measure(30, 5)
            await charge_point.end()

    async def scene() -> None:
        await asyncio.gather(*(charge(number, uid) for number, uid in enumerate(uids)))

    asyncio.run(scene())
    wait_for(lambda: len(stage.copies("cdrs")) == len(uids), "the provider has the CDRs")
    assert {cdr["total_cost"]["excl_vat"] for cdr in stage.copies("cdrs")} == {4.5}
    assert sorted(cdr["cdr_location"]["evse_uid"] for cdr in stage.copies("cdrs")) == sorted(uids)


def test_command_reaches_the_central_system_that_has_the_charge_point(stage: Stage) -> None:
    token = stage.add_token("DE-EMS-APP-42", type="APP_USER", whitelist="NEVER")
    wish = {"token": token, "location_id": "QUAY", "evse_uid": "QUAY-2"}
    charge_point = Simulated201("CP-201")

    async def scene(url: str) -> dict[str, Any]:
        async with charge_point.connected(url, stage.passwords["CP-201"]):
            await charge_point.boot()
            result = await asyncio.to_thread(stage.command, "start_session", wish)
            await session(stage, "ACTIVE", 0)
        return result

    with stage.another_central() as url:
        assert asyncio.run(scene(url)) == {"result": "ACCEPTED"}
    assert [action for action, _ in charge_point.orders] == ["RequestStartTransaction"]


def test_strangers_are_refused(stage: Stage) -> None:
    right = stage.passwords["CP-16"]

    async def answer(path: str, user: str | None, password: str, subprotocol: str = "ocpp1.6") -> int:
        headers = {} if user is None else {"Authorization": build_authorization_basic(user, password)}
        options: Any = {"subprotocols": [subprotocol], "additional_headers": headers, "open_timeout": WAIT_SECONDS}
        try:
            async with connect(f"{stage.central_url}/{path}", **options):
                return 101
        except InvalidStatus as refusal:
            return refusal.response.status_code

    async def answers() -> list[int]:
        return [
            await answer("CP-16", "CP-16", right),
            await answer("CP-16", "CP-16", "wrong"),
            await answer("CP-16", None, ""),
            await answer("CP-201", "CP-16", right),
            await answer("NONE", "NONE", right),
            await answer("CP-16", "CP-16", right, "ocpp1.5"),
        ]

    assert asyncio.run(answers()) == [101, 401, 401, 401, 401, 400]
