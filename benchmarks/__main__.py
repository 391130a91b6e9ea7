"""`python -m benchmarks [NAME...] [--mentions N]`: runs benchmarks and prints their tables."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from types import ModuleType
from typing import Any

from benchmarks import (
    acknowledge,
    bluesky,
    dashboards,
    days,
    ears,
    firehose,
    judging,
    line,
    matching,
    memory,
    notice,
    queue,
    scale,
    soak,
    ticking,
    understanding,
)
from benchmarks.place import engines
from benchmarks.table import machine
from tocsin.logs import set_up

BENCHMARKS: dict[str, ModuleType] = {
    one.NAME: one
    for one in (
        firehose,
        notice,
        scale,
        matching,
        judging,
        ticking,
        understanding,
        line,
        bluesky,
        ears,
        acknowledge,
        queue,
        dashboards,
        soak,
        days,
        memory,
    )
}


def main() -> None:
    options = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Run benchmarks and print their tables.",
        epilog="example: python -m benchmarks firehose scale, or: python -m benchmarks memory --mentions 1000000",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    known = "; ".join(f"{name}: {_first_line(one)}" for name, one in BENCHMARKS.items())
    options.add_argument("name", nargs="*", help=f"default: all. {known}")
    options.add_argument("--mentions", type=int, help="how many, instead of each benchmark's own number")
    options.add_argument("--minutes", type=float, help="how long the soak lasts, instead of ten minutes")
    given = options.parse_args()
    unknown = [name for name in given.name if name not in BENCHMARKS]
    if unknown:
        options.error(f"unknown benchmark {unknown[0]!r}; known: {', '.join(BENCHMARKS)}")
    if given.mentions is not None and given.mentions < 1:
        options.error(f"--mentions {given.mentions}: need 1 or more")
    if given.minutes is not None and (given.minutes <= 0 or given.name != [soak.NAME]):
        options.error(f"--minutes {given.minutes:g}: more than 0, and of the soak alone")
    set_up("warning")
    print(f"$ python -m benchmarks {' '.join(sys.argv[1:])}".rstrip())
    print(f"{machine()}\n", flush=True)
    left_out = run(given.name or list(BENCHMARKS), given.mentions, given.minutes)
    if left_out:
        sys.exit(f"not run, for want of the real engines: {', '.join(left_out)}")


def run(names: Sequence[str], mentions: int | None, minutes: float | None = None) -> list[str]:
    """Run these benchmarks and print their tables. The real engines start once, when the first benchmark needs them.

    Returns the names of the benchmarks that could not run because an engine cannot be had here.
    """
    from tests.engines import EnginesUnavailable

    left_out: list[str] = []
    with ExitStack() as stack:
        where = None
        for name in names:
            one = BENCHMARKS[name]
            options: dict[str, Any] = {} if mentions is None else {"mentions": mentions}
            if minutes is not None:
                options["minutes"] = minutes
            began = time.perf_counter()
            if getattr(one, "ENGINES", False):
                try:
                    where = where or stack.enter_context(engines())
                except EnginesUnavailable as error:
                    print(f"{name}: NOT RUN: {error}\n", flush=True)
                    left_out.append(name)
                    continue
                options["where"] = where
            print(one.run(**options))
            print(f"({name}: {time.perf_counter() - began:.0f} s)\n", flush=True)
    return left_out


def _first_line(one: ModuleType) -> str:
    return (one.__doc__ or "").splitlines()[0].rstrip(".:")


if __name__ == "__main__":
    main()
