"""The outbox sends the notices that are due. Each attempt leaves a receipt, whatever dies in between.

The outbox commits `attempting` before it calls a notifier. After a crash an open attempt is therefore known to be
unknown. `alerts.outbox.outcome` writes down how an attempt ended, and what follows from it.

Several workers may run: a worker claims a notice and takes it by a conditional update.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

import structlog
from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, or_, select, update

from alerts.message import OPEN_ALERT, as_html
from alerts.notifiers.port import Notice, Notifier, Outcome
from alerts.notifiers.record import RecordNotifier
from alerts.outbox import hold, outages, pauses, queue
from alerts.outbox.outcome import finish, receiver
from alerts.outbox.queue import (
    ATTEMPTING,
    QUEUED,
    SENT,
)
from alerts.words import words_for
from tocsin.core.clock import CLOCKS_APART, Clock
from tocsin.core.errors import OutcomeUnknown
from tocsin.core.retry import Retry
from tocsin.store import schema as s
from tocsin.store.port import Store

MARGIN: Final = timedelta(seconds=30)
"""The time on top of a notifier's time limit. A notice that is attempting for longer belongs to a worker that died."""

LONGEST: Final = timedelta(minutes=2)

PersonalLink = Callable[[Connection, Notice, datetime], str]
"""Makes the personal link that goes out instead of the plain one: bound to person and alert, spent once."""

log = structlog.get_logger(__name__)
_n = s.notices.c


