"""The rows of a judged window: its readings, and the signals that come of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from processors.detection.coverage import Coverage
from processors.detection.episode import SignalState
from processors.detection.evidence import is_thin, look
from processors.detection.facts import evidence, facts
from processors.detection.judgement import Judgement
from processors.detection.states import Standing
from processors.detection.working import working
from processors.signals.types import Reading
from tocsin.core.ids import stable_id
from tocsin.core.signal import encode, fingerprint
from tocsin.core.signal_kinds import SIGNAL_KINDS


@dataclass(frozen=True, slots=True)
class Tick:
    """The tick at which windows are judged, and what is known at that time."""

    now: datetime
    coverage: Coverage
    monitors_version: int


def reading_rows(judged: Judgement, now: datetime) -> list[dict[str, Any]]:
    """The rows of a closed window's readings. A standing that the window tells nothing has no row."""
    return [
        _reading_row(judged, standing, reading, now)
        for standing, reading in judged
        if standing.records(judged.window, reading)
    ]


def signal_row(
    conn: Connection, judged: Judgement, standing: Standing, reading: Reading, state: SignalState, at: Tick
) -> dict[str, Any]:
    """The row of the signal that `standing` gives. `reading` is its own. Asks the store for the evidence."""
    one, window = judged.monitor, judged.window
    since = standing.episode.since or reading.start
    start = window.end - timedelta(seconds=reading.detail["span_s"])
    seen = look(conn, one.id, one.defined.value, start, judged.until, judged.texts(conn, start), since=since)
    mark = fingerprint(one.id, standing.name)
    stated = facts(standing, reading, judged, seen, is_thin(conn, one.id, since))
    shown = evidence(
        stated,
        reading,
        judged,
        seen,
        start,
        since,
        at.coverage.missing,
        standing.kind.detector.version,
        at.monitors_version,
    )
    return {
        "id": stable_id("sig", mark, window.start.isoformat(), at.now.isoformat(), state),
        "monitor_id": one.id,
        "kind": standing.name,
        "fingerprint": mark,
        "tick": at.now,
        "window_start": start,
        "window_end": judged.until,
        "state": state,
        "score": reading.score,
        "facts": encode(stated),
        "evidence": encode(shown),
        "handled_at": None,
        "published_at": None,
        "working": None if state == "calm" else working(standing, reading, judged),
    }


def _reading_row(judged: Judgement, standing: Standing, reading: Reading, now: datetime) -> dict[str, Any]:
    window, detail = judged.window, dict(reading.detail)
    if copies := judged.set_aside_by(standing.name):
        detail["copies"] = copies
    if window.holiday and standing.kind.signal is SIGNAL_KINDS.lead:
        detail["holiday"] = window.holiday
    return {
        "monitor_id": judged.monitor.id,
        "kind": reading.kind,
        "window_start": reading.start,
        "length_s": int(reading.length.total_seconds()),
        "series": judged.monitor.series,
        "tick": now,
        "count": window.count,
        "negative": window.negative,
        "scored": window.scored,
        "complete": window.complete,
        "observed": reading.observed,
        "expected": reading.expected,
        "lower": reading.lower,
        "upper": reading.upper,
        "score": reading.score,
        "over": reading.over,
        "state": reading.state,
        "baseline": reading.baseline,
        "detail": detail,
    }
