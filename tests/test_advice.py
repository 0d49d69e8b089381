"""Errors teach: those for developers and operators say what to do, and name what was probably meant."""

from __future__ import annotations

import ast
import inspect
import re
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from flask import Flask

import flask_ocpi
from flask_ocpi import OCPI
from flask_ocpi import ConfigurationError
from flask_ocpi import FlaskOCPIError
from flask_ocpi import InvalidParametersError
from flask_ocpi import MemoryStorage
from flask_ocpi import OCPIError
from flask_ocpi import StorageError
from flask_ocpi import errors
from flask_ocpi.core.advice import did_you_mean
from flask_ocpi.core.advice import listing
from flask_ocpi.core.advice import nearest
from flask_ocpi.core.advice import there_are
from flask_ocpi.core.advice import with_article
from flask_ocpi.testing import documents
from flask_ocpi.testing.network import Network

PACKAGE = Path(flask_ocpi.__file__).parent
#: Errors whose message itself has to say what to do, since only developers and operators see it.
TEACHING = {"ConfigurationError", "RuntimeError", "UsageError", "BadParameter", "refusal"}
#: Words that tell a reader what to do, or what there is to choose from.
DOING = re.compile(
    r"\b(add|call|correct|did you mean|either|give|has to|install|keys are|leave|lists|make|must|name|needs|put|see|"
    r"set|takes|there are|there is|use|write)\b",
    re.IGNORECASE,
)
#: Parts that list what there is, or repeat an error that says what to do itself.
GIVING = ("there_are(", "str(error)", "{example}", "{'\\n'.join(", "_hint(", "{message}", "_AFTER_FAIL", "SUCH_JSON")
PARTIES = [{"country_code": "NL", "party_id": "ABC", "roles": ["CPO", "EMSP"], "business_details": {"name": "Abc"}}]


