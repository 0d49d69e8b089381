"""Numbers for Prometheus: messages exchanged with partners, and waiting work."""

from __future__ import annotations

import logging
import os
from collections import Counter as Tally
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

from flask import Blueprint
from flask import Flask
from flask import Response
from flask import request

from flask_ocpi.core.moments import SECOND
from flask_ocpi.errors import ConfigurationError
from flask_ocpi.errors import StatusCode
from flask_ocpi.exchange.findings import Finding
from flask_ocpi.exchange.messages import Message
from flask_ocpi.host.facade import OwnPlatform
from flask_ocpi.outbox import entries
from flask_ocpi.partners.platforms import PlatformState
from flask_ocpi.signals import finding_made
from flask_ocpi.signals import message_exchanged
from flask_ocpi.sync import lags
from flask_ocpi.web.current import platform_of
from flask_ocpi.web.pages import protect

try:
    from prometheus_client import REGISTRY
    from prometheus_client import CollectorRegistry
    from prometheus_client import Counter
    from prometheus_client import Histogram
    from prometheus_client.exposition import choose_encoder
    from prometheus_client.metrics_core import GaugeMetricFamily
    from prometheus_client.metrics_core import Metric
    from prometheus_client.multiprocess import MultiProcessCollector
    from prometheus_client.registry import Collector
except ImportError as error:
    raise ImportError('prometheus-client is missing. Install it with: pip install "Flask-OCPI[prometheus]"') from error

_log = logging.getLogger("flask_ocpi.prometheus")

#: Seconds. A database answers in the first ones, a charge point or a provider's billing in the last ones.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

_KNOWN_CODES = frozenset(int(code) for code in StatusCode)
_NEVER = float("inf")


#: The numbers from the storage: name, labels and text.
_STORED: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("storage_up", (), "1 if the storage answers, and the other numbers of it are here, else 0."),
    ("platforms", ("state",), "Partners by the state of their registration."),
    ("push_waiting", ("platform",), "Own objects that wait to be sent to a platform."),
    ("push_parked", ("platform",), "Own objects that a platform refused."),
    ("push_oldest_seconds", ("platform",), "Age of the oldest change that waits for a platform."),
    (
        "sync_lag_seconds",
        ("platform", "module"),
        "Seconds since the copies of a module were complete; infinite if they never were.",
    ),
)


