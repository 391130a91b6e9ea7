"""The changes that the clock alone makes: acknowledgements expire, snoozes end, steps fall due, lasting calm resolves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, bindparam, func, select

from alerts import announcements, held, ladder, set_back, states
from alerts.alert import Alert, from_row, get
from alerts.apply import apply
from alerts.change import Change, Move, Page, PageAgain
from alerts.escalations import clocks
from alerts.on_signal import UNANSWERED, zone_of
from alerts.outbox import outages, queue, reach
from alerts.paging import waiting
from alerts.severity import CLOCKS, severity
from alerts.still import asked_anew, still
from alerts.turn import Turn
from tocsin.core.clock import CLOCKS_APART
from tocsin.store import meta
from tocsin.store import schema as s

REST: Final[dict[str, timedelta]] = {
    states.ACKNOWLEDGED: timedelta(hours=2),
    states.MERGED: timedelta(hours=2),
    states.DISMISSED: timedelta(hours=6),
}
"""The time that an alert in this status must have been calm until it is resolved by itself. A firing alert never is."""

_a = s.alerts.c
# This form, and not "is not null", lets the engine use the index.
_LIVE = _a.live > ""


@dataclass(frozen=True, slots=True)
class Due:
    """One thing that time brings about: the rows, the time, and the change."""

    name: str
    at: ColumnElement[Any]
    condition: ColumnElement[bool]
    decide: Callable[[Turn, Alert], Change]
    # The wait after the time in `at`.
    later: timedelta = timedelta(0)

    def where(self, until: datetime | ColumnElement[Any]) -> ColumnElement[bool]:
        """The rows that are due when it is `later` than `until`."""
        return and_(_LIVE, self.condition, self.at <= until)


def _expire(turn: Turn, alert: Alert) -> Change:
    values = {**UNANSWERED, "step": 0, "next_step_at": turn.now}
    detail = {"acknowledged_by": alert.acknowledged_by}
    return Change("expired", alert, (Move(alert, "expire", values, detail=detail),))


def _wake(turn: Turn, alert: Alert) -> Change:
    if alert.calmed_at is not None:
        return _resolve(turn, alert)
    values = {**UNANSWERED, "step": 0, "next_step_at": turn.now}
    return Change("woken", alert, (Move(alert, "wake", values),))


def _resolve(turn: Turn, alert: Alert) -> Change:
    detail = {"calm_since": alert.calmed_at.isoformat() if alert.calmed_at else None}
    values = {
        "live": None,
        "resolved_at": turn.now,
        "ack_expires_at": None,
        "snoozed_until": None,
        "next_step_at": None,
    }
    return Change("resolved", alert, (Move(alert, "resolve", values, detail=detail),))


def _step(turn: Turn, alert: Alert) -> Change:
    """The next rung is taken, or has to wait, or no rung is left."""
    verdict = waiting(turn, alert)
    if verdict is not None and verdict.until is not None and verdict.until > turn.now:
        detail: dict[str, Any] = {"waits": verdict.reason, "until": verdict.until.isoformat()}
        detail[held.STAMP] = held.stamp(turn.conn)
        hold = Move(alert, "hold", {"next_step_at": verdict.until}, detail=detail)
        return Change("held", alert, (hold,))
    step = _goes_on_from(turn, alert)
    if _is_exhausted(alert, step):
        return _exhaust(turn, alert)
    return _ring(turn, alert, step)


def _is_exhausted(alert: Alert, step: int) -> bool:
    """Whether the ladder is climbed, so that it ends or waits for a morning. A lowered alert may stand above its ladder."""
    above = step - len(ladder.rungs(alert.the_policy, alert.severity))
    return (
        above >= 0
        if not ladder.rings_on(alert.severity)
        else above == 0 and alert.severity not in ladder.PACE
    )


def _goes_on_from(turn: Turn, alert: Alert) -> int:
    """The rung that is taken now. A round in which nobody was reached does not count, and begins again."""
    began = ladder.before_the_round(alert.the_policy, alert.severity, alert.step)
    if began is not None and reach.nobody(turn.conn, alert.id, range(began, alert.step)):
        return began
    return alert.step


def _exhaust(turn: Turn, alert: Alert) -> Change:
    """The ladder is climbed. A review rings again in the morning, a watch does not."""
    again = ladder.rings_again(alert.severity, turn.now, zone_of(turn, alert))
    values = {"next_step_at": again, "step": alert.step + 1 if again else alert.step}
    return Change("exhausted", alert, (Move(alert, "exhaust", values, detail={"steps": alert.step}),))


def _ring(turn: Turn, alert: Alert, step: int) -> Change:
    """The people on rung number `step` are asked."""
    again = tuple(still(turn.conn, alert, turn.now)) if alert.step else ()
    why = "" if alert.step else asked_anew(turn.conn, alert)
    page = Page(alert, "page", severity(alert.the_facts).reasons, why, rung=step, again=again)
    zone = zone_of(turn, alert)
    was_due = alert.next_step_at or turn.now
    due = ladder.next_due(alert.the_policy, alert.severity, step, was_due, turn.now, zone)
    values = {"step": step + 1, "next_step_at": due}
    return Change("paged", alert, (page, Move(alert, "step", values, detail={"step": step + 1})))


def _take_up(turn: Turn, alert: Alert) -> Change:
    """An alert that should ring and has no time goes on ringing now, whatever took its time away."""
    return Change("taken up", alert, (Move(alert, "update", {"next_step_at": turn.now}),))


TABLE: Final[tuple[Due, ...]] = (
    Due(
        "acknowledgement expires",
        _a.ack_expires_at,
        and_(_a.status == states.ACKNOWLEDGED, _a.calmed_at.is_(None)),
        _expire,
    ),
    Due("snooze ends", _a.snoozed_until, _a.status == states.SNOOZED, _wake),
    *(
        Due(f"calm lasts, {status}", _a.calmed_at, _a.status == status, _resolve, rest)
        for status, rest in REST.items()
    ),
    Due(
        "unanswered without a time",
        _a.updated_at,
        and_(
            _a.next_step_at.is_(None),
            _a.status == states.FIRING,
            _a.calmed_at.is_(None),
            _a.severity <= ladder.EACH_MORNING,
        ),
        _take_up,
    ),
    Due("step is due", _a.next_step_at, _a.status == states.FIRING, _step),
)
"""The due things, in the order in which every step of the engine asks for them."""


def run(turn: Turn, limit: int) -> dict[str, int]:
    """Do everything that is due at the turn's time, at most `limit` of each kind; returns how many of each were done."""
    again = held.look_again(turn, limit)
    done: dict[str, int] = {"held step looked at again": again} if again else {}
    waiting = _due_now(turn)
    if SET_BACK in waiting and (moved := set_back.move_back(turn, limit)):
        done["the clock was set back"] = moved
        waiting = _due_now(turn)
    for due in TABLE:
        if due.name in waiting and (count := _take_all(turn, due, limit)):
            done[due.name] = count
            # What was done may make more fall due.
            waiting = _due_now(turn)
    rung_again = _channels_are_back(turn)
    if rung_again:
        done["channel works again"] = rung_again
        waiting = _due_now(turn)
    if ESCALATIONS in waiting and (overdue := clocks.page_overdue(turn, limit)):
        done["escalation overdue"] = overdue
    if told := announcements.announce(turn, limit):
        done["silence or event announced"] = told
    return done


