"""Detection takes up what people said of the new normal, between two windows, in the transaction that writes the state.

An acceptance keeps the state that it changed. Taking it back puts that state in place again and folds the windows since into it:
what follows is the state that the readings give without the acceptance. So a state rebuilt from the readings heeds the
acceptances that stand, before the window that each names, and no others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select, update

from processors.acceptance import ACCEPT, APPLIED, LAPSED, not_taken_back
from processors.detection.rebuilding import learn_again
from processors.detection.states import JudgedMonitor
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import Defined
from tocsin.store import schema as s

# Made once: every look of the ticker asks both.
_t = s.acceptances
_SAID = select(_t.c.monitor_id).where(_t.c.outcome.is_(None))
_TO_TAKE_UP = select(_t).where(_t.c.outcome.is_(None)).order_by(_t.c.monitor_id, _t.c.seq)


def waiting(conn: Connection, monitors: Iterable[Defined[Monitor]]) -> frozenset[str]:
    """The monitors with an acceptance that detection has not taken up yet."""
    said = set(conn.execute(_SAID).scalars())
    return frozenset(one.id for one in monitors if one.id in said) if said else frozenset()


def take_up(conn: Connection, monitors: Iterable[JudgedMonitor]) -> None:
    """Take up what was said of these monitors, in the order in which it was said. They must be claimed and loaded."""
    rows = conn.execute(_TO_TAKE_UP).all()
    if not rows:
        return
    known = {one.id: one for one in monitors if one.next_window is not None}
    for row in rows:
        if row.monitor_id in known:
            _take_up(conn, known[row.monitor_id], row)


def standing_acceptances(conn: Connection, one: JudgedMonitor) -> list[Row[Any]]:
    """The acceptances that count and that nobody has taken back, in the order in which they were said."""
    t = s.acceptances
    applied = (t.c.monitor_id == one.id, t.c.series == one.series, t.c.outcome == APPLIED)
    return not_taken_back(conn.execute(select(t).where(*applied).order_by(t.c.seq)))


def _take_up(conn: Connection, one: JudgedMonitor, row: Row[Any]) -> None:
    assert one.next_window is not None
    values: dict[str, Any] = {"outcome": LAPSED, "first_window": one.next_window}
    if row.series == one.series and one.stored:
        if row.action == ACCEPT:
            values |= {"outcome": APPLIED, "before": _accept(one)}
        elif _undo(conn, one, one.next_window):
            values["outcome"] = APPLIED
    t = s.acceptances
    conn.execute(
        update(t).where(t.c.monitor_id == one.id, t.c.seq == row.seq, t.c.outcome.is_(None)).values(**values)
    )
    one.changed = True


def _accept(one: JudgedMonitor) -> dict[str, Any]:
    """Accept the present for every kind of signal. Returns what each knew before."""
    before = {
        standing.name: {
            "version": standing.kind.detector.version,
            "state": msgspec.to_builtins(standing.state),
        }
        for standing in one.standings
    }
    for standing in one.standings:
        standing.state = standing.kind.detector.accept(standing.state)
    return before


def _undo(conn: Connection, one: JudgedMonitor, until: datetime) -> bool:
    """Put the state before the last acceptance that stands in place, with what was heard since. False where a detector changed
    meanwhile.
    """
    stands = standing_acceptances(conn, one)
    if not stands or not _put_back(one, stands[-1].before):
        return False
    learn_again(conn, one, stands[-1].first_window, until)
    return True


def _put_back(one: JudgedMonitor, before: Mapping[str, Any]) -> bool:
    kept = {standing.name: before.get(standing.name) for standing in one.standings}
    if any(
        known is None or not standing.kind.reads(known["version"])
        for standing, known in zip(one.standings, kept.values(), strict=True)
    ):
        return False
    for standing in one.standings:
        state = kept[standing.name]
        assert state is not None
        standing.state = msgspec.convert(state["state"], type(standing.state))
    return True
