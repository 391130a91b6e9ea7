"""The explanation of an alert, for the API, the page and the command."""

from __future__ import annotations

from sqlalchemy import Connection

from alerts.alert import Alert, get
from api.opinions import Opinion, opinion_of
from processors.explanation.explain import Explanation, explained
from tocsin.core.errors import NotFound
from tocsin.core.sentences import Sentence


def explanation_of(conn: Connection, alert_id: str) -> tuple[Alert, Explanation, Opinion | None]:
    """The alert with this id, its explanation, and the second opinion on it if there is one. Raises `NotFound`."""
    alert = get(conn, alert_id[:64])
    evidence = alert.readable_evidence
    if evidence is None:
        raise NotFound(
            Sentence(
                "another version of Tocsin wrote the evidence of {id}; this one cannot read it", id=alert.id
            )
        )
    one = explained(conn, alert.monitor_id, alert.kind, alert.fingerprint, evidence, alert.last_signal_at)
    return alert, one, opinion_of(conn, alert.id)
