"""What the pages on the modules and on signals show runs as it is, and does what they say."""

from __future__ import annotations

import functools
import queue
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flask_ocpi import OCPI
from flask_ocpi import Party
from flask_ocpi import RefusedError
from flask_ocpi.client.client import Client
from flask_ocpi.core.config import Settings
from flask_ocpi.core.moments import to_micros
from flask_ocpi.extension import utc_now
from flask_ocpi.signals import object_received
from flask_ocpi.signals import result_received
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Record
from flask_ocpi.testing import documents
from flask_ocpi.testing.network import Network
from flask_ocpi.testing.network import add_partner
from tests.conformance.sharing import EmptyableStorage
from tests.snippets import ROOT
from tests.snippets import Page
from tests.snippets import blocks
from tests.snippets import run
from tests.urls import ocpi_url

pytest_plugins = ["pytester"]

NOW = "2026-01-01T12:00:00Z"
OURS = {"country_code": "NL", "party_id": "ABC"}
XYZ = {"country_code": "DE", "party_id": "XYZ"}
CARD = documents.token(**OURS, uid="012345", whitelist="NEVER")
CDR_TOKEN = {name: CARD[name] for name in ("country_code", "party_id", "uid", "type", "contract_id")}
PERIOD = {"start_date_time": NOW, "dimensions": [{"type": "ENERGY", "volume": 1.5}]}
PROFILE = {"charging_rate_unit": "A", "charging_profile_period": [{"start_period": 0, "limit": 10}]}


class World:
    """A platform as a reader has it, NL-ABC, and two partners: the eMSP DE-EMS and the CPO DE-XYZ."""

    def __init__(self) -> None:
        self.network, self.emsp, self.cpo = _partners()
        self.ocpi = self.network.add("abc.example", [("NL", "ABC", ["CPO", "EMSP"])])
        self.network.requests.clear()
        for partner, name in ((self.emsp, "Ems Mobility"), (self.cpo, "Xyz Charging")):
            partner.storage.clear()  # type: ignore[attr-defined]
            partner.services.hooks.calls.clear()
            _, token = self.ocpi.partners.invite(name=name)
            partner.partners.register(self.ocpi.versions_url, token)

    def page(self, name: str, **names: Any) -> Page:
        app = self.network.apps["abc.example"]
        return Page(f"docs/{name}.md", **{"app": app, "ocpi": self.ocpi, "Party": Party, "now": NOW, **names})

    def emsp_calls(self) -> Client:
        return self.emsp.client("NL-ABC")

    def cpo_calls(self) -> Client:
        return self.cpo.client("NL-ABC")


@functools.cache
def _partners() -> tuple[Network, OCPI, OCPI]:
    """Return the network of this process with the partners, which take longest to build."""
    network = Network(clock=utc_now)  # with one that stands still, waiting for a result would not end
    emsp = network.add("emsp.example", [("DE", "EMS", ["EMSP"])], storage=EmptyableStorage())
    cpo = network.add("cpo.example", [("DE", "XYZ", ["CPO"])], storage=EmptyableStorage())
    return network, emsp, cpo


def copies(ocpi: OCPI, module: str) -> list[dict[str, Any]]:
    return list(ocpi.objects.documents(module, copies=True))


@pytest.fixture
def world() -> World:
    return World()


