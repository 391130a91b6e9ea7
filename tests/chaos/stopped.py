"""Processes that are stopped (SIGSTOP) for longer than every lease, and continued: first one of each role, then all at once.

Where another process of the role is there, it takes over what the stopped one held: its partitions, its source, its notice. What
the stopped one held when it wakes is not its own any more. A machine that sleeps stops all of them.
"""

from __future__ import annotations

import contextlib
import json
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select

from alerts.outbox.deliver import MARGIN
from ingest.leases import LEASE
from tests.alerts.peers import HANG, HttpPeer, http_peer
from tests.chaos.report import Report
from tests.chaos.running import Engines, House, Seat, a_house
from tests.story.live import Door, post, until
from tocsin.store import schema as s

# Longer than a processor's session (10 s), the lease of a source, and the claim on a notice with the webhook's own time limit.
STOPPED_S = max(LEASE.total_seconds(), MARGIN.total_seconds() + 10) + 8
WITHIN_S = 90.0
LAYOUT = {
    "processor-1": ("processors",),
    "processor-2": ("processors",),
    "ingest-1": ("ingest",),
    "ingest-2": ("ingest",),
    "alerts-1": ("alerts",),
    "api-1": ("api",),
    "api-2": ("api",),
    "auditor": ("auditor",),
}


@dataclass
class Run:
    """The house, its receiver, and everything that was said."""

    house: House
    peer: HttpPeer
    report: Report
    file: Path
    said: set[str] = field(default_factory=set)
    began: float = field(default_factory=time.monotonic)
    stopped: list[Seat] = field(default_factory=list)

    def say(self, what: str) -> None:
        self.report.schedule.append(f"{time.monotonic() - self.began:5.1f} s  {what}")

    def stop(self, *seats: Seat) -> None:
        for seat in seats:
            self.house.send(seat, signal.SIGSTOP)
        self.stopped += seats
        self.say(f"stop {', '.join(seat.name for seat in seats)}")

    def wake(self) -> None:
        for seat in self.stopped:
            self.house.send(seat, signal.SIGCONT)
        self.say(f"wake {', '.join(seat.name for seat in self.stopped)}")
        self.stopped.clear()

    def lines(self, name: str, count: int = 50) -> None:
        """Lines that appear in the file of the source."""
        items = [_line(f"{name}-{n}", "brand9 as ever") for n in range(count)]
        with self.file.open("ab") as file:
            file.write(b"".join(json.dumps(one).encode() + b"\n" for one in items))
        self.said |= {one["id"] for one in items}

    def crisis(self, number: int, doors: list[Door]) -> None:
        """Four people say that a brand of its own is on fire; pushed to one API after the other until one takes it."""
        items = [
            _line(
                f"c{number}-{n}", f"brand{number} exploded, it caught fire", author={"id": f"c{number}-{n}"}
            )
            for n in range(4)
        ]
        turn = iter(range(10_000))

        def taken() -> bool:
            door = doors[next(turn) % len(doors)]
            with contextlib.suppress(httpx.TransportError):
                return door.push(*items).status_code == 202
            return False

        until(taken, "a push to be taken", WITHIN_S)
        self.said |= {one["id"] for one in items}
        self.say(f"four people on brand{number}")

    def soon(self, look: Callable[[], object], what: str) -> None:
        """Wait for it, and note it as wrong where it does not come."""
        began = time.monotonic()

        def seen() -> object:
            self.house.tend()
            return look()

        try:
            until(seen, what, WITHIN_S, every=0.3)
            self.say(f"{what}, after {time.monotonic() - began:.1f} s")
        except AssertionError as late:
            self.report.wrong.append(str(late))

    def stored(self) -> set[str]:
        return {one["id"] for one in self.house.lines("mentions")}

    def rang(self, number: int) -> bool:
        alerts = {one["id"] for one in self.house.lines("alerts") if one["monitor"] == f"brand{number}"}
        ids = {one["id"] for one in self.house.lines("notices") if one["alert"] in alerts}
        return bool(ids & set(self.peer.taken))


def run_stopped(folder: Path, engines: Engines, seed: int) -> Report:
    """Stop one process of each role, then all of them, each time for longer than every lease."""
    report = Report(seed)
    with a_house(folder, engines, LAYOUT) as house, http_peer() as peer:
        house.hook = peer
        file = folder / "talk.jsonl"
        file.touch()
        house.apply(_definitions(peer.url, file))
        run = Run(house, peer, report, file)
        doors = house.door(*(seat for seat in house.seats.values() if "api" in seat.roles))
        run.soon(lambda: _at_work(house, doors), "everything at work")
        run.lines("before")
        run.soon(lambda: run.said <= run.stored(), "the first lines stored")
        _one_of_each(run, doors)
        _all_at_once(run, doors)
        _check(run)
        if report.wrong:
            (folder / "logs.txt").write_text(house.said(), encoding="utf-8")
    return report


