"""Health: rates, failures and latencies, what waits, the checks, the processes, and the settings in force."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flask import current_app
from markupsafe import Markup
from werkzeug.wrappers import Response

from flask_ocpi.contrib.console import plots
from flask_ocpi.contrib.console.desk import Desk
from flask_ocpi.contrib.console.desk import Page
from flask_ocpi.contrib.console.texts import TEXTS
from flask_ocpi.core.moments import moment_text
from flask_ocpi.host.checks import about_partners
from flask_ocpi.host.checks import checks
from flask_ocpi.host.checks import settings_in_force
from flask_ocpi.host.journal import Rate

#: Partners whose outbox has a history on the page: those with the oldest changes.
_MOST = 5


def show(desk: Desk) -> Response:
    """Show how this platform is doing."""
    ocpi = desk.ocpi
    now = ocpi.services.now()
    hour, day = ocpi.journal.rates.last_hour(), ocpi.journal.rates.hours()
    ages = [(lag.platform, float(lag.oldest_seconds or 0)) for lag in ocpi.outbox.lags() if lag.waiting]
    found = [*checks(ocpi, current_app.config, Path(current_app.instance_path)), *about_partners(ocpi)]
    return desk.page(
        "health",
        hour_plot=_bars(hour, TEXTS.hour_plot),
        hour=_sums(hour),
        day_plot=_bars(day, TEXTS.day_plot),
        day=_sums(day),
        kept=ocpi.services.settings.journal,
        latencies=ocpi.journal.rates.latencies(),
        ages=plots.lengths(ages, unit="s", label=TEXTS.age_plot),
        histories=[(id, _ages(id, values, hour)) for id, values in list(ocpi.journal.rates.ages().items())[:_MOST]],
        processes=[
            (each, moment_text(each.began), moment_text(each.seen), each.is_alive(now))
            for each in ocpi.outbox.processes()
        ],
        checks=sorted(found, key=lambda check: ("FAIL", "WARN", "OK").index(check.outcome.value)),
        dispatcher=ocpi.services.settings.dispatcher,
        alive=ocpi.dispatcher.is_alive(),
        jobs=[(job.name, job.seconds_left()) for job in ocpi.services.jobs],
        lost=(ocpi.journal.lost, ocpi.findings.lost),
        settings=settings_in_force(ocpi.services.settings, current_app.config),
    )


def _ages(partner: str, values: Sequence[int], hour: Sequence[Rate]) -> Markup:
    begin, end = (moment_text(rate.begin)[11:16] for rate in (hour[0], hour[-1]))
    label = TEXTS.age_history.format(partner)
    return plots.bars([(value, 0) for value in values], begin=begin, end=end, unit="s", label=label)


def _bars(rates: Sequence[Rate], label: str) -> Markup:
    begin, end = (moment_text(rate.begin)[11:16] for rate in (rates[0], rates[-1]))
    return plots.bars([(rate.total, rate.failed) for rate in rates], begin=begin, end=end, label=label)


def _sums(rates: Sequence[Rate]) -> dict[str, Any]:
    return {"total": sum(rate.total for rate in rates), "failed": sum(rate.failed for rate in rates)}


PAGES = (Page("/health", "health", show),)
