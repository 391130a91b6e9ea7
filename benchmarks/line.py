"""The embedded line beside the naive loop, over the same file of mentions: a firehose, and a file in which every mention matches.

The line is what one `tocsin up` does between a source and a judge. It reads the file, hands mentions over to the stream (the disk
confirms each append) and reads them again. It matches them against all monitors, finds the language, scores, signs, finds
triggers, stores and tallies, in transactions that the disk confirms. The line is one thread in one process. The naive loop is
benchmarks/naive.py.
"""

from __future__ import annotations

import tempfile
import time
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.child import measured
from benchmarks.load import made_up, runtime, write_file
from benchmarks.table import Table

NAME = "line"
MONITORS = 1000
# Mentions read before they are handed over, as in one fetch of a source.
CHUNK = 2000
Loops = tuple[tuple[str, dict[str, Any]], ...]
LOOPS: Loops = (
    ("naive: score and INSERT each", {}),
    ("naive, scores what names a brand", {"match_first": True}),
    ("naive, COMMIT each to the disk", {"commit_each": True}),
)


def run(
    mentions: int = 100_000,
    matched: int = 20_000,
    naive: int = 5_000,
    monitors: int = MONITORS,
    loops: Loops = LOOPS,
) -> Table:
    """Mentions a second and memory of the line and of naive loops, for 1 in 50 matched and for all matched.

    The naive loops get only the first `naive` mentions: they are slow, and their speed is steady.
    """
    table = Table(
        f"Ingest to stored and tallied, {monitors:,} monitors",
        ("what comes", "loop", "mentions", "stored", "mentions/s", "line is", "CPU us each", "peak MiB"),
    )
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as temporary:
        for name, share, count in (("1 in 50 matches", 0.02, mentions), ("all match", 1.0, matched)):
            file = write_file(Path(temporary) / "mentions.jsonl", made_up(count, share, monitors))
            line = measured("benchmarks.line", file=str(file), monitors=monitors)
            speed = line["mentions"] / line["seconds"]
            table.rows.append((name, "the line", *_figures(line)))
            table.notes.append(
                f"{name}: of the line's time {line['reading']:.0%} was reading, {line['handing_over']:.0%} handing over, "
                f"{line['processing']:.0%} from the stream to the store; {line['start_mib']:.0f} MiB before the first mention."
            )
            for loop, options in loops:
                other = measured("benchmarks.naive", file=str(file), monitors=monitors, most=naive, **options)
                ratio = speed * other["seconds"] / other["mentions"]
                table.rows.append((name, loop, *_figures(other, f"{ratio:.1f} x")))
    return table


def _figures(result: dict[str, Any], ratio: str = "") -> tuple[int | float | str, ...]:
    count = result["mentions"]
    return (
        count,
        result["stored"],
        round(count / result["seconds"]),
        ratio,
        1e6 * result["cpu"] / count,
        round(result["peak_mib"]),
    )


def work(file: str, monitors: int) -> dict[str, Any]:
    """Run the line over this file, in this process."""
    from benchmarks.child import rss_mib
    from processors.worker import StreamProcessor
    from tocsin.core.mention import Mention
    from tocsin.intake.handover import HandOver
    from tocsin.reading import iter_mentions

    def read(path: Path) -> Any:
        return (mention for _, mention in iter_mentions(path, source="made-up", on_bad=_never))

    with (
        tempfile.TemporaryDirectory(prefix="tocsin-bench-") as folder,
        runtime(Path(folder), monitors) as made,
    ):
        hand_over = HandOver.to(made.stream, made.settings.stream, made.clock)
        processor = StreamProcessor(made.store, made.stream, made.settings, made.clock)
        stored = 0

        def count(outcome: Any) -> None:
            nonlocal stored
            stored += outcome.stored

        def process() -> None:
            while processor.once(timedelta(0)) or processor.lag():
                pass

        warm = Mention(
            source="warm", id="0", text="the brand0001 train is late again", created_at=made.clock.now()
        )
        hand_over.hand_over([warm])
        # Models, lexicons and the compiled monitors are read by now.
        process()
        processor.on_batch = count
        start_mib = rss_mib()
        spent = dict.fromkeys(("reading", "handing_over", "processing"), 0.0)
        mentions, total = read(Path(file)), 0
        began, began_cpu = time.perf_counter(), time.process_time()
        at = began
        while chunk := list(islice(mentions, CHUNK)):
            at = _spend(spent, "reading", at)
            hand_over.hand_over(chunk)
            at = _spend(spent, "handing_over", at)
            process()
            at = _spend(spent, "processing", at)
            total += len(chunk)
        seconds = time.perf_counter() - began
        cpu = time.process_time() - began_cpu
        processor.close()
    shares = {name: value / seconds for name, value in spent.items()}
    return {
        "mentions": total,
        "stored": stored,
        "seconds": seconds,
        "cpu": cpu,
        "start_mib": start_mib,
        **shares,
    }


def _spend(spent: dict[str, float], on: str, since: float) -> float:
    now = time.perf_counter()
    spent[on] += now - since
    return now


def _never(line: int, _payload: bytes, error: Exception) -> None:
    raise RuntimeError(f"line {line} of made-up mentions cannot be read: {error}")
