"""Rising terms: the words and pairs of words that many say now and that this monitor's own baseline does not explain.

The weight of a term is its log-odds now against before, with a prior, in units of its own spread (Monroe, Colaresi and Quinn
2008, Fightin' Words). The prior is what both times together say of the term, with the weight of ten texts and one more: a
term of three texts that was never heard before is not infinitely unusual. Texts are counted, not repetitions; copies of a text
are one text.

Stop words of twelve languages, and the brand with its spellings, are no terms. A pair of words stands for its parts where they
are hardly said apart: "data breach" and not also "data" and "breach".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from itertools import pairwise

from processors.detection.stop_words import STOP_WORDS, further_stop_words
from processors.signals.narrative import log_odds
from processors.signals.types import RisingTerm
from tocsin.query import fold

TERMS = 8
AT_LEAST_TEXTS = 3
# The weight from which on a term rises: 95 % of a normal spread.
RISES = 1.96
# The part of the texts that a term needs where nothing was heard before.
COMMON = 0.2
# A part of a pair is told by the pair where it has at most so many times the pair's texts.
APART = 1.34
# A brand is also its inflections and tags that begin with it, from so many letters on, and one slip of the keyboard from so many.
INFLECTED, MISTYPED = 4, 6
MOST_CHARACTERS = 2_000
_WORD = re.compile(r"#?\w[\w'’-]{1,30}")
_ELIDED = re.compile(r"^(?:[cdjlmnst]|qu|un|(?:a|da|de|ne|su)ll)['’](?=\w\w)", re.IGNORECASE)
_LINK = re.compile(r"https?://\S+|@\w+")


def rising_terms(
    now: Sequence[str], before: Sequence[str], brand: Iterable[str] = ()
) -> list[tuple[str, int]]:
    """Up to `TERMS` terms, the most telling first, each with its number of texts in `now`. `brand` has the words and phrases that
    name what is watched. The order of texts does not matter.
    """
    return [(one.term, one.seen) for one in rising_subjects(now, before, brand)]


def rising_subjects(now: Sequence[str], before: Sequence[str], brand: Iterable[str] = ()) -> list[RisingTerm]:
    """The same terms with their weights."""
    names = _names(brand)
    here, there = texts_with(now, names), texts_with(before, names)
    weighed = []
    for term, count in here.items():
        if count < AT_LEAST_TEXTS:
            continue
        weight = _weight(count, len(now), there.get(term, 0), len(before))
        if weight >= RISES:
            weighed.append((-weight, term, count))
    weights = {term: -weight for weight, term, _ in weighed}
    told = _without_parts([(term, count) for _, term, count in sorted(weighed)])[:TERMS]
    written = _as_written({word for term, _ in told for word in term.split(" ")}, now)
    return [
        RisingTerm(
            " ".join(written.get(word, word) for word in term.split(" ")),
            count,
            len(now),
            there.get(term, 0),
            len(before),
            weights[term],
        )
        for term, count in told
    ]


def texts_with(texts: Iterable[str], names: Collection[str] = ()) -> Counter[str]:
    """Each term with the number of texts that say it. `names` are the words of the brand, folded: they are no terms."""
    brand = frozenset(names)
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(_terms_of(text[:MOST_CHARACTERS], brand))
    return counts


# While an alert goes on, each window asks again about nearly the same texts.
@lru_cache(maxsize=4_096)
def _terms_of(text: str, names: frozenset[str]) -> frozenset[str]:
    found = _words(fold(text))
    further = further_stop_words(found)
    words = ["" if word in further else _known(word, names) for word in found]
    pairs = (f"{a} {b}" for a, b in pairwise(words) if a and b)
    return frozenset({*(word for word in words if len(word) > 2), *pairs})


def _as_written(words: Collection[str], texts: Iterable[str]) -> dict[str, str]:
    """These folded words as most texts write them in small letters: bataryası, not bataryasi. Others are left out."""
    forms: dict[str, Counter[str]] = {word: Counter() for word in words}
    for text in texts:
        for word, form in _forms_of(text[:MOST_CHARACTERS]):
            if word in forms:
                forms[word][form] += 1
    return {word: min(found, key=lambda form: (-found[form], form)) for word, found in forms.items() if found}


@lru_cache(maxsize=4_096)
def _forms_of(text: str) -> frozenset[tuple[str, str]]:
    """The words of a text that are written in small letters, each folded and as it is written."""
    if text.isascii():
        return frozenset((word, word) for word in _bare(text) if word.islower())
    return frozenset((fold(word), word) for word in _bare(text) if word == word.lower())


def _bare(text: str) -> list[str]:
    return [word.rstrip("'’-_") for word in _words(text)]


def _words(text: str) -> list[str]:
    """The words of a text without the articles that French and Italian write before them: usine, not l'usine."""
    return [_ELIDED.sub("", word) for word in _WORD.findall(_LINK.sub(" ", text))]


@lru_cache(maxsize=32_768)
def _known(word: str, names: frozenset[str]) -> str:
    """The word as a term; "" for a stop word, a number or the brand, which also part the words around them."""
    bare = word.removeprefix("#").strip("'’-_")
    if bare in STOP_WORDS or bare.isdigit() or _is_brand(bare, names):
        return ""
    return word.rstrip("'’-_")


def _names(brand: Iterable[str]) -> frozenset[str]:
    found = {word for name in brand for word in re.findall(r"\w+", fold(name))}
    # "#smart home" is also written "#smarthome".
    return frozenset(found | {"".join(re.findall(r"\w+", fold(name))) for name in brand}) - STOP_WORDS - {""}


def _is_brand(word: str, names: Collection[str]) -> bool:
    word = word.replace("'", "").replace("’", "").replace("-", "")
    return any(
        word == name
        or (len(name) >= INFLECTED and word.startswith(name))
        or (len(name) >= MISTYPED and _one_slip(word, name))
        for name in names
    )


def _one_slip(a: str, b: str) -> bool:
    """Whether one letter is wrong, missing or too many, or two neighbours have changed places."""
    if abs(len(a) - len(b)) > 1:
        return False
    at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    swapped = (
        len(a) == len(b) and a[at + 1 : at + 2] == b[at : at + 1] and a[at : at + 1] == b[at + 1 : at + 2]
    )
    return (
        a[at + 1 :] == b[at + 1 :]
        or a[at + 1 :] == b[at:]
        or a[at:] == b[at + 1 :]
        or (swapped and a[at + 2 :] == b[at + 2 :])
    )


def _weight(a: int, n: int, b: int, m: int) -> float:
    """The log-odds of a in n texts against b in m, over its spread (`processors.signals.narrative`).

    Without any text of before there is nothing to rise from: what a fifth of the texts say is told then, the commonest first.
    """
    if not m:
        return RISES + a if a >= COMMON * n else 0.0
    return log_odds(a, n, b, m)


def _without_parts(terms: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """The terms without those that a pair tells, and with each pair once."""
    counts = dict(terms)
    told: set[str] = set()
    for term, count in terms:
        for part in term.split() if " " in term else ():
            if part in counts and counts[part] <= APART * count:
                told.add(part)
    return [(term, count) for term, count in terms if term not in told]
