"""Copies of signals and alert events on the stream, for subscribers.

The relay delivers at least once, with the row's own id. It asks for the rows that are not published yet. It never asks for the
rows after the last number it saw: that would skip a row of a slow transaction, whose number is lower. It marks a row as
published after the stream has it.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import msgspec
import structlog
from sqlalchemy import Column, ColumnElement, Row, Table, select, update

from alerts.engine import IN_ORDER
from tocsin.core.clock import Clock, iso
from tocsin.core.loop import WorkerLoop
from tocsin.health.report import Reporter
from tocsin.store import schema as s
from tocsin.store.port import Store
from tocsin.stream.port import ALERT_EVENTS, MAX_RECORD_BYTES, SIGNALS, Stream

BATCH: Final = 200
KEPT: Final = 20_000
"""Copies of each kind that the stream keeps for subscribers, at least; an engine with its own retention decides itself."""

PAUSE_S: Final = 0.5
AWAY_S: Final = 2.0

log = structlog.get_logger(__name__)


class Relay:
    """Publishes until told to stop. Several may run; a record may then come twice, with the same id."""

    def __init__(self, store: Store, stream: Stream, clock: Clock, kept: int = KEPT) -> None:
        self._store, self._stream, self._clock, self._kept = store, stream, clock, kept
        self._reporter = Reporter(store, "relay")
        self._loop = WorkerLoop("relay", away=timedelta(seconds=AWAY_S), recover=self._recover)

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set; waits while the store or the stream is away."""
        self._loop.run(stop, self._round)

    def _round(self) -> float:
        sent = self.publish()
        self._reporter.say(self._clock.now(), "ok", unexpected_errors=self._loop.unexpected)
        return 0.0 if sent else PAUSE_S

    def _recover(self, error: Exception) -> None:  # noqa: ARG002  # the loop knows it
        self._reporter.say_trouble(self._clock.now(), self._loop)

    def publish(self) -> int:
        """Publish what waits, at most `BATCH` of each; returns how many records were appended."""
        signals = self._copy(s.signals, s.signals.c.id, IN_ORDER, SIGNALS, signal_record)
        events = self._copy(
            s.alert_events, s.alert_events.c.id, (s.alert_events.c.seq,), ALERT_EVENTS, event_record
        )
        return signals + events

    def _copy(
        self,
        table: Table,
        key: Column[Any],
        order: tuple[ColumnElement[Any], ...],
        topic: str,
        record: Any,
    ) -> int:
        waiting = table.c.published_at.is_(None)
        with self._store.read() as conn:
            rows = conn.execute(select(table).where(waiting).order_by(*order).limit(BATCH)).all()
        if not rows:
            return 0
        now = self._clock.now()
        # Append before marking, and outside the transaction: the stream must not hold the writer's lock.
        self._stream.append(topic, [(0, _bounded(record(row))) for row in rows], now)
        ends = self._stream.end_offsets(topic)
        self._stream.trim(topic, {p: end - self._kept for p, end in ends.items() if end > self._kept})
        with self._store.write(alone=False) as conn:
            conn.execute(
                update(table).where(key.in_([row.id for row in rows]), waiting).values(published_at=now)
            )
        return len(rows)


def signal_record(row: Row[Any]) -> Mapping[str, Any]:
    """The record that subscribers of `signals` read."""
    return {
        "id": row.id,
        "monitor_id": row.monitor_id,
        "kind": row.kind,
        "fingerprint": row.fingerprint,
        "tick": iso(row.tick),
        "window_start": iso(row.window_start),
        "window_end": iso(row.window_end),
        "state": row.state,
        "score": row.score,
        "facts": row.facts,
        "evidence": row.evidence,
    }


def event_record(row: Row[Any]) -> Mapping[str, Any]:
    """The record that subscribers of `alert-events` read."""
    return {
        "id": row.id,
        "seq": row.seq,
        "alert_id": row.alert_id,
        "escalation_id": row.escalation_id,
        "at": iso(row.at),
        "kind": row.kind,
        "data": row.data,
    }


def _bounded(record: Mapping[str, Any]) -> bytes:
    """The record as JSON. A record that would not fit loses its bulk, never its id."""
    encoded = msgspec.json.encode(record)
    if len(encoded) <= MAX_RECORD_BYTES:
        return encoded
    return msgspec.json.encode({"id": record["id"], "kind": record["kind"], "too_large": len(encoded)})
