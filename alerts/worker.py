"""The alerts role: the engine's loop, and beside it one loop per notifier, so that a slow channel delays nothing else."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import Connection, select

from alerts.deferred import Deferred
from alerts.directory import NOBODY
from alerts.engine import anything_due, step
from alerts.notifiers.channels import obstacles
from alerts.notifiers.console import ConsoleNotifier
from alerts.notifiers.port import Notice, Notifier
from alerts.notifiers.registry import BY_ADDRESS, KINDS
from alerts.notifiers.registry import notifiers as real_notifiers
from alerts.outbox import deliver
from alerts.personal import personal_path
from alerts.turn import Turns
from tocsin.access.links import page_address
from tocsin.core.clock import Clock, passed
from tocsin.core.loop import WorkerLoop
from tocsin.definitions.models import Person
from tocsin.definitions.repository import listed
from tocsin.health.report import Reporter
from tocsin.settings import Settings, Smtp
from tocsin.store import schema as s
from tocsin.store.port import Store

PAUSE_S: Final = 0.4
AWAY: Final = timedelta(seconds=2)
LOOK_EVERY: Final = timedelta(minutes=1)
# Decisions in one transaction. The transaction holds the writer's lock, and an acknowledgement waits for that lock.
BATCH: Final = 4

log = structlog.get_logger(__name__)


class AlertsWorker:
    """Decides and delivers until told to stop. Several workers may run on one store.

    `notifiers` defaults to one of each kind; the demo and tests pass their own. `address` says where links begin, as it is set
    at that moment; by default, as the settings say. While the store is away the worker waits and tries again. The worker keeps
    nothing, so nothing is lost.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        clock: Clock,
        notifiers: Mapping[str, Notifier] | None = None,
        away: timedelta = AWAY,
        address: Callable[[Connection], str] | None = None,
        mail: Callable[[Connection], Smtp] | None = None,
    ) -> None:
        self._store, self._settings, self._clock = store, settings, clock
        self._made = real_notifiers(settings) if notifiers is None else {}
        self._notifiers = self._made if notifiers is None else notifiers
        self._echo = ConsoleNotifier() if settings.alerting.console and notifiers is None else None
        self._away = away
        fixed = page_address(settings)
        self._address = address or (lambda _: fixed)
        self._mail = mail
        self._deferred = Deferred()
        self._turns = Turns(store, fixed, self._deferred)
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._reporter = Reporter(store, "alerts")
        self._loop = WorkerLoop("alerts", away=away, recover=self._recover)
        self._deliveries: list[WorkerLoop] = []
        self._looked_at: datetime | None = None
        self._cannot: tuple[str, ...] = ()

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; ends within a notifier's time limit."""
        groups = [(kind,) for kind in self._notifiers]
        threads = [
            threading.Thread(
                target=self._deliver, args=(stop, kinds), name=f"deliver-{kinds[0]}", daemon=True
            )
            for kinds in groups
        ]
        threads.append(
            threading.Thread(target=self._deliver, args=(stop, None), name="deliver-other", daemon=True)
        )
        for thread in threads:
            thread.start()
        self._loop.run(stop, lambda: 0.0 if self.work() else PAUSE_S)
        for thread in threads:
            thread.join(5.0)

    def work(self) -> bool:
        """One round of the engine; returns whether there is more to do at once."""
        now = self._clock.now()
        with self._store.read() as conn:
            wanted = anything_due(conn, now, self._deferred.waiting(now))
        if not wanted:
            self._deferred.forget_idle(now)
        more = False
        if wanted:
            with self._store.write() as conn:
                self._turns.base_url = self._address(conn)
                result = step(self._turns.begin(conn, now), limit=BATCH)
            more = result.more
            if result.anything:
                decided = {name.replace(" ", "_"): count for name, count in result.due.items()}
                log.info("alerts decided", **dict(result.signals), **decided)
        self._report(now)
        return more

    def deliver(self, kinds: tuple[str, ...] | None) -> bool:
        """One round of the outbox for these channels (None: those that no notifier knows); returns whether any notice
        was sent.
        """
        now = self._clock.now()
        with self._store.read() as conn:
            wanted = kinds if kinds is not None else self._unknown_kinds(conn)
            if not wanted or not deliver.due(conn, now, wanted):
                return False
            if BY_ADDRESS in wanted:
                self._take_mail(conn)
        sent = deliver.deliver_due(
            self._store,
            self._clock,
            self._notifiers,
            self._name,
            kinds=wanted,
            parallel=8,
            echo=self._echo,
            personal_link=self._personal_link,
        )
        return sent > 0

    def _deliver(self, stop: threading.Event, kinds: tuple[str, ...] | None) -> None:
        loop = WorkerLoop(f"deliver-{kinds[0] if kinds else 'other'}", away=self._away)
        self._deliveries.append(loop)
        loop.run(stop, lambda: 0.0 if self.deliver(kinds) else PAUSE_S)

    def _unknown_kinds(self, conn: Connection) -> tuple[str, ...]:
        n = s.notices.c
        waiting = (
            select(n.channel).where(n.status == "queued", n.channel.not_in(list(self._notifiers))).distinct()
        )
        return tuple(row.channel for row in conn.execute(waiting))

    def _personal_link(self, conn: Connection, notice: Notice, now: datetime) -> str:
        if notice.person_id == NOBODY.id:
            return str(notice.facts["link"])
        return self._address(conn) + personal_path(conn, notice, now)

    def _report(self, now: datetime) -> None:
        """Report how the engine and the deliveries are. Trouble that keeps a delivery from working is the engine's
        trouble too.
        """
        if passed(LOOK_EVERY, self._looked_at, now):
            self._looked_at = now
            self._look_at_channels()
        loops = (self._loop, *self._deliveries)
        troubles = (self._deferred.trouble, *(loop.trouble for loop in loops), *self._cannot)
        trouble = next((one for one in troubles if one is not None), None)
        self._reporter.say(
            now,
            "degraded" if trouble else "ok",
            reason=trouble or "as expected",
            worker=self._name,
            notifiers=sorted(self._notifiers),
            unexpected_errors=sum(loop.unexpected for loop in loops),
        )

    def _look_at_channels(self) -> None:
        """Find the channels whose secret is not here. The doctor may run where it is; the notices leave from here."""
        with self._store.read() as conn:
            people = [one.value for one in listed(conn, Person) if one.value.active]
            self._take_mail(conn)
        found = tuple(
            f"{person.name} cannot be reached by {channel.kind}: {why}"
            for person in people
            for channel, why in obstacles(person, self._settings)
            # Where no mail server is set, nobody expects mail.
            if why is not None and (channel.kind != BY_ADDRESS or self._settings.smtp.host)
        )
        for line in found:
            if line not in self._cannot:
                log.error("a channel cannot work here", reason=line)
        self._cannot = found

    def _take_mail(self, conn: Connection) -> None:
        """Send mail by the server that is set at this moment: it may have been set on the page since the start."""
        smtp = self._settings.smtp if self._mail is None else self._mail(conn)
        if smtp != self._settings.smtp:
            self._settings = self._settings.model_copy(update={"smtp": smtp})
            self._made[BY_ADDRESS] = KINDS[BY_ADDRESS].make(self._settings)
            log.info("the mail server was changed on the page", host=smtp.host)

    def _recover(self, error: Exception) -> None:  # noqa: ARG002  # the loop knows it
        self._reporter.say_trouble(self._clock.now(), self._loop, worker=self._name)
