"""The outbox sends the notices that are due. Each attempt leaves a receipt, whatever dies in between.

The outbox commits `attempting` before it calls a notifier. After a crash an open attempt is therefore known to be
unknown. An attempt has one of three outcomes:

- sent: the notice is done.
- failed: the notice is tried again after each of `retries.RETRIES` and then fails for good. The timeline gets a line, and the
  person's next channel gets the notice. Where there is no other channel, the next step of the policy is taken at once.
- unknown: where the channel honours our id, the notice is tried again under the same id. Elsewhere it is repeated once
  as a notice of its own, marked as a repeat, at SEV1 and SEV2 only. At milder severities it ends as unknown.

Several workers may run: a worker claims a notice and takes it by a conditional update.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

import structlog
from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, insert, or_, select, update

from alerts import record, states
from alerts.actor import ENGINE
from alerts.alert import Alert, from_row
from alerts.change import Move
from alerts.directory import Someone, someone
from alerts.ladder import ends_a_round
from alerts.message import OPEN_ALERT, Message, as_html
from alerts.notifiers.channels import target_of
from alerts.notifiers.port import Notice, Notifier, Outcome
from alerts.notifiers.record import RecordNotifier
from alerts.outbox import hold, outages, pauses, queue, reach
from alerts.outbox.queue import (
    ATTEMPTING,
    CANCELLED,
    QUEUED,
    SENT,
    UNKNOWN,
)
from alerts.outbox.retries import wait_before_next
from alerts.words import words_for
from tocsin.core.clock import CLOCKS_APART, Clock
from tocsin.core.errors import OutcomeUnknown
from tocsin.core.retry import Retry
from tocsin.definitions.models import Person
from tocsin.definitions.repository import stored_definition
from tocsin.store import schema as s
from tocsin.store.port import Store

MARGIN: Final = timedelta(seconds=30)
"""The time on top of a notifier's time limit. A notice that is attempting for longer belongs to a worker that died."""

LONGEST: Final = timedelta(minutes=2)
REPEATED_FROM: Final = 2
MAX_DETAIL: Final = 500

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
    with store.read() as conn:
        held = hold.held(conn) is not None
        left_behind = (
            not held
            and conn.execute(
                select(_n.id).where(_left_behind(now - MARGIN, now + CLOCKS_APART)).limit(1)
            ).first()
        )
        to_try = only is None and not held and outages.probe_due(conn, now, kinds)
    if held and only is None:
        return 0
    if left_behind:
        with store.write() as conn:
            _bury_the_dead(conn, store, notifiers, now, limit)
    if to_try:
        with store.write() as conn:
            _try_channels(conn, notifiers, now, kinds)
    taken: list[Notice] = []
    resting = pauses.Resting()
    try:
        # Other writers may run beside this one: the worker that takes a notice claims it.
        with store.write(alone=False) as conn:
            if only is None and hold.held(conn) is not None:
                return 0
            taken = _take(conn, store, now, kinds, only, limit, personal_link)
            resting.look(conn, taken, now)
            left = [notice for notice in taken if not _recorded(conn, notifiers, notice, now)]
    # Nobody knows whether these notices were taken. A notice that is not sent now would later look as if it may have been sent.
    except OutcomeUnknown:
        left = Retry(MARGIN)(lambda: _taken_now(store, taken, now))

    def deliver(notice: Notice) -> None:
        notifier = notifiers.get(notice.channel)
        outcome = resting.refusal(notice, clock.now()) or _send(notifier, notice)
        resting.learn(notice, outcome, clock.now())
        # A notice that arrived changes only its own row. Any other outcome may add to the timeline and cause another notice.
        honours_id = notifier.honours_id if notifier else False

        def write_down() -> None:
            with store.write(alone=outcome.status != SENT) as conn:
                finish(conn, notice, outcome, clock.now(), honours_id=honours_id)

        # A known outcome must not become unknown while the store is away. A second write is harmless: it finds the attempt ended.
        Retry(MARGIN)(write_down)
        log.info(
            "notice attempted",
            notice_id=notice.id,
            channel=notice.channel,
            outcome=outcome.status,
            worker=worker,
        )
        if echo is not None and notice.attempt == 1 and notice.channel != echo.kind:
            echo.send(notice)

    if parallel <= 1 or len(left) <= 1:
        for notice in left:
            deliver(notice)
    else:
        with ThreadPoolExecutor(min(parallel, len(left)), thread_name_prefix="deliver") as pool:
            for done in [pool.submit(deliver, notice) for notice in left]:
                done.result()
    return len(taken)


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


