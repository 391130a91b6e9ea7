"""Dashboards that ask each second, readers of events and a stream of pushes: how long an acknowledgement takes meanwhile.

Every dashboard asks for the list of alerts once a second, and says what it has (If-None-Match). Readers hold streams of events
open. A pusher hands over mentions at a steady rate. Meanwhile somebody acknowledges alerts, one after the other. The roles run on
the embedded engines, each in a process of its own as with `tocsin up`; the callers share the machine's cores with them.
"""

from __future__ import annotations

import asyncio
import random
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from sqlalchemy import select

from benchmarks.acknowledge import signal_over
from benchmarks.load import made_up
from benchmarks.place import Engines, House, Role, house
from benchmarks.table import Table
from tocsin.core.mention import encode_mentions
from tocsin.definitions.models import Role as Of
from tocsin.store import schema as s

NAME = "dashboards"
GOAL_MS = 300.0
PER_SECOND = 2000
A_PUSH = 500
MONITORS = 60
SAMPLES = 10
PROCESSES = (("ingest", "processors"), ("alerts",), ("api",))


class Embedded(Engines):
    """The embedded engines, in place of the real ones."""

    def __init__(self) -> None:
        super().__init__(kafka=None, postgres=None)

    def settings(self) -> dict[str, str]:
        return {}


@dataclass(slots=True)
class Seen:
    """What the callers saw: milliseconds by what they asked for, and how the answers ended."""

    taken_ms: dict[str, list[float]] = field(
        default_factory=lambda: {"poll": [], "acknowledge": [], "push": []}
    )
    ended: Counter[str] = field(default_factory=Counter)
    events: int = 0
    accepted: int = 0


def run(
    mentions: int = 240_000, dashboards: int = 50, readers: int = 20, where: Engines | None = None
) -> Table:
    """`mentions` are pushed, `PER_SECOND` of them each second."""
    seconds = mentions / PER_SECOND
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with house(where or Embedded(), api__port=str(port), api__requests_per_minute="1000000") as made:
        tokens = prepare(made, dashboards + readers, alerts=int(5 * seconds) + 10)
        roles = [made.start(*names) for names in PROCESSES]
        url = f"http://127.0.0.1:{port}"
        made.until(lambda: answers(url), "the API to answer")
        seen = Seen()
        for role in roles:
            role.mark()
        ours = time.process_time()
        sizes = asyncio.run(_all(seen, url, tokens, seconds, dashboards, roles))
        spent = {role.name: role.used().cpu_s for role in roles} | {"the callers": time.process_time() - ours}
        made.until(lambda: made.waits() == 0, "everything pushed to be stored", 120)
        table = _table(seen, roles, sizes, made.count(s.mentions), seconds)
        shown = ", ".join(f"{name} {cpu:.1f}" for name, cpu in spent.items())
        table.notes.append(f"Seconds of processor time in these {seconds:.0f} s: {shown}.")
        return table


def prepare(made: House, callers: int, alerts: int) -> dict[str, list[str]]:
    """Monitors, firing alerts, and keys: one for each caller, one that acknowledges, one that pushes."""
    from alerts.engine import step
    from alerts.turn import Turns
    from api.auth.keys import create_key

    made.watch(MONITORS)
    now = made.runtime.clock.now()
    wanted = {"viewer": callers, "community_manager": 1, "admin": 1}
    with made.runtime.store.write() as conn:
        for number in range(alerts):
            signal_over(conn, f"of-{number:06}", now)
        step(Turns(made.runtime.store, "http://127.0.0.1").begin(conn, now))
        tokens = {
            role: [create_key(conn, name=f"{role} {n}", role=Of(role), now=now)[1] for n in range(count)]
            for role, count in wanted.items()
        }
        tokens["alerts"] = list(conn.execute(select(s.alerts.c.id).where(s.alerts.c.live > "")).scalars())
    return tokens


def answers(url: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"{url}/healthz", trust_env=False).status_code == 200
    return False


