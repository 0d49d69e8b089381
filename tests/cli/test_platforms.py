"""Commands about other platforms."""

from __future__ import annotations

import base64
import io
import json
import sys
from dataclasses import replace

import click
import pytest

from flask_ocpi.cli.arguments import secret_of
from flask_ocpi.errors import UnreachableError
from flask_ocpi.partners.auth_tokens import hash_token
from flask_ocpi.testing.network import add_partner

OTHER_VERSIONS = "https://other.example/ocpi/versions"


def lines(text):
    return [line.split() for line in text.splitlines()]


@pytest.mark.conformance("CRED-32")
def test_invite_prints_versions_url_and_a_token_that_registers(run, ocpi, ocpi_other):
    result = run(ocpi, "invite", "--name", "Other Ltd", "--json")

    invitation = json.loads(result.stdout)
    assert result.stderr == ""
    assert invitation["platform"] == "other-ltd"
    assert ocpi_other.partners.register(invitation["versions_url"], invitation["token"]).is_registered
    assert ocpi.partners.get("other-ltd").is_registered


@pytest.mark.conformance("CRED-32")
def test_invite_tells_what_to_do_next(run, ocpi):
    result = run(ocpi, "invite", "--name", "Other", "--token", "the-agreed-token")

    assert result.exit_code == 0
    assert ["Versions", "URL", "https://platform.example/ocpi/versions"] in lines(result.stdout)
    assert ["Token", "the-agreed-token"] in lines(result.stdout)
    assert "flask ocpi register https://platform.example/ocpi/versions -" in result.stdout
    assert [token.hash for token in ocpi.partners.get("other").issued] == [hash_token("the-agreed-token")]


def test_invite_reads_the_token_from_stdin(run, ocpi):
    result = run(ocpi, "invite", "--token", "-", "--json", input="from-stdin\n")

    assert json.loads(result.stdout)["token"] == "from-stdin"


def test_invite_again_keeps_the_platform_and_takes_its_encoding(run, ocpi):
    run(ocpi, "invite", "--name", "Other")

    result = run(ocpi, "invite", "--partner", "other", "--encoding", "plain", "--json")

    assert json.loads(result.stdout)["platform"] == "other"
    assert [(p.id, p.token_encoding, len(p.issued)) for p in ocpi.partners.list()] == [("other", "plain", 1)]


@pytest.mark.parametrize(
    ("args", "exit_code", "message"),
    [
        (["--partner", "nobody"], 1, "Error: There is no platform 'nobody'. There is none yet: invite"),
        (["--token", "two words"], 1, "Error: A token must have 1 to 64 printable ASCII characters and no blanks."),
        (["--name", "a", "--partner", "b"], 2, "Error: --name is for a new partner"),
        (["--encoding", "rot13"], 2, "'rot13' is not one of 'base64', 'plain'"),
    ],
    ids=["unknown platform", "no token", "name and platform", "encoding"],
)
def test_invite_refuses_what_is_wrong(run, ocpi, args, exit_code, message):
    result = run(ocpi, "invite", *args)

    assert (result.exit_code, result.stdout) == (exit_code, "")
    assert message in result.stderr
    assert ocpi.partners.list() == []


def test_invite_makes_no_token_that_nobody_would_see(ocpi_app, ocpi):
    object.__setattr__(ocpi.services.settings, "base_url", None)

    result = ocpi_app.test_cli_runner().invoke(args=["ocpi", "invite"])

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: OCPI_BASE_URL is missing")
    assert ocpi.partners.list() == []


@pytest.mark.conformance("CLI-01")
def test_register_takes_the_token_from_stdin_and_says_what_it_found(run, ocpi, ocpi_other):
    _, token = ocpi_other.partners.invite()

    result = run(ocpi, "register", OTHER_VERSIONS, "-", "--name", "Other", input=f"{token}\n")

    assert (result.exit_code, result.stderr) == (0, "")
    assert "Registered with Other as platform other, over OCPI 2.3.0." in result.stdout
    assert "FR-OTH (CPO, EMSP)" in result.stdout
    assert ["locations", "SENDER", "https://other.example/ocpi/2.3.0/sender/locations"] in lines(result.stdout)
    assert "\nNext:\n  flask ocpi sync --partner other    # fetches locations, " in result.stdout
    assert ocpi.partners.find("FR-OTH").is_registered


