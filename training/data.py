"""What models learn from: the corpus, and labelled sets in a folder (formats: one JSON object a line, gzip).

A set stands here with the languages that it is used for, its weight beside the others, and whether weights learnt from it may be
passed on (`cleared`). NOTICE names the makers of the cleared ones. The sets themselves are not in the repository.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from processors.understand.artefacts import read_arrays
from processors.understand.sentiment import LABELS
from training.corpus import SENTIMENTS, posts
from training.short import CRISES, CUSTOMERS, PLAIN, TWEETS, WRITTEN, written


class Example(NamedTuple):
    """A text with its label and its weight."""

    text: str
    label: str
    weight: float
    is_post: bool = True
    """Whether it is a post, as people write about brands. Lines of films and sentences of long reviews are not."""
    talk: str = ""
    """The kind of talk: the set, or who wrote that part of the corpus; and whether it speaks to an account."""
    of_two: bool = False
    """Whether people could not call it neutral. Then it teaches how the two other labels differ, and nothing about neutral texts.
    """


class Source(NamedTuple):
    """A labelled set: the folder's name, the languages it is used for, the weight of a row, and whether it is cleared."""

    name: str
    languages: tuple[str, ...]
    weight: float
    cleared: bool = True
    posts: bool = True
    weight_in_all: float | None = None
    """The weight beside the sets that are not cleared, where it is another one."""
    of_two: bool = False
    """Whether neutral stays open for its rows (`training/partial.py`), because the set has two labels. Telecoms and book reviews
    gain nothing by it.
    """

    def weight_of(self, everything: bool) -> float:
        """The weight of a row."""
        return self.weight if self.weight_in_all is None or not everything else self.weight_in_all


SOURCES: Final = (
    Source("tweeteval_sentiment", ("en",), 1.0),
    Source("vader_tweets", ("en",), 0.5),
    Source("tr_tweets_binary", ("tr",), 2.0, weight_in_all=4.0),
    Source("red_ro", ("ro",), 1.5, weight_in_all=4.5),
    Source("brighter", ("ro", "de", "es", "pt", "sv"), 0.5),
    Source("xed", ("tr", "nl", "de", "es", "fr", "it", "pl", "pt"), 0.1, posts=False),
    Source("xed", ("ro",), 0.3, posts=False),
    Source("mabsa5", ("tr", "nl"), 0.4, posts=False),
    Source("mabsa5", ("de", "es", "fr", "pt"), 0.1, posts=False),
    Source("bounti", ("tr",), 3.0, cleared=False),
    Source("fsmtsad", ("tr",), 0.3, cleared=False),
    Source("laroseda", ("ro",), 1.5, cleared=False, of_two=True),
    Source("nl_politics", ("nl",), 2.0, cleared=False),
    Source("nl_bolcom", ("nl",), 0.7, cleared=False),
    Source("airline2015", ("en",), 0.7, cleared=False),
)
OTHER_TALK: Final = (("vader_amazon", "en"), ("vader_movie", "en"), ("vader_nyt", "en"))
"""Cleared sets that are not learnt from: sentences of product reviews, film reviews and newspaper comments. The errors on them
show how much errors differ from one kind of talk to another.
"""
CORPUS_WEIGHTS: Final = {"en": 0.4}
OTHER_WEIGHT: Final = 2.0
"""The weight of a post of the corpus where its language has no entry above: English has many other tweets to learn from."""
TO_AN_ACCOUNT: Final = 2.5
"""The least weight of a post of the corpus that speaks to an account: few of the other English tweets are those of customers."""
TEACHER: Final = Path(__file__).with_name("teacher.npz")
"""What the deep scorer says of some lines (`training/deep.py`): by their keys, the share of each label in ten-thousandths."""
TAUGHT_ALONE: Final = ("de", "es", "fr", "it", "pt", "pl", "sv")
"""The languages in which no cleared set has posts with a sentiment: most of what their models learn comes from the teacher."""
UNTAUGHT: Final = ("ar",)
"""The languages of which no cleared set has a line: their models learn our own posts alone. What one hand wrote is labelled right
more often than what strangers write, so the held-out texts of `TAUGHT_ALONE`, as the models of these languages label them, are
lent to the fit of the confidence."""
FURTHER: Final = (*TAUGHT_ALONE, *UNTAUGHT)
"""The languages with a model beside those of the corpus."""
OURS: Final = (
    ((WRITTEN, TWEETS), WRITTEN.name, OTHER_WEIGHT, FURTHER),
    ((CUSTOMERS,), CUSTOMERS.name, 1.0, ("en",)),
    ((PLAIN,), PLAIN.name, OTHER_WEIGHT, ("tr", "ro")),
    ((CRISES,), CRISES.name, 1.0, FURTHER),
)
"""Our posts beside the corpus: folders, their kind of talk, the weight of a post, and the languages in which the sentiment learns
from them. Elsewhere those in a plain voice are learnt by the facets alone (docs/understanding-notes.md says why). Those about
crises are mostly negative, as talk of the day is not."""
OF_TWEETS: Final = ("de", "es", "fr", "it", "pt", "ar")
"""Those of them in which people labelled tweets (UMSAB), which no model learns from."""
TEACHER_OF_MANY: Final = Path(__file__).with_name("teacher-of-many.npz")
"""The same as `TEACHER` for lines in the languages of `TAUGHT_ALONE`."""
TAUGHT: Final = {
    "tr": ("xed", "mabsa5"),
    "nl": ("xed", "mabsa5"),
    **dict.fromkeys(TAUGHT_ALONE, ("brighter", "xed", "mabsa5")),
}
"""By language, the sets whose lines are learnt a second time, as the teacher labels them: nobody called one of them neutral."""
TAUGHT_WEIGHT: Final = 1.0
SHARPENED: Final = 3
"""The power to which the shares of the teacher of many languages are raised: a linear model that learns them as they are calls
too much neutral."""
FREE: Final = "Apache-2.0; NOTICE names the makers of the sets"
"""The licence of a model of cleared sets alone, for its card."""
KEPT: Final = "not to be passed on"
"""The same of a model that learnt from other sets, too."""
HELD_OUT: Final = 10
"""Of every set, one text in so many is kept for calibration."""


