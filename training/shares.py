"""How far the counted and the corrected share of negatives lie from what people said, by day of a week of four airlines.

The set (`airline2015`) is not learnt from. A day is one of UTC with `LEAST` labelled mentions. `make bench-sentiment`.
"""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from processors.understand.corrected import Rates, Share, corrected_share
from processors.understand.sentiment import Sentiment
from training.corpus import SENTIMENTS

SET: Final = "airline2015"
LANGUAGE: Final = "en"
LEAST: Final = 50
SHOWN: Final = "2015-02-21"
"""The day of the cancellations, of which every brand has a line."""


class Day(NamedTuple):
    """A brand's day: the mentions with a label, and the share of negatives as people said, as counted, and as corrected."""

    brand: str
    day: str
    mentions: int
    people: float
    counted: float
    corrected: Share


def days(folder: Path) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """By brand and day, the texts and the labels that people gave."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    with gzip.open(folder / SET / "stream.jsonl.gz", "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            if row.get("label") in SENTIMENTS:
                found[row["brand"], row["created_at"][:10]].append((row["text"], row["label"]))
    return {key: posts for key, posts in sorted(found.items()) if len(posts) >= LEAST}


def day_of(
    key: tuple[str, str], labels: Sequence[str], said: Sequence[Sentiment], rates: Rates
) -> Day | None:
    """What a day's labels and sentiments come to; None where nothing was scored."""
    scored = [one.label for one in said if one.label != "unscored"]
    counts = {LANGUAGE: (scored.count("negative"), len(scored))}
    corrected = corrected_share(counts, {LANGUAGE: rates})
    if corrected is None:
        return None
    people = labels.count("negative") / len(labels)
    return Day(*key, len(labels), people, scored.count("negative") / len(scored), corrected)


def table(found: Sequence[Day]) -> Iterator[str]:
    """The lines of `SHOWN`, and below them how far all days are off on average."""
    yield "| brand, 21 February 2015 | mentions | people | counted | corrected | interval |"
    yield "| --- | --: | --: | --: | --: | --- |"
    for one in found:
        if one.day == SHOWN:
            share = one.corrected
            yield (
                f"| {one.brand} | {one.mentions} | {one.people:.0%} | {one.counted:.0%} | "
                f"{share.share:.0%} | {share.lower:.0%} to {share.upper:.0%} |"
            )
    counted = sum(abs(one.counted - one.people) for one in found) / len(found)
    corrected = sum(abs(one.corrected.share - one.people) for one in found) / len(found)
    held = sum(one.corrected.lower <= one.people <= one.corrected.upper for one in found)
    yield ""
    yield (
        f"On {len(found)} days the counted share is off by {100 * counted:.1f} points on average, the corrected one by "
        f"{100 * corrected:.1f}; {held} intervals hold what people counted."
    )
