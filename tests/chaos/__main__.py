"""The long runs: chaos, and random walks with many examples. `make chaos`, or `python -m tests.chaos live --runs 3 --seed 7`.

Reports go to stdout. The exit status is 1 when a report is wrong.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from tests.chaos.clock import run_clock
from tests.chaos.disk import run_disk
from tests.chaos.faults import LONG
from tests.chaos.live import LAYOUT_LONG, LAYOUT_SHORT, run_live
from tests.chaos.replays import run_replays
from tests.chaos.report import Report
from tests.chaos.running import Engines, some_engines
from tests.chaos.scaling import run_scaling
from tests.chaos.stopped import run_stopped
from tocsin.logs import set_up

KINDS = ("live", "replay", "brokers", "scaling", "clock", "clock-engines", "disk", "stopped")
WALKS = "walks"


def _run(kind: str, folder: Path, seed: int) -> Report:
    if kind == "clock":
        return run_clock(folder, seed)
    if kind == "disk":
        return run_disk(folder, seed)
    with some_engines(3 if kind == "brokers" else 1) as engines:
        return _run_on(engines, kind, folder, seed)


def _run_on(engines: Engines, kind: str, folder: Path, seed: int) -> Report:
    if kind == "live":
        lasts = timedelta(seconds=180)
        return run_live(folder, engines, seed=seed, count=6000, lasts=lasts, layout=LAYOUT_LONG, faults=LONG)
    if kind == "replay":
        return run_replays(folder, engines, seed=seed, kills=6, hours=30)
    if kind == "clock-engines":
        return run_clock(folder, seed, engines)
    if kind == "stopped":
        return run_stopped(folder, engines, seed)
    if kind == "scaling":
        return run_scaling(folder, engines, seed=seed)
    return run_live(
        folder,
        engines,
        seed=seed,
        count=2000,
        lasts=timedelta(seconds=45),
        layout=LAYOUT_SHORT,
        faults=["kill -9 leader"],
    )


def _walks(seed: int) -> int:
    """Test every property of the suite with very many examples, and all cases of each wide test. Returns the exit status."""
    given = ("-n", "2", "-m", "hypothesis or wide", f"--hypothesis-seed={seed}")
    wide = os.environ | {"TOCSIN_TEST_WIDE": "1"}
    return subprocess.run([sys.executable, "-m", "pytest", *given], env=wide, check=False).returncode


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument(
        "kinds",
        nargs="*",
        default=(*KINDS, WALKS),
        help=f"which runs: {', '.join((*KINDS, WALKS))} (default: all)",
    )
    parser.add_argument("--runs", type=int, default=1, help="how many of each (default: 1)")
    parser.add_argument(
        "--seed", type=int, help="the seed of the first; the others count on (default: random)"
    )
    given = parser.parse_args()
    if unknown := set(given.kinds) - {*KINDS, WALKS}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join((*KINDS, WALKS))}")
    first = given.seed if given.seed is not None else random.SystemRandom().randrange(10**6)
    set_up("error")
    wrong = 0
    for turn in range(given.runs):
        for kind in given.kinds:
            began = time.monotonic()
            if kind == WALKS:
                wrong += bool(_walks(first + turn))
                continue
            folder = Path(tempfile.mkdtemp(prefix="tocsin-chaos-"))
            report = _run(kind, folder, first + turn)
            if report.wrong:
                print(f"the logs of its processes: {folder}", file=sys.stderr)
            else:
                shutil.rmtree(folder)
            print(f"== {kind}, {time.monotonic() - began:.0f} s\n{report.text()}", flush=True)
            wrong += bool(report.wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
