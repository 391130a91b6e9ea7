"""The auditor: a process outside the engine that proves, every minute, that nobody is forgotten.

Each open alert has a next step or an owner. Each notice has ended or is within its time. Each escalation has a
deadline. Every role has reported lately. Every source is heard. The audit chain holds. The outside heartbeat goes out
only after a passing check, so its watcher learns of any trouble, the auditor's own death included.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import httpx
import structlog
from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from alerts import states
from alerts.directory import NOBODY, monitor_facts
from alerts.engine import unhandled
from alerts.escalations import states as escalation_states
from alerts.escalations.clocks import to_page
from alerts.escalations.views import held_by_nobody
from alerts.ladder import ROUNDS, climbed
from alerts.outbox import hold, queue
from alerts.severity import CLOCKS
from alerts.standing import StandingStill
from alerts.unreached import people_not_reached, unreached
from tocsin.core.clock import Clock
from tocsin.core.errors import TocsinError
from tocsin.core.ids import stable_id
from tocsin.core.loop import WorkerLoop
from tocsin.core.signal import Evidence, Facts, encode, fingerprint
from tocsin.core.signal_kinds import BLIND
from tocsin.definitions.models import KINDS, Policy
from tocsin.definitions.repository import unreadable
from tocsin.health.report import Reporter, State, part_rows
from tocsin.health.roles import is_gone
from tocsin.health.sources import COMPONENT_PREFIX, ago, source_reports
from tocsin.intake import fuse
from tocsin.net import checked_client
from tocsin.settings import Settings
from tocsin.store import audit as chain
from tocsin.store import schema as s
from tocsin.store.offsets import lost_records
from tocsin.store.port import Store
from tocsin.store.signals import write_signals

EVERY: Final = timedelta(seconds=60)
OVERDUE: Final = timedelta(minutes=2)
"""A step that was due this long ago and was not taken is a finding."""
THE_STREAM: Final = "the stream between"
"""The subject of the alert about records that were lost or that nobody reads. No source has this name."""
GAP_SHOWN: Final = timedelta(hours=1)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a person should look at: `kind` is a short name, `object` is its subject, `text` describes it in words."""

    kind: str
    object: str
    text: str


@dataclass(frozen=True, slots=True)
class Checked:
    """The point up to which the last check verified the audit chain."""

    seq: int = 0
    hash: str = chain.GENESIS


def audit(
    conn: Connection,
    now: datetime,
    blind_after: timedelta = timedelta(minutes=15),
    # The default is a frozen value: verify from the chain's beginning.
    checked: Checked = Checked(),
) -> list[Finding]:
    """Everything that does not hold at `now`. An empty list: all is well."""
    return [*_checked(conn, now, blind_after), *chain_findings(conn, checked)[0]]


def _checked(conn: Connection, now: datetime, blind_after: timedelta) -> list[Finding]:
    """The findings of every check but the one of the chain, in the order of `CHECKS`."""
    found = []
    for name, check in CHECKS.items():
        try:
            found += check(conn, now, blind_after)
        except (TocsinError, SQLAlchemyError):
            raise
        # A check that cannot read one row must not keep the others from being made.
        except Exception as error:
            log.exception("a check of the audit failed", check=name)
            found.append(Finding("check failed", name, f"{type(error).__name__}: {error}"[:200]))
    return found


def alerts_without_next_step(conn: Connection, now: datetime) -> list[Finding]:
    """Alerts left alone. A firing alert must have a next step that is not long past. An owned one must have an owner
    and a time until when.
    """
    a = s.alerts
    found = []
    for row in conn.execute(select(a).where(a.c.live > "").order_by(a.c.id)):
        problem = _unattended(row, now)
        if problem:
            found.append(Finding("alert unattended", row.id, f"{row.monitor} SEV{row.severity}: {problem}"))
    return found


