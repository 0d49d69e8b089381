"""Health in the console: rates, latencies, what waits, checks, settings."""

from __future__ import annotations

import re

import pytest

from flask_ocpi.contrib.console import plots
from flask_ocpi.errors import UnreachableError
from flask_ocpi.outbox.processes import Process
from flask_ocpi.outbox.processes import Pulse
from flask_ocpi.testing.documents import location
from tests.conftest import EVERY_STORAGE


@pytest.fixture
def ocpi_config():
    return {"OCPI_JOURNAL": "all"}


@EVERY_STORAGE
def test_messages_are_counted_by_hour_with_those_that_failed(ocpi, ocpi_client, ocpi_clock):
    ocpi_client.get("/ocpi/2.2.1/sender/locations")
    ocpi_clock.advance(3600)
    ocpi_client.get("/ocpi/2.2.1/sender/locations/NONE")
    ocpi.journal.flush()

    rates = ocpi.journal.rates.hours(3)

    assert [(rate.total, rate.failed) for rate in rates] == [(0, 0), (1, 0), (1, 1)]
    assert rates[1].begin - rates[0].begin == 3_600_000_000


@EVERY_STORAGE
def test_the_last_hour_is_counted_by_five_minutes(ocpi, ocpi_client, ocpi_clock):
    ocpi_client.get("/ocpi/2.2.1/sender/locations")
    ocpi_clock.advance(600)
    ocpi_client.get("/ocpi/2.2.1/sender/locations/NONE")

    rates = ocpi.journal.rates.last_hour()

    assert [(rate.total, rate.failed) for rate in rates[-3:]] == [(1, 0), (0, 0), (1, 1)]
    assert len(rates) == 12


@EVERY_STORAGE
def test_latencies_are_those_of_each_direction_and_module(ocpi, ocpi_client):
    for _ in range(3):
        ocpi_client.get("/ocpi/2.2.1/sender/locations")
    ocpi_client.get("/ocpi/2.2.1/sender/tariffs")
    ocpi.journal.flush()

    found = ocpi.journal.rates.latencies()

    assert [(each.direction, each.module, each.number, each.failed) for each in found] == [
        ("IN", "locations", 3, 0),
        ("IN", "tariffs", 1, 0),
    ]
    assert all(0 < each.median <= each.most for each in found)


def test_the_page_has_plots_checks_and_settings(visit, filled):
    page = visit("read").text("/health")

    assert page.count("<svg") == 2
    assert "MemoryStorage forgets everything" in page
    assert "It refused changes that we sent: 1." in page
    assert "OCPI_BASE_URL" in page
    assert "https://cpo.example" in page


def test_settings_with_secrets_are_hidden(visit, own):
    page = visit("read").text("/health")

    assert "secret of cpo.example" not in page


def test_what_waits_is_shown_by_partner(visit, own, network):
    def cut(request):
        raise UnreachableError("The line is cut.")

    network.before_send = cut
    own.save("locations", location(id="L9"))
    network.clock.advance(120)

    page = visit("read").text("/health")

    assert 'aria-label="Age of the oldest waiting change, by partner"' in page
    assert ">120 s</text>" in page


def test_an_empty_platform_has_its_health(visit):
    assert "Nothing waits." in visit("read").text("/health")


def test_a_plot_of_steps_goes_through_all_values():
    text = str(plots.steps([(0, 1.0), (10, 2.0), (20, 0.0), (30, 0.0)], begin="a", end="b", unit="kW", label="l"))

    line = text.split('class="line" d="')[1].partition('"')[0]
    assert re.sub(r"[\d. ]", "", line) == "MHVHVH"
    assert "2 kW" in text


@pytest.mark.parametrize(
    "made",
    [
        plots.bars([], begin="", end="", label=""),
        plots.lengths([], unit="", label=""),
        plots.steps([], begin="", end="", unit="", label=""),
    ],
)
def test_nothing_is_no_plot(made):
    assert made == ""


def test_names_in_plots_are_escaped():
    text = str(plots.lengths([("<script>", 1.0)], unit="s", label='"'))

    assert "<script>" not in text
    assert 'aria-label="&#34;"' in text


def test_the_processes_that_look_for_work_are_listed_with_those_that_fell_silent(visit, own, network):
    gone = Process("host-a", 7, "gunicorn", began=own.services.now(), seen=own.services.now())
    own.storage.save(Process.KIND, gone.key, gone.to_record(last_updated=gone.seen))
    network.clock.advance(3600)
    Pulse(own.services).beat(lambda: ())

    page = visit("read").text("/health")

    rows = re.findall(r"<tr><td><bdi>[^\n]*</tr>", page.partition('id="processes"')[2].partition("</table>")[0])
    assert len(rows) == 2
    assert "host-a" in rows[0]
    assert "not alive" in rows[0]
    assert "not alive" not in rows[1]


def test_a_platform_whose_work_nobody_looks_for_says_so(visit):
    assert "None has noted within a day that it looks for work." in visit("read").text("/health")


def test_the_age_of_what_waits_has_a_history(visit, own, network):
    partner = own.partners.find("DE-EMS").id
    own.services.traffic.contacts.waited(partner, 90)

    page = visit("read").text("/health")

    assert f'aria-label="Oldest waiting change for {partner} in the last hour"' in page
    assert ">90 s</text>" in page