def _one_of_each(run: Run, doors: list[Door]) -> None:
    """Stop the processes that hold something: a notice that is on its way, the source's lease, partitions, a caller."""
    house = run.house
    run.peer.have(HANG)
    run.crisis(0, doors)
    run.soon(lambda: run.peer.requests, "a page on its way to a receiver that says nothing")
    holder = _holder_of_the_source(house)
    began = time.monotonic()
    run.stop(*(house.seats[name] for name in ("processor-1", "alerts-1", "api-1")), holder)
    run.peer.have("")
    house.seat("alerts-2", "alerts")
    run.lines("without")
    run.crisis(1, doors)
    run.soon(lambda: run.said <= run.stored(), "lines and pushes stored by the others")
    run.soon(lambda: run.rang(1), "brand1 rung by the others")
    run.soon(lambda: run.rang(0), "the page of the stopped one rung by another")
    time.sleep(max(0.0, began + STOPPED_S - time.monotonic()))
    run.wake()
    run.lines("awake")
    run.crisis(2, doors)
    run.soon(lambda: run.said <= run.stored() and run.rang(2), "everything goes on")


def _all_at_once(run: Run, doors: list[Door]) -> None:
    run.stop(*(seat for seat in run.house.seats.values() if seat.alive))
    run.lines("asleep")
    time.sleep(STOPPED_S)
    run.wake()
    run.crisis(3, doors)
    run.soon(lambda: run.said <= run.stored() and run.rang(3), "everything goes on")


def _check(run: Run) -> None:
    house, report = run.house, run.report
    run.soon(lambda: not house.notices_left(), "no notice left")
    stored = [one["id"] for one in house.lines("mentions")]
    report.check("mentions missing", sorted(run.said - set(stored)), [])
    report.check("mentions too many", len(stored) - len(run.said), 0)
    report.check("tallied", sum(one["count"] for one in house.lines("tallies")), len(run.said))
    for table, rows in house.count("dead_letters", "gaps").items():
        report.check(table, rows, 0)
    notices, rung = house.lines("notices"), Counter(run.peer.taken)
    sent = {one["id"] for one in notices if one["status"] == "sent"}
    report.check("notices that were not sent", sorted({one["id"] for one in notices} - sent), [])
    report.check("notices sent that did not ring", sorted(sent - rung.keys()), [])
    report.check("rings without a notice", sorted(rung.keys() - sent), [])
    decisions = Counter(
        (one["alert"], one["step"], one["person"], one["channel"], one["kind"]) for one in notices
    )
    report.check("decisions with more than one notice", [one for one, n in decisions.items() if n > 1], [])
    report.check("notices that the receiver took twice", [id for id, n in rung.items() if n > 1], [])
    a, late = s.alerts.c, datetime.now(UTC) - timedelta(minutes=1)
    with house.reading() as conn:
        firing = conn.execute(select(a.id, a.next_step_at).where(a.status == "firing")).all()
    silent = [row.id for row in firing if row.next_step_at is None or row.next_step_at < late]
    report.check("crises that nobody has answered", len(firing), 4)
    report.check("of them without a due time", silent, [])
    report.counts |= {"notices": len(notices), "rings": sum(rung.values())}
    report.check("processes that ended by themselves", house.by_itself, [])


def _at_work(house: House, doors: list[Door]) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return len(house.owners()) == 2 and all(one.ask("GET", "/readyz").status_code == 200 for one in doors)
    return False


def _holder_of_the_source(house: House) -> Seat:
    """The ingest process that holds the lease of the file."""
    with house.reading() as conn:
        owners = conn.execute(select(s.leases.c.owner)).scalars().all()
    for seat in house.of("ingest"):
        assert seat.process is not None
        if any(f"|{seat.process.process.pid}|" in owner for owner in owners):
            return seat
    raise AssertionError(f"nobody reads the file: {owners}")


def _line(id: str, text: str, **fields: Any) -> dict[str, Any]:
    return post(id, text, datetime.now(UTC) - timedelta(seconds=2), **fields)


def _definitions(url: str, file: Path) -> dict[str, Any]:
    channels = [{"kind": "webhook", "url": url, "secret": "env:HOOK_SECRET"}]
    return {
        "monitors": [{"name": f"brand{n}", "query": f"brand{n}"} for n in (0, 1, 2, 3, 9)],
        "people": [{"name": "cora", "role": "community_manager", "channels": channels}],
        "policies": [{"name": "default", "steps": [{"after_minutes": 0, "targets": ["person:cora"]}]}],
        "sources": [{"name": "talk", "kind": "file", "path": str(file)}],
    }