def signals_not_handled(conn: Connection, now: datetime) -> list[Finding]:
    """Signals that the engine has not handled two minutes after they were judged. None of them has rung."""
    return [
        Finding(
            "signal not handled",
            row.fingerprint,
            f"{monitor_facts(conn, row.monitor_id).name}: {row.count} signals wait since {row.since:%Y-%m-%d %H:%MZ}",
        )
        for row in unhandled(conn, now - OVERDUE)
    ]


def unreadable_definitions(conn: Connection) -> list[Finding]:
    """Definitions that cannot be read and are therefore left out: nobody is paged by them, and nothing is silenced."""
    return [
        Finding(
            "definition unreadable", name, f"the {kind} {name!r} cannot be read: define it again, or end it"
        )
        for kind, model in KINDS.items()
        for name in unreadable(conn, model)
    ]


def _unattended(row: Any, now: datetime) -> str | None:
    late = now - OVERDUE
    if row.calmed_at is not None or row.status in (
        states.CANDIDATE,
        states.SUPPRESSED,
        states.MERGED,
        states.DISMISSED,
    ):
        return None
    if row.status == states.FIRING:
        return _unanswered(row, late)
    if row.status == states.ACKNOWLEDGED:
        if row.ack_expires_at is None or not row.acknowledged_by:
            return "acknowledged, but by nobody or for ever"
        return "the acknowledgement has expired and nobody was paged" if row.ack_expires_at < late else None
    if row.status == states.SNOOZED and (row.snoozed_until is None or row.snoozed_until < late):
        return "the snooze has ended and nobody was paged"
    if row.status == states.ESCALATED and not row.acknowledged_by:
        return "escalated, but nobody owns it"
    return None


def _unanswered(row: Any, late: datetime) -> str | None:
    if row.next_step_at is not None and row.next_step_at < late:
        return "a step is due and was not taken"
    if row.next_step_at is None:
        return "nobody has answered and every step of the policy was taken"
    # The last rung's people have had their time to answer: the alert has rung above it, or waits for the morning to do so.
    # A policy has one rung a round at least: most alerts need no look at theirs.
    if row.step > ROUNDS[row.severity] and climbed(
        Policy.model_validate(row.policy, context={"stored": True}), row.severity, row.step - 1
    ):
        return "nobody has answered and every step of the policy was taken, and it goes on ringing"
    return None


def pages_to_nobody(conn: Connection) -> list[Finding]:
    """Firing alerts whose policy names nobody who can be paged."""
    a, n = s.alerts.c, s.notices.c
    rows = conn.execute(
        select(a.id, a.monitor)
        .where(a.live > "", a.status == states.FIRING, n.alert_id == a.id, n.person_id == NOBODY.id)
        .distinct()
        .order_by(a.id)
    )
    return [
        Finding("nobody paged", row.id, f"{row.monitor}: the policy names nobody who is active")
        for row in rows
    ]


def alerts_that_reach_nobody(conn: Connection, now: datetime) -> list[Finding]:
    """Firing alerts of which no notice arrives. Alerts whose policy names nobody are a finding of their own."""
    mildest = max(CLOCKS)
    return [
        Finding("nobody reached", one.alert_id, one.words)
        for one in unreached(conn, now, mildest)
        if one.people
    ]


def people_who_could_not_be_reached(conn: Connection, now: datetime) -> list[Finding]:
    """People whose every channel failed, about alerts that others were reached about and about open escalations."""
    return [Finding("person not reached", about, words) for about, words in people_not_reached(conn, now)]


def notices_out_of_time(conn: Connection, now: datetime) -> list[Finding]:
    """Queued notices that did not leave when due, and attempts that did not end. A held outbox is one finding, however
    many notices wait.
    """
    held = hold.held(conn)
    if held is not None:
        text = (
            f"no notice leaves since {held.since:%Y-%m-%d %H:%MZ} ({held.why}), {hold.waiting(conn)} wait:"
            " let them go with tocsin notify release, or take them back with --discard"
        )
        return [Finding("outbox held", "outbox", text)]
    n = s.notices.c
    late = now - OVERDUE
    waiting = (n.status == queue.QUEUED) & (n.due_at < late)
    hanging = (n.status == queue.ATTEMPTING) & (n.attempting_at < late)
    rows = conn.execute(
        select(n.id, n.person, n.channel, n.status).where(waiting | hanging).order_by(n.id).limit(50)
    )
    return [
        Finding("notice stuck", row.id, f"for {row.person} by {row.channel}: still {row.status}")
        for row in rows
    ]


