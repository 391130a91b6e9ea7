"""The place where benchmarks on the real engines run.

One Apache Kafka and one PostgreSQL serve the whole run. Each measurement has a fresh house, which is an installation with
topics and a database of its own. The house starts the roles as `tocsin run` does. The cost of each process comes from the
kernel: its processor time and the most memory it ever had.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from benchmarks.synthetic import synthetic_queries
from ops.runtime import Runtime
from tocsin.core.clock import SystemClock
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import save
from tocsin.settings import load
from tocsin.store import schema as s
from tocsin.store.offsets import stored
from tocsin.store.opening import open_store
from tocsin.stream.port import MENTIONS

ROOT = Path(__file__).resolve().parent.parent
START_WITHIN_S = 60.0
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_names = itertools.count(1)


@dataclass(slots=True)
class Used:
    """The use of one process: seconds of processor time since `mark`, and MiB at its peak."""

    cpu_s: float
    peak_mib: float


@dataclass(slots=True)
class Engines:
    """The two running engines."""

    kafka: Any
    postgres: Any

    def settings(self) -> dict[str, str]:
        """The settings of a fresh house, with a database of its own."""
        return {"stream__url": self.kafka.url, "store__url": self.postgres.database()}

    def house(self, folder: Path, environ: Mapping[str, str], runtime: Runtime) -> House:
        """A house in which each role is a process."""
        return House(self, folder, environ, runtime)

    def cpu_s(self) -> dict[str, float]:
        """Seconds of processor time that each engine has used so far."""
        kafka = sum(_cpu_s(pid) for pid in _pids(self.kafka.brokers))
        return {"kafka": kafka, "postgres": sum(map(family_cpu_s, _pids([self.postgres])))}


@contextmanager
def engines() -> Iterator[Engines]:
    """Both engines, started. Raises `tests.engines.EnginesUnavailable` where one cannot be had."""
    from tests.engines.kafka import start_kafka
    from tests.engines.postgres import start_postgres

    with start_kafka() as kafka, start_postgres() as postgres:
        yield Engines(kafka, postgres)


@dataclass(slots=True)
class Role:
    """A running `tocsin run ...`."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    cpu_before: float = 0.0

    def mark(self) -> None:
        """Count processor time from now on."""
        self.cpu_before = _cpu_s(self.process.pid)

    def used(self) -> Used:
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} ended: {self.log.read_text(errors='replace')[-600:]}")
        return Used(_cpu_s(self.process.pid) - self.cpu_before, _peak_mib(self.process.pid))

    def end(self, within_s: float = 15.0) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(within_s)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@dataclass(slots=True)
class House:
    """One installation on the real engines."""

    engines: Engines
    folder: Path
    environ: Mapping[str, str]
    runtime: Runtime
    roles: list[Role] = field(default_factory=list)

    def start(self, *roles: str) -> Role:
        """Start `tocsin run ROLE...` in a process of its own."""
        name = f"{'+'.join(roles)} {1 + len(self.roles)}"
        path = self.folder / f"{len(self.roles)}.log"
        with path.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tocsin", "run", *roles],
                env={**os.environ, **self.environ},
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )
        role = Role(name, process, path)
        self.roles.append(role)
        return role

    def watch(self, monitors: int) -> None:
        """Define so many monitors."""
        now = self.runtime.clock.now()
        with self.runtime.store.write() as conn:
            for name, query in synthetic_queries(monitors).items():
                save(conn, Monitor(name=name, query=query), now=now, actor="benchmark")

    def waits(self) -> int:
        """The number of records that are in the stream and not stored yet."""
        with self.runtime.store.read() as conn:
            at = stored(conn, self.runtime.stream.cluster, MENTIONS)
        ends = self.runtime.stream.end_offsets(MENTIONS)
        return sum(max(0, end - at.get(p, 0)) for p, end in ends.items())

    def readers(self) -> int:
        """The number of processors that have partitions."""
        with self.runtime.store.read() as conn:
            return conn.execute(select(func.count(func.distinct(s.offsets.c.owner)))).scalar_one()

    def received(self, source: str) -> int:
        """The number of mentions that came through a source and are safe in the stream."""
        with self.runtime.store.read() as conn:
            found = conn.execute(select(s.source_state.c.received).where(s.source_state.c.name == source))
            return found.scalar_one_or_none() or 0

    def count(self, table: Any) -> int:
        with self.runtime.store.read() as conn:
            return conn.execute(select(func.count()).select_from(table)).scalar_one()

    def until(self, done: Callable[[], bool], what: str, within_s: float = START_WITHIN_S) -> None:
        """Wait until `done`. Raises where a role ends meanwhile, or where it takes too long."""
        ends = time.monotonic() + within_s
        while not done():
            for role in self.roles:
                role.used()
            if time.monotonic() > ends:
                raise RuntimeError(f"{what}: not within {within_s:.0f} s")
            time.sleep(0.05)


@contextmanager
def house(engines: Engines, **settings: Any) -> Iterator[House]:
    """A fresh installation, with `settings` as `section__name=value`. Its roles end with the block."""
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as temporary:
        given = {
            "data": temporary,
            "log_level": "warning",
            "stream__topic_prefix": f"bench{os.getpid()}-{next(_names)}.",
            **engines.settings(),
            "alerting__console": False,
            **settings,
        }
        environ = {
            f"TOCSIN_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
            for name, value in given.items()
        }
        loaded = load(environ=environ)
        store = open_store(loaded.settings.store.url, Path(temporary))
        made = engines.house(Path(temporary), environ, Runtime(loaded, store, SystemClock()))
        try:
            yield made
        finally:
            for role in made.roles:
                role.end()
            made.runtime.close()


def _pids(engines: Sequence[Any]) -> list[int]:
    return [engine._process.pid for engine in engines if engine._process is not None]


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _cpu_s(pid: int) -> float:
    """The seconds of processor time of the process and of its children that have ended."""
    fields = _stat(pid)
    return sum(map(int, fields[11:15])) / _TICKS if fields else 0.0


def family_cpu_s(pid: int) -> float:
    """The seconds of processor time of the process and of all its children, also of those that run; 0.0 if there is none."""
    return _cpu_s(pid) + sum(map(_own_cpu_s, _children(pid)))


def _own_cpu_s(pid: int) -> float:
    fields = _stat(pid)
    return sum(map(int, fields[11:13])) / _TICKS if fields else 0.0


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += map(int, tasks.read_text().split())
    return found


def _peak_mib(pid: int) -> float:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return 0.0
