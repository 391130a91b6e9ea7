"""The time from a post to the notice about it, and to an alert in the middle of a storm.

Real roles run, and a real webhook receiver on loopback. 2,000 posts a second are appended to a file that the role `ingest`
follows; 1 in 50 matches. Three people say of a brand that it is on fire. That is a trigger: it is SEV1 and pages at once. The
time runs from the moment when the third post stands in the file until the notice has arrived.

Then comes a storm: ten times as many posts a second as before, all about one brand with a past, as people write when a product of
it burns.
"""

from __future__ import annotations

import json
import os
import random
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO

from benchmarks.firehose import warm
from benchmarks.place import Engines, House, house
from benchmarks.synthetic import synthetic_mentions, synthetic_queries
from benchmarks.table import Table
from ops.replay.player import Player
from ops.transfer.apply import apply, plan
from tocsin.core.mention import Author, Mention, encode_mentions
from tocsin.stream.opening import open_stream
from tocsin.stream.port import MENTIONS

NAME = "notice"
ENGINES = True
MONITORS = 1000
PER_SECOND = 2000
STORM = 10
STEP_S = 0.05
PAST_POSTS, PAST = 300, timedelta(hours=5)
STORMED = "brand0005"
SECRET = "whsec_" + "bWFkZSB1cCBmb3IgYmVuY2htYXJrcw=="
GOAL_S, STORM_GOAL_S = 5.0, 60.0


@dataclass(slots=True)
class Receiver:
    """A webhook receiver: the notices that came, and when."""

    url: str = ""
    # The time by perf_counter, and the subject.
    came: list[tuple[float, str]] = field(default_factory=list)

    def about(self, brand: str, since: float = 0.0) -> float | None:
        """The time at which the first notice about the brand arrived."""
        return next((at for at, said in list(self.came) if at >= since and brand in said), None)


@contextmanager
def receiver() -> Iterator[Receiver]:
    here = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            here.came.append((time.perf_counter(), json.loads(body)["data"]["subject"]))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    here.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield here
    finally:
        server.shutdown()
        server.server_close()


def run(
    mentions: int = 120_000,
    *,
    where: Engines,
    asked: int = 40,
    storm_s: float = 30.0,
    per_second: int = PER_SECOND,
    monitors: int = MONITORS,
) -> Table:
    """The seconds from post to notice at `per_second`, over `mentions` posts and `asked` brands; then `storm_s` of a storm."""
    table = Table(
        f"From post to notice, {monitors:,} monitors, {os.cpu_count()} cores for everything",
        ("what", "posts/s", "notices", "median s", "95 in 100 s", "longest s", "records waiting"),
    )
    with (
        receiver() as hook,
        tempfile.TemporaryDirectory(prefix="tocsin-bench-") as temporary,
        house(where, ingest__allowed_private_networks="127.0.0.0/8") as made,
    ):
        made.environ = {**made.environ, "BENCH_HOOK_SECRET": SECRET}
        path = Path(temporary) / "posts.jsonl"
        path.touch()
        _prepare(made, hook, path, monitors)
        made.start("processors")
        made.start("alerts")
        made.until(lambda: made.readers() == 1, "the processor has partitions")
        warm(made)
        made.start("ingest")
        made.until(lambda: (made.received("posts") or _says(path)) > 0, "the file is followed")
        with path.open("ab") as file:
            _steady(table, made, hook, file, (mentions, asked, monitors), per_second)
            _storm(table, made, hook, file, storm_s, per_second)
        peaks = {role.name: role.used().peak_mib for role in made.roles}
    table.notes.append("Peak MiB: " + ", ".join(f"{name} {mib:.0f}" for name, mib in peaks.items()) + ".")
    return table


def _says(path: Path) -> int:
    """Write one post into an empty file, which shows that the source is followed. Returns 0."""
    if not path.stat().st_size:
        with path.open("ab") as file:
            file.write(encode_mentions([Mention("posts", "first", "hello", datetime.now(UTC))]))
    return 0


def _prepare(made: House, hook: Receiver, path: Path, monitors: int) -> None:
    """Define the monitors, whom to tell and how, and the file as a source.

    Play some hours of talk about the brand of the storm.
    """
    channel = {"kind": "webhook", "url": hook.url, "secret": "env:BENCH_HOOK_SECRET"}
    document = {
        "people": [{"name": "Ada", "role": "community_manager", "channels": [channel]}],
        "policies": [{"name": "default", "steps": [{"after_minutes": 0, "targets": ["person:Ada"]}]}],
        "monitors": [{"name": name, "query": query} for name, query in synthetic_queries(monitors).items()],
    }
    runtime = made.runtime
    runtime.store.migrate()
    now = datetime.now(UTC)
    with runtime.store.write() as conn:
        apply(conn, plan(conn, document), now, "benchmark")
    embedded = open_stream("sqlite", made.folder, durable=False)
    embedded.ensure_topic(MENTIONS, runtime.settings.stream.partitions)
    past = list(_about(STORMED, PAST_POSTS, now - PAST, now - timedelta(minutes=2), seed=1))
    player = Player(runtime.store, embedded, runtime.settings, past[0].created_at)
    player.play(past, tail=timedelta(0))
    player.advance(now.replace(second=0, microsecond=0))
    player.close()
    embedded.close()
    source = {"sources": [{"name": "posts", "kind": "file", "path": str(path)}]}
    with runtime.store.write() as conn:
        apply(conn, plan(conn, {**document, **source}), now, "benchmark")
    runtime.stream.ensure_topic(MENTIONS, runtime.settings.stream.partitions)