def escalations_without_deadline(conn: Connection) -> list[Finding]:
    """Escalations without a clock. One that is not cleared or released yet has a clock, until its assessment at least."""
    e = s.escalations.c
    running = e.status.in_((escalation_states.QUEUED, escalation_states.CLAIMED))
    rows = conn.execute(
        select(e.id, e.team).where(running, e.deadline_at.is_(None), e.assessed_at.is_(None)).order_by(e.id)
    )
    return [
        Finding("escalation without deadline", row.id, f"the escalation to {row.team} has no clock")
        for row in rows
    ]


def escalations_not_paged(conn: Connection, now: datetime) -> list[Finding]:
    """Escalations whose clock ran out two minutes ago and for which nobody was paged."""
    e = s.escalations.c
    rows = conn.execute(select(e.id, e.team).where(to_page(now - OVERDUE)).order_by(e.id))
    return [
        Finding(
            "escalation unattended",
            row.id,
            f"the clock of the escalation to {row.team} has run out and nobody was paged",
        )
        for row in rows
    ]


def escalations_held_by_nobody(conn: Connection) -> list[Finding]:
    """Open escalations of a person who cannot work them any more."""
    told = "{} has the escalation to {} and works none any more: hand it over".format
    return [
        Finding("escalation unattended", one.id, told(one.claimed_by, one.team))
        for one in held_by_nobody(conn)
    ]


def silent_roles(conn: Connection, now: datetime) -> list[Finding]:
    """Roles that once reported here and have not reported again within two minutes."""
    return [
        Finding("role silent", row.component, f"{row.component} last reported {ago(now - row.at)} ago")
        for row in part_rows(conn)
        if row.component != "auditor" and is_gone(row.at, now)
    ]


def failing_roles(conn: Connection) -> list[Finding]:
    """Parts whose last report said that they fail. Such a part reports, so it is not silent, but it does not work."""
    return [
        Finding(
            "role failing", row.component, f"{row.component} fails: {row.detail.get('reason', 'unknown')}"
        )
        for row in part_rows(conn)
        if row.component != "auditor" and row.state == "failed"
    ]


def blown_fuses(conn: Connection) -> list[Finding]:
    """The partitions before which processors stopped, because their stream is nearly all bad."""
    return [
        Finding("fuse blown", f"{one.topic}/{one.partition}", f"since {one.at}: {one.reason}")
        for one in fuse.standing(conn)
    ]


def blind_sources(conn: Connection, now: datetime, blind_after: timedelta) -> list[Finding]:
    """Sources that fail for longer than `blind_after`, or are silent for three times as long as they may be."""
    return [
        Finding(BLIND, name, f"{name}: {reason}")
        for name, reason in source_troubles(conn, now, blind_after).items()
        if reason is not None
    ]


def source_troubles(conn: Connection, now: datetime, blind_after: timedelta) -> dict[str, str | None]:
    """The reason why each enabled source is blind, or None where it is not. The stream between has an entry too."""
    troubles = {
        one.name: one.verdict.reason if one.verdict.blind else None
        for one in source_reports(conn, now, blind_after)
        if one.facts.enabled and one.kind is not None
    }
    return {**troubles, THE_STREAM: _lost(conn, now)}


def _lost(conn: Connection, now: datetime) -> str | None:
    """The stream's trouble: records that were gone before anybody read them. The stream is blind for `GAP_SHOWN`, then
    heard again.
    """
    late = [row for row in lost_records(conn) if row.at > now - GAP_SHOWN]
    if not late:
        return None
    count = sum(abs(row.to_offset - row.from_offset) for row in late)
    return f"{count} records were gone before they were read, noticed {ago(now - late[-1].at)} ago"