@pytest.mark.parametrize("token", ["-n", "-J9x_kQ", "--xz", "--json9"])
def test_register_takes_a_token_that_begins_with_a_dash(run, ocpi, ocpi_other, token):
    ocpi_other.partners.invite(token=token)

    result = run(ocpi, "register", OTHER_VERSIONS, token)

    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.conformance("CLI-01")
def test_register_answers_json(run, ocpi, ocpi_other):
    _, token = ocpi_other.partners.invite()

    result = run(ocpi, "register", OTHER_VERSIONS, token, "--json")

    platform = json.loads(result.stdout)
    assert (platform["state"], platform["version"], platform["name"]) == ("REGISTERED", "2.3.0", "OTH Charging")
    assert {"credentials", "locations", "sessions", "commands"} <= {e["identifier"] for e in platform["endpoints"]}


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("https://nobody.example/ocpi/versions", "Error: There is no platform at nobody.example."),
        (OTHER_VERSIONS, "The other platform does not know this token, or it was used already"),
        ("https://other.example/elsewhere", "Is this the versions URL? It often ends in /versions."),
    ],
    ids=["unreachable", "token refused", "wrong URL"],
)
def test_register_says_why_it_failed(run, ocpi, ocpi_other, url, message):
    result = run(ocpi, "register", url, "not-the-token")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: ")
    assert message in result.stderr
    assert "not-the-token" not in result.stderr
    assert not any(platform.is_registered for platform in ocpi.partners.list())


def test_register_says_that_this_app_has_to_run(run, ocpi, ocpi_other, ocpi_network):
    _, token = ocpi_other.partners.invite()

    def cut_calls_back(request):
        if request.url.startswith("https://platform.example"):
            raise UnreachableError("Connection refused.")

    ocpi_network.before_send = cut_calls_back

    result = run(ocpi, "register", OTHER_VERSIONS, token)

    assert result.exit_code == 1
    assert "answered 3001" in result.stderr
    assert "has to reach this app at https://platform.example/ocpi/versions: is it running there" in result.stderr


def test_register_refuses_a_platform_that_is_registered(run, connected, ocpi_other):
    _, token = ocpi_other.partners.invite()

    result = run(connected, "register", OTHER_VERSIONS, token, "--json")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "is registered already, as platform other-example: rotate or unregister it." in result.stderr


def test_register_needs_a_token_on_stdin(run, ocpi):
    result = run(ocpi, "register", OTHER_VERSIONS, "-", input="\n")

    assert result.exit_code == 2
    assert "There is no registration token on stdin: " in result.stderr


def test_register_shows_logged_warnings_as_its_own(run, ocpi, ocpi_other, ocpi_network):
    _, token = ocpi_other.partners.invite()
    posted = []

    def cut_after_handshake(request):
        if posted and request.url == OTHER_VERSIONS:
            raise UnreachableError("Connection refused.")
        if request.method == "POST":
            posted.append(request)

    ocpi_network.before_send = cut_after_handshake

    result = run(ocpi, "register", OTHER_VERSIONS, token, "--json")

    assert json.loads(result.stdout)["state"] == "REGISTERED"
    assert result.stderr.startswith("Warning: The endpoints of other-example could not be fetched again")


@pytest.mark.conformance("CLI-03")
def test_rotate_renews_the_tokens(run, connected, ocpi_other):
    before = connected.partners.find("FR-OTH")

    result = run(connected, "rotate", "fr-oth", "--yes")

    after = connected.partners.find("FR-OTH")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "Renewed the registration with OTH Charging (other-example)" in result.stdout
    assert after.token != before.token
    assert {t.hash for t in after.issued}.isdisjoint(t.hash for t in before.issued)


