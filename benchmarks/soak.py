"""Ten minutes or more of everyday use on the embedded engines: the memory, open files and threads of each process over time.

Mentions are pushed at a modest rate, dashboards ask, readers of events come and go, people open the page, and somebody
acknowledges one alert after the other. The roles run in four processes, as with `tocsin up`. A long soak (`--minutes`) prints
each row when it is taken, so that one that is cut off has still been seen.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.dashboards import (
    Embedded,
    Seen,
    acknowledges,
    answers,
    asks,
    prepare,
    pushes,
    reads,
    size,
)
from benchmarks.place import Engines, House, Role, house
from benchmarks.table import Table
from tocsin.store import schema as s

NAME = "soak"
PER_SECOND = 50
SAMPLES = 10
DASHBOARDS, READERS = 10, 4
ASK_EVERY_S, READ_FOR_S, ACKNOWLEDGE_EVERY_S = 5.0, 20.0, 2.0
GOOD = ("200", "202", "304")
PAGES = ("/v1/status", "/metrics", "/v1/mentions?limit=50", "/v1/monitors", "/readyz")
PROCESSES = (("ingest", "processors"), ("alerts",), ("api",), ("auditor",))


def run(mentions: int | None = None, where: Engines | None = None, minutes: float | None = None) -> Table:
    """`mentions` are pushed within `minutes`; `PER_SECOND` of them each second where only one of both is given."""
    seconds, per_second = pace(mentions, minutes)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with house(where or Embedded(), api__port=str(port), api__requests_per_minute="1000000") as made:
        tokens = prepare(made, DASHBOARDS + READERS, alerts=int(seconds / ACKNOWLEDGE_EVERY_S) + 10)
        roles = [made.start(*names) for names in PROCESSES]
        url = f"http://127.0.0.1:{port}"
        made.until(lambda: answers(url), "the API to answer")
        for role in roles:
            role.mark()
        seen = Seen()
        table = Table(
            f"A soak of {seconds:.0f} s: {per_second} mentions a second, {DASHBOARDS} dashboards; MiB, open files and threads",
            (
                "second",
                *(name for role in roles for name in (role.name, "files", "threads")),
                *("data MiB", "stored", "errors"),
            ),
        )
        asyncio.run(_all(_Soak(seen, made, url, tokens, seconds, per_second, roles, table)))
        made.until(lambda: made.waits() == 0, "everything pushed to be stored", 120)
        told = ", ".join(f"{what} {n:,}" for what, n in sorted(seen.ended.items()))
        spent = ", ".join(f"{role.name} {role.used().cpu_s:.1f}" for role in roles)
        table.notes += [
            f"Answers: {told}.",
            f"Mentions accepted: {seen.accepted:,}; stored, of those that match: {made.count(s.mentions):,}.",
            f"Seconds of processor time: {spent}.",
        ]
        return table


def pace(mentions: int | None, minutes: float | None) -> tuple[float, int]:
    """How many seconds the soak lasts, and how many mentions are pushed in each."""
    if minutes is None:
        minutes = 10 if mentions is None else mentions / PER_SECOND / 60
    seconds = 60 * minutes
    return seconds, PER_SECOND if mentions is None else max(1, round(mentions / seconds))


@dataclass(slots=True)
class _Soak:
    """One soak: the house with its roles, its callers' keys and pace, and what was seen."""

    seen: Seen
    made: House
    url: str
    tokens: dict[str, list[str]]
    seconds: float
    per_second: int
    roles: Sequence[Role]
    table: Table


async def _all(soak: _Soak) -> None:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(base_url=soak.url, timeout=30, limits=limits, trust_env=False) as client:
        seen, tokens, began = soak.seen, soak.tokens, time.monotonic()
        ends, viewers, admin = began + soak.seconds, tokens["viewer"], tokens["admin"][0]
        alerts, acks = tokens["alerts"], tokens["community_manager"][0]
        await asyncio.gather(
            *(asks(seen, soak.url, key, ends, ASK_EVERY_S) for key in viewers[:DASHBOARDS]),
            *(_comes_and_goes(seen, client, key, ends) for key in viewers[DASHBOARDS:]),
            _opens(seen, client, admin, ends),
            pushes(seen, client, admin, soak.seconds, soak.per_second),
            asyncio.to_thread(acknowledges, seen, soak.url, acks, alerts, ends, ACKNOWLEDGE_EVERY_S),
            _samples(soak, began),
        )


async def _comes_and_goes(seen: Seen, client: httpx.AsyncClient, key: str, ends: float) -> None:
    while (left := ends - time.monotonic()) > 0:
        with suppress(TimeoutError):
            await asyncio.wait_for(reads(seen, client, key), min(READ_FOR_S, left))


async def _opens(seen: Seen, client: httpx.AsyncClient, key: str, ends: float) -> None:
    number = 0
    while time.monotonic() < ends:
        path = PAGES[number % len(PAGES)]
        answer = await client.get(path, headers={"Authorization": f"Bearer {key}"})
        seen.ended[f"{path}: {answer.status_code}"] += 1
        number += 1
        await asyncio.sleep(1)


async def _samples(soak: _Soak, began: float) -> None:
    """Take a row each minute of a long soak, ten rows of a short one."""
    samples = max(SAMPLES, int(soak.seconds / 60))
    for number in range(samples + 1):
        at = number * soak.seconds / samples
        await asyncio.sleep(max(0.0, began + at - time.monotonic()))
        sizes = [cell for role in soak.roles for cell in (*size(role), _threads(role))]
        data = await asyncio.to_thread(_data_mib, soak.made.folder)
        stored = await asyncio.to_thread(soak.made.count, s.mentions)
        row = (round(at), *sizes, data, stored, _errors(soak.seen))
        soak.table.rows.append(row)
        if samples > SAMPLES:
            print(*(f"{cell:.1f}" if isinstance(cell, float) else cell for cell in row), flush=True)


def _errors(seen: Seen) -> int:
    """The requests so far that ended neither well nor with "not modified"."""
    return sum(n for ended, n in seen.ended.items() if ended.rpartition(" ")[2] not in GOOD)


def _threads(role: Role) -> int:
    """The threads of this process; zero where the system does not tell."""
    of = Path(f"/proc/{getattr(getattr(role, 'process', None), 'pid', 'self')}/task")
    with suppress(OSError):
        return len(list(of.iterdir()))
    return 0


def _data_mib(folder: Path) -> float:
    return sum(one.stat().st_size for one in folder.rglob("*") if one.is_file()) / 2**20
