"""Exports: JSON lines in a canonical order, with canonical fields and numbers, free of wall-clock times and random ids.

Two runs over the same input can be compared with `cmp`, whatever the engines, the batches and the interruptions.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from alerts.alert import from_row
from alerts.escalations.views import every_escalation
from alerts.outbox.queue import every_notice
from alerts.story import in_a_headline
from alerts.views import every_alert
from processors.storing.tally_sums import COUNTS, every_part, every_tally
from tocsin.core.clock import iso, minute_start
from tocsin.core.errors import WrongInput
from tocsin.core.sketch import distinct, union
from tocsin.definitions import repository
from tocsin.intake.dead_letters import every_letter
from tocsin.store import audit
from tocsin.store.mentions import matched_rows

_encoder = msgspec.json.Encoder(order="deterministic")
KINDS = ("mentions", "tallies", "alerts", "escalations", "notices", "dead-letters", "audit")
ESCALATION_TIMES: Final = (
    "created_at",
    "claimed_at",
    "assessment_due_at",
    "assessed_at",
    "statement_due_at",
    "deadline_at",
    "overdue_at",
    "closed_at",
)


def export(conn: Connection, kind: str) -> Iterator[bytes]:
    """The lines of one kind, each ending in a newline. Raises `WrongInput` for an unknown kind, naming the known ones."""
    rows = {
        "mentions": _mentions,
        "tallies": _tallies,
        "alerts": _alerts,
        "escalations": _escalations,
        "notices": _notices,
        "dead-letters": _dead_letters,
        "audit": _audit,
    }.get(kind)
    if rows is None:
        raise WrongInput(f"cannot export {kind!r}; known: {', '.join(KINDS)}")
    for row in rows(conn):
        yield (
            _encoder.encode({key: value for key, value in row.items() if value not in (None, [], {})}) + b"\n"
        )


def _mentions(conn: Connection) -> Iterator[dict[str, Any]]:
    names = repository.names(conn, "monitor", ended=True)
    present: dict[str, Any] | None = None
    for row in matched_rows(conn):
        if present is not None and (present["source"], present["id"]) == (row.source, row.id):
            _add_monitor(present, names[row.monitor_id], row.own, row.scored_by)
            continue
        if present is not None:
            yield _finished(present)
        present = dict(row._mapping) | {"monitors": [], "toward": {}}
        name, own, how = (present.pop(column) for column in ("monitor_id", "own", "scored_by"))
        _add_monitor(present, names[name], own, how)
    if present is not None:
        yield _finished(present)


def _add_monitor(present: dict[str, Any], name: str, own: str, how: str | None) -> None:
    """Add a monitor that matches, with its label and how that was found where it is not the text's."""
    present["monitors"].append(name)
    if how is not None:
        present["toward"][name] = [own, how]


def _finished(row: dict[str, Any]) -> dict[str, Any]:
    row["monitors"].sort()
    row["gist"] = row["gist"].hex() if row["gist"] else None
    row["created_at"] = iso(row["created_at"])
    row["edited_at"] = iso(row["edited_at"]) if row["edited_at"] else None
    if not row["truncated"]:
        del row["truncated"]
    return row


def _tallies(conn: Connection) -> Iterator[dict[str, Any]]:
    names = repository.names(conn, "monitor", ended=True)
    for monitor_id, name in sorted(names.items(), key=lambda pair: pair[1]):
        yield from _tallies_of(conn, monitor_id, name)


def _tallies_of(conn: Connection, monitor_id: str, name: str) -> Iterator[dict[str, Any]]:
    parts = iter(every_part(conn, monitor_id))
    part = next(parts, None)
    minute: dict[str, Any] | None = None
    for row in [*every_tally(conn, monitor_id), None]:
        if minute is not None and (row is None or row.minute != minute["minute"]):
            while part is not None and part[0] <= minute["minute"]:
                if part[0] == minute["minute"] and part[3]:
                    minute.setdefault(part[1], {})[part[2]] = [int(part[3]), int(part[4])]
                part = next(parts, None)
            if minute["count"]:
                yield {
                    **minute,
                    "minute": iso(minute_start(minute["minute"])),
                    "authors": distinct(minute["authors"]),
                }
            minute = None
        if row is None:
            return
        if minute is None:
            minute = {
                "monitor": name,
                "minute": row.minute,
                "authors": b"",
                "network": {},
                "lang": {},
                "source": {},
            }
            minute |= dict.fromkeys(COUNTS, 0)
        for column in COUNTS:
            minute[column] += row._mapping[column]
        minute["authors"] = union(minute["authors"], row.authors)


def _alerts(conn: Connection) -> Iterator[dict[str, Any]]:
    for row, timeline in every_alert(conn):
        yield {
            "id": row.id,
            "monitor": row.monitor,
            "kind": row.kind,
            "status": row.status,
            "severity": row.severity,
            "reason": row.reason,
            "headline": in_a_headline(from_row(row)),
            "opened_at": iso(row.opened_at),
            "calmed_at": _iso(row.calmed_at),
            "resolved_at": _iso(row.resolved_at),
            "score": row.score,
            "peak_score": row.peak_score,
            "facts": row.facts,
            "evidence": row.evidence,
            "timeline": [
                {
                    "at": iso(one.at),
                    "actor": one.actor,
                    "action": one.action,
                    "from": one.from_status,
                    "to": one.to_status,
                    "reason": one.reason,
                }
                for one in timeline
            ],
        }


def _escalations(conn: Connection) -> Iterator[dict[str, Any]]:
    """The record of each escalation. It counts privileged notes: they are for Legal only, and an export has any reader."""
    for row, told in every_escalation(conn):
        one = row.escalation
        yield {
            "id": one.id,
            "alert": one.alert_id,
            "monitor": row.monitor,
            "team": one.team,
            "status": one.status,
            "severity": one.severity,
            "reason": one.reason,
            "created_by": one.created_by,
            "claimed_by": one.claimed_by,
            **{name: _iso(getattr(one, name)) for name in ESCALATION_TIMES},
            "decisions": one.decisions,
            "privileged_notes": told.hidden or None,
            "entries": [
                {
                    "at": iso(entry["at"]),
                    "actor": entry["actor"],
                    "role": entry["role"],
                    "action": entry["action"],
                    "from": entry["from_status"],
                    "to": entry["to_status"],
                    "text": entry["text"],
                    "detail": entry["detail"],
                }
                for entry in told.entries
            ],
        }


def _iso(at: datetime | None) -> str | None:
    return iso(at) if at is not None else None


def _notices(conn: Connection) -> Iterator[dict[str, Any]]:
    for row in every_notice(conn):
        yield {
            "id": row.id,
            "alert": row.alert_id,
            "escalation": row.escalation_id,
            "person": row.person,
            "channel": row.channel,
            "kind": row.kind,
            "severity": row.severity,
            "step": row.step,
            "subject": row.subject,
            "status": row.status,
            "due_at": iso(row.due_at),
        }


def _dead_letters(conn: Connection) -> Iterator[dict[str, Any]]:
    for row in every_letter(conn):
        yield {
            "source": row.source,
            "reason": row.reason,
            "message": row.message,
            "position": row.position,
            "payload_size": row.payload_size,
            "payload_hash": row.payload_hash,
        }


def _audit(conn: Connection) -> Iterator[dict[str, Any]]:
    for row in audit.entries(conn):
        yield {"seq": row.seq, "at": iso(row.at)} | {
            name: row._mapping[name]
            for name in ("actor", "role", "action", "object", "detail", "previous", "hash")
        }
