"""Chaos on the simulated clock: a replay on real engines is killed, its broker is restarted, its database is cut off, and it
goes on.

Its exports at the end equal, byte for byte, those of a replay without faults on the same engines, and of one on the embedded
engines.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from ops.runtime import open_runtime
from ops.transfer.export import export
from tests.chaos.faults import ACTS, ENDS
from tests.chaos.known import line, recording, watching
from tests.chaos.report import Report
from tests.chaos.running import (
    HOOK_SECRET,
    Engines,
    House,
    a_house,
)
from tests.story import copies

END = datetime(2026, 3, 4, 13, 20, tzinfo=UTC)
KINDS = ("mentions", "tallies", "alerts", "notices")
TRIES = 40
FAULTS = (
    "cut store",
    "cut COMMIT",
    "cut COMMIT",
    "kill -9 broker",
    "refuse store",
    "kill -9 postgres",
    "freeze broker",
)
"""The faults of the engines between the kills, drawn from the seed."""


def run_replays(
    folder: Path, engines: Engines, *, seed: int, kills: int, hours: int = 30, calm: bool = True
) -> Report:
    """Do a replay of `hours` of talk that is killed `kills` times, each time together with another fault. After the first kill,
    one fault in three must be lived through.

    With `calm` it is also compared with a replay without faults on the same engines.
    """
    report = Report(seed)
    chance = random.Random(seed)
    recorded = folder / "talk.jsonl"
    recorded.write_bytes(b"".join(line(item) + b"\n" for item in recording(seed, END, hours)))
    monitors = folder / "monitors.yaml"
    setup = watching("https://hooks.example/x", folder, sources=False)
    # JSON is YAML.
    monitors.write_text(json.dumps(setup), encoding="utf-8")
    embedded = _Replay(folder / "embedded", monitors, recorded, {})
    report.counts["alerts printed, embedded"] = len(embedded.whole().splitlines())
    with a_house(folder, engines) as house:
        wanted = {"the embedded one": embedded}
        if calm:
            wanted["the undisturbed one"] = _Replay(
                folder / "calm", monitors, recorded, _on(house, house.postgres.database())
            )
            wanted["the undisturbed one"].whole()
        hurt = _Replay(folder / "hurt", monitors, recorded, _on(house, house.through))
        _hurt(hurt, house, report, chance, kills)
        printed = hurt.whole()
        for name, other in wanted.items():
            report.check(f"printed as {name}", printed == other.printed, True)
        for kind in KINDS:
            found = hurt.export(kind)
            for name, other in wanted.items():
                report.check(f"{kind}, byte for byte as {name}", found == other.export(kind), True)
            report.counts[f"{kind}, lines exported"] = len(found.splitlines())
        for table, rows in house.count("gaps").items():
            report.check(table, rows, 0)
        report.counts["COMMITs cut before, after"] = (
            house.proxy.counts.cut_before,
            house.proxy.counts.cut_after,
        )
    return report


def _on(house: House, store: str) -> Mapping[str, str]:
    return {
        "TOCSIN_STREAM__URL": house.kafka.url,
        "TOCSIN_STREAM__TOPIC_PREFIX": house.prefix,
        "TOCSIN_STORE__URL": store,
    }


def _hurt(hurt: _Replay, house: House, report: Report, chance: random.Random, kills: int) -> None:
    began = time.monotonic()

    def note(what: str) -> None:
        report.schedule.append(f"{time.monotonic() - began:5.1f} s  {what}")

    killed = survived = 0
    process = hurt.start()
    for _ in range(TRIES):
        time.sleep(chance.uniform(1.5, 6.0) if killed else chance.uniform(0.5, 3.0))
        fault = chance.choice(FAULTS)
        met = ACTS[fault](house, random.Random(chance.randrange(10**9)))
        note(f"{fault}{f': {met}' if met else ''}")
        time.sleep(chance.uniform(0.0, 1.5))
        if fault in ENDS:
            ACTS[ENDS[fault][0]](house, chance)
            note(ENDS[fault][0])
        if killed and chance.random() < 1 / 3:
            survived += process.poll() is None
            # The replay must survive this fault without a kill.
            continue
        time.sleep(chance.uniform(0.0, 1.5))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            killed += 1
            note("kill -9 replay")
        process.wait()
        if process.returncode != -signal.SIGKILL:
            note(f"the replay had ended with {process.returncode}")
        if killed == kills or process.returncode == 0:
            break
        process = hurt.start()
    if process.poll() is None:
        process.kill()
        process.wait()
    report.counts["faults lived through without a kill"] = survived
    report.counts["kills"] = killed
    if not killed:
        report.wrong.append("no kill came in time: this run proves nothing")


class _Replay:
    """One replay with a folder of its own: started, killed, started again, exported."""

    def __init__(self, data: Path, monitors: Path, recorded: Path, engines: Mapping[str, str]) -> None:
        self.printed = b""
        self._data = data
        self._store = engines.get("TOCSIN_STORE__URL", "sqlite")
        self._arguments = ("replay", "--monitors", str(monitors), "--data", str(data), str(recorded))
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("TOCSIN_")}
        self._env = inherited | {"HOOK_SECRET": HOOK_SECRET, "NO_COLOR": "1"} | dict(engines)

    def start(self) -> copies.Process:
        return copies.start(self._arguments, environment=self._env)

    def whole(self) -> bytes:
        """Run the replay to its end. Returns its output."""
        self.printed = self._run(*self._arguments)
        return self.printed

    def export(self, kind: str) -> bytes:
        """The output of `tocsin export`."""
        with open_runtime(data=self._data, store=self._store) as runtime, runtime.store.read() as conn:
            return b"".join(export(conn, kind))

    def _run(self, *arguments: str) -> bytes:
        done = copies.run(arguments, environment=self._env, timeout=400)
        assert done.returncode == 0, done.stderr.decode()[-2000:]
        return done.stdout