class Metrics:
    """Counts the messages of an app, and reads the numbers in its storage at each scrape: ``Metrics(app)``.

    Call it once, after ``OCPI(app)``. registry: the registry of the metrics; by default that of the process, which
    takes one app only. buckets: of the durations, in seconds.

    It serves nothing itself: register :meth:`blueprint`, or let your own exporter show :attr:`shown`. With
    PROMETHEUS_MULTIPROC_DIR set, the numbers of all processes are added up.
    """

    def __init__(
        self, app: Flask, *, registry: CollectorRegistry = REGISTRY, buckets: Sequence[float] = BUCKETS
    ) -> None:
        ocpi = platform_of(app, "Metrics(app)")
        if "ocpi_prometheus" in app.extensions:
            raise ConfigurationError("This app has its Metrics already: call Metrics(app) once.")
        self._ocpi = ocpi
        self._registry = registry
        self._lost = 0
        #: The numbers from the storage, for a registry of yours. It is independent and works with any registry.
        self.stored: Collector = StoredNumbers(app, ocpi)
        try:
            self._define(buckets)
        except ValueError as error:
            raise ConfigurationError(
                f"{error}. Is there another app in this process? Give each a registry of its own: "
                "Metrics(app, registry=CollectorRegistry())."
            ) from error
        app.extensions["ocpi_prometheus"] = self
        message_exchanged.connect(self._count, app)
        finding_made.connect(self._count_finding, app)

    @property
    def shown(self) -> CollectorRegistry:
        """The registry to show: the given one, or with several processes one that adds up their numbers."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return self._registry
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        registry.register(self.stored)
        return registry

    def blueprint(self, url: str = "/metrics") -> Blueprint:
        """Return a blueprint that serves the metrics to every caller: it must not be public."""
        blueprint = Blueprint("ocpi_prometheus", __name__)

        def metrics() -> Response:
            encode, content_type = choose_encoder(request.headers.get("Accept", ""))
            headers = {"Cache-Control": "no-store"}
            return protect(Response(encode(self.shown), content_type=content_type, headers=headers))

        blueprint.add_url_rule(url, "metrics", metrics)
        return blueprint

    def _define(self, buckets: Sequence[float]) -> None:
        about = ("direction", "platform", "module")
        self._messages = Counter(
            "ocpi_messages",
            "Requests answered (direction in) and made (direction out), by outcome.",
            (*about, "operation", "http_status", "status_code"),
            registry=self._registry,
        )
        self._durations = Histogram(
            "ocpi_message_duration_seconds",
            "Time until the answer.",
            about,
            buckets=buckets,
            registry=self._registry,
        )
        self._journal_lost = Counter(
            "ocpi_journal_lost_messages", "Messages that could not be written to the journal.", registry=self._registry
        )
        self._findings = Counter(
            "ocpi_findings",
            "Flaws in the data of a platform, by kind.",
            ("platform", "kind"),
            registry=self._registry,
        )
        self._registry.register(self.stored)

    def _count_finding(self, app: Flask, *, finding: Finding, count: int, **_: Any) -> None:
        self._findings.labels(finding.platform, finding.kind).inc(count)

    def _count(self, app: Flask, *, message: Message, **_: Any) -> None:
        about = (message.direction.value.lower(), message.platform or "", message.module or "")
        came_of_it = (_http_class(message.http_status), _bounded_code(message.status_code))
        self._messages.labels(*about, message.operation or "", *came_of_it).inc()
        self._durations.labels(*about).observe(message.duration)
        lost = self._ocpi.journal.lost
        if lost > self._lost:
            self._journal_lost.inc(lost - self._lost)
            self._lost = lost


class StoredNumbers(Collector):
    """Metrics read from the storage at each scrape: the same in every process of an app."""

    def __init__(self, app: Flask, ocpi: OwnPlatform) -> None:
        self._app = app
        self._ocpi = ocpi

    def describe(self) -> Sequence[Metric]:
        """Return the numbers without values, so that registering them reads nothing."""
        return _families()

    def collect(self) -> Iterator[Metric]:
        """Return the numbers; without a working storage only the one that reports it."""
        reachable, *others = _families()
        try:
            with self._app.app_context():
                self._fill(others)
        except Exception as error:  # the host application may have its own storage, and the counters must stay visible
            _log.error("The storage could not be asked for its numbers: %s", error)
            reachable.add_metric((), 0)
            yield reachable
            return
        reachable.add_metric((), 1)
        yield reachable
        yield from others

    def _fill(self, families: Sequence[GaugeMetricFamily]) -> None:
        states, waiting, parked, age, lag = families
        services = self._ocpi.services
        now = services.clock().timestamp()
        platforms = list(services.platforms.all())
        tally = Tally(platform.state for platform in platforms)
        for state in PlatformState:
            states.add_metric((state.value.lower(),), tally[state])
        found = {summary.platform: summary for summary in entries.summary(services)}
        for platform in platforms:
            summary = found.get(platform.id)
            if summary is None and not platform.is_registered:
                continue
            since = None if summary is None else summary.oldest
            waiting.add_metric((platform.id,), 0 if summary is None else summary.waiting)
            parked.add_metric((platform.id,), 0 if summary is None else summary.parked)
            age.add_metric((platform.id,), 0 if since is None else max(0.0, now - since / SECOND))
        for labels, seconds in self._lags().items():
            lag.add_metric(labels, seconds)

    def _lags(self) -> dict[tuple[str, str], float]:
        """Return the lags by platform and module, the longest of several own parties."""
        services = self._ocpi.services
        longest: dict[tuple[str, str], float] = {}
        for platform, module, _party, seconds in lags(services):
            if seconds is None and not services.settings.sync_interval:
                continue  # no sync is scheduled
            lag = _NEVER if seconds is None else max(0.0, seconds)
            longest[platform, module] = max(lag, longest.get((platform, module), 0.0))
        return longest


def _families() -> list[GaugeMetricFamily]:
    return [GaugeMetricFamily(f"ocpi_{name}", text, labels=labels) for name, labels, text in _STORED]


def _http_class(status: int) -> str:
    """Return "2xx" and so on; "" without an answer."""
    if not status:
        return ""
    return f"{status // 100}xx" if 100 <= status < 600 else "other"


def _bounded_code(status_code: int | None) -> str:
    """Return an OCPI status as a label: custom ones by their first digit, to limit the number of labels."""
    if status_code is None:
        return ""
    if status_code in _KNOWN_CODES:
        return str(int(status_code))
    return f"{status_code // 1000}xxx" if 1000 <= status_code < 5000 else "other"
