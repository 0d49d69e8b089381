"""What the README and the documentation say can be typed in as it is."""

from __future__ import annotations

import importlib.util
import os
import re
import runpy
import subprocess
from pathlib import Path

import pytest

from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import token
from flask_ocpi.testing.network import Network
from tests.snippets import ROOT
from tests.snippets import blocks
from tests.snippets import run
from tests.warm import python as python_program

README = (ROOT / "README.md").read_text()
QUICKSTART = (ROOT / "docs" / "quickstart.md").read_text()
BASE_URL = "https://ocpi.example.com"


def flask(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return python(folder, "-m", "flask", *arguments)


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("FLASK_")}
    return subprocess.run(
        [python_program(), *arguments],
        cwd=folder,
        env={**own, "PYTHONPATH": str(ROOT), "FLASK_OCPI_BASE_URL": BASE_URL},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("text", [README, QUICKSTART], ids=["README", "quickstart"])
def test_app_starts_and_invites_as_written(tmp_path: Path, text: str) -> None:
    (tmp_path / "app.py").write_text(blocks(text, "python")[0])
    command = re.findall(r'^flask (ocpi invite --name "[^"]+")', text, re.MULTILINE)[0]

    outcome = flask(tmp_path, *command.replace('"Ems Mobility"', "Ems_Mobility").split())

    assert outcome.returncode == 0, outcome.stderr
    assert f"{BASE_URL}/ocpi/versions" in outcome.stdout
    assert (tmp_path / "instance" / "ocpi.sqlite3").exists()


def test_objects_are_exchanged_as_written() -> None:
    network = Network()
    ours = network.add("ours.example", [("NL", "ABC", ["CPO", "EMSP"])])
    partner = network.add("partner.example", [("DE", "EMS", ["CPO", "EMSP"])])
    network.connect(partner, ours)
    partner.save("tokens", token())
    document = location(evses=[evse()])

    run(blocks(README, "python")[1], {"ocpi": ours, "location": document})

    assert list(partner.objects.documents("locations", copies=True)) == [ours.objects.get("locations", "LOC1")]
    assert ours.objects.get("locations", "LOC1", "EVSE1")["status"] == "CHARGING"
    assert list(ours.objects.documents("tokens", copies=True)) == [token()]


def test_the_ten_lines_carry_out_a_command(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(blocks(README, "python")[0])
    (tmp_path / "ask.py").write_text(ASK)

    outcome = python(tmp_path, "ask.py")

    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout == "1000 ACCEPTED\n"


ASK = """
from app import app, ocpi
from flask_ocpi.testing import add_partner
from flask_ocpi.testing.documents import location, token

ocpi.save("locations", location(country_code="NL", party_id="ABC"))
partner = add_partner(app, [("DE", "EMS", ["EMSP"])])
command = {
    "token": token(country_code="DE", party_id="EMS"),
    "location_id": "LOC1",
    "response_url": "https://partner.example/results/1",
}
answer = partner.post("/ocpi/2.2.1/receiver/commands/START_SESSION", command)
print(answer.status_code, answer.data["result"])
"""


def test_readme_fits_one_screen_and_its_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)]+)\)", README)
    local = [link for link in links if not link.startswith("https://")]
    lines = len(blocks(README, "python")[0].splitlines())

    assert len(README.splitlines()) < 80
    assert lines <= 13  # ten, and the blank ones between them
    assert [link for link in local if not (ROOT / link).exists()] == []
    assert local


def test_the_description_of_the_package_has_no_links_to_files(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, str] = {}
    monkeypatch.setattr("setuptools.setup", lambda **options: given.update(options))

    runpy.run_path(str(ROOT / "setup.py"))

    description = given["long_description"]
    assert re.findall(r"\]\((?!https://)", description) == []
    assert "\nTutorials for operators and providers · Concepts ·" in description
    assert description.count("](https://") == README.count("](https://")


def test_the_figures_are_those_of_the_last_measurement() -> None:
    results = (ROOT / "docs" / "benchmarks" / "results.md").read_text()
    measured = {
        load: (f"{float(ratio):.2g}", f"{int(share) / 100:.2f}")
        for load, ratio, share in re.findall(
            r"^\| ([^|]+) \| [\w-]+ \| ([\d.]+) \|[^|]*\| (\d+)% \|", results, re.MULTILINE
        )
    }
    names = (
        "list of 50, first page",
        "get one location",
        "PUT location",
        "PATCH EVSE status",
        "PUT session",
        "POST CDR",
        "authorize",
    )

    peers, bare = (re.findall(r"[\d.]+", line) for line in README.splitlines() if line.startswith("| to "))

    assert [float(each) for each in peers] == [float(measured[name][0]) for name in names]
    assert bare == [measured[name][1] for name in names]


def test_the_rate_of_deliveries_is_that_of_the_last_measurement() -> None:
    outward = (ROOT / "docs" / "benchmarks" / "outward.txt").read_text()
    measured = re.search(r"^Deliveries, to the bare loop, 1 partner +([\d.]+) times", outward, re.MULTILINE)
    stated = re.search(r"a process delivers ([\d.]+) times", README)

    assert measured is not None
    assert stated is not None
    assert float(stated[1]) == round(float(measured[1]), 1)


def test_apps_that_are_named_are_there() -> None:
    text = README + (ROOT / "examples" / "README.md").read_text()
    named = set(re.findall(r"(?:--app |FLASK_APP=)(\S+)|--factory (\S+):create_app", text))
    modules = {"".join(app).removesuffix(".py").replace("/", ".") for app in named}

    assert {"flask_ocpi.testing.sandbox", "examples.quickstart", "examples.relay"} < modules
    assert [module for module in modules if importlib.util.find_spec(module) is None] == []
