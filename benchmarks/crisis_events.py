"""Minutes from the tenth post after an event's onset to the first alert, through the real pipeline on a simulated clock.

    python -m benchmarks.crisis_events [--silent-hours H] FOLDER [EVENT...]

FOLDER holds `events.json` and `times/NAME.csv.gz`. `events.json` has `onset_utc` and `tenth_tweet_after_onset` of each event,
null for an event that grew over days. `times/NAME.csv.gz` has the one column `created_at`. Only the times are known, so each
post gets an id and one fixed word as its text. With H, so many hours before the first post were heard and silent. EVENT is a name
in `events.json`; without one, all are played.
"""

from __future__ import annotations

import argparse
import gzip
import json
import tempfile
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ops.replay.files import replay_files
from tocsin.core.clock import iso
from tocsin.core.mention import Mention, encode_mentions

WORD = "event"


def main(folder: Path, names: Sequence[str], silent: timedelta) -> None:
    events = json.loads((folder / "events.json").read_text(encoding="utf-8"))
    print(
        f"{'event':34}{'posts':>6}{'before':>8}  {'tenth post':17}{'first alert':18}{'minutes':>8}  severity, most"
    )
    for name in names or sorted(events):
        event = events[name]
        with gzip.open(folder / "times" / f"{name}.csv.gz", "rt", encoding="utf-8") as file:
            times = [datetime.fromisoformat(line.strip()) for line in file.readlines()[1:]]
        alerts = replayed(name, times, silent)
        tenth = event.get("tenth_tweet_after_onset")
        after = [one for one in alerts if tenth is None or one["at"] >= event["onset_utc"]]
        first = after[0]["at"] if after else None
        minutes = f"{(at(first) - at(tenth)).total_seconds() / 60:.1f}" if first and tenth else "-"
        before = event.get("tweets_before_onset", "-")
        shown = f"{(tenth or 'grew over days')[:16]:17} {(first or 'none')[:16]:18}"
        worst = min((one["worst"] for one in alerts), default=None)
        early = f", {len(alerts) - len(after)} before its onset" if len(alerts) > len(after) else ""
        print(
            f"{name:34}{len(times):>6}{before!s:>8}  {shown}{minutes:>7}  {f'SEV{worst}' if worst else ''}{early}",
            flush=True,
        )


def replayed(name: str, times: list[datetime], silent: timedelta) -> list[dict[str, Any]]:
    """The alerts that `tocsin replay` prints for posts at these times, where so long before the first was heard and silent."""
    lines: list[str] = []
    with tempfile.TemporaryDirectory() as room:
        talk, monitors = Path(room) / f"{name}.jsonl", Path(room) / "monitors.yaml"
        mentions = [
            Mention(source=name, id=str(i), text=WORD, created_at=when) for i, when in enumerate(times)
        ]
        talk.write_bytes(encode_mentions(mentions))
        monitors.write_text(f"monitors:\n  - {{name: {name}, query: {WORD}}}\n", encoding="utf-8")
        heard = iso(min(times) - silent) if silent else None
        replay_files([talk], monitors, as_json=True, out=lines.append, heard_since=heard)
    return [json.loads(line) for line in lines]


def at(text: object) -> datetime:
    return datetime.fromisoformat(str(text))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("event", nargs="*")
    parser.add_argument("--silent-hours", type=float, default=0.0)
    given = parser.parse_args()
    # The date of a report.
    print(f"# {iso(datetime.now().astimezone())[:10]}: python -m benchmarks.crisis_events", flush=True)
    main(given.folder, given.event, timedelta(hours=given.silent_hours))