def _due_now(turn: Turn) -> frozenset[str]:
    return waiting_now(turn.conn, turn.now, turn.passed_over)


def _take_all(turn: Turn, due: Due, limit: int) -> int:
    """Do this thing for at most `limit` alerts. Returns for how many it was due."""
    where = and_(due.where(turn.now - due.later), _a.fingerprint.not_in(turn.passed_over))
    rows = turn.store.claim(turn.conn, s.alerts, where, (due.at, _a.id), limit)
    for row in rows:
        turn.attempt(row.fingerprint, partial(_take, turn, due, row))
    return len(rows)


def _take(turn: Turn, due: Due, row: Row[Any]) -> None:
    apply(turn, due.decide(turn, from_row(row)))


def _channels_are_back(turn: Turn) -> int:
    """Ring on each channel that works again what nobody has answered, once; a story that waits rings when its turn comes.
    Returns how many alerts rang.
    """
    rang, passed_over = 0, set(turn.passed_over)
    for outage in outages.back(turn.conn):
        left = []
        for alert_id, people in outages.waiting(turn.conn, outage).items():
            alert = get(turn.conn, alert_id)
            ring = partial(_ring_again, turn, alert, outage, people)
            waits = alert.fingerprint in passed_over
            done = None if waits else turn.attempt(alert.fingerprint, ring)
            rang += bool(done)
            left += [alert_id] if done is None else []
        outages.end(turn.conn, outage, left)
    return rang


