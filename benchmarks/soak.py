"""Ten minutes of everyday use on the embedded engines: the memory and open files of each process, minute by minute.

Mentions are pushed at a modest rate, dashboards ask, readers of events come and go, people open the page, and somebody
acknowledges one alert after the other. The roles run in four processes, as with `tocsin up`.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
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
PAGES = ("/v1/status", "/metrics", "/v1/mentions?limit=50", "/v1/monitors", "/readyz")
PROCESSES = (("ingest", "processors"), ("alerts",), ("api",), ("auditor",))


def run(mentions: int = 600 * PER_SECOND, where: Engines | None = None) -> Table:
    """`mentions` are pushed, `PER_SECOND` of them each second."""
    seconds = mentions / PER_SECOND
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
            f"A soak of {seconds:.0f} s: {PER_SECOND} mentions a second, {DASHBOARDS} dashboards, MiB and open files",
            ("second", *(name for role in roles for name in (role.name, "files")), "data MiB", "stored"),
        )
        asyncio.run(_all(seen, made, url, tokens, seconds, roles, table))
        made.until(lambda: made.waits() == 0, "everything pushed to be stored", 120)
        told = ", ".join(f"{what} {n:,}" for what, n in sorted(seen.ended.items()))
        spent = ", ".join(f"{role.name} {role.used().cpu_s:.1f}" for role in roles)
        table.notes += [
            f"Answers: {told}.",
            f"Mentions accepted: {seen.accepted:,}; stored, of those that match: {made.count(s.mentions):,}.",
            f"Seconds of processor time: {spent}.",
        ]
        return table


async def _all(
    seen: Seen,
    made: House,
    url: str,
    tokens: dict[str, list[str]],
    seconds: float,
    roles: Sequence[Role],
    table: Table,
) -> None:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=30, limits=limits, trust_env=False) as client:
        began, viewers = time.monotonic(), tokens["viewer"]
        ends = began + seconds
        alerts, acks = tokens["alerts"], tokens["community_manager"][0]
        await asyncio.gather(
            *(asks(seen, url, key, ends, ASK_EVERY_S) for key in viewers[:DASHBOARDS]),
            *(_comes_and_goes(seen, client, key, ends) for key in viewers[DASHBOARDS:]),
            _opens(seen, client, tokens["admin"][0], ends),
            pushes(seen, client, tokens["admin"][0], seconds, PER_SECOND),
            asyncio.to_thread(acknowledges, seen, url, acks, alerts, ends, ACKNOWLEDGE_EVERY_S),
            _samples(made, roles, table, began, seconds),
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


async def _samples(made: House, roles: Sequence[Role], table: Table, began: float, seconds: float) -> None:
    for number in range(SAMPLES + 1):
        await asyncio.sleep(max(0.0, began + number * seconds / SAMPLES - time.monotonic()))
        sizes = [cell for role in roles for cell in size(role)]
        data = await asyncio.to_thread(_data_mib, made.folder)
        stored = await asyncio.to_thread(made.count, s.mentions)
        table.rows.append((round(number * seconds / SAMPLES), *sizes, data, stored))


def _data_mib(folder: Path) -> float:
    return sum(one.stat().st_size for one in folder.rglob("*") if one.is_file()) / 2**20
