"""Days of an embedded Tocsin on the simulated clock: memory, open files and the sizes of store and stream at each day's end.

The line from the stream to the page works in one thread, minute by minute, as its loops would: processors, detection with its
housekeeping, alerts, outbox, relay and auditor. Each day a brand has a crisis at another hour and the receiver of every page is
away for two hours, sometimes both at once; somebody answers half an hour later. The minutes are counted in which a SEV1 or SEV2
was unanswered, and those of them in which it had no due time ahead.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from benchmarks.child import measured, rss_mib
from benchmarks.load import SEED, START, made_up
from benchmarks.synthetic import synthetic_queries
from benchmarks.table import Table
from tocsin.core.mention import Author, Mention

NAME = "days"
MONITORS = 20
PER_MINUTE = 3
MATCHED = 0.5
DAY = 24 * 60
KEPT_DAYS = 3
AWAY_MINUTES = 120
ANSWERED_AFTER = timedelta(minutes=30)
RESOLVED_AFTER = timedelta(hours=3)
COUNTED = ("alerts", "rings", "rung twice", "unanswered", "without a time")


def run(mentions: int = 2 * DAY * PER_MINUTE) -> Table:
    """`mentions` come, `PER_MINUTE` of them in each simulated minute."""
    table = Table(
        f"Days on the simulated clock: {MONITORS} monitors, {PER_MINUTE} mentions a minute, a crisis and two hours without a"
        f" receiver each day, mentions kept for {KEPT_DAYS} days",
        ("day", "MiB in use", "files", "store MiB", "stream MiB", "mentions kept", *COUNTED, "s"),
    )
    lived = measured(__name__, mentions=mentions)
    table.rows += [tuple(row) for row in lived["days"]]
    found = ", ".join(f"{kind} {n:,}" for kind, n in sorted(lived["findings"].items())) or "none"
    table.notes += [
        f"Mentions handed over: {lived['handed']:,}; of a brand: {lived['wanted']:,}; stored and tallied: {lived['tallied']:,}.",
        f"Notices: {_counted(lived['notices'])}.",
        f"Minutes of the auditor's findings: {found}.",
    ]
    return table


class _Receiver:
    """The receiver of every page. While it is `away` it is not reached."""

    kind, honours_id, time_limit = "webhook", True, timedelta(seconds=1)

    def __init__(self) -> None:
        self.away = False
        self.rung: Counter[str] = Counter()

    def send(self, notice: Any) -> Any:
        from alerts.notifiers.port import Outcome

        if self.away:
            return Outcome("failed", "no connection")
        self.rung[notice.id] += 1
        return Outcome("sent", "it rang")


class _Line:
    """The line from the stream to the page, and the people at its end."""

    def __init__(self, made: Any) -> None:
        from alerts.auditor import Auditor
        from alerts.relay import Relay
        from alerts.worker import AlertsWorker
        from processors.ticker import DetectionTicker
        from processors.worker import StreamProcessor
        from tocsin.intake.handover import HandOver

        self.made, self.receiver = made, _Receiver()
        store, stream, settings, clock = made.store, made.stream, made.settings, made.clock
        self._hand_over = HandOver.to(stream, settings.stream, clock)
        self._processor = StreamProcessor(store, stream, settings, clock, heeds_times=True)
        self._ticker = DetectionTicker(store, stream, settings, clock)
        self._alerts = AlertsWorker(store, settings, clock, {"webhook": self.receiver})
        self._relay, self._auditor = Relay(store, stream, clock), Auditor(store, settings, clock)
        self.findings: Counter[str] = Counter()
        self.unanswered = self.silent = 0

    def minute(self, said: list[Mention]) -> None:
        """Everything that the loops do in the minute in which this was said."""
        self._hand_over.hand_over(said)
        while self._processor.once(timedelta(0)):
            pass
        self._ticker.once()
        for _ in range(50):
            more = self._alerts.work()
            if not (self._alerts.deliver(("webhook",)) or more):
                break
        self._relay.publish()
        self.findings.update({one.kind for one in self._auditor.check()})
        self._look()

    def close(self) -> None:
        self._processor.close()

    def _look(self) -> None:
        """Look for the unanswered, and let somebody answer what has rung for long enough."""
        from alerts import actions
        from alerts.actor import Actor
        from alerts.apply import act
        from alerts.turn import Turns
        from tocsin.store import schema as s

        a, now = s.alerts.c, self.made.clock.now()
        open_ones = select(a.id, a.status, a.severity, a.opened_at, a.next_step_at, a.calmed_at)
        with self.made.store.read() as conn:
            rows = conn.execute(open_ones.where(a.live > "")).all()
        crises = [
            row for row in rows if row.status == "firing" and row.severity <= 2 and row.calmed_at is None
        ]
        self.unanswered += bool(crises)
        self.silent += sum(row.next_step_at is None or row.next_step_at <= now for row in crises)
        for row in rows:
            age = now - row.opened_at
            if row.status == "firing" and age >= ANSWERED_AFTER:
                does: Callable[..., Any] = actions.acknowledge
            elif row.status == "acknowledged" and age >= RESOLVED_AFTER:
                does = actions.resolve
            else:
                continue
            with self.made.store.write() as conn:
                turn = Turns(self.made.store, "http://127.0.0.1").begin(
                    conn, now, Actor("person_ada", "ada", "admin")
                )
                act(turn, does, row.id)


def work(mentions: int) -> dict[str, Any]:
    """Live through days in this process. Each day's row goes to stderr as well, so that a run that is cut off has been seen."""
    from tocsin.store import schema as s

    days: list[tuple[float, ...]] = []
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as folder, _house(Path(folder)) as made:
        line = _Line(made)
        minutes = mentions // PER_MINUTE
        handed = wanted = 0

        def sample(number: int) -> None:
            with made.store.read() as conn:
                kept, alerts = (
                    conn.execute(select(func.count()).select_from(table)).scalar_one()
                    for table in (s.mentions, s.alerts)
                )
            sizes = [_mib(Path(folder), name) for name in ("store.db", "stream.db")]
            rung = line.receiver.rung
            twice = sum(times > 1 for times in rung.values())
            counted = (alerts, rung.total(), twice, line.unanswered, line.silent)
            spent = round(time.process_time())
            days.append((number // DAY, rss_mib(), _files(), *sizes, kept, *counted, spent))
            print(*days[-1], file=sys.stderr, flush=True)

        for number, said in enumerate(_talk(mentions)):
            if number % DAY == 0:
                sample(number)
            made.clock.advance(timedelta(minutes=1))
            line.receiver.away = _away(number)
            line.minute(said)
            handed += len(said)
            wanted += sum(one.text.startswith("brand") for one in said)
        sample(minutes)
        n, t = s.notices.c, s.tallies.c
        with made.store.read() as conn:
            by_status = select(n.status, func.count()).group_by(n.status)
            notices = {row.status: int(row[1]) for row in conn.execute(by_status)}
            tallied = int(conn.execute(select(func.sum(t.count))).scalar_one() or 0)
        line.close()
    return {
        "days": days,
        "findings": line.findings,
        "handed": handed,
        "wanted": wanted,
        "tallied": tallied,
        "notices": notices,
    }


@contextmanager
def _house(folder: Path) -> Iterator[Any]:
    """The embedded engines on a clock that is moved by hand, and two people with a receiver."""
    from ops.runtime import open_runtime
    from tocsin.core.clock import SimulatedClock
    from tocsin.definitions.models import Monitor, Person, Policy
    from tocsin.definitions.repository import save

    secret = folder / "secret"
    secret.write_text("whsec_" + "bWFkZSB1cCBmb3IgdGVzdHMgb25seQ==", encoding="utf-8")
    channel = {"kind": "webhook", "url": "http://127.0.0.1/", "secret": f"file:{secret}"}
    steps = [
        {"after_minutes": 0, "targets": ["person:ada"]},
        {"after_minutes": 10, "targets": ["person:ben"]},
    ]
    config = folder / "tocsin.toml"
    config.write_text(f"[retention]\nmentions_days = {KEPT_DAYS}\n", encoding="utf-8")
    with open_runtime(config, folder, clock=SimulatedClock(START), durable=False) as made:
        with made.store.write() as conn:
            for name, query in synthetic_queries(MONITORS).items():
                save(conn, Monitor(name=name, query=query), now=START, actor="benchmark")
            for name in ("ada", "ben"):
                one = Person.model_validate({"name": name, "role": "admin", "channels": [channel]})
                save(conn, one, now=START, actor="benchmark")
            policy = Policy.model_validate({"name": "default", "steps": steps})
            save(conn, policy, now=START, actor="benchmark")
        yield made


def _talk(mentions: int) -> Iterator[list[Mention]]:
    """What is said in each minute: everyday talk, and each day what six people say of a brand within twenty minutes."""
    everyday = made_up(mentions, MATCHED, MONITORS, PER_MINUTE / 60)
    for number in range(mentions // PER_MINUTE):
        said = list(islice(everyday, PER_MINUTE))
        day, minute = divmod(number, DAY)
        since = minute - crisis_at(day)
        if 0 <= since < 24 and since % 4 == 0:
            at = START + timedelta(minutes=number, seconds=30)
            text = f"brand{1 + day % MONITORS:04d} exploded, it caught fire"
            who = f"witness-{day}-{since}"
            said.append(Mention(source="synthetic", id=who, text=text, created_at=at, author=Author(id=who)))
        yield said


def crisis_at(day: int) -> int:
    return random.Random(f"{SEED} crisis {day}").randrange(60, DAY - 300)


def _away(number: int) -> bool:
    """Whether nobody can be reached in this minute: two hours of each day; on every other day they begin before the crisis."""
    day, minute = divmod(number, DAY)
    begins = (
        crisis_at(day) - 20 if day % 2 else random.Random(f"{SEED} away {day}").randrange(DAY - AWAY_MINUTES)
    )
    return begins <= minute < begins + AWAY_MINUTES


def _files() -> int:
    """The open files of this process; zero where the system does not tell."""
    with suppress(OSError):
        return len(list(Path("/proc/self/fd").iterdir()))
    return 0


def _mib(folder: Path, name: str) -> float:
    return sum(one.stat().st_size for one in folder.glob(f"{name}*")) / 2**20


def _counted(by_status: dict[str, int]) -> str:
    return ", ".join(f"{status} {n:,}" for status, n in sorted(by_status.items()))
