"""The command that looks for what would keep the platform from working."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.cli import ScriptInfo

from flask_ocpi import OCPI
from flask_ocpi.cli import ocpi as commands
from flask_ocpi.errors import BlockedAddressError
from flask_ocpi.errors import StorageError
from flask_ocpi.partners.platforms import PlatformState
from flask_ocpi.storage.memory import MemoryStorage

PARTIES = [("NL", "ABC", ["CPO"])]
FAILED = "Error: 1 check failed.\nCorrect what the lines with FAIL say, and check again.\n"


class Durable(MemoryStorage):
    """Counts as one that keeps what it is given."""

    def check(self):
        """It is there."""


def findings(result):
    """Return the findings by name: (outcome, message and fix)."""
    checks = json.loads(result.stdout)["checks"]
    return {c["check"]: (c["outcome"], " ".join(filter(None, (c["message"], c["fix"])))) for c in checks}


def check_one(run, ocpi, name, *options):
    return findings(run(ocpi, "check", "--json", *options))[name]


def test_check_of_a_sound_platform_has_nothing_to_say(run, without_tables, ocpi_other, ocpi_network):
    without_tables.storage.setup()
    ocpi_network.connect(without_tables, ocpi_other)
    result = run(without_tables, "check")

    assert (result.exit_code, result.stderr) == (0, "")
    assert [line.split()[0] for line in result.stdout.splitlines()[:-2]] == ["OK"] * 6
    assert "Answers at https://other.example/ocpi/versions and accepts our token." in result.stdout
    assert result.stdout.endswith("\nNothing failed, 0 warnings.\n")


def test_check_answers_json(run, connected):
    result = run(connected, "check", "--json")

    answer = json.loads(result.stdout)
    assert (result.exit_code, result.stderr, answer["ok"]) == (0, "", True)
    assert [c["check"] for c in answer["checks"]] == [
        "configuration", "base URL", "addresses", "encryption", "storage", "platform other-example",
    ]  # fmt: skip


class Failing(MemoryStorage):
    def list(self, kind, query):
        raise OSError("the disk is on fire")


def test_check_fails_with_the_storage(run, ocpi_network):
    ocpi = ocpi_network.add("failing.example", PARTIES, storage=Failing())

    text, answer = run(ocpi, "check"), run(ocpi, "check", "--json")

    assert (text.exit_code, answer.exit_code) == (1, 1)
    assert "FAIL  storage        Failing does not answer: the disk is on fire" in text.stdout
    assert text.stderr == answer.stderr == FAILED
    assert json.loads(answer.stdout)["ok"] is False


def test_check_fails_without_tables(run, without_tables):
    outcome, message = check_one(run, without_tables, "storage")

    assert outcome == "FAIL"
    assert message == "A table is missing (no such table: ocpi_platforms): run `flask ocpi init-db`."


def test_check_warns_of_a_storage_that_forgets(run, ocpi):
    outcome, message = check_one(run, ocpi, "storage")

    assert outcome == "WARN"
    assert message.startswith("MemoryStorage forgets everything when the process ends")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (None, "FAIL  configuration  OCPI_PARTIES is missing."),
        (StorageError("The database refused: unable to open database file."), "FAIL  storage  The database refused"),
    ],
    ids=["configuration", "storage"],
)
def test_check_fails_when_the_app_cannot_be_made(error, line):
    def create_app():
        if error is not None:
            raise error
        return OCPI(Flask("app")).app

    result = CliRunner().invoke(commands, ["check"], obj=ScriptInfo(create_app=create_app))

    assert result.exit_code == 1
    assert result.stdout.startswith(line)
    assert result.stderr == FAILED


def test_other_commands_say_why_the_app_cannot_be_made():
    script = ScriptInfo(create_app=lambda: OCPI(Flask("app")))

    result = CliRunner().invoke(commands, ["partners"], obj=script)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: OCPI_PARTIES is missing.")


@pytest.mark.parametrize(
    ("config", "name", "message"),
    [
        ({"OCPI_BASE_URL": None}, "base URL", "OCPI_BASE_URL is missing: URLs follow each request"),
        ({"OCPI_BASE_URL": "http://cpo.example"}, "base URL", "http://cpo.example is not https"),
        ({"OCPI_HTTP_ALLOW_PRIVATE": True}, "addresses", "OCPI_HTTP_ALLOW_PRIVATE is on"),
        ({"SECRET_KEY": "short"}, "encryption", "derives from SECRET_KEY, which is short enough to be guessed"),
        ({"SECRET_KEY": None}, "encryption", "a file in the instance folder"),
    ],
    ids=["no base URL", "http", "private addresses", "short secret", "secret in a file"],
)
def test_check_warns_of_what_should_not_stay(ocpi_network, tmp_path, config, name, message):
    ocpi_network.add("lax.example", PARTIES, storage=Durable(), config=config, instance_path=str(tmp_path))

    result = ocpi_network.apps["lax.example"].test_cli_runner().invoke(args=["ocpi", "check", "--json"])

    outcome, text = findings(result)[name]
    assert (result.exit_code, outcome) == (0, "WARN")
    assert message in text


def test_check_is_content_with_encryption_keys(run, ocpi_network):
    key = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4="
    config = {"OCPI_ENCRYPTION_KEYS": [key], "SECRET_KEY": "short"}
    ocpi = ocpi_network.add("keys.example", PARTIES, config=config)

    assert check_one(run, ocpi, "encryption") == ("OK", "Stored tokens are encrypted with OCPI_ENCRYPTION_KEYS.")


def test_check_fails_when_a_platform_cannot_be_reached(run, connected, ocpi_network):
    del ocpi_network.apps["other.example"]

    outcome, message = check_one(run, connected, "platform other-example")

    assert outcome == "FAIL"
    assert message.startswith("There is no platform at other.example. Its operator has to look into it")


def test_check_offline_calls_nobody(run, connected, ocpi_network):
    ocpi_network.requests.clear()

    outcome, message = check_one(run, connected, "platform other-example", "--offline")

    assert (outcome, message) == ("OK", "Is registered; not called because of --offline.")
    assert ocpi_network.requests == []


def test_check_fails_when_our_token_is_refused(run, connected, ocpi_other):
    ocpi_other.services.platforms.delete(ocpi_other.partners.find("NL-ABC"))

    outcome, message = check_one(run, connected, "platform other-example")

    assert outcome == "FAIL"
    assert "`flask ocpi unregister other-example --force`, then register with a new" in message


def test_check_fails_when_an_address_may_not_be_called(run, connected, ocpi_network):
    def block(request):
        raise BlockedAddressError("other.example has the address 10.0.0.1, which is not public.")

    ocpi_network.before_send = block

    found = check_one(run, connected, "platform other-example")

    assert found == ("FAIL", "other.example has the address 10.0.0.1, which is not public.")


def test_check_fails_when_the_encryption_key_is_lost(run, connected, ocpi_network):
    ocpi = ocpi_network.add(
        "platform.example", PARTIES, storage=connected.storage, config={"SECRET_KEY": "another" * 9}
    )

    outcome, message = check_one(run, ocpi, "platform other-example")

    assert outcome == "FAIL"
    assert message.startswith("A stored token cannot be decrypted: put the old key back")


def test_check_warns_when_endpoints_have_changed(run, connected):
    platform = connected.partners.find("FR-OTH")
    connected.services.platforms.save(replace(platform, endpoints=platform.endpoints[:1]), before=platform)

    outcome, message = check_one(run, connected, "platform other-example")

    assert outcome == "WARN"
    assert "Fetch them again with `flask ocpi rotate other-example`." in message


def test_check_tells_of_handshakes_that_are_not_over(run, ocpi):
    ocpi.partners.invite(name="Invited")
    broken_off, _ = ocpi.partners.invite(name="Broken")
    ocpi.services.platforms.save(replace(broken_off, state=PlatformState.PENDING), before=broken_off)
    gone, _ = ocpi.partners.invite(name="Gone")
    ocpi.services.platforms.save(replace(gone, state=PlatformState.UNREGISTERED), before=gone)

    found = findings(run(ocpi, "check", "--json"))

    assert found["platform invited"] == ("OK", "Is invited, and has not registered yet.")
    assert found["platform broken"][0] == "WARN"
    assert found["platform gone"] == ("OK", "Is not registered any more.")
