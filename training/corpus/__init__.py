"""The corpus: posts that were written for Tocsin, with labels. README.md says what the columns mean."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from tocsin.query.fold import fold

FOLDER: Final = Path(__file__).parent
LANGUAGES: Final = ("tr", "nl", "ro", "en")

SENTIMENTS: Final = ("negative", "neutral", "positive")
VALUES: Final = {
    "sentiment": SENTIMENTS,
    "intent": ("complaint", "question", "request", "praise", "threat", "news", "advert", "opinion"),
    "emotion": ("anger", "disgust", "fear", "sadness", "joy", "trust", "surprise", "anticipation", "none"),
    "crisis": (
        "safety",
        "data",
        "legal",
        "discrimination",
        "outage",
        "executive",
        "labour",
        "environment",
        "boycott",
        "-",
    ),
    "harm": ("-", "insult", "hate", "violence", "sexual"),
    "role": ("customer", "employee", "journalist", "fan", "troll", "bystander", "company"),
    "trade": (
        "airline",
        "bank",
        "telecom",
        "shop",
        "delivery",
        "food",
        "car",
        "energy",
        "hotel",
        "software",
        "games",
        "health",
        "insurance",
        "transport",
        "university",
        "fashion",
        "media",
        "sport",
        "government",
        "electronics",
        "travel",
        "cosmetics",
        "home",
        "other",
    ),
}
"""By column, its values."""

REAL: Final = frozenset(
    fold(word) for word in (FOLDER / "real_names.txt").read_text(encoding="utf-8").split()
)
"""Names of real companies, institutions and people that a post was once found to have, or might have. They may not occur."""

_WORD: Final = re.compile(r"[^\W_][\w.-]*")
_SUFFIX: Final = re.compile(r"[-'’.]")

_GRAM: Final = 3
_NEAR: Final = 0.6
"""Texts that share so much of their triples of words are near-duplicates."""


class Post(NamedTuple):
    """One row, in the order of the columns; `where` is its file and line."""

    sentiment: str
    targets: str
    intent: str
    emotion: str
    crisis: str
    harm: str
    role: str
    trade: str
    text: str
    where: str


def posts(language: str) -> Iterator[Post]:
    """The posts in a language, in the order of the files. Raises `ValueError` for a row with other than nine columns."""
    for path in sorted((FOLDER / language).glob("*.tsv")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            where = f"{language}/{path.name}:{number}"
            columns = line.split("\t")
            if len(columns) != len(Post._fields) - 1:
                raise ValueError(f"{where}: {len(columns)} columns")
            yield Post._make((*columns, where))


def targets_of(post: Post) -> list[tuple[str, str]]:
    """The names that the post is about, each with the sentiment toward it."""
    if post.targets == "-":
        return []
    parts = [one.rpartition(":") for one in post.targets.split(";")]
    return [(name, sentiment) for name, _, sentiment in parts]


def faults(found: Sequence[Post]) -> list[str]:
    """What is wrong: a value that a column does not have, a target that the text lacks, a real name, a text that comes twice."""
    wrong = [
        f"{post.where}: {column} {value!r}"
        for post in found
        for column, values in VALUES.items()
        if (value := getattr(post, column)) not in values
    ]
    wrong += [
        f"{post.where}: target {name!r} {sentiment!r}"
        for post in found
        for name, sentiment in targets_of(post)
        if sentiment not in SENTIMENTS or fold(name) not in fold(post.text)
    ]
    wrong += [f"{post.where}: real name {name!r}" for post in found for name in real_names(post.text)]
    return wrong + [f"{one}: as {other}" for one, other in _repeated(found)]


def real_names(text: str) -> list[str]:
    """The words of a text, with or without a suffix, that are names in `real_names.txt`."""
    words = (word.strip(".-") for word in _WORD.findall(fold(text)))
    return [word for word in words if word in REAL or _SUFFIX.split(word)[0] in REAL]


def _repeated(found: Sequence[Post]) -> Iterator[tuple[str, str]]:
    whole: dict[str, str] = {}
    with_gram: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, post in enumerate(found):
        words = re.findall(r"\w+", fold(post.text))
        text = " ".join(words)
        if text and text in whole:
            yield post.where, whole[text]
        whole[text] = post.where
        grams = {tuple(words[at : at + _GRAM]) for at in range(len(words) - _GRAM + 1)}
        shared = Counter(other for gram in grams for other in with_gram[gram])
        for other, count in shared.most_common(1):
            if len(grams) > _GRAM and count >= _NEAR * len(grams):
                yield post.where, found[other].where
        for gram in grams:
            with_gram[gram].append(number)


def balance(found: Sequence[Post]) -> dict[str, dict[str, float]]:
    """By column, the share of each value, the most common first."""
    return {
        column: {
            value: count / len(found)
            for value, count in Counter(getattr(p, column) for p in found).most_common()
        }
        for column in VALUES
    }
