"""The cost of matching: mentions a second, and microseconds a mention, against 100, 1,000 and 10,000 monitors.

The texts consist of made-up words. A tenth of the texts have letters outside ASCII, one in twenty has an emoji, and one in 50
matches one of the monitors. The queries are of the kinds that people write: a name, a name and its handle, a name with
conditions, a phrase, a tag. The column "folding" is folding alone; "scan" is a scan of the names with `in`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from benchmarks.table import Table
from processors.match import Matcher
from tocsin.core.mention import Author, Mention
from tocsin.query import parse_query
from tocsin.query.fold import fold_together

NAME = "matching"
WHEN = datetime(2026, 3, 1, tzinfo=UTC)
BATCH = 500
REPEATS = 5
CONSONANTS, VOWELS, OTHERS = "bcdfghjklmnprstvz", "aeiou", "çğıöşüăâîșțéë"


def run(mentions: int = 20_000, counts: Sequence[int] = (100, 1_000, 10_000)) -> Table:
    """Microseconds a mention against so many monitors, the part that is folding, and a scan of their names with `in`."""
    table = Table(
        "Matching alone, one thread",
        ("monitors", "mentions/s", "us each", "folding us", "scan us", "matched", "build s", "parse s"),
    )
    costs = [_measured(table, monitors, mentions) for monitors in counts]
    table.notes.append(
        f"{counts[-1]:,} monitors cost {costs[-1] / costs[0]:.2f} times what {counts[0]:,} cost."
    )
    return table


def _measured(table: Table, monitors: int, count: int) -> float:
    """Add one row. Returns the microseconds a mention."""
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
    matched = sum(len(matcher.hits(batch)) for batch in batches)
    each = _best(lambda: [matcher.hits(batch) for batch in batches]) / count
    folding = _best(lambda: [fold_together([mention.text for mention in batch]) for batch in batches]) / count
    sample = mentions[:200]
    scan = _best(
        lambda: [[name for name in names if name in mention.text.lower()] for mention in sample], 1
    ) / len(sample)
    table.rows.append(
        (monitors, round(1e6 / each), each, folding, scan, f"{matched / count:.1%}", built, parsed)
    )
    return each


def _best(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """The microseconds of processor time of `work`: the least of a few runs, so that other work on the machine counts little."""
    times = []
    for _ in range(repeats):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times) * 1e6


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