def _about(brand: str, count: int, start: datetime, end: datetime, seed: int) -> Iterator[Mention]:
    """Posts about the brand, evenly over the span, by different people, no two alike."""
    every = (end - start) / count
    load = synthetic_mentions(count, start=start, rate_per_second=1.0, match_share=0.0, monitors=1, seed=seed)
    for number, one in enumerate(load):
        yield Mention(
            source="posts",
            id=f"{brand}-{seed}-{number}",
            text=f"{brand} {one.text}",
            created_at=start + number * every,
            network=one.network,
            author=Author(id=f"{seed}-{number}", followers=number % 900),
        )


def _fed(
    made: House,
    file: BinaryIO,
    per_second: float,
    seconds: float,
    texts: Sequence[str],
    extra: Mapping[int, Sequence[str]],
    seen: list[int],
) -> dict[int, float]:
    """Append posts of now, `per_second` of them, in steps. Step `n` also appends the texts `extra[n]`.

    Returns the time at which the texts of each such step stood in the file. `seen` gets the number of waiting records, each
    second.
    """
    stood: dict[int, float] = {}
    began, looked = time.perf_counter(), time.perf_counter()
    number = 0
    mark = f"{began:.6f}"
    for step in range(int(seconds / STEP_S)):
        now = datetime.now(UTC)
        due = int((step + 1) * STEP_S * per_second)
        posts = [_post(f"{mark}-{n}", texts[n % len(texts)], now) for n in range(number, due)]
        number = due
        posts += [_post(f"{mark}-x{step}-{n}", text, now) for n, text in enumerate(extra.get(step, ()))]
        file.write(encode_mentions(posts))
        file.flush()
        if step in extra:
            stood[step] = time.perf_counter()
        if time.perf_counter() - looked > 1.0:
            seen.append(made.waits())
            looked = time.perf_counter()
        left = began + (step + 1) * STEP_S - time.perf_counter()
        if left > 0:
            time.sleep(left)
    return stood


def _post(id: str, text: str, now: datetime) -> Mention:
    return Mention("posts", id, text, now, network="forum", author=Author(id=id, followers=40))


def _steady(
    table: Table,
    made: House,
    hook: Receiver,
    file: BinaryIO,
    counts: tuple[int, int, int],
    per_second: int,
) -> None:
    """Measure the steady load. `counts` holds the numbers of posts, of brands that are asked about, and of monitors."""
    mentions, asked, monitors = counts
    seconds = mentions / per_second
    dice = random.Random(5)
    steps = sorted(dice.sample(range(int(2 / STEP_S), int(seconds / STEP_S)), asked))
    brands = dice.sample([name for name in synthetic_queries(monitors) if name != STORMED], asked)
    extra = {
        step: [
            f"{brand} {word} {n}: the battery caught fire" for n, word in enumerate(("my", "our", "another"))
        ]
        for step, brand in zip(steps, brands, strict=True)
    }
    begun = datetime.now(UTC)
    load = synthetic_mentions(
        20_000, start=begun, rate_per_second=1.0, match_share=0.02, monitors=monitors, seed=3
    )
    waiting: list[int] = []
    stood = _fed(made, file, per_second, seconds, [one.text for one in load], extra, waiting)
    ends = time.perf_counter() + 30
    while time.perf_counter() < ends and any(hook.about(brand) is None for brand in brands):
        time.sleep(0.1)
    took = sorted(
        at - stood[step]
        for step, brand in zip(steps, brands, strict=True)
        if (at := hook.about(brand, stood[step])) is not None
    )
    _add(table, "three people say it is on fire", per_second, took, waiting)
    if len(took) < asked:
        table.notes.append(f"{asked - len(took)} of {asked} notices did not come within 30 s.")
    if took:
        worst = took[int(0.95 * (len(took) - 1))]
        table.notes.append(
            f"The goal is {GOAL_S:.0f} s for 95 in 100: {'kept' if worst < GOAL_S else 'NOT kept'}."
        )


def _storm(
    table: Table, made: House, hook: Receiver, file: BinaryIO, storm_s: float, per_second: int
) -> None:
    load = _about(STORMED, 20_000, datetime.now(UTC), datetime.now(UTC) + timedelta(seconds=1), seed=9)
    texts = [f"{one.text}: the battery caught fire, I am furious" for one in load]
    waiting: list[int] = []
    began = time.perf_counter()
    _fed(made, file, STORM * per_second, storm_s, texts, {}, waiting)
    ends = time.perf_counter() + STORM_GOAL_S
    while hook.about(STORMED, began) is None and time.perf_counter() < ends:
        waiting.append(made.waits())
        time.sleep(0.2)
    at = hook.about(STORMED, began)
    took = [] if at is None else [at - began]
    _add(table, f"a storm about one brand, {storm_s:.0f} s", STORM * per_second, took, waiting)
    kept = at is not None and at - began < STORM_GOAL_S
    table.notes.append(f"The goal in a storm is {STORM_GOAL_S:.0f} s: {'kept' if kept else 'NOT kept'}.")


def _add(table: Table, what: str, per_second: int, took: Sequence[float], waiting: Sequence[int]) -> None:
    ordered = sorted(took) or [float("nan")]
    table.rows.append(
        (
            what,
            per_second,
            len(took),
            ordered[len(ordered) // 2],
            ordered[int(0.95 * (len(ordered) - 1))],
            ordered[-1],
            f"at most {max(waiting, default=0):,}",
        )
    )
