"""The whole record of one alert in one file: what was known when, who was told, who decided what, and the audit entries of it.

The record is read, and nothing is written. A post that was erased since has no text, and keeps the hash of the version that was
read (`content_hash`), so an earlier record of it can be held against a later one. `sha256` covers all other fields, as canonical
JSON: keys sorted, no blanks, as the audit chain has it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from alerts import views
from alerts.alert import Alert, evidence_of, get
from alerts.escalations.escalation import of_alert
from alerts.escalations.views import history
from alerts.verdicts import verdict_of
from tocsin.core.clock import iso
from tocsin.store import audit
from tocsin.store.mentions import identities, stored_rows
from tocsin.store.signals import story_signals

SIGNAL: Final = ("id", "tick", "state", "kind", "window_start", "window_end", "score", "facts", "evidence")
NOTICE: Final = (
    "id",
    "escalation_id",
    "person",
    "channel",
    "kind",
    "severity",
    "status",
    "created_at",
    "due_at",
    "ended_at",
    "subject",
)
POST: Final = (
    "created_at",
    "edited_at",
    "network",
    "url",
    "lang",
    "author_name",
    "author_handle",
    "title",
    "text",
)
AUDITED: Final = ("seq", "at", "actor", "role", "action", "object", "detail", "previous", "hash")


def whole_record(conn: Connection, alert_id: str, role: str | None, now: datetime) -> dict[str, Any]:
    """The record as JSON values, for a reader of this role: privileged notes are for Legal only, and are counted for everybody.
    Raises `NotFound`.
    """
    alert = get(conn, alert_id)
    signals = [_named(row._mapping, SIGNAL) for row in story_signals(conn, alert.fingerprint, *_life(alert))]
    escalations = [_escalation(conn, one, role) for one in of_alert(conn, alert.id)]
    objects = (alert.id, *(one["id"] for one in escalations))
    record = {
        "made_at": now,
        "alert": views.get_alert(conn, alert.id),
        "signals": signals,
        "posts": _posts(conn, [alert.evidence, *(one["evidence"] for one in signals)]),
        "timeline": views.timeline(conn, alert.id),
        "verdict": verdict_of(conn, alert.id),
        "escalations": escalations,
        "notices": [_notice(one) for one in views.notices(conn, alert.id)],
        "audit": [_named(row._mapping, AUDITED) for row in audit.entries_of(conn, objects)],
    }
    known: dict[str, Any] = json.loads(json.dumps(record, default=_plain))
    return known | {"sha256": digest(known)}


def digest(record: Mapping[str, Any]) -> str:
    """SHA-256, 64 hex digits, over all fields of a record but `sha256`."""
    rest = {name: value for name, value in record.items() if name != "sha256"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def as_file(record: Mapping[str, Any]) -> bytes:
    """The record as a file that people can read, too."""
    return json.dumps(record, sort_keys=True, indent=1, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _life(alert: Alert) -> tuple[datetime, datetime]:
    """From the first signal that the alert may rest on to the last."""
    return alert.opened_at, max(alert.last_signal_at, alert.opened_at)


def _escalation(conn: Connection, one: Any, role: str | None) -> dict[str, Any]:
    told = history(conn, one.id, role)
    return asdict(one) | {"entries": list(told.entries), "privileged_notes_left_out": told.hidden}


def _notice(notice: Mapping[str, Any]) -> dict[str, Any]:
    """A notice with its words as they left, and how each attempt ended."""
    body = notice["body"] if isinstance(notice.get("body"), dict) else {}
    return _named(notice, NOTICE) | {"text": body.get("text"), "receipts": notice["receipts"]}


def _posts(conn: Connection, seen: Iterable[Any]) -> list[dict[str, Any]]:
    """Every post that stood in the evidence, as it is kept now."""
    found = map(evidence_of, seen)
    keys = sorted({(post.source, post.id) for one in found if one is not None for post in one.top})
    kept, known = stored_rows(conn, keys), identities(conn, keys)
    return [_post(source, id, kept.get((source, id)), known.get((source, id))) for source, id in keys]


def _post(source: str, id: str, row: Any, known: Any) -> dict[str, Any]:
    told: dict[str, Any] = {
        "source": source,
        "id": id,
        "kept": row is not None,
        "content_hash": known.hash if known is not None else None,
    }
    if row is None:
        return told | {"created_at": known.created_at if known is not None else None}
    return told | _named(row._mapping, POST) | {"text_sha256": audit.text_hash(row.text)}


def _named(values: Mapping[Any, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}


def _plain(value: Any) -> str:
    return iso(value) if isinstance(value, datetime) else str(value)