def finish(conn: Connection, notice: Notice, outcome: Outcome, now: datetime, *, honours_id: bool) -> str:
    """Write down how an attempt ended and what follows from it; returns the notice's status.

    Writes nothing when another worker has ended this attempt in the meantime.
    """
    mine = (_n.id == notice.id, _n.status == ATTEMPTING, _n.attempts == notice.attempt)
    row = conn.execute(select(s.notices).where(*mine).with_for_update()).one_or_none()
    if row is None:
        return "somebody else's"
    detail = " ".join(outcome.detail.split())[:MAX_DETAIL]
    conn.execute(
        insert(s.receipts).values(
            notice_id=notice.id, attempt=notice.attempt, at=now, outcome=outcome.status, detail=detail
        )
    )
    if outcome.pause is not None:
        pauses.begin(conn, pauses.receiver_of(row.channel, row.target), outcome.pause, now)
    again = wait_before_next(conn, notice, outcome, now, honours_id=honours_id)
    alert = _alert(conn, notice.alert_id)
    if again is not None and not _moot(notice, alert):
        _set(conn, notice.id, status=QUEUED, due_at=now + again, attempting_at=None)
        return QUEUED
    if again is not None:
        _set(conn, notice.id, status=CANCELLED, ended_at=now)
        return CANCELLED
    if outcome.status != SENT and row.ended_at is not None:
        # The channel was tried, and is still away: that this notice failed is on record already.
        _set(conn, notice.id, status=outcome.status)
        return outcome.status
    _set(conn, notice.id, status=outcome.status, ended_at=now)
    _learn_of_the_channel(conn, row, outcome, now)
    if outcome.status == SENT or alert is None:
        return outcome.status
    what = {"person": notice.person, "channel": notice.channel, "notice": notice.id, "detail": detail}
    record.entry(conn, alert, f"notice_{outcome.status}", ENGINE, now, detail=what)
    if not _moot(notice, alert):
        # Where the channel honours our id, the notice was repeated under it already; a new id would ring twice.
        repeats = not honours_id and notice.severity <= REPEATED_FROM and notice.repeat_of is None
        if outcome.status == UNKNOWN and repeats:
            _repeat(conn, row, now)
        else:
            _other_way(conn, row, alert, now)
    return outcome.status


def _learn_of_the_channel(conn: Connection, row: Row[Any], outcome: Outcome, now: datetime) -> None:
    """A notice that got through shows that its channel works; one that ended otherwise, that the channel is away.

    What can never work (a wrong address) says nothing of the channel, and a test page asks nobody.
    """
    if outcome.status == SENT:
        outages.works(conn, row.channel, row.target, now)
        pauses.end(conn, pauses.receiver_of(row.channel, row.target))
    elif row.kind in queue.ASKING and not outcome.for_good:
        outages.begin(conn, row.channel, row.target, now)


def _moot(notice: Notice, alert: Alert | None) -> bool:
    """Whether the notice asks for an answer that somebody has given in the meantime."""
    asks = notice.kind in queue.ASKING and notice.escalation_id is None
    if not asks or alert is None or alert.status == states.FIRING:
        return False
    return not (alert.status == states.ESCALATED and notice.kind == "worsened")


def _repeat(conn: Connection, row: Row[Any], now: datetime) -> None:
    one = _someone(conn, row)
    words = words_for(one.language, one.person.timezone)
    repeat = words.say("Repeat: it is not known whether you got this.")
    text, link = f"{repeat}\n{row.body['text']}", str(row.body["facts"]["link"])
    html = as_html(text, link, words.say(OPEN_ALERT), words.language.code)
    body = dict(row.body) | {"text": text, "html": html}
    channels = [channel for channel in one.paged_on if channel.kind == row.channel][:1]
    queue.queue(
        conn,
        alert_id=row.alert_id,
        escalation_id=row.escalation_id,
        one=one,
        channels=channels,
        kind="repeat",
        severity=row.severity,
        step=row.step,
        message=Message(words.say("Repeat: {subject}", subject=row.subject), body),
        now=now,
        due_at=now,
        repeat_of=row.id,
    )