@pytest.mark.conformance("CLI-03")
def test_rotate_answers_json(run, connected):
    result = run(connected, "rotate", "other-example", "--yes", "--json")

    assert json.loads(result.stdout)["id"] == "other-example"


def test_rotate_says_how_to_start_over_when_the_token_is_refused(run, connected, ocpi_other):
    ocpi_other.services.platforms.delete(ocpi_other.partners.find("NL-ABC"))

    result = run(connected, "rotate", "FR-OTH", "--yes")

    assert result.exit_code == 1
    assert "answered 2000 (HTTP 401)" in result.stderr
    assert "`flask ocpi unregister PLATFORM --force`" in result.stderr


@pytest.mark.parametrize("command", ["rotate", "unregister"])
def test_platform_has_to_be_known(run, connected, command):
    result = run(connected, command, "nobody")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: There is no platform 'nobody'. Known platforms: other-example.\n"


@pytest.mark.parametrize("command", ["rotate", "unregister"])
@pytest.mark.parametrize("answer", ["n\n", ""], ids=["no", "no terminal"])
def test_nothing_happens_without_a_yes(run, connected, command, answer):
    before = connected.partners.find("FR-OTH")

    result = run(connected, command, "FR-OTH", input=answer)

    assert (result.exit_code, result.stdout) == (1, "")
    assert "OTH Charging" in result.stderr
    assert "[y/N]" in result.stderr
    assert connected.partners.find("FR-OTH") == before


def test_a_yes_unregisters(run, connected):
    result = run(connected, "unregister", "FR-OTH", input="y\n")

    assert result.exit_code == 0
    assert not connected.partners.find("other-example").is_registered


def test_rotate_needs_a_registration(run, ocpi):
    ocpi.partners.invite(name="Other")

    result = run(ocpi, "rotate", "other", "--yes")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "Platform other is not registered" in result.stderr


def test_unregister_withdraws_an_invitation(run, ocpi):
    ocpi.partners.invite(name="Other")

    result = run(ocpi, "unregister", "other", "--yes")

    assert result.exit_code == 0
    assert "Platform other was not registered; a registration token it may have is void." in result.stdout
    assert ocpi.partners.get("other").issued == ()


@pytest.mark.conformance("CLI-04")
def test_unregister_ends_it_on_both_sides(run, connected, ocpi_other):
    result = run(connected, "unregister", "FR-OTH", "--yes")

    here, there = connected.partners.list()[0], ocpi_other.partners.list()[0]
    assert result.exit_code == 0
    assert "the tokens of both directions are void" in result.stdout
    assert (here.state, here.token, here.issued) == ("UNREGISTERED", None, ())
    assert (there.state, there.token, there.issued) == ("UNREGISTERED", None, ())


@pytest.mark.conformance("CLI-04")
def test_unregister_answers_json(run, connected):
    result = run(connected, "unregister", "FR-OTH", "--yes", "--json")

    assert json.loads(result.stdout)["state"] == "UNREGISTERED"


@pytest.mark.conformance("CLI-04")
def test_unregister_needs_force_when_the_other_side_cannot_be_told(run, connected, ocpi_network):
    del ocpi_network.apps["other.example"]

    refused = run(connected, "unregister", "FR-OTH", "--yes")
    forced = run(connected, "unregister", "FR-OTH", "--yes", "--force")

    assert refused.exit_code == 1
    assert "Nothing was changed. To end it on this side alone, add --force." in refused.stderr
    assert forced.exit_code == 0
    assert "this side knows it no more" in forced.stdout
    assert connected.partners.list()[0].state == "UNREGISTERED"


def test_platforms_lists_what_is_known(run, connected):
    connected.partners.invite(name="New Partner")

    result = run(connected, "partners")

    header, *rows = lines(result.stdout)
    assert header == ["ID", "NAME", "STATE", "OCPI", "PARTIES", "LAST", "CHANGE"]
    assert rows[0][:7] == ["other-example", "OTH", "Charging", "REGISTERED", "2.3.0", "FR-OTH", "(CPO,"]
    assert rows[1] == ["new-partner", "New", "Partner", "INVITED", "-", "-", "2026-01-01T12:00:00.000Z"]


