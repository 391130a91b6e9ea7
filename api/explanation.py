"""The explanation of an alert, for the API, the page and the command."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import msgspec
from sqlalchemy import Connection

from alerts.alert import Alert, get
from api.opinions import Opinion, opinion_of
from processors.explanation.explain import Explanation, JudgedWindow, JudgedWindows, explained
from tocsin.core.clock import iso
from tocsin.core.errors import NotFound
from tocsin.core.sentences import Sentence
from tocsin.core.signal import Evidence
from tocsin.store.signals import story_window, story_windows


class Explained(msgspec.Struct, frozen=True):
    """An alert and the explanation of one of its windows. `windows` is None where no signal of the alert is kept."""

    alert: Alert
    one: Explanation
    windows: JudgedWindows | None
    opinion: Opinion | None


def explanation_of(conn: Connection, alert_id: str, window: datetime | None = None) -> Explained:
    """The explanation of the alert with this id: of the window that ends at `window`, or of the one whose figures the alert
    shows, its last. Raises `NotFound`.
    """
    alert = get(conn, alert_id[:64])
    evidence, until = _asked(conn, alert, window)
    return Explained(
        alert,
        explained(conn, alert.monitor_id, alert.kind, alert.fingerprint, evidence, until),
        _windows(conn, alert),
        opinion_of(conn, alert.id),
    )


def _asked(conn: Connection, alert: Alert, window: datetime | None) -> tuple[Evidence, datetime]:
    """The evidence of the window that is asked for, and the tick that judged it."""
    if window is None:
        evidence, until = alert.readable_evidence, alert.last_signal_at
    else:
        found = story_window(conn, alert.fingerprint, alert.opened_at, alert.last_signal_at, window)
        if found is None:
            raise NotFound(Sentence("{id} has no window that ends at {at}", id=alert.id, at=iso(window)))
        kept, until = found
        evidence = replace(alert, evidence=kept).readable_evidence
    if evidence is None:
        raise NotFound(
            Sentence(
                "another version of Tocsin wrote the evidence of {id}; this one cannot read it", id=alert.id
            )
        )
    return evidence, until


def _windows(conn: Connection, alert: Alert) -> JudgedWindows | None:
    found = story_windows(conn, alert.fingerprint, alert.opened_at, alert.last_signal_at)
    judged = [JudgedWindow(*window) for window in found]
    if not judged:
        return None
    return JudgedWindows(len(judged), judged[0], max(judged, key=lambda one: one.score), judged[-1])
