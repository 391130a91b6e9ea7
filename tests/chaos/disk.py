"""A disk that the kernel makes read-only under `tocsin up` at work, as it does after an error of the disk.

The disk is an ext4 of its own on a file. It is checked and mounted again while nothing runs on it, as an operator would do. Only
root may mount.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.alerts.peers import HttpPeer, http_peer
from tests.chaos.report import Report
from tests.chaos.running import HOOK_SECRET
from tests.store.test_read_only_disk import Disk
from tests.story.live import LOOPBACK, Door, Tocsin, a_tocsin, post, until

CRISES = 4
READ_ONLY_S = 12.0
ASKED = ("/healthz", "/v1/status", "/v1/alerts", "/v1/mentions", "/alerts")


@dataclass
class Held:
    """A `tocsin up` on a disk of its own, and its receiver."""

    tocsin: Tocsin
    disk: Disk
    peer: HttpPeer
    door: Door
    report: Report
    began: float = field(default_factory=time.monotonic)
    accepted: set[str] = field(default_factory=set)

    def say(self, what: str) -> None:
        self.report.schedule.append(f"{time.monotonic() - self.began:5.1f} s  {what}")

    def push(self, *items: dict[str, Any]) -> int:
        """Push once. What was taken is remembered."""
        answer = self.door.push(*items)
        if answer.status_code == 202:
            self.accepted |= {one["id"] for one in items}
        elif answer.status_code == 503 and "retry-after" not in answer.headers:
            self.report.wrong.append("a push was refused without a time to come again")
        return answer.status_code

    def crisis(self, number: int) -> None:
        """Four people say that a brand of its own is on fire."""
        at = datetime.now(UTC) - timedelta(seconds=2)
        said = [
            post(
                f"c{number}-{n}",
                f"brand{number} exploded, it caught fire",
                at,
                author={"id": f"c{number}-{n}"},
            )
            for n in range(4)
        ]
        status = self.push(*said)
        self.say(f"four people on brand{number}: {status}")

    def rang(self, number: int, within_s: float = 90.0) -> None:
        told = f" brand{number}:".encode()
        until(lambda: any(told in body for _, body in self.peer.requests), f"brand{number} to ring", within_s)
        self.say(f"brand{number} has rung")


def run_disk(folder: Path, seed: int) -> Report:
    """Make the disk read-only with a crisis on its way, look on, mend the disk and start again."""
    report, chance = Report(seed), random.Random(seed)
    disk = Disk(folder / "image", folder / "data")
    try:
        settings = {"alerting__console": False, "ingest__allowed_private_networks": LOOPBACK}
        with a_tocsin(folder, **settings) as tocsin, http_peer() as peer:
            tocsin.environment["HOOK_SECRET"] = os.environ["HOOK_SECRET"] = HOOK_SECRET
            tocsin.apply(_definitions(peer.url))
            running = tocsin.up()
            one = Held(tocsin, disk, peer, tocsin.key(), report)
            one.crisis(0)
            one.rang(0)
            # The page of this one may be anywhere on its way when the disk fails.
            one.crisis(1)
            time.sleep(chance.uniform(0, 3))
            disk.has_an_error()
            one.say("the disk is read-only")
            _look_on(one)
            report.check("tocsin up ends on a read-only disk with", running.end(), 0)
            disk.mend()
            one.say("the disk was checked and mounted again")
            tocsin.up()
            one.say("tocsin up answers again")
            _check_the_end(one)
    finally:
        disk.gone()
    return report


def _look_on(one: Held) -> None:
    """While the disk is read-only: everything that would write is refused with a reason, reads go on, and it is said."""
    report, answers = one.report, Counter[str]()
    ends = time.monotonic() + READ_ONLY_S
    number = 0
    while time.monotonic() < ends:
        number += 1
        answers[f"push: {one.push(post(f'ro-{number}', 'brand0 once more'))}"] += 1
        for path in ASKED:
            answers[f"{path}: {one.door.ask('GET', path).status_code}"] += 1
        time.sleep(0.3)
    one.crisis(2)
    report.counts["answers while the disk was read-only"] = dict(sorted(answers.items()))
    report.check("pushes taken meanwhile", [id for id in one.accepted if id.startswith("ro-")], [])
    report.check("ready meanwhile", one.tocsin.get("/readyz"), None)
    status = one.door.get("/v1/status")
    report.check("the status", status["mode"], "blind")
    report.check("it says why", any("nothing can be written" in why for why in status["why"]), True)
    report.check("the page says so", "nothing can be written" in one.door.ask("GET", "/alerts").text, True)
    doctor = one.tocsin("doctor", status=1).stdout.decode()
    report.check("the doctor says so", "nothing can be written" in doctor, True)
    wrong = {what for what in answers if what.endswith(("500", "502", "504"))}
    report.check("answers without a reason", wrong, set())
    said = one.tocsin.running().said()
    report.check("the log says that workers wait", "a worker waits" in said, True)
    report.check("errors that nobody expected", said.count("Traceback"), 0)


def _check_the_end(one: Held) -> None:
    report = one.report
    if "c2-0" not in one.accepted:
        one.crisis(2)
    one.crisis(3)
    for number in range(1, CRISES):
        one.rang(number)
    until(lambda: one.door.mentions(source="api").keys() >= one.accepted, "everything to be stored")
    until(lambda: all(n["status"] == "sent" for n in one.tocsin.export("notices")), "the notices to leave")
    stored = one.door.mentions(source="api").keys()
    notices, rung = {n["id"] for n in one.tocsin.export("notices")}, Counter(one.peer.taken)
    report.check("mentions accepted and not stored", one.accepted - stored, set())
    report.check("mentions stored and not accepted", stored - one.accepted, set())
    report.check("notices that did not ring", notices - set(rung), set())
    report.check("rings without a notice", set(rung) - notices, set())
    now = datetime.now(UTC) - timedelta(minutes=1)
    unanswered = [a for a in one.door.get("/v1/alerts", limit=200)["items"] if a["status"] == "firing"]
    silent = [
        a["id"]
        for a in unanswered
        if not a["next_step_at"] or datetime.fromisoformat(a["next_step_at"]) < now
    ]
    report.check("crises that nobody has answered", len(unanswered), CRISES)
    report.check("of them without a due time", silent, [])
    report.counts["rings, and ids among them"] = (sum(rung.values()), len(rung))


def _definitions(url: str) -> dict[str, Any]:
    channels = [{"kind": "webhook", "url": url, "secret": "env:HOOK_SECRET"}]
    return {
        "monitors": [{"name": f"brand{n}", "query": f"brand{n}"} for n in range(CRISES)],
        "people": [{"name": "cora", "role": "community_manager", "channels": channels}],
        "policies": [{"name": "default", "steps": [{"after_minutes": 0, "targets": ["person:cora"]}]}],
    }
