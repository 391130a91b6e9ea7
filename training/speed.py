"""How many posts a second one core reads, by set: the sentiment alone, and with the language. In batches of `BATCH`, with words
that were met before.

The time is the process's own, the best of `REPEATS` passes after a first one, so that other work on the machine counts little.
The first pass is slower: a word that is met for the first time costs some 30 microseconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from processors.understand.sentiment import Scorer
from processors.understand.understander import Understander

BATCH: Final = 64
MOST: Final = 3_000
"""So many posts of a set are timed."""
REPEATS: Final = 5


class Speed(NamedTuple):
    """Posts a second: the sentiment where the language is told, with facets beside it, and both where it is found first."""

    sentiment: float
    with_facets: float
    with_language: float


def speed(scorers: Sequence[Scorer], language: str, texts: Sequence[str]) -> Speed:
    """How fast these posts of one language are read."""
    some = texts[:MOST]
    told, facets, untold = (Understander(scorers) for _ in range(3))
    return Speed(
        _a_second(some, lambda batch: told.sentiments(batch, [language] * len(batch))),
        _a_second(some, lambda batch: facets.read(batch, [language] * len(batch))),
        _a_second(some, lambda batch: untold.sentiments(batch, [None] * len(batch))),
    )


def _a_second(texts: Sequence[str], ask: Callable[[Sequence[str]], object]) -> float:
    times = []
    for _ in range(1 + REPEATS):
        began = time.process_time()
        for at in range(0, len(texts), BATCH):
            ask(texts[at : at + BATCH])
        times.append(time.process_time() - began)
    return len(texts) / max(min(times[1:]), 1e-9)


def speed_table(found: Sequence[tuple[str, str, Sequence[str], Speed]]) -> Iterator[str]:
    """A line a set."""
    yield f"| set, batches of {BATCH} | language | characters | sentiment | and facets | language and sentiment |"
    yield "| --- | --- | --: | --: | --: | --: |"
    for name, language, texts, one in found:
        characters = sum(map(len, texts)) / max(1, len(texts))
        shown = " | ".join(f"{value:,.0f}" for value in one)
        yield f"| {name} | {language} | {characters:.0f} | {shown} |"
