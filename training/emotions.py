"""How well emotions are told, as a table of docs/understanding.md: `make bench-sentiment` prints it after the table of sentiment.

A text has any number of emotions, and macro F1 is the mean over the emotions that a set labels. Two baselines stand beside the
models. *Majority* says the most frequent emotion of the set of every text, which needs to know the set. *Lexicon* says an
emotion where a text has one of its words (terms.toml).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from processors.understand.linear import LinearScorer
from tocsin.core.facets import FACETS
from tocsin.query.fold import fold
from training.data import is_held_out
from training.facets import EMOTION_SETS, emotion_rows, labelled, own_posts, terms

EMOTIONS: Final = FACETS["emotion"]
Said = Sequence[frozenset[str]]
"""By text, its emotions."""


def emotion_table(folder: Path, languages: Sequence[str]) -> Iterator[str]:
    """The lines of the table."""
    yield "| set | language | texts | model | majority | lexicon | said at all |"
    yield "| --- | --- | --: | --: | --: | --: | --: |"
    for language in languages:
        for name, gold, texts, among in _sets(folder, language):
            said = [frozenset(facets.emotion) for _, facets in LinearScorer(language).read(texts)]
            scores = (said, most_common(gold), by_words(texts, language))
            shown = " | ".join(f"{macro_f1(gold, one, among):.3f}" for one in scores)
            answered = sum(map(bool, said)) / len(said)
            yield f"| {name} | {language} | {len(texts):,} | {shown} | {answered:.0%} |"


def _sets(folder: Path, language: str) -> Iterator[tuple[str, Said, list[str], Sequence[str]]]:
    for name in EMOTION_SETS:
        rows = list(emotion_rows(folder / name / "dev.jsonl.gz", name, language))
        if rows:
            gold = [frozenset(value for _, value in row.values) for row in rows]
            yield f"{name}, dev", gold, [row.text for row in rows], labelled(name, language)
    held = [post for post in own_posts(language) if is_held_out(post[0])]
    gold = [frozenset(value for facet, value in values if facet == "emotion") for _, values in held]
    yield "our posts, held out", gold, [text for text, _ in held], EMOTIONS


def macro_f1(gold: Said, said: Said, among: Sequence[str]) -> float:
    """The mean over the emotions `among` of twice the agreed, over the number of texts that either side gives the emotion."""
    scores = []
    for emotion in among:
        both = sum(emotion in g and emotion in s for g, s in zip(gold, said, strict=True))
        either = sum(emotion in g for g in gold) + sum(emotion in s for s in said)
        scores.append(2 * both / either if either else 0.0)
    return float(np.mean(scores))


def most_common(gold: Said) -> Said:
    """The most frequent emotion of all, for each text."""
    best = max(EMOTIONS, key=lambda emotion: sum(emotion in one for one in gold))
    return [frozenset({best})] * len(gold)


def by_words(texts: Sequence[str], language: str) -> Said:
    """The emotions of which a text has a word."""
    patterns = {
        emotion: re.compile("|".join(rf"\b{re.escape(fold(term))}\b" for term in spoken[language]))
        for emotion, spoken in terms()["emotion"].items()
    }
    return [
        frozenset(emotion for emotion, pattern in patterns.items() if pattern.search(fold(text)))
        for text in texts
    ]