def is_held_out(text: str) -> bool:
    """Whether a text is kept for calibration: by its hash, so always the same ones."""
    return zlib.crc32(text.encode("utf-8", "surrogatepass")) % HELD_OUT == 0


@cache
def told_by_teacher(path: Path, power: int) -> dict[int, tuple[float, ...]]:
    """What a teacher said, by the key of a line: the share of each label, raised to a power."""
    _, arrays = read_arrays(path)
    found: dict[int, tuple[float, ...]] = {}
    for key, shares in zip(arrays["keys"].tolist(), arrays["shares"].tolist(), strict=True):
        raised = [(share / 10_000) ** power for share in shares]
        found[key] = tuple(raised) if power == 1 else tuple(one / sum(raised) for one in raised)
    return found


def examples(language: str, folder: Path | None, *, everything: bool) -> list[Example]:
    """All examples in a language: what was written for Tocsin and, where `folder` is given, sets in it that may be used."""
    weight = CORPUS_WEIGHTS.get(language, OTHER_WEIGHT)
    found = [
        Example(
            post.text,
            post.sentiment,
            max(weight, TO_AN_ACCOUNT) if "@" in post.text else weight,
            talk=f"corpus, {'customers' if post.role == 'customer' else 'others'}",
        )
        for post in posts(language)
    ]
    found += [
        Example(one.text, one.label, weight, talk=talk)
        for folders, talk, weight, languages in OURS
        if language in languages
        for one in written(*folders)
        if one.language == language
    ]
    if folder is None:
        return found
    for source in SOURCES:
        if language in source.languages and (everything or source.cleared):
            rows = [
                one._replace(
                    is_post=source.posts,
                    talk=_talk(source.name, one.text),
                    of_two=source.of_two and one.label != "neutral",
                )
                for one in rows_of(folder / source.name, language, source.weight_of(everything))
            ]
            found += rows
            if source.name in TAUGHT.get(language, ()):
                found += taught(language, (one.text for one in rows))
    return found


def other_talk(language: str, folder: Path | None) -> list[Example]:
    """The texts of the sets that are measured on and not learnt from."""
    return [
        one._replace(talk=name)
        for name, spoken in OTHER_TALK
        if folder is not None and spoken == language
        for one in rows_of(folder / name, language, 1.0)
    ]


def _talk(name: str, text: str) -> str:
    return f"{name}, to an account" if text.startswith("@") else name


def taught(language: str, texts: Iterable[str]) -> list[Example]:
    """What the teacher of a language said of these texts: one example for each label, weighted by its share. It was not asked
    about every text.
    """
    shares = told_by_teacher(*((TEACHER_OF_MANY, SHARPENED) if language in TAUGHT_ALONE else (TEACHER, 1)))
    return [
        Example(text, label, TAUGHT_WEIGHT * share, is_post=False)
        for text in dict.fromkeys(texts)
        if not is_held_out(text)
        for label, share in zip(LABELS, shares.get(key_of(text), ()), strict=False)
        if share
    ]


def key_of(text: str) -> int:
    """63 bits that stand for a text."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def rows_of(folder: Path, language: str, weight: float) -> Iterable[Example]:
    """The labelled rows of a set in a language."""
    path = folder / ("train.jsonl.gz" if (folder / "train.jsonl.gz").exists() else "stream.jsonl.gz")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            if row.get("label") in SENTIMENTS and (row.get("lang") or language) == language:
                yield Example(row["text"], row["label"], weight)
