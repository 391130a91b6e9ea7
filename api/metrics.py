"""Prometheus metrics of the people's side. Every name is in `NAMES`; docs/api.md lists the same ones (a test compares).

Requests are counted as they come; what is in the store is read when somebody asks. No metric carries a text, an author or a
monitor's query.
"""

from __future__ import annotations

from collections import Counter as Counted
from collections.abc import Iterable, Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, SummaryMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection

from alerts import counted
from alerts.escalations.views import count_open, open_by_team
from alerts.outbox import outages
from alerts.unreached import unreached
from processors.last_hour import emotions_last_hour, labels_last_hour, mentions_last_hour
from tocsin.core.errors import TocsinError
from tocsin.definitions.repository import names
from tocsin.health.report import part_rows, troubled_rows
from tocsin.health.sources import heard_rows
from tocsin.intake.dead_letters import count_dead_letters
from tocsin.store import offsets
from tocsin.store.port import Store
from tocsin.stream.port import MENTIONS, Stream

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

MOST_MONITORS = 1000

NAMES: dict[str, str] = {
    "tocsin_http_requests_total": "Requests answered, by method, route and status.",
    "tocsin_http_request_seconds": "How long requests took, by route.",
    "tocsin_event_clients": "Clients that read /v1/events now.",
    "tocsin_mentions_pushed_total": "Mentions pushed over HTTP, by outcome (accepted, rejected).",
    "tocsin_store_up": "1 when the store could be read for this answer.",
    "tocsin_stream_up": "1 when the stream could be read for this answer.",
    "tocsin_stream_lag_records": "Records on the topic mentions that are not stored yet.",
    "tocsin_source_lag_seconds": "Age of the newest mention of each source.",
    "tocsin_source_received_total": "Mentions that each source handed over.",
    "tocsin_source_rejected_total": "Mentions of each source that were refused.",
    "tocsin_monitor_mentions": "Mentions of each monitor in the last hour.",
    "tocsin_monitor_labels": "Mentions of each monitor in the last hour, by label (negative, neutral, positive, unscored).",
    "tocsin_monitor_emotions": "Mentions of each monitor in the last hour that tell an emotion, by emotion.",
    "tocsin_alerts_fired_total": "Alerts that ever fired, by kind and by the severity that they have now.",
    "tocsin_page_seconds": "How long it took from the opening of an alert until the first page had left.",
    "tocsin_deliveries_total": "Attempts to send a notice, by kind of channel and outcome.",
    "tocsin_part_report_age_seconds": "Age of the last report of each part: its heartbeat.",
    "tocsin_blind": "1 for each source or part that is BLIND: not heard.",
    "tocsin_alerts": "Unresolved alerts, by status and severity.",
    "tocsin_alerts_unreached": "Crises (SEV1, SEV2) that nobody has answered and that reach nobody.",
    "tocsin_channels_away": "Channels on which notices fail, by kind of channel.",
    "tocsin_notices": "Notices, by status.",
    "tocsin_escalations_open": "Open escalations, by team.",
    "tocsin_escalations_overdue": "Open escalations past their deadline.",
    "tocsin_dead_letters": "Dead letters kept.",
}


