"""How often a forecast's interval holds what came: each series on its own, hour by hour, by nothing but what was known then.

python -m benchmarks.forecast $DATA/nab_tweets/*.csv
"""

from __future__ import annotations

import csv
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from processors.signals.forecast import HORIZONS, forecasts
from processors.signals.types import Sensitivity, WindowCounts
from processors.signals.volume import Volume

LENGTH = timedelta(minutes=5)
AN_HOUR = 12


def coverage(path: Path) -> dict[int, tuple[float, float, float, float]]:
    """By horizon in hours: the share that the interval held, the shares below and above it, and its median width over what was
    expected.
    """
    with path.open() as file:
        counts = [int(float(row[1])) for row in list(csv.reader(file))[1:]]
        file.seek(0)
        first = datetime.fromisoformat(list(csv.reader(file))[1][0]).replace(tzinfo=UTC)
    volume, found = Volume(UTC, LENGTH), dict[int, list[tuple[bool, bool, float]]]()
    state = volume.initial()
    for n, count in enumerate(counts):
        start = first + n * LENGTH
        if n % AN_HOUR == 0:
            for one in forecasts(state, start, LENGTH, UTC):
                ahead = counts[n : n + AN_HOUR * one.hours]
                if len(ahead) == AN_HOUR * one.hours:
                    low, high = sum(ahead) < one.lower - 0.5, sum(ahead) > one.upper + 0.5
                    width = (one.upper - one.lower) / max(1.0, one.expected)
                    found.setdefault(one.hours, []).append((low, high, width))
        state, _, _ = volume.step(state, WindowCounts(start, LENGTH, count), Sensitivity())
    told: dict[int, tuple[float, float, float, float]] = {}
    for hours in HORIZONS:
        some = found[hours]
        below, above = (sum(one[side] for one in some) / len(some) for side in (0, 1))
        told[hours] = (1 - below - above, below, above, sorted(one[2] for one in some)[len(some) // 2])
    return told


if __name__ == "__main__":
    print("| series | next hour | below, above | width | next six hours | below, above | width |")
    print("|---|---|---|---|---|---|---|")
    for name in sys.argv[1:]:
        cells = [
            cell
            for held, low, high, width in coverage(Path(name)).values()
            for cell in (f"{held:.1%}", f"{low:.1%}, {high:.1%}", f"{width:.0%}")
        ]
        print(f"| {Path(name).stem} | {' | '.join(cells)} |")