def test_platforms_lists_endpoints_as_json(run, connected):
    result = run(connected, "partners", "--json")

    [platform] = json.loads(result.stdout)
    assert platform["versions_url"] == OTHER_VERSIONS
    assert {role["role"] for role in platform["roles"]} == {"CPO", "EMSP"}
    assert "https://other.example/ocpi/2.3.0/credentials" in {e["url"] for e in platform["endpoints"]}


def test_platforms_says_what_to_do_when_there_are_none(run, ocpi):
    assert "No partners yet. `flask ocpi invite`" in run(ocpi, "partners").stdout
    assert json.loads(run(ocpi, "partners", "--json").stdout) == []


def test_names_of_others_cannot_steer_the_terminal(run, ocpi, ocpi_app):
    partner = add_partner(ocpi_app, [("DE", "EMS", ["EMSP"])])
    ocpi.services.platforms.save(replace(partner.platform, name="\x1b[2JEvil\nname"), before=partner.platform)

    result = run(ocpi, "partners")

    assert "?[2JEvil name" in result.stdout
    assert "\x1b" not in result.stdout


def test_tokens_appear_in_the_output_of_invite_alone(run, ocpi, ocpi_other, ocpi_network):
    token = json.loads(run(ocpi_other, "invite", "--json").stdout)["token"]

    outputs = [
        run(ocpi, "register", OTHER_VERSIONS, "-", input=token),
        run(ocpi, "rotate", "FR-OTH", "--yes"),
        run(ocpi, "rotate", "FR-OTH", "--yes", "--json"),
        *(run(side, *args) for side in (ocpi, ocpi_other) for args in (["partners"], ["partners", "--json"])),
        run(ocpi, "check"),
        run(ocpi, "check", "--json"),
        run(ocpi, "pull", "locations", "--partner", "FR-OTH"),
        run(ocpi, "export", "--copies"),
        run(ocpi, "openapi"),
        run(ocpi, "unregister", "FR-OTH", "--yes"),
        run(ocpi, "register", OTHER_VERSIONS, token),
    ]

    text = "".join(result.stdout + result.stderr for result in outputs)
    sent = {dict(request.headers)["Authorization"].removeprefix("Token ") for request in ocpi_network.requests}
    tokens = {base64.b64decode(encoded).decode() for encoded in sent}
    assert token in tokens
    assert len(tokens) >= 5
    assert [found for found in sent | tokens if found in text] == []


def test_secret_is_asked_for_without_echo_at_a_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    prompts = []
    monkeypatch.setattr(sys, "stdin", Terminal("echoed\n"))
    monkeypatch.setattr(click.termui, "hidden_prompt_func", lambda prompt: prompts.append(prompt) or "typed")

    assert secret_of("-", "Registration token") == "typed"
    assert len(prompts) == 1


def test_platforms_shows_one_in_full(run, connected):
    text = run(connected, "partners", "show", "fr-oth").stdout
    document = json.loads(run(connected, "partners", "show", "FR-OTH", "--json").stdout)

    assert text.startswith("OTH Charging (other-example): REGISTERED, over OCPI 2.3.0, since ")
    assert "Its versions URL is https://other.example/ocpi/versions." in text
    assert ["commands", "RECEIVER", "https://other.example/ocpi/2.3.0/receiver/commands"] in lines(text)
    assert (document["id"], document["state"]) == ("other-example", "REGISTERED")


def test_platforms_shows_one_that_did_not_register_yet(run, ocpi):
    ocpi.partners.invite(name="Other")

    result = run(ocpi, "partners", "show", "other")

    assert result.stdout == f"Other (other): INVITED, since {ocpi.partners.get('other').last_updated}.\n"


def test_platforms_knows_only_those_that_there_are(run, ocpi):
    result = run(ocpi, "partners", "show", "nobody")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: There is no platform 'nobody'. There is none yet: invite one, or register.\n"