def _other_way(conn: Connection, row: Row[Any], alert: Alert, now: datetime) -> None:
    """Send the notice on the person's next channel. Where there is none, the person could not be reached, and the next
    person of the round is asked at once.
    """
    one = _someone(conn, row)
    used = _used(conn, row)
    left = [c for c in one.paged_on if outages.key_of(c.kind, target_of(one.person, c)) not in used][:1]
    if left:
        queue.queue(
            conn,
            alert_id=row.alert_id,
            escalation_id=row.escalation_id,
            one=one,
            channels=left,
            kind=row.kind,
            severity=row.severity,
            step=row.step,
            message=Message(row.subject, row.body),
            now=now,
            due_at=now,
        )
        return
    if _hopeful(conn, row, _n.person_id == row.person_id):
        return
    record.entry(conn, alert, "unreached", ENGINE, now, detail={"person": row.person})
    if row.escalation_id is None and row.kind in queue.ASKING and not _hopeful(conn, row):
        _hurry(conn, row, alert, now)


def _hurry(conn: Connection, row: Row[Any], alert: Alert, now: datetime) -> None:
    """Take the next step of the round at once. After the last one nobody is left to ask, and the alert keeps its pace."""
    waits = alert.status == states.FIRING and alert.next_step_at is not None and alert.next_step_at > now
    if waits and not ends_a_round(alert.the_policy, alert.severity, alert.step):
        detail = {"because": f"{row.person} could not be reached"}
        hurry = Move(alert, "hurry", {"next_step_at": now}, detail=detail)
        record.move(conn, hurry, alert, ENGINE, now)


def _same_ask(conn: Connection, row: Row[Any]) -> Sequence[ColumnElement[bool]]:
    """The notices of the same asking: of the same step since it was taken, or of the same escalation."""
    kinds = queue.ASKING if row.kind in queue.ASKING else (row.kind,)
    same = (_n.alert_id == row.alert_id, _n.kind.in_(kinds))
    if row.escalation_id is not None:
        return *same, _n.escalation_id == row.escalation_id
    began = reach.asked_at(conn, row.alert_id, row.created_at)
    here = (*same, _n.escalation_id.is_(None), _n.step == row.step)
    return here if began is None else (*here, _n.created_at >= began)


def _used(conn: Connection, row: Row[Any]) -> set[str]:
    """The channels on which this person was asked."""
    query = select(_n.channel, _n.target).where(*_same_ask(conn, row), _n.person_id == row.person_id)
    return {outages.key_of(one.channel, one.target) for one in conn.execute(query)}


def _hopeful(conn: Connection, row: Row[Any], *whom: ColumnElement[bool]) -> bool:
    """Whether the same asking has reached somebody (of `whom`), or may still do so."""
    # "Not in", so that the engine looks for the alert and not for every notice that was ever sent.
    ended = _n.status.not_in((*queue.LOST, CANCELLED))
    found = select(_n.id).where(*_same_ask(conn, row), *whom, ended).limit(1)
    return conn.execute(found).first() is not None


def _someone(conn: Connection, row: Row[Any]) -> Someone:
    """The person of a notice as defined now. A person who is no longer defined keeps the channel of the notice."""
    found = stored_definition(conn, "person", row.person_id)
    if found is None:
        channel = {"kind": row.channel, **row.target}
        person = Person.model_validate({"name": row.person, "channels": [channel]}, context={"stored": True})
        return Someone(row.person_id, person)
    return someone(conn, row.person_id, Person.model_validate(found.body, context={"stored": True}))


def _take(
    conn: Connection,
    store: Store,
    now: datetime,
    kinds: Collection[str] | None,
    only: Collection[str] | None,
    limit: int,
    personal_link: PersonalLink | None,
) -> list[Notice]:
    """Mark the notices that are due as attempting, the worst first, and return them."""
    where = _is_due(now, now + CLOCKS_APART)
    if kinds is not None:
        where &= _n.channel.in_(kinds)
    if only is not None:
        where &= _n.id.in_(only)
    taken = []
    for row in store.claim(conn, s.notices, where, (_n.severity, _n.due_at, _n.id), limit):
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
    """The notices that wait and are due. So is one that should leave at once or be tried again soon, and waits for a time that a
    clock has set that was ahead and was set back since: a time after `ahead`.
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
    one = _someone(conn, row)
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


def _alert(conn: Connection, alert_id: str) -> Alert | None:
    row = conn.execute(select(s.alerts).where(s.alerts.c.id == alert_id)).one_or_none()
    return from_row(row) if row is not None else None


def _set(conn: Connection, notice_id: str, **values: Any) -> None:
    conn.execute(update(s.notices).where(_n.id == notice_id).values(**values))
