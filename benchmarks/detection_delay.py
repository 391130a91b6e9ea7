"""How soon and how often detectors alert: the detectors over recorded mentions, in 5-minute windows, without a store.

    python -m benchmarks.detection_delay alerts FILE...
    python -m benchmarks.detection_delay onset --events E [--silent-hours H] FILE...

`alerts` prints each alert, by brand. It reads JSONL with `created_at`, `brand` and `label`.

`onset` prints the minutes from the tenth mention after the onset to the alert. It reads CSV with the one column `created_at`.
E is JSON: for each event (the name of the file) `onset_utc` and `tenth_tweet_after_onset`. With H, so many hours before the first
mention were heard and silent.

FILE may be gzip. Only closed windows are judged here. The pipeline also judges an open window whose count already crosses, so it
can be up to one window sooner.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from processors.signals.negativity import Negativity
from processors.signals.types import Reading, Sensitivity, WindowCounts
from processors.signals.volume import Volume

LENGTH = timedelta(minutes=5)


def main() -> None:
    """Print one of the two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("table", choices=("alerts", "onset"))
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--events", type=Path)
    parser.add_argument("--false-alerts-per-week", type=float, default=1.0)
    parser.add_argument("--silent-hours", type=int, default=0)
    given = parser.parse_args()
    sensitivity = Sensitivity(false_alerts_per_week=given.false_alerts_per_week)
    if given.table == "alerts":
        for path in given.files:
            _print_alerts(path, sensitivity)
    else:
        events = json.loads(given.events.read_text())
        _print_onsets(given.files, events, sensitivity, given.silent_hours)


def alerts(windows: list[WindowCounts], sensitivity: Sensitivity) -> Iterator[Reading]:
    """The readings that would raise an alert: those with which a story begins, or a clearly worse part of one."""
    dues: list[float] = []
    for detector in (Volume(length=LENGTH), Negativity(length=LENGTH)):
        state: Any = detector.initial()
        for place, window in enumerate(windows):
            asked = (
                msgspec.structs.replace(window, due=dues[place]) if detector.kind == "negativity" else window
            )
            reading = detector.judge(state, asked, sensitivity)
            before, state = state.story.alerted, detector.learn(state, asked, reading)
            if detector.kind == "volume":
                dues.append(float(reading.detail["window_expected"]))
            if state.story.alerted != before:
                yield reading


def _print_alerts(path: Path, sensitivity: Sensitivity) -> None:
    rows: dict[str, list[tuple[datetime, str | None]]] = {}
    for line in _lines(path):
        row = json.loads(line)
        rows.setdefault(row.get("brand") or "-", []).append((_time(row["created_at"]), row.get("label")))
    print(
        f"{'brand':16} {'kind':10} {'window ends':17} {'span':>6} {'observed':>9} {'expected':>9} {'score':>6}"
    )
    for brand, posts in rows.items():
        raised = sorted(alerts(_windows(posts), sensitivity), key=lambda r: r.start)
        for reading in raised:
            print(f"{brand:16} {_row(reading)}")
        if not raised:
            print(f"{brand:16} none")


def _print_onsets(
    files: list[Path], events: dict[str, Any], sensitivity: Sensitivity, silent_hours: int
) -> None:
    print(f"{'event':28} {'tenth post after onset':22} {'min to alert':>12}  alerts before the onset")
    for path in files:
        name = path.name.removesuffix(".csv.gz")
        event = events[name]
        windows = _windows([(_time(line), None) for line in _lines(path) if line[:1].isdigit()])
        silent = [
            WindowCounts(windows[0].start - n * LENGTH, LENGTH, 0) for n in range(12 * silent_hours, 0, -1)
        ]
        raised = [r.start + r.length for r in alerts(silent + windows, sensitivity) if r.kind == "volume"]
        if event.get("onset_utc"):
            onset, tenth = _time(event["onset_utc"]), _time(event["tenth_tweet_after_onset"])
            after = [at for at in raised if at >= onset]
            delay = f"{(after[0] - tenth).total_seconds() / 60:.1f}" if after else "none"
            print(f"{name:28} {tenth:%Y-%m-%d %H:%M:%S}    {delay:>12}  {sum(at < onset for at in raised)}")
        else:
            first = f"first alert {raised[0]:%Y-%m-%d %H:%M}" if raised else "none"
            print(f"{name:28} {'(grew over days)':22} {first}")


def _windows(posts: list[tuple[datetime, str | None]]) -> list[WindowCounts]:
    """Every 5-minute window from the first post to the last."""
    counts: Counter[int] = Counter()
    negative: Counter[int] = Counter()
    scored: Counter[int] = Counter()
    for at, label in posts:
        slot = int(at.timestamp()) // 300
        counts[slot] += 1
        negative[slot] += label == "negative"
        scored[slot] += label in ("negative", "neutral", "positive")
    return [
        WindowCounts(datetime.fromtimestamp(s * 300, UTC), LENGTH, counts[s], negative[s], scored[s])
        for s in range(min(counts), max(counts) + 1)
    ]


def _row(reading: Reading) -> str:
    end = reading.start + reading.length
    figure = ".0f" if reading.kind == "volume" else ".2f"
    return (
        f"{reading.kind:10} {end:%Y-%m-%d %H:%M}  {reading.detail['span_s'] / 60:5.0f}m "
        f"{reading.observed:9{figure}} {reading.expected:9{figure.replace('.0', '.1')}} {reading.score:6.2f}"
    )


def _lines(path: Path) -> Iterator[str]:
    if path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            yield from lines
    else:
        with path.open(encoding="utf-8") as lines:
            yield from lines


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.strip()).astimezone(UTC)


if __name__ == "__main__":
    main()