def _ring_again(turn: Turn, alert: Alert, outage: outages.Outage, people: tuple[str, ...]) -> bool:
    """Ask the people whom the outage kept from the alert, unless something holds the alert back. Returns whether it rang."""
    if waiting(turn, alert) is not None:
        return False
    again = tuple(still(turn.conn, alert, turn.now))
    page = PageAgain(alert, outage.key, people, severity(alert.the_facts).reasons, again)
    # The next step leaves them their time to answer.
    answer_by = turn.now + (CLOCKS[alert.severity].acknowledge or timedelta(0))
    values = {"next_step_at": max(alert.next_step_at or answer_by, answer_by)}
    detail = {"channel": outage.channel, "away_since": outage.since.isoformat()}
    apply(turn, Change("rung again", alert, (page, Move(alert, "again", values, detail=detail))))
    return True


def anything(conn: Connection, now: datetime, passed_over: Sequence[str] = ()) -> bool:
    """Whether anything is due at `now`, apart from the stories `passed_over`: one cheap look, so that an idle engine never
    takes the writer's lock.
    """
    kept = meta.several(conn, _KEPT)
    return (
        held.tells_a_change(kept)
        or announcements.tells_one_is_due(kept, now)
        or bool(waiting_now(conn, now, passed_over))
        or outages.to_ring(conn, passed_over)
    )


def waiting_now(conn: Connection, now: datetime, passed_over: Sequence[str] = ()) -> frozenset[str]:
    """What waits at `now` apart from the stories `passed_over`: the names of due things, `SIGNALS`, `ESCALATIONS`, `SET_BACK`."""
    given: dict[str, Any] = {_until(due.later): now - due.later for due in TABLE}
    given[_AHEAD] = now + CLOCKS_APART
    if passed_over:
        given[_PASSED_OVER] = list(passed_over)
    row = conn.execute(_look(bool(passed_over)), given).one()
    return frozenset(name for name, waits in row._mapping.items() if waits)


# What `anything` reads of `meta`, in one statement.
_KEPT: Final = (*held.HOLDERS, held.SEEN, announcements.LOOKED)
SIGNALS: Final = "signals"
ESCALATIONS: Final = "escalations"
SET_BACK: Final = "set back"
_PASSED_OVER: Final = "passed_over"
_AHEAD: Final = "ahead"


def _until(later: timedelta) -> str:
    """The name of the parameter for the time that lies this much before now."""
    return f"until_{later // timedelta(seconds=1)}"


@cache
def _look(passing: bool) -> Select[*tuple[bool, ...]]:
    """The question what waits, made once: an idle engine asks it every second, and SQLAlchemy takes longer to put it together
    than the store takes to answer.
    """
    signals, escalations = s.signals.c, s.escalations.c

    def moment(name: str) -> ColumnElement[Any]:
        return bindparam(name, type_=_a.next_step_at.type)

    now = moment(_until(timedelta(0)))

    checks = {
        SIGNALS: (signals.fingerprint, signals.handled_at.is_(None)),
        **{due.name: (_a.fingerprint, due.where(moment(_until(due.later)))) for due in TABLE},
        SET_BACK: (_a.fingerprint, set_back.ahead(now, moment(_AHEAD))),
        ESCALATIONS: (escalations.id, clocks.to_page(now)),
    }
    found = []
    for name, (story, waits) in checks.items():
        others = [story.not_in(bindparam(_PASSED_OVER, expanding=True))] if passing else []
        found.append(select(story).where(waits, *others).exists().label(name))
    return select(*found)


def next_at(conn: Connection) -> datetime | None:
    """The next moment at which the clock brings something about. None: nothing waits for the clock.

    A signal not yet handled counts with its tick, a notice in the outbox with the time at which it is due.
    """
    first = conn.execute(_firsts()).one()
    moments: list[datetime | None] = [
        first.signal,
        first.notice,
        clocks.next_overdue(conn),
        outages.next_probe(conn),
        announcements.next_at(conn),
        min((one.works_at for one in outages.back(conn) if one.works_at), default=None),
    ]
    found = first._mapping
    moments += [found[due.name] + due.later for due in TABLE if found[due.name] is not None]
    return min((moment for moment in moments if moment is not None), default=None)


@cache
def _firsts() -> Select[*tuple[Any, ...]]:
    """The first time of everything that `next_at` asks for, in one statement that is made once."""
    signals, notices = s.signals.c, s.notices.c
    asked = {
        "signal": select(func.min(signals.tick)).where(signals.handled_at.is_(None)),
        "notice": select(func.min(notices.due_at)).where(notices.status == queue.QUEUED),
        **{due.name: select(func.min(due.at)).where(_LIVE, due.condition) for due in TABLE},
    }
    return select(*(query.scalar_subquery().label(name) for name, query in asked.items()))
