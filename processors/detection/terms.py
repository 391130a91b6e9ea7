"""Rising terms: words that many say now and few said before, without a list of stop words in any language.

The weight of a term is the log-likelihood ratio (Dunning 1993) of the number of texts with it now against before. A word that
everybody always says weighs nothing, whatever the language.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from tocsin.query import fold

TERMS = 8
AT_LEAST_TEXTS = 3
_WORD = re.compile(r"#?\w[\w'’-]{2,30}")
_LINK = re.compile(r"https?://\S+|@\w+")


def rising_terms(now: Sequence[str], before: Sequence[str]) -> list[tuple[str, int]]:
    """Up to `TERMS` terms, the most telling first, each with its number of texts in `now`. The order of texts does not matter."""
    here, there = _texts_with(now), _texts_with(before)
    weighed = []
    for term, count in here.items():
        past = there.get(term, 0)
        if count < AT_LEAST_TEXTS or count / len(now) <= past / max(1, len(before)):
            continue
        weighed.append((-_ratio(count, len(now), past, len(before)), term, count))
    return [(term, count) for _, term, count in sorted(weighed)[:TERMS]]


def _texts_with(texts: Iterable[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(
            {word for word in _WORD.findall(_LINK.sub(" ", fold(text[:2000]))) if not word.isdigit()}
        )
    return counts


def _ratio(a: int, n: int, b: int, m: int) -> float:
    """Dunning's G² for a of n against b of m, rounded so that it is the same on every machine."""
    expected_a, expected_b = n * (a + b) / (n + m), m * (a + b) / (n + m)
    total = a * math.log(a / expected_a) if a else 0.0
    total += b * math.log(b / expected_b) if b else 0.0
    return round(2 * total, 6)
