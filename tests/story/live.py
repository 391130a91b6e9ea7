"""A running Tocsin as an operator runs it: real processes on a folder of their own, used over HTTP and the command line."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
from sqlalchemy import select

from api.auth.keys import create_key
from ops.replay.player import Player
from ops.runtime import open_runtime
from ops.transfer.apply import apply, plan
from ops.transfer.export import export
from tests.engines.guard import GUARD
from tests.story import copies
from tocsin.definitions.models import Role
from tocsin.reading import read_json_line
from tocsin.store import schema as s

T = TypeVar("T")
# Seconds; most waits take one, but the machine may be busy.
PATIENCE = 40.0
LOOPBACK = "127.0.0.0/8"


def until(look: Callable[[], T | None], what: str, within: float = PATIENCE, every: float = 0.05) -> T:
    """Call `look` again and again until its answer is truthy, and return that.

    No connection is no answer. Fails after `within` s.
    """
    deadline = time.monotonic() + within
    while True:
        with contextlib.suppress(httpx.TransportError):
            if found := look():
                return found
        assert time.monotonic() < deadline, f"waited {within} s for {what}"
        time.sleep(every)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def post(id: str, text: str, at: datetime | None = None, **fields: Any) -> dict[str, Any]:
    """A mention as JSON. Its time of posting is now, unless `at` is given."""
    return {"id": id, "text": text, "created_at": (at or datetime.now(UTC)).isoformat(), **fields}


@dataclass
class Running:
    """One started `tocsin`, and its output so far."""

    command: str
    process: copies.Process
    log: Path

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def children(self) -> dict[str, int]:
        """The newest process of each group of roles, as the supervisor's log names them."""
        started = re.findall(r'"roles": \[([^\]]*)\], "process": (\d+)', self.said())
        return {roles.replace('"', ""): int(process) for roles, process in started}

    def end(self, how: signal.Signals = signal.SIGTERM, within: float = 20.0) -> int:
        """Tell the process to end. Returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            GUARD.forget(self.process.pid)


@dataclass
class Tocsin:
    """One data folder with its settings, and the commands on it."""

    folder: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    environment: dict[str, str] = field(default_factory=dict)
    started: list[Running] = field(default_factory=list)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def store(self) -> str:
        """The URL of its store."""
        return str(self.settings.get("store.url", "sqlite"))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _env(self) -> dict[str, str]:
        set_here = {f"TOCSIN_{key.replace('.', '__').upper()}": str(v) for key, v in self.settings.items()}
        quiet = {"TOCSIN_API__PORT": str(self.port), "TOCSIN_DATA": str(self.data), "NO_COLOR": "1"}
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("TOCSIN_")}
        return inherited | quiet | set_here | self.environment

    def __call__(
        self, *args: str | Path, input: bytes = b"", status: int = 0
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command to its end. It must end with this status."""
        done = copies.run([str(one) for one in args], environment=self._env(), input=input)
        assert done.returncode == status, (done.returncode, done.stderr.decode()[-2000:])
        return done

    def refused(self, *args: str | Path, status: int = 2, input: bytes = b"") -> str:
        """Run a command that must end with this status. Returns its one line."""
        said = self(*args, status=status, input=input).stderr.decode()
        assert len(said.splitlines()) == 1, said
        return said

    def apply(self, document: Mapping[str, Any]) -> None:
        """Apply this document by `tocsin apply`."""
        with open_runtime(data=self.data, store=self.store) as runtime, runtime.store.write() as conn:
            apply(conn, plan(conn, document), runtime.clock.now(), "test")

    def export(self, kind: str) -> list[dict[str, Any]]:
        """The output of `tocsin export`."""
        with open_runtime(data=self.data, store=self.store) as runtime, runtime.store.read() as conn:
            return [json.loads(line) for line in export(conn, kind)]

    def health(self) -> dict[str, str]:
        """The last report of each part, as `tocsin doctor` and `tocsin sources list` read it."""
        h = s.health.c
        with open_runtime(data=self.data, store=self.store) as runtime, runtime.store.read() as conn:
            return {
                row.component: f"{row.state}: {row.detail}"
                for row in conn.execute(select(h.component, h.state, h.detail))
            }

    def start(self, *args: str) -> Running:
        log = self.folder / f"log-{len(self.started)}.txt"
        with log.open("wb") as out:
            process = copies.start(args, environment=self._env(), stdout=out, stderr=out)
        # So that a run that is cut off leaves no process behind.
        GUARD.watch(process.pid, signal.SIGTERM)
        self.started.append(Running(args[0], process, log))
        return self.started[-1]

    def running(self) -> Running:
        """The `tocsin up` of this folder; a new one where none runs."""
        ups = [one for one in self.started if one.command == "up" and one.process.poll() is None]
        return ups[-1] if ups else self.up()

    def up(self) -> Running:
        """A new `tocsin up`, once its page answers."""
        running = self.start("up")

        def ready() -> bool:
            assert running.process.poll() is None, running.said()
            return "the page: " in running.said() and self.get("/readyz") is not None

        until(ready, "tocsin up to answer")
        return running

    def key(self) -> Door:
        """The API with an admin's key, made as `tocsin key create` does."""
        with open_runtime(data=self.data, store=self.store) as runtime, runtime.store.write() as conn:
            _, token = create_key(conn, name="test", role=Role.ADMIN, now=runtime.clock.now())
        return Door(self.url, token)

    def get(self, path: str) -> httpx.Response | None:
        """GET without a key. None while nobody answers."""
        try:
            found = httpx.get(self.url + path, timeout=5, trust_env=False)
        except httpx.TransportError:
            return None
        return found if found.status_code == 200 else None


