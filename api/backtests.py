"""Back-tests as jobs: a row that somebody asked for, that a worker plays, and that can be cancelled. No request waits for one.

A back-test with a `change` is a proposal: what it would do is played beside the monitor as it is, and a person decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, func, insert, select, update

from alerts.verdicts import verdicts_of
from api import jobs
from api.jobs import WAITING
from tocsin.core.errors import Conflict, IllegalTransition, NotFound
from tocsin.core.ids import stable_id
from tocsin.core.sentences import Sentence, spoken
from tocsin.definitions.changes import note_saved
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import Defined, find, save
from tocsin.store import audit
from tocsin.store import schema as s
from tocsin.store.port import Store

SHOWN: Final = 20
AFTER: Final = 2
"""So many verdicts of a kind make a proposal."""
LAPSED: Final = "lapsed"
"""Said of a proposal that nobody has decided, and whose verdicts or whose monitor were changed since."""
SILENT: Final = ("suppressed", "merged")
"""States of an alert of which nobody is told anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """One back-test as stored. `progress` is percent. `change`, `because` and `decided` are those of a proposal."""

    id: str
    monitor_id: str
    at: datetime
    actor: str
    state: str
    beat_at: datetime
    progress: int
    message: str | None
    change: Mapping[str, Any] | None
    because: Mapping[str, Any] | None
    result: Mapping[str, Any] | None
    decided: str | None
    decided_by: str | None

    @property
    def waits(self) -> bool:
        return self.state in WAITING

    @property
    def asks(self) -> bool:
        """A proposal that somebody may decide."""
        return self.change is not None and self.state == "done" and self.decided is None


@dataclass(frozen=True, slots=True)
class VolumeStep:
    """The mentions of a step of a back-test's time that begins `at`, and the alerts that it would have fired then."""

    at: datetime
    count: int
    alerts: Sequence[Mapping[str, Any]]