def test_client_page_runs(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.cpo.save("locations", documents.location(**XYZ))
    page = world.page("client", location=documents.location(id="LOC7"))

    page.run()
    assert [copy["id"] for copy in copies(world.emsp, "locations")] == ["LOC7"]
    world.ocpi.save("locations", documents.location())
    page.run(client=world.ocpi.client("DE-XYZ"))
    page.run()
    assert capsys.readouterr().out == "ems-mobility has it\n"
    assert page.rest == []


def test_sync_page_runs(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.cpo.storage.save(*stored_location(id="LOC7"))
    page = world.page("sync", app=SimpleNamespace(config={}))

    page.run()
    assert [copy["id"] for copy in copies(world.ocpi, "locations")] == ["LOC7"]
    assert "xyz-charging 1 of locations" in capsys.readouterr().out
    page.run()
    settings = {**world.network.apps["abc.example"].config, **page.names["app"].config}
    assert Settings.from_mapping(settings).sync_interval == 4 * 3600
    page.run()
    assert "xyz-charging locations NL-ABC 0 s ago" in capsys.readouterr().out
    assert page.rest == []


def stored_location(**changes: Any) -> tuple[str, Key, Record]:
    """Return what a Location is stored as, for one that is not to be pushed."""
    document = documents.location(**XYZ, **changes)
    record = Record.of(document, last_updated=to_micros(document["last_updated"]))
    return "locations", Key.of("DE", "XYZ", document["id"]), record


def test_locations_page_runs(world: World) -> None:
    location = documents.location(evses=[documents.evse()])
    page = world.page("locations", location=location, many=[documents.location(id="LOC2")])

    page.run()
    assert [own["id"] for own in world.ocpi.objects.documents("locations")] == ["LOC2"]
    page.run(token=None)
    assert page.names["view"] == location
    assert page.rest == []


def test_quickstart_page_runs(world: World) -> None:
    world.cpo.save("locations", documents.location(**XYZ))
    page = world.page("quickstart", location=documents.location(evses=[documents.evse()]))
    page.rest.pop(0)  # the app

    page.run()
    assert copies(world.emsp, "locations")[0]["evses"][0]["status"] == "CHARGING"
    page.run()
    assert [copy["party_id"] for copy in copies(world.ocpi, "locations")] == ["XYZ"]
    assert page.rest == []


def test_sessions_page_runs(world: World) -> None:
    session = documents.session(charging_periods=[PERIOD])
    later = {**PERIOD, "start_date_time": "2026-01-01T13:00:00Z"}
    world.cpo.save("sessions", documents.session(**XYZ, id="SES7", cdr_token=CDR_TOKEN, last_updated=NOW))
    world.cpo.charging_preferences(lambda session, wishes: "ACCEPTED")
    page = world.page("sessions", session=session, period=later, plan=lambda id, wishes: True)

    page.run(count=2)
    assert copies(world.emsp, "sessions")[0]["charging_periods"] == [PERIOD, later]
    page.run()
    assert [copy["id"] for copy in copies(world.ocpi, "sessions")] == ["SES7"]
    page.run()
    answers = [prefer(world, {"profile_type": "CHEAP"}), prefer(world, {"profile_type": "FAST"})]
    assert answers == ["DEPARTURE_REQUIRED", "ACCEPTED"]
    page.run()
    assert page.rest == []


def prefer(world: World, wishes: dict[str, Any]) -> str:
    with world.emsp_calls() as client:
        return client.sessions.put_charging_preferences("SES1", wishes)


def test_cdrs_page_runs(world: World) -> None:
    cdr = documents.cdr()
    world.cpo.save("cdrs", documents.cdr(**XYZ, id="CDR7", cdr_token=CDR_TOKEN, last_updated=NOW))
    page = world.page("cdrs", cdr=cdr)

    page.run(count=2)
    assert copies(world.emsp, "cdrs") == [cdr]
    page.run()
    assert [copy["id"] for copy in copies(world.ocpi, "cdrs")] == ["CDR7"]
    page.run(cdr=cdr)
    assert world.ocpi.objects.get("cdrs", "CDR1-C")["total_cost"] == {"excl_vat": -3.125}
    assert page.rest == []


def test_tariffs_page_runs(world: World) -> None:
    world.cpo.save("tariffs", documents.tariff(**XYZ))
    page = world.page("tariffs", tariff=documents.tariff(), special=documents.tariff(id="SPECIAL"))

    page.run()
    assert sorted(copy["id"] for copy in copies(world.emsp, "tariffs")) == ["SPECIAL", "TARIFF1"]
    assert world.ocpi.objects.record("tariffs", "SPECIAL").audience == (Party.of("DE", "EMS"),)
    page.run()
    assert [copy["id"] for copy in copies(world.emsp, "tariffs")] == ["SPECIAL"]
    page.run()
    assert len(copies(world.ocpi, "tariffs")) == 1
    assert page.rest == []


def test_tokens_page_runs(world: World) -> None:
    world.emsp.save("tokens", documents.token(uid="998877", whitelist="NEVER"))
    page = world.page("tokens", card=CARD, balance=lambda contract: 0 if contract == "EMPTY" else 10)

    page.run(count=2)
    assert {copy["type"]: copy["valid"] for copy in copies(world.cpo, "tokens")} == {"RFID": False, "APP_USER": True}
    page.run()
    world.ocpi.save("tokens", documents.token(**OURS, uid="EMPTY", contract_id="EMPTY", whitelist="NEVER"))
    with world.cpo_calls() as client:
        with pytest.raises(RefusedError) as refused:
            client.tokens.authorize("012345", type="APP_USER")
        empty = client.tokens.authorize("EMPTY", location={"location_id": "LOC1"})
        depot = client.tokens.authorize("EMPTY", location={"location_id": "DEPOT"})
        fine = client.tokens.authorize("012345", type="APP_USER", location={"location_id": "DEPOT"})
    assert refused.value.status_code == 2002
    assert [answer.info and answer.info["allowed"] for answer in (empty, depot)] == ["NO_CREDIT"] * 2
    assert fine.info is not None
    assert fine.info["info"]["text"] == "Welcome back."
    page.run(count=2)
    assert [copy["uid"] for copy in copies(world.ocpi, "tokens")] == ["998877"]
    assert page.rest == []


def test_commands_page_runs(world: World) -> None:
    told: queue.Queue[dict[str, Any]] = queue.Queue()
    notified: list[tuple[str, str, bool]] = []
    reserved: list[tuple[int, str]] = []

    def reserve(number: int, *, until: str) -> str:
        reserved.append((number, until))
        return "ACCEPTED"

    world.ocpi.save("locations", documents.location(evses=[documents.evse()]))
    world.ocpi.save("sessions", documents.session())
    world.cpo.save("locations", documents.location(**XYZ, evses=[documents.evse()]))
    world.cpo.command("START_SESSION")(lambda command, reply: reply.accept(lambda: "ACCEPTED"))
    page = world.page(
        "commands",
        is_free=lambda location, evse: evse == "EVSE1",
        ask_charge_point=lambda command: "EVSE_OCCUPIED",
        queue=told,
        reserve=reserve,
        token=CARD,
        notify=lambda reference, result, *, late: notified.append((reference, result, late)),
    )

    page.run()
    with world.emsp_calls() as client:
        place = {"token": documents.token(), "location_id": "LOC1"}
        assert client.commands.start_session(place).response == {"result": "REJECTED", "timeout": 0}
        started = client.commands.start_session({**place, "evse_uid": "EVSE1"})
        page.run()
        stopped = client.commands.stop_session("SES1")
        page.run(command_id=told.get_nowait()["command_id"])
        page.run()
        client.commands.reserve_now({**place, "reservation_id": "R1", "expiry_date": NOW})
    assert world.emsp.call(started.id).result == {"result": "EVSE_OCCUPIED"}
    assert world.emsp.call(stopped.id).result == {"result": "ACCEPTED"}
    assert [until for _, until in reserved] == [NOW]
    page.run(count=2)
    with world.ocpi.client("DE-XYZ") as client:
        client.commands.start_session({"token": CARD, "location_id": "LOC1"}, reference="driver 7")
    assert notified == [("driver 7", "ACCEPTED", False)]
    assert page.rest == []


def test_charging_profiles_page_runs(world: World) -> None:
    told: list[tuple[str, Any]] = []
    active = {"start_date_time": NOW, "charging_profile": PROFILE}
    world.ocpi.save("sessions", documents.session())
    world.cpo.save("sessions", documents.session(**XYZ, id="SES7", cdr_token=CDR_TOKEN))
    world.cpo.charging_profile("PUT")(lambda asked, reply: reply.accept(lambda: "ACCEPTED"))
    world.cpo.charging_profile("DELETE")(lambda asked, reply: "ACCEPTED")
    world.cpo.charging_profile("GET")(
        lambda asked, reply: reply.accept(lambda: {"result": "ACCEPTED", "profile": active})
    )
    page = world.page(
        "chargingprofiles",
        too_soon=lambda session_id: False,
        set_limits=lambda session_id, profile: "ACCEPTED",
        read_limits=lambda session_id, *, seconds: active,
        clear_limits=lambda session_id: "UNKNOWN",
        limits=PROFILE,
        planner=SimpleNamespace(update=lambda *update: told.append(update)),
    )

    page.run()
    with world.emsp_calls() as client:
        calls = [
            client.chargingprofiles.set("SES1", PROFILE),
            client.chargingprofiles.get_active("SES1", duration=900),
            client.chargingprofiles.clear("SES1"),
        ]
    results = [world.emsp.call(call.id).result for call in calls]
    assert results == [{"result": "ACCEPTED"}, {"result": "ACCEPTED", "profile": active}, {"result": "UNKNOWN"}]
    page.run()
    assert world.network.requests[-1].url == "https://emsp.example/ocpi/2.3.0/sender/chargingprofiles/SES1"
    page.run(count=2)
    with world.cpo_calls() as client:
        client.chargingprofiles.put_active("SES7", active)
    assert told == [("SES7", PROFILE)]
    page.run(result_received=result_received)
    with world.emsp_calls() as client:
        relayed = client.chargingprofiles.set("SES1", PROFILE)
    assert world.emsp.call(relayed.id).response == {"result": "UNKNOWN_SESSION", "timeout": 0}
    world.cpo.save("sessions", documents.session(**XYZ, id="SES1", cdr_token=CDR_TOKEN))
    with world.emsp_calls() as client:
        relayed = client.chargingprofiles.set("SES1", PROFILE)
    assert world.emsp.call(relayed.id).result == {"result": "ACCEPTED"}
    assert page.rest == []


def test_hub_client_info_page_runs(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    hub = world.network.add("hub.example", [("NL", "HUB", ["HUB"])])
    _, token = world.ocpi.partners.invite(name="The Hub", roles=["HUB"])
    hub.partners.register(world.ocpi.versions_url, token)
    hub.save("hubclientinfo", documents.client_info(party_id="OFF", status="OFFLINE"))
    page = world.page("hubclientinfo", location=documents.location())

    page.run()
    assert capsys.readouterr().out == "DE OFF EMSP OFFLINE\n"
    sent = len(world.network.requests)
    page.run()
    assert len(world.network.requests) == sent
    page.run(ocpi=hub, info=documents.client_info())
    assert {info["party_id"]: info["status"] for info in copies(world.ocpi, "hubclientinfo")} == dict.fromkeys(
        ("OFF", "EMS"), "OFFLINE"
    )
    assert page.rest == []


def test_signals_page_runs(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    booked: list[tuple[str, bool]] = []
    planned: list[tuple[Any, ...]] = []
    notified: list[tuple[str, str]] = []
    shown: list[str] = []
    prices = {("DE", "XYZ", "TARIFF1"): 0.25}
    world.network.apps["abc.example"].extensions["map"] = SimpleNamespace(put=lambda found: shown.append(found["id"]))
    page = world.page(
        "signals",
        invoices=SimpleNamespace(add=lambda cdr, *, credit, of: booked.append((of, credit))),
        prices=prices,
        planner=SimpleNamespace(put=lambda *plan: planned.append(plan)),
        notify=lambda *told: notified.append(told),
    )
    page.run(count=len(page.rest))
    world.ocpi.save("locations", documents.location())
    world.ocpi.save("sessions", documents.session())
    world.ocpi.save("tokens", CARD)
    world.ocpi.charging_preferences(lambda session, wishes: "ACCEPTED")
    world.cpo.command("START_SESSION")(lambda command, reply: reply.accept(lambda: "ACCEPTED"))
    world.cpo.save("locations", documents.location(**XYZ, id="LOC7"))

    with world.cpo_calls() as client:
        client.locations.put(documents.location(**XYZ, id="LOC7"))
        client.cdrs.post(documents.cdr(**XYZ))
        client.tariffs.put(documents.tariff(**XYZ))
        client.tariffs.delete("TARIFF1")
        client.tokens.authorize("012345")
        client.chargingprofiles.put_active("SES7", {"start_date_time": NOW, "charging_profile": PROFILE})
    prefer(world, {"profile_type": "FAST"})
    with world.ocpi.client("DE-XYZ") as client:
        client.commands.start_session({"token": CARD, "location_id": "LOC7"}, reference="driver 7")
    world.ocpi.partners.rotate("DE-XYZ")
    world.ocpi.partners.unregister("DE-EMS")

    assert [copy["id"] for copy in copies(world.emsp, "locations")] == ["LOC1"]
    assert shown == ["LOC7", "LOC7"]  # pushed when it was saved, and put once more
    assert booked == [("xyz-charging", False)]
    assert prices == {}
    assert planned == [("SES7", PROFILE, "xyz-charging"), ("SES1", "FAST", None)]
    assert notified == [("driver 7", "ACCEPTED")]
    assert "012345 at None of xyz-charging: ALLOWED" in caplog.messages
    assert "Ems Mobility is gone." in caplog.messages


def test_listener_that_raises_loses_nothing(world: World, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[str] = []

    def raises(app: Any, **_: Any) -> None:
        raise RuntimeError("the host's own fault")

    def hears(app: Any, *, document: dict[str, Any], **_: Any) -> None:
        heard.append(document["id"])

    app = world.network.apps["abc.example"]
    with object_received.connected_to(raises, app), object_received.connected_to(hears, app):
        partner = add_partner(app, [("FR", "CPO", ["CPO"])])
        answer = partner.put(
            ocpi_url("receiver/tariffs/FR/CPO/TARIFF1"),
            documents.tariff(country_code="FR", party_id="CPO"),
            headers={"X-Request-ID": "request-7"},
        )

    assert (answer.http_status, answer.status_code) == (201, 1000)
    assert heard == ["TARIFF1"]
    assert len(copies(world.ocpi, "tariffs")) == 1
    assert [record.getMessage() for record in caplog.records if record.exc_info] == [
        "A listener of ocpi.object-received failed (request request-7)."
    ]


def test_value_in_a_comment_has_to_be_true() -> None:
    run("1 + 1  # 2\nnumber = 3  # 4\nprint  # what it does", {})

    with pytest.raises(AssertionError, match="1 \\+ 1 is 2, and said to be 3"):
        run("if True:\n    1 + 1  # 3", {})


def test_testing_page_runs(pytester: pytest.Pytester) -> None:
    plugin, listing, version, command, time_out, *_ = Page("docs/testing.md").rest
    pytester.makeconftest(plugin)
    pytester.makepyfile(test_listing=listing, test_versions=version, test_commands=command + time_out)

    outcome = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider")

    outcome.assert_outcomes(passed=4)


def test_files_and_folders_of_the_architecture_page_exist() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    named = set(re.findall(r"`(?:flask_ocpi/)?((?:\w+/)*\w+(?:\.py|/))`", page))
    folders = [ROOT, ROOT / "flask_ocpi", *(path for path in (ROOT / "flask_ocpi").rglob("*") if path.is_dir())]
    drawn = set(re.findall(r" (\w+)/ ", blocks(page, "text")[0]))

    assert len(named) > 40
    assert [name for name in named if not any((folder / name).exists() for folder in folders)] == []
    assert drawn == {path.parent.name for path in (ROOT / "flask_ocpi").glob("*/__init__.py")}


@pytest.mark.parametrize("path", sorted((ROOT / "docs").glob("*.md")), ids=lambda path: path.stem)
def test_python_of_every_page_is_python(path: Path) -> None:
    for block in blocks(path.read_text(), "python"):
        compile(block, str(path), "exec")


def test_journal_page_runs(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    page = world.page("journal")

    page.run(count=2)
    page.names["ocpi"].services.platforms.delete(world.ocpi.partners.find("DE-EMS"))
    with pytest.raises(RefusedError):
        world.emsp_calls().locations.get("LOC1")
    assert capsys.readouterr().out.startswith("IN None sender_get_location: 2000 The token in the Authorization header")
    assert page.rest == []


def test_stories_page_runs(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    page = world.page("stories")
    session = documents.session(cdr_token={**documents.session()["cdr_token"], "country_code": "DE", "party_id": "EMS"})
    world.ocpi.save("sessions", session)

    page.run()

    assert capsys.readouterr().out == "message OUT ems-mobility sent session SES1: status ACTIVE, 12.5 kWh\n"
    assert page.rest == []


def test_push_page_runs(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.ocpi.save("tariffs", documents.tariff())
    location = documents.location(evses=[documents.evse()])
    page = world.page("push", location=location, TARIFF_PARTNERS={"Nobody"})

    page.run()
    assert copies(world.emsp, "tariffs") == []
    assert copies(world.emsp, "locations")[0]["evses"][0]["status"] == "CHARGING"
    page.run()
    world.ocpi.save("tariffs", documents.tariff())
    assert copies(world.emsp, "tariffs") == []
    world.emsp.storage.clear()  # type: ignore[attr-defined]
    page.run()
    assert page.rest == []
