"""Faults, and schedules of faults. A schedule is drawn from a seed and printed; the same seed gives the same schedule."""

from __future__ import annotations

import random
import signal
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from kafka import KafkaAdminClient

from tests.alerts.peers import TROUBLES
from tests.chaos.running import House, Seat

Act = Callable[[House, random.Random], str]


@dataclass(frozen=True, slots=True)
class Event:
    """A fault, or the end of one, at `at` seconds after the start. `fault` names it, and `seed` decides whom it hits."""

    at: float
    fault: str
    seed: int


def _one(house: House, role: str, chance: random.Random) -> Seat | None:
    there = house.of(role)
    return there[chance.randrange(len(there))] if there else None


def _to(role: str, what: signal.Signals) -> Act:
    def act(house: House, chance: random.Random) -> str:
        seat = _one(house, role, chance)
        if seat is None:
            return "nobody there"
        house.send(seat, what)
        return seat.name

    return act


def _thaw_all(house: House, _chance: random.Random) -> str:
    for seat in house.seats.values():
        house.send(seat, signal.SIGCONT)
    return ""


def _add(house: House, chance: random.Random) -> str:
    seat = house.seat(f"extra-{chance.randrange(10**6)}", "processors")
    return seat.name


def _take_away(house: House, chance: random.Random) -> str:
    extra = [seat for seat in house.seats.values() if seat.name.startswith("extra-") and seat.wanted]
    if not extra:
        return "nobody there"
    house.remove(extra[0], chance.choice((signal.SIGTERM, signal.SIGKILL)))
    return extra[0].name


def _broker(house: House, chance: random.Random) -> int:
    return chance.randrange(len(house.kafka.brokers))


def _freeze_broker(house: House, chance: random.Random) -> str:
    number = _broker(house, chance)
    house.kafka.brokers[number].freeze()
    return f"broker {number + 1}"


def _thaw_brokers(house: House, _chance: random.Random) -> str:
    for broker in house.kafka.brokers:
        broker.thaw()
    return ""


def _kill_broker(house: House, chance: random.Random) -> str:
    number = _broker(house, chance)
    house.kafka.brokers[number].kill()
    return f"broker {number + 1}"


def _kill_leader(house: House, _chance: random.Random) -> str:
    """Kill the broker that leads most partitions of the topic mentions. Nobody starts it again."""
    admin = KafkaAdminClient(bootstrap_servers=house.kafka.bootstrap.split(","))
    try:
        (topic,) = admin.describe_topics([f"{house.prefix}mentions"])
    finally:
        admin.close()
    ((leader, led),) = Counter(one["leader_id"] for one in topic["partitions"]).most_common(1)
    house.kafka.brokers[leader - 1].kill()
    return f"broker {leader}, which led {led} partitions"


def _start_brokers(house: House, _chance: random.Random) -> str:
    for broker in house.kafka.brokers:
        if not broker.running:
            broker.start()
    return ""


def _cut(house: House, _chance: random.Random) -> str:
    return f"{house.proxy.cut()} connections"


def _commit(house: House, chance: random.Random) -> str:
    side = chance.choice(("before", "after"))
    house.proxy.cut_commit("before" if side == "before" else "after", skip=chance.randrange(6))
    return side


def _channels(*troubles: str) -> Act:
    """One of these troubles, of every channel that there is: all people of a house have theirs at one receiver."""

    def act(house: House, chance: random.Random) -> str:
        trouble = chance.choice(troubles)
        house.hook.have(trouble)
        return trouble

    return act


def _switch(change: Callable[[House], object]) -> Act:
    def act(house: House, _chance: random.Random) -> str:
        change(house)
        return ""

    return act


def _start_postgres(house: House) -> None:
    house.postgres.start()