def texts() -> Iterator[tuple[str, str]]:
    """Return (place, text) of each error for developers and operators that the package raises."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                name = ast.unparse(node.exc.func).removeprefix("click.")
                if name in TEACHING and (name != "refusal" or path.parent.name in ("cli", "sandbox")):
                    yield f"{path.relative_to(PACKAGE)}:{node.lineno}", " ".join(map(text_of, node.exc.args))


def text_of(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) for part in node.values)
    return f"{{{ast.unparse(node)}}}"


def says_what_to_do(text: str) -> bool:
    return DOING.search(text) is not None or any(part in text for part in GIVING)


def test_each_error_for_developers_and_operators_says_what_to_do():
    found = list(texts())

    assert len(found) > 90
    assert [f"{place}: {text}" for place, text in found if not says_what_to_do(text)] == []


def test_the_check_finds_an_error_that_says_nothing():
    assert not says_what_to_do("The thing is broken: {value!r}.")


def kinds(module: ModuleType) -> list[type[FlaskOCPIError]]:
    return [each for each in vars(module).values() if inspect.isclass(each) and issubclass(each, FlaskOCPIError)]


def test_each_failure_of_storage_or_partner_has_advice():
    failures = [kind for kind in kinds(errors) if issubclass(kind, (errors.StorageError, errors.RemoteError))]

    assert len(failures) > 12
    assert [kind.__name__ for kind in failures if not kind.advice.endswith(".")] == []


def test_no_error_for_partners_has_advice():
    assert [kind.__name__ for kind in kinds(errors) if issubclass(kind, OCPIError) and kind.advice] == []


def test_a_traceback_shows_the_advice_and_the_message_does_not():
    error = StorageError("The disk is full.")

    assert str(error) == "The disk is full."
    assert "flask ocpi init-db" in "".join(traceback.format_exception(error))
    assert str(StorageError()) == ""


def test_a_partner_gets_no_advice():
    class Failing(MemoryStorage):
        failing = False

        def list(self, *args, **kwargs):
            if self.failing:
                raise StorageError("The disk is full.")
            return super().list(*args, **kwargs)

    network, storage = Network(), Failing()
    ocpi = network.add("abc.example", [("NL", "ABC", ["CPO"])], storage=storage)
    partner = network.add("ems.example", [("DE", "EMS", ["EMSP"])])
    network.connect(partner, ocpi)
    storage.failing = True

    with partner.client("NL-ABC") as client, pytest.raises(errors.RefusedError) as caught:
        list(client.locations.list())

    assert caught.value.status_message == "The server could not reach its storage; try again later."


def configured(**settings: object) -> OCPI:
    app = Flask("advice")
    app.config.from_mapping({"SECRET_KEY": "of this test", "OCPI_PARTIES": PARTIES, **settings})
    return OCPI(app, storage=MemoryStorage())


@pytest.mark.parametrize(
    ("settings", "meant"),
    [
        ({"OCPI_BASEURL": "https://a.example"}, "OCPI_BASE_URL"),
        ({"OCPI_MODULES": ["location:SENDER"]}, "locations"),
        ({"OCPI_SYNC_MODULES": ["tokns"]}, "tokens"),
        ({"OCPI_OPEN_ENUMS": ["capability"]}, "Capability"),
        ({"OCPI_DISPATCHER": "threads"}, "thread"),
        ({"OCPI_ROLE_PERMISSIONS": {"EMPS": {}}}, "EMSP"),
        ({"OCPI_QUIRKS": {"a.example": ["no-pach"]}}, "no-patch"),
        ({"OCPI_PARTIES": [{**PARTIES[0], "partyid": "ABC"}]}, "party_id"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else value,
)
def test_a_wrong_setting_names_the_nearest(settings, meant):
    with pytest.raises(ConfigurationError, match=rf"Did you mean {meant}\?"):
        configured(**settings)


def test_a_wrong_command_names_the_nearest():
    with pytest.raises(ConfigurationError, match=r"there are .*Did you mean START_SESSION\?"):
        OCPI().command("START_SESION")  # type: ignore[arg-type]


def test_a_wrong_parameter_list_shows_the_right_one():
    with pytest.raises(ConfigurationError, match=r"write def start\(asked, reply\)\."):

        @OCPI().command("START_SESSION")
        def start():
            """Take nothing."""


def test_a_wrong_module_names_the_nearest():
    with pytest.raises(InvalidParametersError, match=r"Did you mean locations\?"):
        configured().save("location", documents.location())


def test_a_wrong_value_of_a_long_enum_shows_those_that_begin_alike():
    wrong = documents.location(evses=[documents.evse(capabilities=["CHIP_CARDS"])])

    with pytest.raises(
        InvalidParametersError, match=r"'CHIP_CARDS' is not a Capability: use .*CHIP_CARD_SUPPORT.* values\)"
    ):
        configured().save("locations", wrong)


def test_a_wrong_value_of_any_length_is_compared_by_its_beginning():
    class Long(str):
        def upper(self):
            raise AssertionError("All of it is looked through.")

    known = [f"VALUE_{letter}" for letter in "ABCDEFGHIJKL"]

    assert listing(known, Long("value_k" + "x" * 1000), most=1) == "VALUE_K, ... (12 values)"


ASKED = {
    "authorizer": ("ALOWED", "ALLOWED", lambda client: client.tokens.authorize("12345678905880")),
    "charging_preferences": (
        "ACCEPTD",
        "ACCEPTED",
        lambda client: client.sessions.put_charging_preferences("SES1", {"profile_type": "FAST"}),
    ),
}


@pytest.mark.parametrize("hook", ASKED)
def test_a_wrong_answer_of_a_hook_is_logged_with_the_nearest(caplog, hook):
    answer, meant, ask = ASKED[hook]
    network = Network()
    ours = network.add("ours.example", [("NL", "ABC", ["CPO", "EMSP"])])
    partner = network.add("partner.example", [("DE", "EMS", ["CPO", "EMSP"])])
    network.connect(partner, ours)
    getattr(ours, hook)(lambda first, second: answer)
    ours.save("tokens", documents.token(country_code="NL", party_id="ABC", whitelist="NEVER"))
    ours.save("sessions", documents.session())

    with partner.client("NL-ABC") as client, pytest.raises(errors.RefusedError) as caught:
        ask(client)

    assert caught.value.status_code == 3000
    assert answer not in caught.value.status_message
    assert repr(answer) in caplog.text
    assert f"Did you mean {meant}?" in caplog.text


def test_a_name_is_compared_without_case_and_only_if_it_is_like_one():
    assert did_you_mean("LOCATION", ["tokens", "locations"]) == " Did you mean locations?"
    assert did_you_mean("xyz", ["tokens", "locations"]) == ""
    assert did_you_mean(7, ["tokens"]) == ""
    assert there_are(["a", "tokens"], "toknes") == "there are a, tokens. Did you mean tokens?"
    assert nearest("xyz", ["tokens", "locations"]) in ("tokens", "locations")


def test_a_list_is_short_and_in_order():
    values = [f"A{number:02}" for number in range(30)] + ["ZEBRA"]

    assert listing(["A", "B"], "X") == "A, B"
    assert listing(values, "A1X").startswith("A10, A11, ")
    assert "ZEBRA" in listing(values, "ZE")
    assert with_article("EVSE") == "an EVSE"
    assert with_article("CDR") == "a CDR"