class Metrics:
    """One app's metrics in a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = self._counter("tocsin_http_requests_total", ["method", "route", "status"])
        self._seconds = Histogram(
            "tocsin_http_request_seconds",
            NAMES["tocsin_http_request_seconds"],
            ["route"],
            registry=self._registry,
            buckets=(0.005, 0.02, 0.1, 0.5, 2, 10),
        )
        self._clients = Gauge("tocsin_event_clients", NAMES["tocsin_event_clients"], registry=self._registry)
        self._pushed = self._counter("tocsin_mentions_pushed_total", ["outcome"])

    def _counter(self, name: str, labels: list[str]) -> Counter:
        return Counter(name.removesuffix("_total"), NAMES[name], labels, registry=self._registry)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request; `route` is the template, so that labels stay few."""
        known = method if method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH") else "other"
        self._requests.labels(known, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def pushed(self, accepted: int, rejected: int) -> None:
        self._pushed.labels("accepted").inc(accepted)
        self._pushed.labels("rejected").inc(rejected)

    def text(self, store: Store, stream: Stream, now: datetime, clients: int) -> bytes:
        """Everything in Prometheus's text format. What cannot be read is left out, and the `_up` metrics say so."""
        self._clients.set(clients)
        fresh = CollectorRegistry()
        fresh.register(_Stored(store, stream, now))
        return generate_latest(self._registry) + generate_latest(fresh)


class _Stored(Collector):
    def __init__(self, store: Store, stream: Stream, now: datetime) -> None:
        self._store = store
        self._stream = stream
        self._now = now

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        try:
            with self._store.read() as conn:
                families = [family for make in _FAMILIES for family in make(conn, self._now)]
            yield _one("tocsin_store_up", 1)
            yield from families
        except TocsinError:
            yield _one("tocsin_store_up", 0)
        try:
            lag = stream_lag(self._store, self._stream)
            yield _one("tocsin_stream_up", 1)
            yield _one("tocsin_stream_lag_records", lag)
        except TocsinError:
            yield _one("tocsin_stream_up", 0)


def stream_lag(store: Store, stream: Stream) -> int:
    """Records on the topic mentions whose offsets are not stored yet. Raises `StoreUnavailable`, `StreamUnavailable`."""
    ends = stream.end_offsets(MENTIONS)
    with store.read() as conn:
        stored = offsets.stored(conn, stream.cluster, MENTIONS)
    return sum(max(0, end - stored.get(partition, 0)) for partition, end in ends.items())


def _counter(name: str, labels: list[str]) -> CounterMetricFamily:
    return CounterMetricFamily(name, NAMES[name], labels=labels)


def _one(name: str, value: float) -> Metric:
    return GaugeMetricFamily(name, NAMES[name], value=value)


def _sources(conn: Connection, now: datetime) -> Iterable[Metric]:
    lag = GaugeMetricFamily(
        "tocsin_source_lag_seconds", NAMES["tocsin_source_lag_seconds"], labels=["source"]
    )
    received = _counter("tocsin_source_received_total", ["source"])
    rejected = _counter("tocsin_source_rejected_total", ["source"])
    for row in heard_rows(conn):
        if row.last_event_at is not None:
            lag.add_metric([row.name], max(0.0, (now - row.last_event_at).total_seconds()))
        received.add_metric([row.name], row.received)
        rejected.add_metric([row.name], row.rejected)
    return lag, received, rejected


def _alerts(conn: Connection, _now: datetime) -> Iterable[Metric]:
    family = GaugeMetricFamily("tocsin_alerts", NAMES["tocsin_alerts"], labels=["status", "severity"])
    for status, severity, count in counted.live(conn):
        family.add_metric([status, str(severity)], count)
    return (family,)


def _monitors(conn: Connection, now: datetime) -> Iterable[Metric]:
    family = GaugeMetricFamily(
        "tocsin_monitor_mentions", NAMES["tocsin_monitor_mentions"], labels=["monitor"]
    )
    counts, known = mentions_last_hour(conn, now), names(conn, "monitor", most=MOST_MONITORS)
    for id, name in known.items():
        family.add_metric([name], counts.get(id, 0))
    labels = _parts("tocsin_monitor_labels", "label", known, labels_last_hour(conn, now))
    return family, labels, _parts("tocsin_monitor_emotions", "emotion", known, emotions_last_hour(conn, now))


def _parts(
    name: str, label: str, known: Mapping[str, str], counts: Mapping[str, Mapping[str, int]]
) -> Metric:
    """A gauge of each monitor's mentions by the values of one label."""
    family = GaugeMetricFamily(name, NAMES[name], labels=["monitor", label])
    for id, monitor in known.items():
        for value, count in sorted(counts.get(id, {}).items()):
            family.add_metric([monitor, value], count)
    return family


def _ever(conn: Connection, _now: datetime) -> Iterable[Metric]:
    """What alerts and the outbox have done since this store began."""
    alerts = _counter("tocsin_alerts_fired_total", ["kind", "severity"])
    for kind, severity, count in counted.fired(conn):
        alerts.add_metric([kind, str(severity)], count)
    sent = _counter("tocsin_deliveries_total", ["channel", "outcome"])
    for channel, outcome, count in counted.deliveries(conn):
        sent.add_metric([channel, outcome], count)
    pages, seconds = counted.seconds_to_page(conn)
    took = SummaryMetricFamily("tocsin_page_seconds", NAMES["tocsin_page_seconds"], pages, seconds)
    return alerts, sent, took


def _health(conn: Connection, now: datetime) -> Iterable[Metric]:
    """Which part has reported when, and what is not heard."""
    name = "tocsin_part_report_age_seconds"
    ages = GaugeMetricFamily(name, NAMES[name], labels=["part"])
    for row in part_rows(conn):
        ages.add_metric([row.component], max(0.0, (now - row.at).total_seconds()))
    blind = GaugeMetricFamily("tocsin_blind", NAMES["tocsin_blind"], labels=["component"])
    for row in troubled_rows(conn, now, live=False):
        if row.state == "blind":
            blind.add_metric([row.component], 1)
    return ages, blind


def _reach(conn: Connection, now: datetime) -> Iterable[Metric]:
    """Whether notices arrive."""
    away = GaugeMetricFamily("tocsin_channels_away", NAMES["tocsin_channels_away"], labels=["channel"])
    for channel, count in Counted(one.channel for one in outages.away(conn)).items():
        away.add_metric([channel], count)
    return _one("tocsin_alerts_unreached", len(unreached(conn, now))), away


def _notices(conn: Connection, _now: datetime) -> Iterable[Metric]:
    family = GaugeMetricFamily("tocsin_notices", NAMES["tocsin_notices"], labels=["status"])
    for status, count in counted.notices(conn):
        family.add_metric([status], count)
    return (family,)


def _escalations(conn: Connection, now: datetime) -> Iterable[Metric]:
    family = GaugeMetricFamily("tocsin_escalations_open", NAMES["tocsin_escalations_open"], labels=["team"])
    for team, count in open_by_team(conn):
        family.add_metric([team], count)
    _, late = count_open(conn, now)
    return family, _one("tocsin_escalations_overdue", late)


def _dead_letters(conn: Connection, _now: datetime) -> Iterable[Metric]:
    return (_one("tocsin_dead_letters", count_dead_letters(conn)),)


_FAMILIES = (_sources, _monitors, _alerts, _ever, _health, _reach, _notices, _escalations, _dead_letters)