def chain_findings(conn: Connection, checked: Checked, limit: int = 5000) -> tuple[list[Finding], Checked]:
    """Verify the audit chain from where the last check left it, at most `limit` entries. Returns the errors and the
    point up to which the chain holds.
    """
    result = chain.verify(conn, checked.seq, checked.hash, limit)
    reached = Checked(result.last_seq, result.last_hash)
    if result.broken_at is None:
        return [], reached
    text = f"entry {result.broken_at} of the audit chain is wrong: {result.reason}"
    return [Finding("audit chain broken", str(result.broken_at), text)], checked


def signal_blindness(
    conn: Connection, store: Store, now: datetime, blind_after: timedelta, standing: str | None = None
) -> int:
    """Write a signal for each source that went blind, is heard again, or is listened to no more; the engine makes alerts of them.
    Returns how many.

    A source is one story: its fingerprint is that of the source, its policy is the operator's. `standing` says why the stream
    stands still, if it does.
    """
    a, sig = s.alerts.c, s.signals.c
    written = 0
    troubles = source_troubles(conn, now, blind_after)
    troubles[THE_STREAM] = standing or troubles[THE_STREAM]
    told_blind = conn.execute(
        select(a.monitor_id).where(a.kind == BLIND, a.live.is_not(None), a.calmed_at.is_(None))
    ).scalars()
    left = dict.fromkeys(one.removeprefix(COMPONENT_PREFIX) for one in told_blind)
    for name, reason in {**left, **troubles}.items():
        monitor_id = f"{COMPONENT_PREFIX}{name}"
        mark = fingerprint(monitor_id, BLIND)
        alert = conn.execute(select(a.calmed_at, a.facts).where(a.live == mark)).one_or_none()
        waiting = conn.execute(
            select(sig.id).where(sig.fingerprint == mark, sig.handled_at.is_(None))
        ).first()
        blind_now = alert is not None and alert.calmed_at is None
        if waiting is not None or (reason is not None) == blind_now:
            continue
        state = "over" if reason is not None else "calm"
        signal = _blind_signal(monitor_id, mark, state, reason or CALM[name in troubles], now)
        write_signals(store, conn, [signal])
        written += 1
    return written


CALM: Final = {True: "heard again", False: "nobody listens to it any more: it was paused or ended"}
"""Why a story of a source that was not heard is over, by whether the source is still listened to."""


def _blind_signal(monitor_id: str, mark: str, state: str, reason: str, now: datetime) -> dict[str, Any]:
    facts = Facts(
        kind=BLIND, score=0.0, observed=0.0, expected=0.0, ratio=0.0, windows_over=1, complete=False
    )
    evidence = Evidence(
        rule="blind 1",
        baseline="protected",
        since=now,
        window_start=now,
        window_end=now,
        observed=0.0,
        expected=0.0,
        lower=0.0,
        upper=0.0,
        level=0.95,
        count=0,
        missing=[f"{monitor_id.removeprefix(COMPONENT_PREFIX)}: {reason}"],
    )
    return {
        "id": stable_id("sig", monitor_id, BLIND, now.isoformat(), state),
        "monitor_id": monitor_id,
        "kind": BLIND,
        "fingerprint": mark,
        "tick": now,
        "window_start": now,
        "window_end": now,
        "state": state,
        "score": 0.0,
        "facts": encode(facts),
        "evidence": encode(evidence),
    }


Ping = Callable[[str], str | None]
"""Sends the heartbeat. None: the heartbeat arrived; else the reason why not."""


Check = Callable[[Connection, datetime, timedelta], list[Finding]]