def by_step(result: Mapping[str, Any]) -> list[VolumeStep]:
    """The volume of a back-test by time with its alerts, without those that would have told nobody anything. Empty for the result
    of an earlier version.
    """
    volume = result.get("volume")
    if volume is None:
        return []
    first, step = datetime.fromisoformat(volume["first"]), timedelta(minutes=volume["step_minutes"])
    fired: dict[int, list[Mapping[str, Any]]] = {}
    for one in result["alerts"]:
        if one["status"] not in SILENT:
            fired.setdefault((datetime.fromisoformat(one["at"]) - first) // step, []).append(one)
    # An alert may fire within the step after the last mention.
    last = max((len(volume["counts"]) - 1, *fired))
    counts = [*volume["counts"], *(0 for _ in range(last + 1 - len(volume["counts"])))]
    return [VolumeStep(first + n * step, count, fired.get(n, ())) for n, count in enumerate(counts)]


def ask(
    conn: Connection,
    monitor: Defined[Monitor],
    *,
    now: datetime,
    actor: str,
    change: Mapping[str, Any] | None = None,
    because: Mapping[str, Any] | None = None,
) -> Backtest:
    """Ask for a back-test of the monitor. A second request gets the one that already waits.

    Raises `Conflict` where too many wait. The transaction must be `alone`.
    """
    t = s.backtests
    same = (t.c.monitor_id == monitor.id, t.c.state.in_(WAITING), t.c.change.is_(None))
    if change is None and (row := conn.execute(select(t).where(*same)).first()) is not None:
        return _from(row)
    refusal = Sentence("{n} back-tests are waiting already: cancel one, or ask later", n=jobs.MOST_WAITING)
    jobs.require_room(conn, t, refusal)
    # The clock of the demo stands while it waits for its visitor, who may ask, cancel and ask again meanwhile.
    at_once = conn.execute(
        select(func.count()).where(t.c.monitor_id == monitor.id, t.c.at == now)
    ).scalar_one()
    id = stable_id("bt", monitor.id, now.isoformat(), str(change), at_once)
    values = {
        "id": id,
        "monitor_id": monitor.id,
        "at": now,
        "actor": actor,
        "change": change,
        "because": because,
    }
    conn.execute(insert(t).values(**values, state="queued", beat_at=now, progress=0))
    return get(conn, id)


def get(conn: Connection, id: str) -> Backtest:
    """The back-test with this id. Raises `NotFound`."""
    row = conn.execute(select(s.backtests).where(s.backtests.c.id == id)).one_or_none()
    if row is None:
        raise NotFound(Sentence("no back-test {id}", id=repr(id)))
    return _from(row)


def of_monitor(conn: Connection, monitor_id: str) -> list[Backtest]:
    """The last back-tests of the monitor, the newest first, with the older proposals that somebody may decide."""
    t = s.backtests
    query = select(t).where(t.c.monitor_id == monitor_id).order_by(t.c.at.desc(), t.c.id).limit(SHOWN)
    newest = [_from(row) for row in conn.execute(query)]
    shown = {one.id for one in newest}
    return newest + [one for one in proposals_of(conn, monitor_id) if one.asks and one.id not in shown]


def proposals_of(conn: Connection, monitor_id: str) -> list[Backtest]:
    """Every proposal for the monitor, the newest first."""
    t = s.backtests
    query = select(t).where(t.c.monitor_id == monitor_id, t.c.change.is_not(None))
    return [_from(row) for row in conn.execute(query.order_by(t.c.at.desc(), t.c.id))]


def lapse(conn: Connection, one: Backtest, *, now: datetime, actor: str) -> None:
    """The proposal is not asked any more: what it rests on is no longer so. One that is played is cancelled."""
    jobs.cancel(conn, s.backtests, one.id, now)
    t = s.backtests
    conn.execute(update(t).where(t.c.id == one.id).values(decided=LAPSED, decided_by=actor))


def cancel(conn: Connection, id: str, now: datetime) -> Backtest:
    """Cancel a back-test that waits or runs; its worker stops within seconds. A back-test that is over stays as it is."""
    jobs.cancel(conn, s.backtests, get(conn, id).id, now)
    return get(conn, id)


def decide(conn: Connection, id: str, decision: str, *, now: datetime, actor: str, role: str) -> Backtest:
    """A person accepts a proposal, which changes the monitor, or refuses it.

    Raises `IllegalTransition` where there is nothing to decide, and `Conflict` where the monitor was changed since.
    """
    one = get(conn, id)
    if not one.asks or one.change is None:
        raise IllegalTransition(
            Sentence(
                "{id} is {decided}: there is no proposal to decide",
                id=id,
                decided=spoken(one.decided or one.state),
            )
        )
    monitor = find(conn, Monitor, one.monitor_id)
    if decision == "accepted":
        if not _stands(conn, one):
            raise Conflict(
                Sentence(
                    "the verdicts that this rests on were changed since: refuse it, or let Tocsin look again"
                )
            )
        was = (one.because or {}).get("version")
        if monitor.version != was:
            raise Conflict(
                Sentence(
                    "{name} was changed since this was proposed: refuse it, or change it by hand",
                    name=monitor.value.name,
                )
            )
        changed = Monitor.model_validate({**monitor.value.model_dump(mode="json"), **one.change})
        saved = save(conn, changed, now=now, actor=actor, id=monitor.id, expected_version=was)
        note_saved(conn, saved, monitor.value, at=now, actor=actor, role=role)
    t = s.backtests
    conn.execute(update(t).where(t.c.id == id).values(decided=decision, decided_by=actor))
    audit.append(
        conn,
        at=now,
        actor=actor,
        role=role,
        action=f"proposal.{decision}",
        object=id,
        detail={"monitor": monitor.id},
    )
    return get(conn, id)


def _stands(conn: Connection, one: Backtest) -> bool:
    """Whether enough of the verdicts that the proposal rests on still say what they said."""
    because = one.because or {}
    said = verdicts_of(conn, because.get("alerts", ()))
    return sum(said.get(id) == because.get("verdict") for id in because.get("alerts", ())) >= AFTER


# -- the worker's side -----------------------------------------------------------------------------------------------


def claim(store: Store, now: datetime) -> Backtest | None:
    """The next back-test to play, now running; one whose worker is gone begins anew."""
    with store.write() as conn:
        found = jobs.claim(conn, s.backtests, now, s.backtests.c.at, progress=0)
        return None if found is None else get(conn, found)


def goes_on(store: Store, id: str, progress: int, now: datetime) -> bool:
    """Note how far it is. False: somebody has cancelled it."""
    with store.write() as conn:
        return jobs.change(conn, s.backtests, id, now, progress=progress)


def finish(
    store: Store,
    id: str,
    now: datetime,
    *,
    result: Mapping[str, Any] | None = None,
    message: str | None = None,
) -> None:
    """It is over: with a result, or failed for the reason in `message`. A cancelled one stays cancelled."""
    ended: dict[str, Any] = {"state": "failed"} if result is None else {"state": "done", "progress": 100}
    with store.write() as conn:
        jobs.change(conn, s.backtests, id, now, result=result, message=message, **ended)


def put_back(store: Store, id: str, now: datetime) -> None:
    """Its worker stops before the end: another one begins it anew."""
    jobs.put_back(store, s.backtests, id, now, progress=0)


def _from(row: Row[Any]) -> Backtest:
    return Backtest(**{name: row._mapping[name] for name in Backtest.__slots__})