@dataclass
class Door:
    """The API with a key. The client tries again while the service restarts, as the docs tell callers to."""

    url: str
    token: str

    def ask(self, method: str, path: str, **given: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"} | given.pop("headers", {})
        return httpx.request(method, self.url + path, headers=headers, timeout=20, trust_env=False, **given)

    def get(self, path: str, **params: Any) -> Any:
        found = self.ask("GET", path, params=params)
        assert found.status_code == 200, found.text
        return found.json()

    def push(self, *items: Mapping[str, Any] | bytes, lines: bool = True) -> httpx.Response:
        """Push once. Each item is one line, as JSON or as the given bytes."""
        body = b"\n".join(one if isinstance(one, bytes) else json.dumps(one).encode() for one in items)
        return self.ask(
            "POST", "/v1/mentions", content=body, headers={"Content-Type": "application/x-ndjson"}
        )

    def push_until_taken(self, items: Sequence[Mapping[str, Any]]) -> None:
        """Push, and again after each failure, as every pusher must."""
        until(lambda: self.push(*items).status_code == 202, "a push to be taken")

    def mentions(self, **params: Any) -> dict[str, dict[str, Any]]:
        """The stored mentions, by id."""
        found: dict[str, dict[str, Any]] = {}
        cursor: dict[str, str] = {}
        while True:
            page = self.get("/v1/mentions", limit=200, **params, **cursor)
            found |= {one["id"]: one for one in page["items"]}
            if not page["next_cursor"]:
                return found
            cursor = {"cursor": page["next_cursor"]}

    def tallied(self, monitor: str) -> int:
        """The number of mentions tallied for the monitor within the last day."""
        now = datetime.now(UTC)
        span = {"from": (now - timedelta(days=1)).isoformat(), "to": (now + timedelta(minutes=5)).isoformat()}
        points = self.get("/v1/tallies", monitor=monitor, step="hour", **span)["points"]
        return sum(one["count"] or 0 for one in points)


@contextmanager
def a_tocsin(folder: Path, **settings: Any) -> Iterator[Tocsin]:
    """A folder to run Tocsin on. Processes that still run at the end of the block are ended."""
    one = Tocsin(folder, {key.replace("__", "."): value for key, value in settings.items()})
    try:
        yield one
    finally:
        for running in one.started:
            running.end()


def alive(processes: Iterable[int]) -> list[int]:
    """The processes that still run. A process that has ended and waits for its parent (a zombie) does not."""
    return [process for process in processes if _runs(process)]


def _runs(process: int) -> bool:
    stat = Path(f"/proc/{process}/stat")
    if stat.exists():
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return not Path("/proc/self/stat").exists()


_WORDS = """
    morning garden bridge corner ferry yellow market window neighbour holiday rain school basket river tower
    bakery station letter winter orange kitchen summer island teacher bottle street candle mountain ticket paper
    fietspad winkel buurvrouw gisteren regen tuin sokak dün sabah komşu pazar vapur strada ieri piață vecina ploaie
""".split()  # noqa: SIM905  # forty words in a list would be forty lines


def talk(
    word: str, count: int, start: datetime, end: datetime, seed: int, **fields: Any
) -> list[dict[str, Any]]:
    """So many posts about `word`, evenly over the span, no two alike, by different people on two networks."""
    chance = random.Random(seed)
    return [
        post(
            f"{word}-{seed}-{n}",
            f"{word} {fields.get('saying', '')} {' '.join(chance.sample(_WORDS, 12))}",
            start + (end - start) * n / count,
            network=chance.choice(["forum", "news"]),
            author={"id": f"{seed}-{n}", "followers": chance.randrange(2000)},
        )
        for n in range(count)
    ]


def with_a_past(tocsin: Tocsin, items: Sequence[Mapping[str, Any]], source: str = "api") -> None:
    """Play these mentions through the pipeline up to now, as if Tocsin had been running. From then on it is live."""
    mentions = [read_json_line(json.dumps(one).encode(), source=source) for one in items]
    now = datetime.now(UTC)
    with open_runtime(data=tocsin.data, store="sqlite", stream="sqlite", durable=False) as runtime:
        player = Player(runtime.store, runtime.stream, runtime.settings, mentions[0].created_at)
        player.play(mentions, tail=timedelta(0))
        player.advance(now.replace(second=0, microsecond=0))
        player.close()
