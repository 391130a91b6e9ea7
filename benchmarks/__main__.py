"""`python -m benchmarks [NAME...] [--mentions N]`: run benchmarks and print their tables."""

from __future__ import annotations

import argparse
import sys
import time

from benchmarks import acknowledge, line, memory, understanding
from benchmarks.table import machine

BENCHMARKS = {one.NAME: one for one in (line, acknowledge, memory, understanding)}


def main() -> None:
    options = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Run benchmarks and print their tables.",
        epilog="example: python -m benchmarks memory --mentions 1000000",
    )
    options.add_argument("name", nargs="*", help=f"{', '.join(BENCHMARKS)}; default: all")
    options.add_argument("--mentions", type=int, help="how many, instead of each benchmark's own number")
    given = options.parse_args()
    unknown = [name for name in given.name if name not in BENCHMARKS]
    if unknown:
        options.error(f"unknown benchmark {unknown[0]!r}; known: {', '.join(BENCHMARKS)}")
    if given.mentions is not None and given.mentions < 1:
        options.error(f"--mentions {given.mentions}: need 1 or more")
    print(f"$ python -m benchmarks {' '.join(sys.argv[1:])}".rstrip())
    print(f"{machine()}\n", flush=True)
    for name in given.name or BENCHMARKS:
        began = time.perf_counter()
        run = BENCHMARKS[name].run
        print(run() if given.mentions is None else run(given.mentions))
        print(f"({name}: {time.perf_counter() - began:.0f} s)\n", flush=True)


if __name__ == "__main__":
    main()