ACTS: Final[Mapping[str, Act]] = {
    "kill -9 processor": _to("processors", signal.SIGKILL),
    "kill -9 ingest": _to("ingest", signal.SIGKILL),
    "kill -9 alerts": _to("alerts", signal.SIGKILL),
    "kill -9 api": _to("api", signal.SIGKILL),
    "end processor": _to("processors", signal.SIGTERM),
    "pause processor": _to("processors", signal.SIGSTOP),
    "pause alerts": _to("alerts", signal.SIGSTOP),
    "wake": _thaw_all,
    "add processor": _add,
    "take processor away": _take_away,
    "freeze broker": _freeze_broker,
    "thaw broker": _thaw_brokers,
    "kill -9 broker": _kill_broker,
    "kill -9 leader": _kill_leader,
    "start broker": _start_brokers,
    "cut store": _cut,
    "cut COMMIT": _commit,
    "refuse store": _switch(lambda house: house.proxy.refuse(True)),
    "accept store": _switch(lambda house: house.proxy.refuse(False)),
    "silence store": _switch(lambda house: house.proxy.silence(True)),
    "end silence": _switch(lambda house: house.proxy.silence(False)),
    "kill -9 postgres": _switch(lambda house: house.postgres.kill()),
    "start postgres": _switch(_start_postgres),
    "channels fail": _channels(*TROUBLES),
    **{f"channels {trouble}": _channels(trouble) for trouble in TROUBLES},
    "channels back": _channels(""),
}
"""Every fault and every end of one, by name. Each function returns whom it hit."""

ENDS: Final[Mapping[str, tuple[str, float, float]]] = {
    # Longer than its session of ten seconds.
    "pause processor": ("wake", 11.0, 14.0),
    "pause alerts": ("wake", 4.0, 12.0),
    "freeze broker": ("thaw broker", 2.0, 9.0),
    "kill -9 broker": ("start broker", 0.5, 3.0),
    "refuse store": ("accept store", 1.0, 5.0),
    "silence store": ("end silence", 1.0, 6.0),
    "kill -9 postgres": ("start postgres", 0.5, 2.5),
    "add processor": ("take processor away", 8.0, 15.0),
    "channels fail": ("channels back", 4.0, 12.0),
    **{f"channels {trouble}": ("channels back", 10.0, 30.0) for trouble in TROUBLES},
}
"""The faults that last: the event that ends them, and after how many seconds at least and at most."""

SHORT: Final = (
    "cut COMMIT",
    "kill -9 processor",
    "cut COMMIT",
    "pause processor",
    "cut store",
    "freeze broker",
    "kill -9 alerts",
    "cut COMMIT",
    "kill -9 broker",
    "end processor",
    "channels fail",
)
"""The faults of the default test run, in an order drawn from the seed."""

LONG: Final = (
    *("cut COMMIT",) * 12,
    *("kill -9 processor",) * 4,
    *("kill -9 ingest",) * 3,
    *("kill -9 alerts",) * 3,
    *("kill -9 api",) * 2,
    *("end processor",) * 2,
    *("pause processor",) * 3,
    *("add processor",) * 2,
    *("cut store",) * 3,
    "pause alerts",
    "freeze broker",
    "freeze broker",
    "kill -9 broker",
    "kill -9 broker",
    "refuse store",
    "silence store",
    "kill -9 postgres",
    *(f"channels {trouble}" for trouble in TROUBLES),
)
"""The faults of a long run."""


def schedule(faults: Sequence[str], lasts_s: float, seed: int) -> list[Event]:
    """The faults, in an order and at times drawn from the seed. Faults that last come with their ends. Sorted by time."""
    chance = random.Random(seed)
    events = []
    for fault in chance.sample(faults, len(faults)):
        at = chance.uniform(0, lasts_s)
        events.append(Event(at, fault, chance.randrange(10**9)))
        if fault in ENDS:
            end, least, most = ENDS[fault]
            events.append(Event(at + chance.uniform(least, most), end, chance.randrange(10**9)))
    return sorted(events, key=lambda event: event.at)