async def _all(
    seen: Seen, url: str, tokens: dict[str, list[str]], seconds: float, dashboards: int, roles: Sequence[Role]
) -> list[list[tuple[float, int]]]:
    """All callers at once, for so many seconds. Returns the sizes of the processes at the start and after each tenth of it."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=30, limits=limits, trust_env=False) as client:
        began = time.monotonic()
        ends = began + seconds
        viewers = tokens["viewer"]
        streams = [asyncio.create_task(reads(seen, client, key)) for key in viewers[dashboards:]]
        callers = [
            *(asks(seen, url, key, ends) for key in viewers[:dashboards]),
            pushes(seen, client, tokens["admin"][0], seconds),
            # In a thread, so that the busy other callers add nothing to its times.
            asyncio.to_thread(
                acknowledges, seen, url, tokens["community_manager"][0], tokens["alerts"], ends
            ),
        ]
        working = asyncio.gather(*callers)
        sizes = []
        for number in range(SAMPLES + 1):
            await asyncio.sleep(max(0.0, began + number * seconds / SAMPLES - time.monotonic()))
            sizes.append([size(role) for role in roles])
        await working
        for stream in streams:
            stream.cancel()
        await asyncio.gather(*streams, return_exceptions=True)
    return sizes


async def _timed(seen: Seen, what: str, asked: object) -> httpx.Response | None:
    began = time.perf_counter()
    try:
        answer: httpx.Response = await asked  # type: ignore[misc]  # a request of httpx
    except httpx.HTTPError as error:
        seen.ended[f"{what}: {type(error).__name__}"] += 1
        return None
    seen.taken_ms[what].append(1e3 * (time.perf_counter() - began))
    seen.ended[f"{what}: {answer.status_code}"] += 1
    return answer


def _bearer(key: str, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}", **more}


async def asks(seen: Seen, url: str, key: str, ends: float, every_s: float = 1.0) -> None:
    # A connection of its own, as a browser has: a pool of seventy looks through all of them for each request.
    async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False, verify=False) as client:
        await _asks(seen, client, key, ends, every_s)


async def _asks(seen: Seen, client: httpx.AsyncClient, key: str, ends: float, every_s: float) -> None:
    # A random start, so that they do not ask all at once.
    await asyncio.sleep(every_s * random.random())
    has: dict[str, str] = {}
    while time.monotonic() < ends:
        again = time.monotonic() + every_s
        answer = await _timed(seen, "poll", client.get("/v1/alerts", headers=_bearer(key, **has)))
        if answer is not None and "etag" in answer.headers:
            has = {"If-None-Match": answer.headers["etag"]}
        await asyncio.sleep(max(0.0, again - time.monotonic()))


async def reads(seen: Seen, client: httpx.AsyncClient, key: str) -> None:
    # The answer stays open.
    async with client.stream("GET", "/v1/events", headers=_bearer(key), timeout=None) as answer:
        seen.ended[f"events: {answer.status_code}"] += 1
        async for line in answer.aiter_lines():
            seen.events += line.startswith("event:")


async def pushes(
    seen: Seen, client: httpx.AsyncClient, key: str, seconds: float, per_second: int = PER_SECOND
) -> None:
    headers = _bearer(key, **{"Content-Type": "application/x-ndjson"})
    began = time.monotonic()
    a_push = min(A_PUSH, per_second)
    for number, body in enumerate(_bodies(int(seconds * per_second), per_second, a_push)):
        await asyncio.sleep(max(0.0, began + number * a_push / per_second - time.monotonic()))
        ask = client.post("/v1/mentions", params={"source": "dashboards"}, content=body, headers=headers)
        answer = await _timed(seen, "push", ask)
        if answer is not None and answer.status_code == 202:
            seen.accepted += answer.json()["accepted"]


def _bodies(mentions: int, per_second: int, a_push: int) -> Iterator[bytes]:
    start = datetime.now(UTC) - timedelta(seconds=5)
    made = made_up(mentions, 0.1, MONITORS, per_second=per_second, start=start)
    while batch := [one for _, one in zip(range(a_push), made, strict=False)]:
        yield encode_mentions(batch)


def acknowledges(
    seen: Seen, url: str, key: str, alerts: Sequence[str], ends: float, pause_s: float = 0.2
) -> None:
    with httpx.Client(base_url=url, timeout=30, trust_env=False, headers=_bearer(key)) as client:
        for alert in alerts:
            if time.monotonic() > ends:
                return
            began = time.perf_counter()
            answer = client.post(f"/v1/alerts/{alert}/acknowledge")
            seen.taken_ms["acknowledge"].append(1e3 * (time.perf_counter() - began))
            seen.ended[f"acknowledge: {answer.status_code}"] += 1
            time.sleep(pause_s)


def size(role: Role) -> tuple[float, int]:
    """The MiB in memory and the open files of this process; zeros where the system does not tell."""
    of = Path(f"/proc/{getattr(getattr(role, 'process', None), 'pid', 'self')}")
    with suppress(OSError):
        pages = int((of / "statm").read_text().split()[1])
        return pages * 4096 / 2**20, len(list((of / "fd").iterdir()))
    return 0.0, 0


def _table(
    seen: Seen,
    roles: Sequence[Role],
    sizes: Sequence[Sequence[tuple[float, int]]],
    stored: int,
    seconds: float,
) -> Table:
    table = Table(
        f"Dashboards, readers and {PER_SECOND:,} mentions a second for {seconds:.0f} s, in milliseconds",
        ("asked for", "times", "median", "95 in 100", "99 in 100", "longest"),
    )
    for what, taken in seen.taken_ms.items():
        ordered = sorted(taken) or [0.0]
        at = [ordered[min(len(ordered) - 1, int(share * len(ordered)))] for share in (0.5, 0.95, 0.99, 1.0)]
        table.rows.append((what, len(taken), *at))
    table.notes.append(f"Answers: {', '.join(f'{what} {n:,}' for what, n in sorted(seen.ended.items()))}.")
    table.notes.append(
        f"Mentions accepted: {seen.accepted:,}; stored, of those that match: {stored:,}; events read: {seen.events:,}."
    )
    for role, taken_of in zip(roles, zip(*sizes, strict=True), strict=True):
        memory, files = ", ".join(f"{mib:.0f}" for mib, _ in taken_of), [n for _, n in taken_of]
        table.notes.append(
            f"{role.name}: MiB in memory at the start and after each tenth of the time: {memory}; "
            f"open files: {files[0]}, at most {max(files)}, at the end {files[-1]}."
        )
    slow = sorted(seen.taken_ms["acknowledge"]) or [0.0]
    worst = slow[min(len(slow) - 1, int(0.99 * len(slow)))]
    table.notes.append(
        f"The goal is an acknowledgement within {GOAL_MS:.0f} ms in 99 of 100: {'kept' if worst < GOAL_MS else 'NOT kept'} here."
    )
    return table
