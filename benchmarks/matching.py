"""What matching costs: mentions a second, and microseconds a mention, against 100, 1,000 and 10,000 monitors.

    python -m benchmarks.matching [--mentions N]

The texts are made of made-up words, a tenth of them with letters outside ASCII and one in twenty with an
emoji; one in 50 holds what one of the monitors listens for. The queries are of the kinds people write: a
name, a name and its handle, a name with conditions, a phrase, a tag. The column "folding" is `fold` alone,
"naive" a scan of the names with `in`.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from processors.match import Matcher
from tocsin.core.mention import Author, Mention
from tocsin.query import fold, parse_query

WHEN = datetime(2026, 3, 1, tzinfo=UTC)
BATCH = 500
REPEATS = 5
CONSONANTS, VOWELS, OTHERS = "bcdfghjklmnprstvz", "aeiou", "çğıöşüăâîșțéë"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--mentions", type=int, default=20_000)
    count = options.parse_args().mentions
    print("monitors  mentions/s  us/mention  folding us  naive us  matched  build s  parse s")
    costs = {}
    for monitors in (100, 1_000, 10_000):
        costs[monitors] = measure(monitors, count)
    print(f"10,000 monitors cost {costs[10_000] / costs[100]:.2f} times what 100 cost")


def measure(monitors: int, count: int) -> float:
    """Print one row of the table; microseconds per mention."""
    dice = random.Random(7)
    names = _distinct_names(dice, monitors)
    queries = {}
    started = time.perf_counter()
    for number, name in enumerate(names):
        queries[f"monitor-{number}"] = parse_query(_query(name, number))
    parsed = time.perf_counter() - started
    started = time.perf_counter()
    matcher = Matcher.build(queries)
    built = time.perf_counter() - started
    mentions = [_mention(dice, number, names) for number in range(count)]
    batches = [mentions[at : at + BATCH] for at in range(0, count, BATCH)]
    matched = sum(map(bool, (ids for batch in batches for ids in matcher.match_many(batch))))
    each = _best(lambda: [matcher.match_many(batch) for batch in batches]) / count
    folding = _best(lambda: [fold(mention.text) for mention in mentions]) / count
    sample = mentions[:200]
    naive = _best(
        lambda: [[name for name in names if name in mention.text.lower()] for mention in sample], 1
    ) / len(sample)
    print(
        f"{monitors:8,}  {1e6 / each:10,.0f}  {each:10.2f}  {folding:10.2f}  {naive:8.1f}"
        f"  {matched / count:7.2%}  {built:7.2f}  {parsed:7.2f}"
    )
    return each


def _best(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """Microseconds that `work` takes, the median of a few runs."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1e6


def _word(dice: random.Random, syllables: int) -> str:
    return "".join(dice.choice(CONSONANTS) + dice.choice(VOWELS) for _ in range(syllables))


def _distinct_names(dice: random.Random, count: int) -> list[str]:
    names: dict[str, None] = {}
    while len(names) < count:
        names[_word(dice, dice.choice((4, 4, 5)))] = None
    return list(names)


def _query(name: str, number: int) -> str:
    kinds = (
        "{0}",
        "{0} OR @{0}",
        "{0} OR #{0} OR url:{0}.example",
        '{0} AND (delay* OR refund OR "lost bag" OR angry) -lang:tr',
        '("{0} air" OR {0}) AND NOT (job OR hiring)',
        "{0} followers>100",
    )
    return kinds[number % len(kinds)].format(name)


def _mention(dice: random.Random, number: int, names: Sequence[str]) -> Mention:
    words = [_word(dice, dice.choice((1, 1, 2, 2, 3))) for _ in range(16)]
    if number % 50 == 0:
        words[dice.randrange(16)] = f"{dice.choice(names)} refund"
    if number % 10 == 1:
        words = [word if dice.random() < 0.5 else word + dice.choice(OTHERS) for word in words]
    if number % 20 == 3:
        words.append("\N{POUTING FACE}")
    text = " ".join(words).capitalize()
    author = Author(id=str(number), followers=number % 5_000)
    return Mention(
        source="made-up",
        id=str(number),
        text=text,
        created_at=WHEN,
        url=f"https://a.example/{number}",
        author=author,
    )


if __name__ == "__main__":
    main()