def deliver_due(
    store: Store,
    clock: Clock,
    notifiers: Mapping[str, Notifier],
    worker: str,
    *,
    kinds: Collection[str] | None = None,
    only: Collection[str] | None = None,
    parallel: int = 1,
    limit: int = 32,
    echo: Notifier | None = None,
    personal_link: PersonalLink | None = None,
) -> int:
    """Send the notices that are due, at most `limit` (of these channel `kinds`, `only` these ids); returns how many
    were attempted.

    While the outbox is held (`alerts.outbox.hold`) only notices asked for by id leave.

    `parallel` notices are sent at a time; 1: in order, in this thread. `echo` also gets a copy of every notice, once.
    """
    now = clock.now()
    wanted = _Wanted(kinds, only, limit)
    if not _prepare(store, notifiers, wanted, now):
        return 0
    resting = pauses.Resting()
    taken, left = _take_over(store, notifiers, wanted, now, resting, personal_link)
    sender = _Sender(store, clock, notifiers, resting, worker, echo)
    if parallel <= 1 or len(left) <= 1:
        for notice in left:
            sender.deliver(notice)
    else:
        with ThreadPoolExecutor(min(parallel, len(left)), thread_name_prefix="deliver") as pool:
            for done in [pool.submit(sender.deliver, notice) for notice in left]:
                done.result()
    return taken


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which notices leave: of these channel `kinds`, or `only` these ids (None: all), at most `limit`."""

    kinds: Collection[str] | None
    only: Collection[str] | None
    limit: int


def _prepare(store: Store, notifiers: Mapping[str, Notifier], wanted: _Wanted, now: datetime) -> bool:
    """Whether notices may leave. Before they do, this ends the notices that a dead worker left behind, and queues a notice
    on each channel that is away and due for a try.
    """
    with store.read() as conn:
        if hold.held(conn) is not None:
            return wanted.only is not None
        dead = select(_n.id).where(_left_behind(now - MARGIN, now + CLOCKS_APART)).limit(1)
        left_behind = conn.execute(dead).first()
        to_try = wanted.only is None and outages.probe_due(conn, now, wanted.kinds)
    if left_behind:
        with store.write() as conn:
            _bury_the_dead(conn, store, notifiers, now, wanted.limit)
    if to_try:
        with store.write() as conn:
            _try_channels(conn, notifiers, now, wanted.kinds)
    return True


def _take_over(
    store: Store,
    notifiers: Mapping[str, Notifier],
    wanted: _Wanted,
    now: datetime,
    resting: pauses.Resting,
    personal_link: PersonalLink | None,
) -> tuple[int, list[Notice]]:
    """Take the notices that are due. Returns how many were taken, and those among them that are still to be sent: a recorded
    notice ends here.
    """
    taken: list[Notice] = []
    try:
        # Other writers may run beside this one: the worker that takes a notice claims it.
        with store.write(alone=False) as conn:
            if wanted.only is None and hold.held(conn) is not None:
                return 0, []
            taken = _take(conn, store, wanted, now, personal_link)
            resting.look(conn, taken, now)
            return len(taken), [notice for notice in taken if not _recorded(conn, notifiers, notice, now)]
    # Nobody knows whether these notices were taken. A notice that is not sent now would later look as if it may have been sent.
    except OutcomeUnknown:
        return len(taken), Retry(MARGIN)(lambda: _taken_now(store, taken, now))


@dataclass(frozen=True, slots=True)
class _Sender:
    """Sends notices that this worker has taken, and writes down the outcome of each. Several threads may use it."""

    store: Store
    clock: Clock
    notifiers: Mapping[str, Notifier]
    resting: pauses.Resting
    worker: str
    echo: Notifier | None

    def deliver(self, notice: Notice) -> None:
        """Send the notice, unless its receiver asked for a pause, and write down the outcome."""
        notifier, clock = self.notifiers.get(notice.channel), self.clock
        outcome = self.resting.refusal(notice, clock.now()) or _send(notifier, notice)
        self.resting.learn(notice, outcome, clock.now())
        honours_id = notifier.honours_id if notifier else False
        # A known outcome must not become unknown while the store is away. A second write is harmless: it finds the attempt ended.
        Retry(MARGIN)(lambda: self._write_down(notice, outcome, honours_id))
        log.info(
            "notice attempted",
            notice_id=notice.id,
            channel=notice.channel,
            outcome=outcome.status,
            worker=self.worker,
        )
        if self.echo is not None and notice.attempt == 1 and notice.channel != self.echo.kind:
            self.echo.send(notice)

    def _write_down(self, notice: Notice, outcome: Outcome, honours_id: bool) -> None:
        # A notice that arrived changes only its own row. Any other outcome may add to the timeline and cause another notice.
        with self.store.write(alone=outcome.status != SENT) as conn:
            finish(conn, notice, outcome, self.clock.now(), honours_id=honours_id)


def due(conn: Connection, now: datetime, kinds: Collection[str] | None = None) -> bool:
    """Whether a notice is due, or a worker that died has left one. A cheap look that needs no writer's lock. While the
    outbox is held, nothing is due.
    """
    if hold.held(conn) is not None:
        return False
    given: dict[str, Any] = {"now": now, "long_ago": now - MARGIN, "ahead": now + CLOCKS_APART}
    if kinds is not None:
        given["kinds"] = list(kinds)
    if conn.execute(_look(kinds is not None), given).scalar_one():
        return True
    return bool(outages.probe_due(conn, now, kinds))


@cache
def _look(some_kinds: bool) -> Select[bool]:
    """The question of `due`, made once: an idle worker asks it every second."""
    now, long_ago, ahead = (bindparam(name, type_=_n.due_at.type) for name in ("now", "long_ago", "ahead"))
    of_kinds = [_n.channel.in_(bindparam("kinds", expanding=True))] if some_kinds else []
    waiting = select(_n.id).where(_is_due(now, ahead), *of_kinds)
    left = select(_n.id).where(_left_behind(long_ago, ahead), *of_kinds)
    return select(or_(waiting.exists(), left.exists()))


def _try_channels(
    conn: Connection, notifiers: Mapping[str, Notifier], now: datetime, kinds: Collection[str] | None
) -> None:
    """Queue a notice on each channel that is away and that somebody waits for, to learn whether it works again."""
    for outage in outages.probe_due(conn, now, kinds):
        notifier = notifiers.get(outage.channel)
        outages.probe(conn, outage, notifier is not None and notifier.honours_id, now)


def _take(
    conn: Connection, store: Store, wanted: _Wanted, now: datetime, personal_link: PersonalLink | None
) -> list[Notice]:
    """Mark the notices that are due as attempting, the worst first, and return them."""
    where = _is_due(now, now + CLOCKS_APART)
    if wanted.kinds is not None:
        where &= _n.channel.in_(wanted.kinds)
    if wanted.only is not None:
        where &= _n.id.in_(wanted.only)
    taken = []
    for row in store.claim(conn, s.notices, where, (_n.severity, _n.due_at, _n.id), wanted.limit):
        changed = conn.execute(
            update(s.notices)
            .where(_n.id == row.id, _n.status == QUEUED)
            .values(status=ATTEMPTING, attempting_at=now, attempts=row.attempts + 1)
        )
        if changed.rowcount == 1:
            notice = _late(conn, row, _notice(row, row.attempts + 1), now)
            taken.append(_personal(conn, notice, now, personal_link))
    return taken


def _taken_now(store: Store, notices: Sequence[Notice], now: datetime) -> list[Notice]:
    """The notices among these that stand as taken by this worker at `now`."""
    attempts = {notice.id: notice.attempt for notice in notices}
    with store.read() as conn:
        rows = conn.execute(
            select(_n.id, _n.attempts).where(
                _n.id.in_(attempts), _n.status == ATTEMPTING, _n.attempting_at == now
            )
        )
        ours = {row.id for row in rows if row.attempts == attempts[row.id]}
    return [notice for notice in notices if notice.id in ours]


Moment = datetime | ColumnElement[Any]


def _is_due(now: Moment, ahead: Moment) -> ColumnElement[bool]:
    """The notices that wait and are due. Also due is a notice that should leave at once or be tried again soon, if its time
    lies after `ahead`: a clock that was ahead gave that time, and was set back since.
    """
    soon = (_n.due_at == _n.created_at) | (_n.attempts > 0)
    return (_n.status == QUEUED) & ((_n.due_at <= now) | (soon & (_n.due_at > ahead)))


def _left_behind(long_ago: Moment, ahead: Moment) -> ColumnElement[bool]:
    at = _n.attempting_at
    return (_n.status == ATTEMPTING) & ((at <= long_ago) | (at > ahead))


def _bury_the_dead(
    conn: Connection, store: Store, notifiers: Mapping[str, Notifier], now: datetime, limit: int
) -> None:
    """End as unknown every notice that is attempting for longer than its notifier takes: a worker that died left it."""
    for row in store.claim(
        conn, s.notices, _left_behind(now - MARGIN, now + CLOCKS_APART), (_n.attempting_at, _n.id), limit
    ):
        notifier = notifiers.get(row.channel)
        longest = min(notifier.time_limit, LONGEST) if notifier else timedelta(0)
        if not timedelta(0) <= now + CLOCKS_APART - row.attempting_at < longest + MARGIN + CLOCKS_APART:
            outcome = Outcome("unknown", "the worker died while it was sending")
            finish(
                conn,
                _notice(row, row.attempts),
                outcome,
                now,
                honours_id=bool(notifier and notifier.honours_id),
            )


def _recorded(conn: Connection, notifiers: Mapping[str, Notifier], notice: Notice, now: datetime) -> bool:
    """Whether the notice ended as a record. A recorded notice reaches nobody, so it ends in the transaction that took
    it: a killed replay repeats nothing.
    """
    notifier = notifiers.get(notice.channel)
    if not isinstance(notifier, RecordNotifier):
        return False
    finish(conn, notice, notifier.send(notice), now, honours_id=True)
    return True


def _send(notifier: Notifier | None, notice: Notice) -> Outcome:
    if notifier is None:
        return Outcome("failed", f"there is no notifier {notice.channel!r} here", for_good=True)
    try:
        return notifier.send(notice)
    except Exception as error:  # noqa: BLE001  # a notifier must not raise; if it does, what it did is not known
        log.error("notifier broke", channel=notice.channel, notice_id=notice.id, error=type(error).__name__)
        return Outcome("unknown", f"the notifier broke: {type(error).__name__}")


def _notice(row: Row[Any], attempt: int) -> Notice:
    return Notice(
        id=row.id,
        alert_id=row.alert_id,
        escalation_id=row.escalation_id,
        person_id=row.person_id,
        person=row.person,
        channel=row.channel,
        target=row.target,
        kind=row.kind,
        severity=row.severity,
        subject=row.subject,
        text=row.body["text"],
        html=row.body["html"],
        facts=row.body["facts"],
        created_at=row.created_at,
        attempt=attempt,
        repeat_of=row.repeat_of,
    )


def _late(conn: Connection, row: Row[Any], notice: Notice, now: datetime) -> Notice:
    """The notice, saying that it is late where it failed before and is tried again on a channel that was away."""
    if row.ended_at is None:
        return notice
    one = receiver(conn, row)
    words = words_for(one.language, one.person.timezone)
    minutes = max(1, (now - row.created_at) // timedelta(minutes=1))
    late = words.say("Late by {n} min: it could not reach you before.", n=minutes)
    first, _, rest = notice.text.partition("\n")
    text = f"{first}\n{late}\n{rest}"
    button, link = words.say(OPEN_ALERT), str(notice.facts["link"])
    return replace(notice, text=text, html=as_html(text, link, button, words.language.code))


def _personal(conn: Connection, notice: Notice, now: datetime, personal_link: PersonalLink | None) -> Notice:
    if personal_link is None or not queue.takes_a_link(notice.kind, notice.escalation_id):
        return notice
    plain, own = str(notice.facts["link"]), personal_link(conn, notice, now)
    text, html = notice.text.replace(plain, own), notice.html.replace(plain, own)
    return replace(notice, text=text, html=html, personal_link=own)
