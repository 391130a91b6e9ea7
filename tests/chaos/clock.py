"""A run on a wall clock that steps: `tocsin up` and its processes see a machine whose clock is moved by hours, forward and back.

`step.c` is loaded into each process. It moves `CLOCK_REALTIME` for that process, as a real step would, and no monotonic clock.
Nothing in Tocsin is replaced.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import struct
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from tests.alerts.peers import HttpPeer, http_peer
from tests.chaos.report import Report
from tests.chaos.running import Engines
from tests.story.live import LOOPBACK, Door, Tocsin, a_tocsin, post, until
from tocsin.core.errors import WrongInput

HOUR = 3600
STEPS = (0, HOUR, 0, 2 * HOUR, 0, -HOUR, 0)
# Where the clock is two hours ahead, these are killed and started again there.
KILLED = ("ingest, processors", "alerts", "api")
SECRET = "whsec_" + "bWFkZSB1cCBmb3IgdGVzdHMgb25seQ=="
WITHIN_S = 90.0


@dataclass
class Stepped:
    """A `tocsin up` on a clock that one can step, its receiver, and what was asked of it."""

    tocsin: Tocsin
    peer: HttpPeer
    offset: Path
    door: Door
    report: Report
    seconds: int = 0
    began: float = field(default_factory=time.monotonic)
    pushed: set[str] = field(default_factory=set)
    cookies: list[str] = field(default_factory=list)
    crises: int = 0

    def say(self, what: str) -> None:
        self.report.schedule.append(
            f"{time.monotonic() - self.began:5.1f} s  clock {self.seconds:+6d}  {what}"
        )

    def step(self, seconds: int) -> None:
        with self.offset.open("r+b", buffering=0) as file:
            file.write(struct.pack("q", seconds))
        self.seconds = seconds
        self.say("the clock is stepped")

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.seconds)

    def rings(self, monitor: str) -> int:
        return sum(f" {monitor}:".encode() in body for _, body in self.peer.requests)

    def crisis(self) -> None:
        """Four people say that a brand of its own is on fire; somebody must be rung about it."""
        number, self.crises = self.crises, self.crises + 1
        said = [
            post(f"c{number}-{n}", f"brand{number} exploded, it caught fire", self.now() - timedelta(seconds=2),
                 author={"id": f"c{number}-{n}"})
            for n in range(4)
        ]  # fmt: skip
        self.door.push_until_taken(said)
        self.pushed |= {one["id"] for one in said}
        pushed = time.monotonic()
        try:
            until(lambda: self.rings(f"brand{number}"), f"brand{number} to ring", WITHIN_S)
            self.say(f"brand{number} rang after {time.monotonic() - pushed:.1f} s")
        except AssertionError as late:
            self.report.wrong.append(str(late))

    def sign_in(self) -> None:
        link = self.tocsin("signin", "--person", "cora").stdout.decode().strip()
        answer = httpx.post(link, headers={"Origin": self.tocsin.url}, timeout=20, trust_env=False)
        found = re.search(r"tocsin_session=([^;]+)", answer.headers.get("set-cookie", ""))
        self.cookies.append(found[1] if found else f"none: {answer.status_code}")

    def sessions(self) -> list[int]:
        """The answers to everybody who ever signed in."""
        url = f"{self.tocsin.url}/v1/me"
        return [
            httpx.get(
                url, headers={"Cookie": f"tocsin_session={one}"}, timeout=20, trust_env=False
            ).status_code
            for one in self.cookies
        ]

    def kill(self, roles: str) -> None:
        os.kill(self.tocsin.running().children()[roles], signal.SIGKILL)
        self.say(f"kill -9 {roles}")


def run_clock(folder: Path, seed: int, engines: Engines | None = None) -> Report:
    """Step the clock there and back. At each time a crisis rings, everybody stays signed in, and what is unanswered is due.

    With `engines` the store and the stream are theirs. Their own clocks stay as they are, as on other machines.
    """
    report = Report(seed)
    with _stepped(folder, report, engines) as one:
        for seconds in STEPS:
            one.step(seconds)
            one.crisis()
            for roles in KILLED if seconds == 2 * HOUR else ():
                one.kill(roles)
                one.crisis()
            one.sign_in()
            report.check(f"{len(report.counts)}: signed in at {seconds:+d}", set(one.sessions()), {200})
            report.check(f"{len(report.counts)}: due at {seconds:+d}", _wrongly_due(one), [])
        _check_the_end(one)
    return report


@contextmanager
def _stepped(folder: Path, report: Report, engines: Engines | None) -> Iterator[Stepped]:
    offset = folder / "offset"
    offset.write_bytes(struct.pack("q", 0))
    settings = {"alerting__console": False, "ingest__allowed_private_networks": LOOPBACK}
    urls = {"store__url": engines.postgres.database(), "stream__url": engines.kafka.url} if engines else {}
    with a_tocsin(folder, **settings, **urls) as tocsin, http_peer() as peer:
        tocsin.environment |= {
            "LD_PRELOAD": str(_library(folder)),
            "STEP_FILE": str(offset),
            "CHAOS_SECRET": SECRET,
        }
        os.environ["CHAOS_SECRET"] = SECRET
        tocsin.apply(_definitions(peer.url))
        tocsin.up()
        yield Stepped(tocsin, peer, offset, tocsin.key(), report)


def _library(folder: Path) -> Path:
    compiler = shutil.which("cc")
    if compiler is None:
        raise WrongInput("a run on a clock that steps needs a C compiler (cc)")
    made = folder / "step.so"
    source = Path(__file__).with_name("step.c")
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", made, source, "-ldl", "-lpthread"], check=True)
    return made


def _definitions(url: str) -> dict[str, Any]:
    channels = [{"kind": "webhook", "url": url, "secret": "env:CHAOS_SECRET"}]
    return {
        "monitors": [{"name": f"brand{n}", "query": f"brand{n}"} for n in range(len(STEPS) + len(KILLED))],
        "people": [
            {"name": "cora", "role": "community_manager", "channels": channels},
            {"name": "ana", "role": "admin", "channels": channels},
        ],
        "policies": [
            {
                "name": "default",
                "steps": [
                    {"after_minutes": 0, "targets": ["person:cora"]},
                    {"after_minutes": 5, "targets": ["person:ana"]},
                ],
            }
        ],
    }


def _wrongly_due(one: Stepped) -> list[str]:
    """The unanswered alerts whose next page is not within the next six minutes by the clock of now, a minute of work allowed."""

    def found() -> list[str]:
        span = (one.now() - timedelta(minutes=1), one.now() + timedelta(minutes=6))
        return [
            f"{alert['monitor']}: {alert['next_step_at']}"
            for alert in one.door.get("/v1/alerts", limit=200)["items"]
            if alert["status"] == "firing" and alert["severity"] == 1
            if not alert["next_step_at"]
            or not span[0] <= datetime.fromisoformat(alert["next_step_at"]) <= span[1]
        ]

    until(lambda: not found(), "everything unanswered to be due", WITHIN_S, every=0.5)
    return found()


def _check_the_end(one: Stepped) -> None:
    report = one.report
    until(lambda: one.door.get("/v1/status")["mode"] == "ok", "the status to be ok", WITHIN_S, every=0.5)
    until(lambda: all(n["status"] == "sent" for n in one.tocsin.export("notices")), "the notices to leave")
    notices, rung = one.tocsin.export("notices"), Counter(one.peer.taken)
    stored = {mention["id"] for mention in one.tocsin.export("mentions")}
    report.check("mentions accepted and not stored", one.pushed - stored, set())
    report.check("notices that did not ring", {n["id"] for n in notices} - set(rung), set())
    report.check("rings without a notice", set(rung) - {n["id"] for n in notices}, set())
    report.check("notices that rang twice", [id for id, times in rung.items() if times > 1], [])
    report.counts |= {"crises": one.crises, "notices": len(notices), "rings": sum(rung.values())}
