"""Commands that move objects."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flask_ocpi.core.advice import there_are
from flask_ocpi.errors import StorageError
from flask_ocpi.errors import UnreachableError
from flask_ocpi.storage.base import Record
from flask_ocpi.testing.documents import cdr
from flask_ocpi.testing.documents import client_info
from flask_ocpi.testing.documents import connector
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import full_location
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import session
from flask_ocpi.testing.documents import tariff
from flask_ocpi.testing.documents import token

EVERY_KIND = pytest.mark.parametrize("ocpi_storage", ["memory", "sqlite"], indirect=True)
THEIRS = {"country_code": "FR", "party_id": "OTH"}
MODULES = (
    *("locations", "sessions", "cdrs", "tariffs", "tokens", "hubclientinfo", "invoicereconciliation"),
    *("terminals", "financial-advice-confirmations", "bookings", "booking_locations"),
)
OURS = {"country_code": "NL", "party_id": "ABC"}
THEIR_DRIVER = {**cdr()["cdr_token"], **THEIRS}
#: One object of ours of each module, and what names it in a command.
OBJECTS = {
    "locations": (full_location(), ["LOC1"]),
    "sessions": (session(cdr_token=THEIR_DRIVER), ["SES1"]),
    "cdrs": (cdr(cdr_token=THEIR_DRIVER), ["CDR1"]),
    "tariffs": (tariff(tax_included="NO"), ["TARIFF1"]),
    "tokens": (token(type="APP_USER", **OURS), ["12345678905880", "APP_USER"]),
}
EVERY_MODULE = pytest.mark.parametrize("module", OBJECTS)


def written(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def lines(*locations):
    """Write JSON Lines."""
    return "".join(json.dumps({"locations": [item]}) + "\n" for item in locations)


def own_ids(ocpi):
    return [document["id"] for document in ocpi.objects.documents("locations")]


@EVERY_KIND
def test_import_stores_the_objects_of_a_file(run, ocpi, tmp_path):
    file = written(tmp_path / "own.json", {"locations": [location(), location(id="LOC2")]})

    result = run(ocpi, "import", file)

    assert (result.exit_code, result.stdout, result.stderr) == (0, "Imported 2 locations.\n", "")
    assert own_ids(ocpi) == ["LOC1", "LOC2"]


@EVERY_KIND
def test_import_reads_json_lines(run, ocpi):
    text = "\ufeff" + lines(location(), location(id="LOC2")) + "\n" + json.dumps({"tariffs": [tariff()]})

    result = run(ocpi, "import", "-", input=text)

    assert (result.exit_code, result.stdout) == (0, "Imported 2 locations and 1 tariff.\n")
    assert own_ids(ocpi) == ["LOC1", "LOC2"]


def test_import_reads_stdin_and_answers_json(run, ocpi):
    result = run(ocpi, "import", "-", "--json", input="\ufeff" + json.dumps({"locations": [location()]}))

    assert json.loads(result.stdout) == {"imported": {"locations": 1}, "withheld": []}
    assert own_ids(ocpi) == ["LOC1"]


@EVERY_KIND
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"locations": [location(), location(id="L2", evses=[evse(uid=None)])]},
         "locations[1]: Invalid location: evses[0].uid"),
        ({"locations": [location(), location(**THEIRS)]},
         "locations[1]: FR-OTH is not one of our own parties: use one of NL-ABC."),
        ({"locations": [location(), 7]}, "locations[1]: "),
        ({"locations": location()}, "locations must be a list of objects."),
        ({"locations": [location()], "lokations": []},
         "There is no module 'lokations' with objects; there are locations, sessions, "),
        ([location()], "must hold a JSON object of module ids to lists"),
        ('{"locations": [\n  {"id": 1,}]}', "is not valid JSON (line 2, column 11): "),
        ('{"locations": [NaN]}', "is not valid JSON (line 1, column 16): "),
        ("", "is not valid JSON (line 1, column 1): "),
        (lines(location(), location(id="L2"), location(id="L3", city=None)), "line 3: locations[0]: Invalid location"),
        (lines(location()) + "\n\n{]", "is not valid JSON (line 4, column 2): "),
        (lines(location()) + "\n[]", "must hold a JSON object of module ids to lists"),
    ],
    ids=["wrong object", "party of others", "no object", "no list", "module", "array", "syntax", "NaN", "empty",
         "wrong object in a line", "syntax in a line", "array in a line"],
)  # fmt: skip
def test_import_stores_nothing_when_something_is_wrong(run, ocpi, tmp_path, content, message):
    result = run(ocpi, "import", written(tmp_path / "own.json", content))

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: ")
    assert message in result.stderr
    assert own_ids(ocpi) == []


@EVERY_KIND
def test_import_stores_nothing_when_the_storage_fails_midway(run, ocpi, tmp_path, monkeypatch):
    ocpi.save("locations", location(id="LOC1", city="Before"))
    save, saved = ocpi.storage.save, []

    def save_two(*args, **kwargs):
        if len(saved) == 2:
            raise StorageError("The disk is full.")
        saved.append(args)
        return save(*args, **kwargs)

    monkeypatch.setattr(ocpi.storage, "save", save_two)
    file = written(tmp_path / "own.json", {"locations": [location(id=f"LOC{n}", city="After") for n in range(1, 4)]})

    result = run(ocpi, "import", file)

    assert (result.exit_code, result.stderr) == (1, f"Error: The disk is full.\n{StorageError.advice}\n")
    assert len(saved) == 2
    assert [(d["id"], d["city"]) for d in ocpi.objects.documents("locations")] == [("LOC1", "Before")]


def test_import_needs_a_file_that_exists(run, ocpi, tmp_path):
    result = run(ocpi, "import", str(tmp_path / "missing.json"))

    assert result.exit_code == 2
    assert "missing.json': No such file or directory" in result.stderr


@EVERY_KIND
def test_what_export_prints_import_restores(run, ocpi, ocpi_network, tmp_path):
    documents = [full_location(), location(id="L2", name="Gare à côté"), location(id="L3", extra={"kept": [1.5]})]
    for document in documents:
        ocpi.save("locations", document)
    copy = ocpi_network.add("copy.example", [("NL", "ABC", ["CPO"])])

    exported = run(ocpi, "export")
    in_lines = run(ocpi, "export", "--lines", "locations")
    imported = run(copy, "import", "-", input=exported.stdout)

    assert (exported.exit_code, exported.stderr, imported.exit_code) == (0, "", 0)
    exports = [{**document, "_audience": []} for document in ocpi.objects.documents("locations")]
    assert json.loads(exported.stdout)["locations"] == exports
    assert list(copy.objects.documents("locations")) == list(ocpi.objects.documents("locations"))
    assert run(copy, "export").stdout == exported.stdout
    assert [json.loads(line) for line in in_lines.stdout.splitlines()] == [{"locations": [item]} for item in exports]
    assert run(copy, "import", "-", input=in_lines.stdout).stdout == "Imported 3 locations.\n"


def test_export_of_nothing_is_a_document_too(run, ocpi):
    assert json.loads(run(ocpi, "export", "--json").stdout) == {module: [] for module in MODULES}


def test_export_writes_a_file(run, ocpi, tmp_path):
    ocpi.save("locations", location())

    text = run(ocpi, "export", "locations", "--output", str(tmp_path / "text.json"))
    answer = run(ocpi, "export", "locations", "--output", str(tmp_path / "answer.json"), "--json")

    assert text.stdout == f"Exported 1 location to {tmp_path / 'text.json'}.\n"
    assert json.loads(answer.stdout) == {
        "output": str(tmp_path / "answer.json"),
        "exported": {"locations": 1},
        "lost": {},
    }
    assert (tmp_path / "text.json").read_text() == (tmp_path / "answer.json").read_text()
    assert json.loads((tmp_path / "text.json").read_text()) == {"locations": [location(_audience=[])]}


def test_export_leaves_the_file_as_it_was_when_it_fails(run, ocpi, tmp_path, monkeypatch):
    def broken(module):
        yield Record.of(location())
        raise StorageError("The disk is gone.")

    monkeypatch.setattr(ocpi.objects, "records", broken)
    file = written(tmp_path / "own.json", "as it was")

    result = run(ocpi, "export", "--output", file)

    assert (result.exit_code, result.stderr) == (1, f"Error: The disk is gone.\n{StorageError.advice}\n")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("own.json", "as it was")]


def test_export_prints_objects_as_they_come(run, ocpi, monkeypatch):
    def broken(module):
        yield Record.of(location())
        raise StorageError("The disk is gone.")

    monkeypatch.setattr(ocpi.objects, "records", broken)

    result = run(ocpi, "export")

    assert (result.exit_code, result.stderr) == (1, f"Error: The disk is gone.\n{StorageError.advice}\n")
    assert '"id":"LOC1"' in result.stdout


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["lokations"], f"There is no module 'lokations' with objects; {there_are(MODULES, 'locations')}"),
        (["--output", "/nowhere/own.json"], "/nowhere/own.json cannot be written: No such file or directory."),
    ],
    ids=["module", "folder"],
)
def test_export_says_what_is_wrong(run, ocpi, args, message):
    result = run(ocpi, "export", *args)

    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"Error: {message}\n")


@pytest.mark.conformance("PAG-20")
def test_pull_reports_what_it_did(run, connected, ocpi_other):
    for number in range(1, 4):
        ocpi_other.save("locations", location(id=f"L{number}", **THEIRS))
    first = run(connected, "pull", "locations", "--partner", "FR-OTH")
    ocpi_other.objects.delete("locations", "L1")
    ocpi_other.save("locations", location(id="L2", city="Elsewhere", **THEIRS))

    second = run(connected, "pull", "locations", "--partner", "other-example", "--json")

    assert (first.exit_code, first.stderr) == (0, "")
    assert first.stdout.splitlines()[:2] == ["Pulled locations from OTH Charging (other-example):", "  created    3"]
    assert json.loads(second.stdout) == {
        "platform": "other-example",
        "module": "locations",
        "listed": 2,
        "created": 0,
        "updated": 1,
        "unchanged": 1,
        "removed": 1,
        "foreign": 0,
        "broken": [],
    }
    assert [d["id"] for d in connected.objects.documents("locations", copies=True)] == ["L2", "L3"]


def test_copies_are_exported_on_request(run, connected, ocpi_other):
    ocpi_other.save("locations", location(**THEIRS))
    run(connected, "pull", "locations", "--partner", "FR-OTH")

    result = run(connected, "export", "--copies", "locations")

    assert json.loads(result.stdout) == {"locations": [location(**THEIRS)]}
    assert json.loads(run(connected, "export", "locations").stdout) == {"locations": []}


def test_pull_passes_dates_on(run, connected, ocpi_other, ocpi_network):
    ocpi_other.save("locations", location(id="OLD", last_updated="2024-01-01T00:00:00Z", **THEIRS))
    ocpi_other.save("locations", location(id="MID", last_updated="2024-06-01T00:00:00Z", **THEIRS))
    ocpi_other.save("locations", location(id="NEW", last_updated="2025-01-01T00:00:00Z", **THEIRS))

    result = run(
        connected, "pull", "locations", "--partner", "FR-OTH", "--date-from", "2024-06-01",
        "--date-to", "2024-12-31T23:59:59.5Z", "--json",
    )  # fmt: skip

    assert json.loads(result.stdout)["created"] == 1
    assert [d["id"] for d in connected.objects.documents("locations", copies=True)] == ["MID"]
    url = ocpi_network.requests[-1].url
    assert url.endswith("?date_from=2024-06-01T00:00:00Z&date_to=2024-12-31T23:59:59.5Z")


def spoil(ocpi_network, *ids):
    """Let the other platform list objects without coordinates."""

    def after_send(request, response):
        body = json.loads(response.body)
        for item in body.get("data") or []:
            if isinstance(item, dict) and item.get("id") in ids:
                del item["coordinates"]
        return type(response)(response.status, response.headers, json.dumps(body).encode(), response.url)

    ocpi_network.after_send = after_send


def test_pull_warns_of_objects_it_could_not_read(run, connected, ocpi_other, ocpi_network):
    for number in (1, 2):
        ocpi_other.save("locations", location(id=f"L{number}", **THEIRS))
    spoil(ocpi_network, "L2")

    text = run(connected, "pull", "locations", "--partner", "FR-OTH")
    answer = run(connected, "pull", "locations", "--partner", "FR-OTH", "--json")

    assert text.exit_code == 0
    assert ["broken", "1"] in [line.split() for line in text.stdout.splitlines()]
    assert text.stderr.splitlines() == [
        "Warning: 1 object could not be read and left out. "
        "Nothing was removed, since what is missing may be among them.",
        "  L2: Invalid object: coordinates is required.",
    ]
    assert json.loads(answer.stdout)["broken"] == [{"id": "L2", "reason": "Invalid object: coordinates is required."}]


def test_pull_fails_when_nothing_could_be_read(run, connected, ocpi_other, ocpi_network):
    ocpi_other.save("locations", location(id="L1", **THEIRS))
    spoil(ocpi_network, "L1")

    result = run(connected, "pull", "locations", "--partner", "FR-OTH", "--date-from", "2020-01-01", "--json")

    assert result.exit_code == 1
    assert len(json.loads(result.stdout)["broken"]) == 1
    assert result.stderr.startswith(
        "Error: None of 1 object could be read.\n  L1: Invalid object: coordinates is required."
    )


def test_pull_shortens_a_long_list_of_broken_objects(run, connected, ocpi_other, ocpi_network):
    ids = [f"L{number}" for number in range(23)]
    for id in ids:
        ocpi_other.save("locations", location(id=id, **THEIRS))
    spoil(ocpi_network, *ids[1:])

    result = run(connected, "pull", "locations", "--partner", "FR-OTH")

    assert result.stderr.splitlines()[-1] == "  and 2 more; --json lists them all"
    assert len(result.stderr.splitlines()) == 22


@pytest.mark.parametrize(
    ("args", "exit_code", "message"),
    [
        (["lokations", "--partner", "FR-OTH"], 1, "Error: There is no module 'lokations' with objects"),
        (
            ["locations", "--partner", "nobody"],
            1,
            "Error: There is no platform 'nobody'. Known platforms: other-example.",
        ),
        (
            ["locations", "--partner", "FR-OTH", "--party", "BE-XXX"],
            1,
            "BE-XXX is no own party that receives locations",
        ),
        (
            ["locations", "--partner", "FR-OTH", "--party", "X"],
            2,
            "'X' is not a party: write country code and party id",
        ),
        (
            ["locations", "--partner", "FR-OTH", "--date-from", "now"],
            2,
            "'now' must be a UTC date and time such as 2024",
        ),
        (["locations"], 2, "Missing option '--partner'"),
    ],
    ids=["module", "platform", "other party", "no party", "date", "no platform"],
)
def test_pull_says_what_is_wrong(run, connected, args, exit_code, message):
    result = run(connected, "pull", *args)

    assert (result.exit_code, result.stdout) == (exit_code, "")
    assert message in result.stderr


def test_pull_says_that_the_platform_cannot_be_reached(run, connected, ocpi_network):
    del ocpi_network.apps["other.example"]

    result = run(connected, "pull", "locations", "--partner", "FR-OTH")

    assert (result.exit_code, result.stderr) == (
        1,
        f"Error: There is no platform at other.example.\n{UnreachableError.advice}\n",
    )


def test_pull_says_that_the_token_was_refused(run, connected, ocpi_other):
    ocpi_other.services.platforms.delete(ocpi_other.partners.find("NL-ABC"))

    result = run(connected, "pull", "locations", "--partner", "FR-OTH")

    assert result.exit_code == 1
    assert "sender/locations answered 2000 (HTTP 401)" in result.stderr


@pytest.fixture
def several(ocpi_network, ocpi_other):
    """A platform with two parties, registered with the one at other.example."""
    ocpi = ocpi_network.add("several.example", [("NL", "AAA", ["CPO", "EMSP"]), ("NL", "BBB", ["CPO", "EMSP"])])
    ocpi_network.connect(ocpi, ocpi_other)
    return ocpi


@pytest.mark.parametrize(
    "args",
    [["pull", "locations", "--partner", "FR-OTH"], ["push", "locations", "L1", "--partner", "FR-OTH"]],
    ids=lambda a: a[0],
)
def test_party_is_asked_for_where_there_are_several(run, several, args):
    result = run(several, *args)

    assert result.exit_code == 2
    assert "Name your party with --party: NL-AAA, NL-BBB." in result.stderr


def test_pull_gives_the_copies_to_the_party_named(run, several, ocpi_other):
    ocpi_other.save("locations", location(**THEIRS))

    run(several, "pull", "locations", "--partner", "FR-OTH", "--party", "nl-bbb")

    (kept,) = several.copies.counts()
    assert (kept.module, str(kept.receiver), kept.number) == ("locations", "NL-BBB", 1)


def copy_at(other, party="NL-ABC"):
    [document] = other.objects.documents("locations", copies=True)
    return document


def test_push_sends_an_object_as_it_is_now(run, connected, ocpi_other):
    connected.save("locations", full_location())

    first = run(connected, "push", "locations", "LOC1", "--partner", "FR-OTH")
    again = run(connected, "push", "locations", "loc1", "--partner", "FR-OTH", "--json")

    assert (first.exit_code, first.stderr) == (0, "")
    assert first.stdout == "Pushed location LOC1 to OTH Charging: created there.\n"
    assert json.loads(again.stdout) == {
        "platform": "other-example",
        "module": "locations",
        "ids": ["loc1"],
        "created": False,
    }
    assert copy_at(ocpi_other) == connected.objects.get("locations", "LOC1")


def test_push_sends_parts_alone(run, connected, ocpi_other):
    connected.save("locations", location(evses=[evse()]))
    run(connected, "push", "locations", "LOC1", "--partner", "FR-OTH")
    changed = location(city="Not sent", evses=[evse(status="CHARGING", connectors=[connector(max_amperage=32)])])
    connected.save("locations", changed)

    deep = run(connected, "push", "locations", "LOC1", "EVSE1", "1", "--partner", "FR-OTH")
    after_connector = copy_at(ocpi_other)
    run(connected, "push", "locations", "LOC1", "EVSE1", "--partner", "FR-OTH")

    assert deep.stdout == "Pushed connector LOC1 EVSE1 1 to OTH Charging: replaced there.\n"
    assert after_connector["evses"][0]["connectors"][0]["max_amperage"] == 32
    assert after_connector["evses"][0]["status"] == "AVAILABLE"
    assert copy_at(ocpi_other)["evses"][0]["status"] == "CHARGING"
    assert copy_at(ocpi_other)["city"] == location()["city"]


def test_push_sends_the_object_of_the_party_named(run, several, ocpi_other):
    several.save("locations", location(country_code="NL", party_id="BBB"))

    result = run(several, "push", "locations", "LOC1", "--partner", "FR-OTH", "--party", "NL-BBB")

    assert result.exit_code == 0
    assert copy_at(ocpi_other)["party_id"] == "BBB"


@EVERY_MODULE
def test_objects_of_every_module_are_imported_exported_and_pushed(run, connected, ocpi_other, module):
    document, ids = OBJECTS[module]

    imported = run(connected, "import", "-", input=json.dumps({module: [document]}))
    exported = run(connected, "export", module)
    pushed = run(connected, "push", module, *ids, "--partner", "FR-OTH", "--json")

    assert imported.stdout == f"Imported 1 {module[:-1]}.\n"
    holder = document.get("cdr_token")
    seen_by = [f"{holder['country_code']}-{holder['party_id']}"] if holder else []
    assert json.loads(exported.stdout) == {module: [{**document, "_audience": seen_by}]}
    assert json.loads(pushed.stdout)["created"] is True
    assert list(ocpi_other.objects.documents(module, copies=True)) == [document]


@EVERY_MODULE
def test_objects_of_every_module_are_pulled(run, ocpi, ocpi_other, ocpi_network, module):
    ocpi_network.connect(ocpi_other, ocpi)
    document, _ = OBJECTS[module]
    ocpi.save(module, document)

    result = run(ocpi_other, "pull", module, "--partner", "NL-ABC", "--json")

    assert json.loads(result.stdout)["created"] == 1
    assert list(ocpi_other.objects.documents(module, copies=True)) == [document]


@pytest.mark.conformance("TOK-03")
def test_a_token_is_pushed_by_its_uid_and_type(run, connected, ocpi_other):
    for kind in ("RFID", "APP_USER"):
        connected.save("tokens", token(type=kind, **OURS))

    run(connected, "push", "tokens", token()["uid"], "--partner", "FR-OTH")
    first = [copy["type"] for copy in ocpi_other.objects.documents("tokens", copies=True)]
    result = run(connected, "push", "tokens", token()["uid"], "APP_USER", "--partner", "FR-OTH")

    assert first == ["RFID"]
    assert result.stdout == "Pushed token 12345678905880 APP_USER to OTH Charging: created there.\n"
    assert {copy["type"] for copy in ocpi_other.objects.documents("tokens", copies=True)} == {"RFID", "APP_USER"}


@pytest.fixture
def hub(ocpi_network, ocpi_other):
    """A hub that connects DE-EMS, and the platform at other.example."""
    ocpi = ocpi_network.add("hub.example", [("NL", "HUB", ["HUB"])])
    ocpi_network.connect(ocpi_other, ocpi)
    ocpi.save("hubclientinfo", client_info())
    return ocpi


@pytest.mark.conformance("HCI-05")
def test_a_client_info_is_pushed_by_its_party_and_role(run, hub, ocpi_other):
    result = run(hub, "push", "hubclientinfo", "EMSP", "--party", "DE-EMS", "--partner", "FR-OTH")

    assert result.stdout == "Pushed client_info EMSP to OTH Charging: created there.\n"
    assert list(ocpi_other.objects.documents("hubclientinfo", copies=True)) == [client_info()]


def test_a_client_info_needs_the_party_that_it_describes(run, hub):
    result = run(hub, "push", "hubclientinfo", "EMSP", "--partner", "FR-OTH")

    assert result.exit_code == 2
    assert "Say with --party which party the client_info describes." in result.stderr


def test_client_infos_are_pulled(run, hub, ocpi_other):
    result = run(ocpi_other, "pull", "hubclientinfo", "--partner", "NL-HUB", "--json")

    assert json.loads(result.stdout)["created"] == 1
    assert list(ocpi_other.objects.documents("hubclientinfo", copies=True)) == [client_info()]


def test_broken_objects_are_named_by_what_identifies_them(run, connected, ocpi_other, ocpi_network):
    ocpi_other.save("tokens", token(**THEIRS))

    def after_send(request, response):
        body = response.body.replace(b'"valid":true', b'"valid":7')
        return type(response)(response.status, response.headers, body, response.url)

    ocpi_network.after_send = after_send

    result = run(connected, "pull", "tokens", "--partner", "FR-OTH", "--json")

    assert [item["id"] for item in json.loads(result.stdout)["broken"]] == ["12345678905880 RFID"]


def test_what_is_no_object_is_broken_and_has_no_id(run, connected, ocpi_other, ocpi_network):
    ocpi_other.save("locations", location(**THEIRS))

    def after_send(request, response):
        body = {**json.loads(response.body), "data": [7]}
        return type(response)(response.status, response.headers, json.dumps(body).encode(), response.url)

    ocpi_network.after_send = after_send

    result = run(connected, "pull", "locations", "--partner", "FR-OTH")

    assert result.exit_code == 1
    assert "  (no id): " in result.stderr


def test_several_modules_are_counted_in_one_sentence(run, ocpi):
    documents = {module: [OBJECTS[module][0]] for module in ("locations", "tariffs", "tokens")} | {"cdrs": []}

    result = run(ocpi, "import", "-", input=json.dumps(documents))

    assert result.stdout == "Imported 1 location, 1 tariff and 1 token.\n"


@pytest.mark.parametrize(
    ("args", "exit_code", "message"),
    [
        (["tokens", "1", "RFID", "2", "--partner", "FR-OTH"], 2, "tokens takes at most 2 IDs: uid, type"),
        (["locations", "LOC9", "--partner", "FR-OTH"], 1, "Error: There is no own location LOC9."),
        (["locations", "LOC1", "E9", "--partner", "FR-OTH"], 1, "Error: There is no own location LOC1 E9."),
        (["lokations", "LOC1", "--partner", "FR-OTH"], 1, "Error: There is no module 'lokations' with objects"),
        (["locations", "LOC1", "--partner", "nobody"], 1, "Error: There is no platform 'nobody'."),
        (["locations", "LOC1", "--partner", "FR-OTH", "--party", "FR-OTH"], 1, "FR-OTH is not one of our own parties"),
        (["locations", "1", "2", "3", "4", "--partner", "FR-OTH"], 2, "locations takes at most 3 IDs: location, evse"),
        (["locations", "--partner", "FR-OTH"], 2, "Give --partner and the ID of one object, or --all."),
    ],
    ids=["too many for a token", "object", "part", "module", "platform", "party", "too many", "none"],
)
def test_push_says_what_is_wrong(run, connected, args, exit_code, message):
    connected.save("locations", location(evses=[evse()]))

    result = run(connected, "push", *args)

    assert (result.exit_code, result.stdout) == (exit_code, "")
    assert message in result.stderr


def test_push_says_that_the_platform_refused(run, connected, ocpi_other):
    connected.save("locations", location(evses=[evse()]))

    result = run(connected, "push", "locations", "LOC1", "EVSE1", "--partner", "FR-OTH")

    assert result.exit_code == 1
    assert "Error: PUT https://other.example/ocpi/2.3.0/receiver/locations/NL/ABC/LOC1/EVSE1 answered" in result.stderr


def test_push_needs_a_registered_platform(run, ocpi):
    ocpi.save("locations", location())
    ocpi.partners.invite(name="Other")

    result = run(ocpi, "push", "locations", "LOC1", "--partner", "other")

    assert result.exit_code == 1
    assert "Platform other is not registered" in result.stderr


def test_export_writes_to_devices_without_replacing_them(run, ocpi):
    result = run(ocpi, "export", "--output", "/dev/null")

    assert result.exit_code == 0
    assert Path("/dev/null").is_char_device()
