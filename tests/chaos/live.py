"""Live chaos: a known stream goes through real processes on real engines, while a schedule of faults is carried out.

Afterwards the exports equal, byte for byte, those of the embedded engines for the same mentions without faults. Every decision
has rung once at the receiver.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psycopg

from tests.alerts.peers import http_peer
from tests.chaos.faults import ACTS, Event, schedule
from tests.chaos.known import PUSHED, Said, known_stream, line, undisturbed, watching
from tests.chaos.report import Report
from tests.chaos.running import Engines, House, a_house
from tests.story.live import Door, until
from tocsin.core.clock import to_micros

SETTLES_WITHIN_S = 120.0
LATE = timedelta(seconds=20)
UNANSWERED = (
    "SELECT id, next_step_at FROM alerts WHERE status = 'firing' AND severity <= 2 AND calmed_at IS NULL"
)
LAYOUT_SHORT: Mapping[str, tuple[str, ...]] = {
    "one": ("ingest", "processors", "alerts"),
    "two": ("ingest", "processors", "alerts"),
}
LAYOUT_LONG: Mapping[str, tuple[str, ...]] = {
    "processor-1": ("processors",),
    "processor-2": ("processors",),
    "ingest-1": ("ingest",),
    "ingest-2": ("ingest",),
    "alerts-1": ("alerts",),
    "alerts-2": ("alerts",),
    "api-1": ("api",),
    "api-2": ("api",),
    "auditor": ("auditor",),
}


def run_live(
    folder: Path,
    engines: Engines,
    *,
    seed: int,
    count: int,
    lasts: timedelta,
    layout: Mapping[str, Sequence[str]],
    faults: Sequence[str],
) -> Report:
    """Do one run. About `count` mentions arrive within `lasts`. `faults` are names of `ACTS`."""
    report = Report(seed)
    pushed = any("api" in roles for roles in layout.values())
    with a_house(folder, engines, layout) as house, http_peer() as hook:
        house.hook = hook
        files = folder / "sources"
        files.mkdir()
        setup = watching(hook.url, files)
        house.apply(setup)
        house.tend()
        doors = house.door(*(seat for seat in house.seats.values() if "api" in seat.roles))
        until(lambda: _ready(house, doors), "the processes to be ready", within=90, every=0.5)
        start = datetime.now(UTC) + timedelta(seconds=1)
        said = known_stream(count, lasts, start, seed, pushed=pushed)
        expected = undisturbed(said, watching(hook.url, files, sources=False), folder / "undisturbed", start)
        events = schedule(faults, lasts.total_seconds() * 0.9, seed)
        progress = _flow(house, report, said, events, doors, files)
        _settle(house, report, expected, progress)
        _compare(house, report, expected, said)
        report.counts["longest standstill of all partitions, of one, s"] = progress.standstill
        report.counts["looks that found an unanswered SEV1 or SEV2"] = progress.unanswered
        report.check("unanswered SEV1 or SEV2 without a due time", len(progress.silent), 0)
        if report.wrong:
            (folder / "logs.txt").write_text(house.said(), encoding="utf-8")
    return report


def _ready(house: House, doors: Sequence[Door]) -> bool:
    house.tend()
    with contextlib.suppress(httpx.TransportError):
        return sum(house.owners().values()) == 8 and all(
            door.ask("GET", "/readyz").status_code == 200 for door in doors
        )
    return False


def _flow(
    house: House,
    report: Report,
    said: Sequence[Said],
    events: Sequence[Event],
    doors: Sequence[Door],
    files: Path,
) -> _Progress:
    """Let the stream arrive and the faults happen."""
    pushes = [one for one in said if one.source == PUSHED]
    began = time.monotonic()
    pusher = threading.Thread(target=_push, args=(pushes, doors, began), name="pusher", daemon=True)
    pusher.start()
    lines, left = [one for one in said if one.source != PUSHED], list(events)
    progress = _Progress(house)
    while lines or left or pusher.is_alive():
        now = time.monotonic() - began
        while lines and lines[0].after_s <= now:
            one = lines.pop(0)
            with (files / f"{one.source}.jsonl").open("ab") as file:
                file.write(line(one.item) + b"\n")
        if left and left[0].at <= now:
            event = left.pop(0)
            met = ACTS[event.fault](house, random.Random(event.seed))
            report.schedule.append(f"{now:5.1f} s  {event.fault}{f': {met}' if met else ''}")
        house.tend()
        progress.look()
        time.sleep(0.02)
        assert now < 600, "the stream does not end"
    return progress


def _push(pushes: Sequence[Said], doors: Sequence[Door], began: float) -> None:
    """Push as callers should: again and again until the push is taken, at one API and then at the other."""
    turn = 0
    left = list(pushes)
    while left:
        now = time.monotonic() - began
        due = [one for one in left[:40] if one.after_s <= now]
        if not due:
            time.sleep(0.05)
            continue
        turn += 1
        with contextlib.suppress(httpx.TransportError):
            if doors[turn % len(doors)].push(*(one.item for one in due)).status_code == 202:
                del left[: len(due)]
                continue
        time.sleep(0.2)


class _Progress:
    """Looks into the store past the proxy, twice a second: at the offsets, and at the crises that nobody has answered."""

    def __init__(self, house: House) -> None:
        self.unanswered = 0
        """The looks that found one."""
        self.silent: set[str] = set()
        """The alerts that were unanswered and had no due time, at any look."""
        self.overdue = 0
        """The alerts whose due time was long past at the last look. The engine may be dead for a while, not for good."""
        self._longest = self._longest_of_one = 0.0
        self._house = house
        self._at: dict[int, int] = {}
        self._moved: dict[int, float] = {}
        self._looked = time.monotonic()

    @property
    def standstill(self) -> tuple[float, float]:
        """The longest time in seconds in which nothing was stored: of all partitions, and of one."""
        return round(self._longest, 1), round(self._longest_of_one, 1)

    def look(self) -> None:
        now = time.monotonic()
        if now - self._looked < 0.5:
            return
        self._looked = now
        with contextlib.suppress(psycopg.Error):
            with psycopg.connect(self._house.direct, connect_timeout=2) as conn:
                found = conn.execute(
                    "SELECT partition, \"offset\" FROM offsets WHERE topic = 'mentions'"
                ).fetchall()
                crises = conn.execute(UNANSWERED).fetchall()
            for partition, offset in found:
                if self._at.get(partition) != offset:
                    self._at[partition], self._moved[partition] = offset, now
            self._note(crises)
        if self._moved:
            self._longest = max(self._longest, now - max(self._moved.values()))
            self._longest_of_one = max(self._longest_of_one, now - min(self._moved.values()))

    def _note(self, crises: Sequence[tuple[str, int | None]]) -> None:
        late = to_micros(datetime.now(UTC) - LATE)
        self.unanswered += bool(crises)
        self.silent |= {id for id, due in crises if due is None}
        self.overdue = sum(1 for _, due in crises if due is not None and due < late)


def _settle(house: House, report: Report, expected: Mapping[str, list[bytes]], progress: _Progress) -> None:
    """End all faults, and wait until everything is stored, somebody was paged, nobody waits for a page and every unanswered
    crisis has its next ring before it.

    On a busy machine detection judges the last mentions some seconds after they are stored.
    """
    house.proxy.refuse(False)
    house.proxy.silence(False)
    house.hook.have("")
    began = time.monotonic()
    still = 0
    while still < 3:
        house.tend()
        time.sleep(1.0)
        progress.look()
        stored = house.export("mentions") == expected["mentions"]
        paged = bool(house.lines("notices")) and not house.notices_left()
        still = still + 1 if stored and paged and not progress.overdue else 0
        if time.monotonic() - began > SETTLES_WITHIN_S:
            report.wrong.append(f"not settled within {SETTLES_WITHIN_S:.0f} s")
            break
    report.counts["settled after, s"] = round(time.monotonic() - began - still)
    for seat in house.seats.values():
        house.remove(seat)
    until(lambda: not any(seat.alive for seat in house.seats.values()), "the processes to end", within=30)


def _compare(house: House, report: Report, expected: Mapping[str, list[bytes]], said: Sequence[Said]) -> None:
    report.counts["lines that arrived"] = len(said)
    for kind in ("mentions", "tallies"):
        found, wanted = house.export(kind), expected[kind]
        report.check(f"{kind} that are missing or wrong", len(set(wanted) - set(found)), 0)
        report.check(f"{kind} too many", len(set(found) - set(wanted)), 0)
        report.check(f"{kind}, lines exported", len(found), len(wanted))
        report.check(f"{kind}, byte for byte", found == wanted, True)
    for table, rows in house.count("dead_letters", "gaps").items():
        report.check(table, rows, 0)
    notices = house.lines("notices")
    rung = Counter(house.hook.taken)
    asked = {headers["webhook-id"] for headers, _ in list(house.hook.requests)}
    sent = {one["id"] for one in notices if one["status"] == "sent"}
    reasons = Counter(
        (one.get("alert"), one.get("escalation"), one["step"], one["person"], one["channel"], one["kind"])
        for one in notices
        # A round that reached nobody begins again, and that is one more decision of the same kind.
        if one["status"] not in ("failed", "unknown", "cancelled")
    )
    report.counts["alerts"] = len(house.lines("alerts"))
    report.counts["notices by status"] = dict(Counter(one["status"] for one in notices))
    report.check("decisions with more than one notice", sum(1 for times in reasons.values() if times > 1), 0)
    report.check("notices sent that did not ring", len(sent - rung.keys()), 0)
    report.check("rings without a notice", len(asked - {one["id"] for one in notices}), 0)
    report.counts["rings, and ids among them"] = (sum(rung.values()), len(rung))
    report.counts["COMMITs seen, cut before, cut after"] = (
        house.proxy.counts.commits,
        house.proxy.counts.cut_before,
        house.proxy.counts.cut_after,
    )
    report.counts["connections cut, refused"] = (house.proxy.counts.cut, house.proxy.counts.refused)
    report.counts["processes started"] = sum(len(seat.tocsin.started) for seat in house.seats.values())
    report.counts["processes that ended by themselves"] = len(house.by_itself)
    report.counts["why"] = sorted(set(house.by_itself))[:5]
    if not sent:
        report.wrong.append("nobody was paged: this run proves nothing of pages")
