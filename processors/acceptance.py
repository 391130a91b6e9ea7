"""The new normal: a person says that the present level of a monitor is its new normal, or takes that back.

Each acceptance is a numbered row of `acceptances`. Detection takes a row up in the transaction that writes the state which
follows from it (`processors/detection/acceptances.py`), so it takes effect once, whatever dies in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, func, insert, select

from tocsin.core.errors import Conflict
from tocsin.core.sentences import Sentence
from tocsin.core.signal_kinds import SIGNAL_KINDS
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import Defined
from tocsin.store import audit
from tocsin.store import schema as s

ACCEPT: Final = "accept"
UNDO: Final = "undo"
APPLIED: Final = "applied"
LAPSED: Final = "lapsed"
"""Said of a monitor that matches other mentions by now, or learns anew: there is nothing left to change."""
LEARNING: Final = "learning"
"""The state of a reading whose counts raise nothing yet."""
UNDO_WITHIN: Final = timedelta(hours=48)
"""The level rests on thirty hours. After two days it is what was heard, with or without the acceptance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """What a person said.

    `outcome` is None until detection has taken it up. `first_window` is the first window that is judged with it.
    """

    seq: int
    action: str
    at: datetime
    actor: str
    outcome: str | None
    first_window: datetime | None


def accept(
    conn: Connection, monitor: Defined[Monitor], *, now: datetime, actor: str, role: str
) -> Acceptance:
    """The present becomes the monitor's new normal. A repeat before the next window has closed changes nothing: there is no other
    present yet.

    Raises `Conflict` for a monitor that has not been judged yet as it is, and for one that still learns what is usual: its first
    hours have no level yet, and nothing would follow. The transaction must be `alone`.
    """
    last = _last(conn, monitor.id)
    d = s.detector_state.c
    judged = (d.monitor_id == monitor.id, d.series == monitor.value.series)
    next_window = conn.execute(select(func.max(d.next_window)).where(*judged)).scalar()
    of_now = last is not None and last.action == ACCEPT and last.outcome != LAPSED
    if last is not None and of_now and (last.outcome is None or last.first_window == next_window):
        return last
    if next_window is None:
        raise Conflict(
            Sentence("{name} has heard nothing yet: there is no level to accept", name=monitor.value.name)
        )
    if _learns(conn, monitor):
        raise Conflict(
            Sentence(
                "{name} has been heard for less than two hours: there is no level to accept yet",
                name=monitor.value.name,
            )
        )
    return _say(conn, monitor, ACCEPT, last, now, actor, role)


def undo(
    conn: Connection,
    monitor: Defined[Monitor],
    *,
    now: datetime,
    actor: str,
    role: str,
    seen: int | None = None,
) -> Acceptance:
    """The last acceptance that stands is taken back: detection goes on as if it had not been said.

    Raises `Conflict` where there is none, none that can be taken back, or where it is not the one that the person saw (its number
    `seen`; None: any). The transaction must be `alone`.
    """
    last = _last(conn, monitor.id)
    if last is not None and last.action == UNDO and last.outcome is None:
        return last
    stands = standing(conn, monitor)
    why = why_not_undone(stands, now)
    if why:
        raise Conflict(why)
    if stands is not None and seen not in (None, stands.seq):
        raise Conflict(
            Sentence(
                "the last new normal is now number {seq}, by {who}: look again before you take it back",
                seq=str(stands.seq),
                who=stands.actor,
            )
        )
    return _say(conn, monitor, UNDO, last, now, actor, role)


def why_not_undone(last: Acceptance | None, now: datetime) -> Sentence | None:
    """Why the last acceptance that stands cannot be taken back; None where it can."""
    if last is None or last.action == UNDO or last.outcome == LAPSED:
        return Sentence("no new normal was accepted that could be taken back")
    if now - last.at > UNDO_WITHIN:
        hours = UNDO_WITHIN // timedelta(hours=1)
        return Sentence(
            "that was accepted more than {n} hours ago: the level now follows what was heard since", n=hours
        )
    return None


def standing(conn: Connection, monitor: Defined[Monitor]) -> Acceptance | None:
    """The last acceptance of what the monitor matches now that nobody has taken back."""
    t = s.acceptances.c
    said = conn.execute(
        select(s.acceptances)
        .where(t.monitor_id == monitor.id, t.series == monitor.value.series)
        .order_by(t.seq)
    )
    stands = not_taken_back(said)
    return _from(stands[-1]) if stands else None


def not_taken_back(said: Iterable[Row[Any]]) -> list[Row[Any]]:
    """Of these rows, in the order in which they were said, the acceptances that nobody has taken back. Each taking back is of the
    last before it that stands. What has lapsed changed nothing.
    """
    stands: list[Row[Any]] = []
    for row in said:
        if row.outcome == LAPSED:
            continue
        if row.action == ACCEPT:
            stands.append(row)
        elif stands:
            stands.pop()
    return stands


def acceptances(conn: Connection, monitor_id: str, most: int = 20) -> list[Acceptance]:
    """What was said of the monitor, the newest first."""
    t = s.acceptances
    return [
        _from(row)
        for row in conn.execute(
            select(t).where(t.c.monitor_id == monitor_id).order_by(t.c.seq.desc()).limit(most)
        )
    ]


def as_json(one: Acceptance) -> Mapping[str, Any]:
    """The acceptance as the API shows it."""
    return {name: getattr(one, name) for name in Acceptance.__slots__}


def _learns(conn: Connection, monitor: Defined[Monitor]) -> bool:
    """Whether its newest window was judged while counts raise nothing yet."""
    r = s.readings.c
    mine = (r.monitor_id == monitor.id, r.kind == SIGNAL_KINDS.lead.kind, r.series == monitor.value.series)
    newest = select(r.state).where(*mine).order_by(r.window_start.desc()).limit(1)
    return conn.execute(newest).scalar_one_or_none() == LEARNING


def _last(conn: Connection, monitor_id: str) -> Acceptance | None:
    return next(iter(acceptances(conn, monitor_id, 1)), None)


def _say(
    conn: Connection,
    monitor: Defined[Monitor],
    action: str,
    last: Acceptance | None,
    now: datetime,
    actor: str,
    role: str,
) -> Acceptance:
    said = Acceptance(
        seq=(last.seq if last else 0) + 1, action=action, at=now, actor=actor, outcome=None, first_window=None
    )
    conn.execute(
        insert(s.acceptances).values(
            monitor_id=monitor.id, series=monitor.value.series, role=role, **as_json(said)
        )
    )
    audit.append(
        conn,
        at=now,
        actor=actor,
        role=role,
        action=f"normal.{action}",
        object=monitor.id,
        detail={"seq": said.seq},
    )
    return said


def _from(row: Row[Any]) -> Acceptance:
    return Acceptance(**{name: row._mapping[name] for name in Acceptance.__slots__})