CHECKS: Final[dict[str, Check]] = {
    "alerts": lambda conn, now, _: alerts_without_next_step(conn, now),
    "signals": lambda conn, now, _: signals_not_handled(conn, now),
    "pages to nobody": lambda conn, _now, _: pages_to_nobody(conn),
    "alerts that reach nobody": lambda conn, now, _: alerts_that_reach_nobody(conn, now),
    "people": lambda conn, now, _: people_who_could_not_be_reached(conn, now),
    "notices": lambda conn, now, _: notices_out_of_time(conn, now),
    "escalations": lambda conn, _now, _: escalations_without_deadline(conn),
    "overdue escalations": lambda conn, now, _: escalations_not_paged(conn, now),
    "escalations of nobody": lambda conn, _now, _: escalations_held_by_nobody(conn),
    "silent roles": lambda conn, now, _: silent_roles(conn, now),
    "failing roles": lambda conn, _now, _: failing_roles(conn),
    "fuses": lambda conn, _now, _: blown_fuses(conn),
    "definitions": lambda conn, _now, _: unreadable_definitions(conn),
    "sources": blind_sources,
}
"""Every check by its name, in its order: (transaction, now, `blind_after`) to findings."""


class Auditor:
    """Audits once a minute until told to stop, writes the findings as the health of `auditor`, and pings the heartbeat."""

    def __init__(self, store: Store, settings: Settings, clock: Clock, ping: Ping | None = None) -> None:
        self._store, self._settings, self._clock = store, settings, clock
        self._ping = ping or _pinger(settings)
        self._blind_after = timedelta(minutes=settings.alerting.blind_after_minutes)
        self._checked = Checked()
        self._standing = StandingStill()
        self._reporter = Reporter(store, "auditor")
        self._loop = WorkerLoop("auditor", away=EVERY, recover=self._recover)

    def run(self, stop: threading.Event) -> None:
        """Audit until `stop` is set. An absent store or an error is no passing check: no heartbeat goes out."""
        self._loop.run(stop, self._round)

    def _round(self) -> float:
        self.check()
        return EVERY.total_seconds()

    def _recover(self, error: Exception) -> None:  # noqa: ARG002  # the loop knows it
        self._reporter.say_trouble(self._clock.now(), self._loop)

    def check(self) -> list[Finding]:
        """Audit once; returns the findings. Blindness becomes signals, and the result becomes the health of `auditor`."""
        now = self._clock.now()
        with self._store.read() as conn:
            found, checked = chain_findings(conn, self._checked)
            findings = [*_checked(conn, now, self._blind_after), *found]
            standing = self._standing.look(conn, now)
            findings += [Finding(BLIND, THE_STREAM, standing)] if standing else []
            entries = chain.count(conn)
        self._checked = checked
        with self._store.write() as conn:
            signal_blindness(conn, self._store, now, self._blind_after, standing)
            self._reporter.write(conn, now, *_health(findings, entries))
        for finding in findings:
            log.warning("audit finding", kind=finding.kind, object=finding.object)
        url = self._settings.alerting.heartbeat_url
        if not findings and url:
            problem = self._ping(url)
            if problem:
                log.warning("the heartbeat did not arrive", error=problem)
        return findings


def _health(findings: Sequence[Finding], entries: int) -> tuple[State, dict[str, Any]]:
    state: State = "ok"
    if findings:
        state = "blind" if any(one.kind == BLIND for one in findings) else "degraded"
    shown = [{"kind": one.kind, "object": one.object, "text": one.text} for one in findings[:50]]
    detail = {"findings": shown, "count": len(findings), "audit_entries": entries}
    return state, detail


def _pinger(settings: Settings) -> Ping:
    def ping(url: str) -> str | None:
        try:
            allowed = settings.ingest.allowed_private_networks
            with checked_client(allowed, timedelta(seconds=10), max_bytes=64 * 1024) as client:
                status = client.get(url).status_code
        except (httpx.HTTPError, httpx.InvalidURL, TocsinError) as error:
            return str(error) or type(error).__name__
        return None if status < 400 else f"answered {status}"

    return ping
