"""How far the counted and the corrected share of negatives lie from what people said: by set at made-up shares, and by day of a
week of four airlines.

None of these sets is learnt from. A day is one of UTC with `LEAST` labelled mentions. At a made-up share a window has `WINDOW`
posts of a set with so many negatives among them, and is counted as the rates on that set make it on average.
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
from training.data import OF_TWEETS
from training.talk import PREVALENCES

SET: Final = "airline2015"
LANGUAGE: Final = "en"
LEAST: Final = 50
SHOWN: Final = "2015-02-21"
"""The day of the cancellations, of which every brand has a line."""


NOT_MET: Final = (
    ("apple2014", "en"),
    ("sanders2011", "en"),
    ("deflategate2015", "en"),
    ("airline2015", "en"),
    ("bounti", "tr"),
    ("fsmtsad", "tr"),
    ("nl_politics", "nl"),
    ("nl_bolcom", "nl"),
    ("laroseda", "ro"),
    *(("umsab", language) for language in OF_TWEETS),
)
"""Sets with labels of people or stars that neither weights nor corrections come from, with the language."""
WINDOW: Final = 400
MOST: Final = 8_000
"""So many rows of a set are looked at."""


class MadeUp(NamedTuple):
    """A set at shares of negatives from 10 to 80 %: the rates on it, and by how much either share is off; 0..1."""

    caught: float
    wrong: float
    counted: float
    corrected: float
    held: int
    """How many of the intervals hold the share."""


def made_up(language: str, labels: Sequence[str], said: Sequence[Sentiment], rates: Rates) -> MadeUp:
    """What windows of these posts with made-up shares of negatives come to."""
    called: dict[bool, list[bool]] = {True: [], False: []}
    for label, one in zip(labels, said, strict=True):
        if one.label != "unscored":
            called[label == "negative"].append(one.label == "negative")
    caught, wrong = (sum(called[of]) / len(called[of]) for of in (True, False))
    counts = [round(WINDOW * float(share * caught + (1 - share) * wrong)) for share in PREVALENCES]
    found = [corrected_share({language: (count, WINDOW)}, {language: rates}) for count in counts]
    pairs = [(float(share), one) for share, one in zip(PREVALENCES, found, strict=True) if one is not None]
    return MadeUp(
        caught,
        wrong,
        sum(abs(count / WINDOW - share) for count, share in zip(counts, PREVALENCES, strict=True))
        / len(counts),
        sum(abs(one.share - share) for share, one in pairs) / max(1, len(pairs)),
        sum(one.lower <= share <= one.upper for share, one in pairs),
    )


def made_up_table(found: Sequence[tuple[str, str, MadeUp]]) -> Iterator[str]:
    """A line a set, and the means."""
    yield "| set, not met | language | caught | wrong | counted, off by | corrected, off by | intervals that hold |"
    yield "| --- | --- | --: | --: | --: | --: | --: |"
    for name, language, one in found:
        yield (
            f"| {name} | {language} | {one.caught:.0%} | {one.wrong:.0%} | {100 * one.counted:.1f} | "
            f"{100 * one.corrected:.1f} | {one.held} of {len(PREVALENCES)} |"
        )
    counted, corrected = (sum(one[2][at] for one in found) / max(1, len(found)) for at in (2, 3))
    yield f"| mean | | | | {100 * counted:.1f} | {100 * corrected:.1f} | |"


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
