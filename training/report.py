"""`make bench-sentiment`: how good the models are on posts that nobody trained on, as the tables of docs/understanding.md.

    python -m training.report --data FOLDER [--models FOLDER]

The language is detected from the text, as in `tocsin score`. A text without a label counts as wrong. In a set of two labels a
neutral answer counts by the sign of its score. `--models` names the folder of a second set of models (`make train DATA=all`). A
set that these learn from whole is measured on the tenth that is kept out.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from processors.understand.corrected import rates_of
from processors.understand.linear import LinearScorer, load_model
from processors.understand.sentiment import Scorer, Sentiment
from processors.understand.understander import Understander, default_scorers
from training.corpus import LANGUAGES, SENTIMENTS, posts
from training.data import FURTHER, OF_TWEETS, is_held_out
from training.emotions import emotion_table
from training.shares import (
    LANGUAGE,
    MOST,
    NOT_MET,
    Day,
    MadeUp,
    day_of,
    days,
    made_up,
    made_up_table,
    table,
)
from training.short import FACETED, written
from training.speed import Speed, speed, speed_table
from training.told import told_table

SETS: Final = (
    ("tweeteval_sentiment", "en"),
    ("umsab", "en"),
    ("vader_tweets", "en"),
    ("airline2015", "en"),
    ("tr_tweets_binary", "tr"),
    ("bounti", "tr"),
    ("nl_politics", "nl"),
    ("nl_bolcom", "nl"),
    ("red_ro", "ro"),
    ("laroseda", "ro"),
    *(("umsab", language) for language in OF_TWEETS),
    ("xed", "pl"),
    ("brighter", "sv"),
)


LEARNT_WHOLE: Final = ("airline2015",)
"""The sets without a dev part that `make train DATA=all` learns from."""
BATCH: Final = 256
DRAWS: Final = 100
"""How often labels are drawn by the confidences, to find the calibration error that chance alone leaves."""


class Figures(NamedTuple):
    """Shares of right labels and of unscored texts, means over the classes, and how far the confidence is off."""

    accuracy: float
    macro_recall: float
    macro_f1: float
    unscored: float
    calibration_error: float
    """The expected calibration error over ten steps of confidence (Naeini and others, 2015), of the texts with a label."""
    by_chance: float
    """The mean of this error if every confidence were true. It is above 0, because few texts never have exactly the shares they
    should.
    """


def figures(gold: Sequence[str], said: Sequence[Sentiment]) -> Figures:
    """What the labels `said` are worth against `gold`."""
    two = set(gold) == {"negative", "positive"}
    labels = [_of_two(one) if two else one.label for one in said]
    recalls, f1s = [], []
    for label in sorted(set(gold)):
        both = sum(g == s == label for g, s in zip(gold, labels, strict=True))
        recall = both / max(1, gold.count(label))
        precision = both / max(1, labels.count(label))
        recalls.append(recall)
        f1s.append(2 * precision * recall / (precision + recall) if both else 0.0)
    right = sum(g == s for g, s in zip(gold, labels, strict=True))
    return Figures(
        right / len(gold),
        float(np.mean(recalls)),
        float(np.mean(f1s)),
        sum(one.label == "unscored" for one in said) / len(said),
        *_calibration_errors(gold, said),
    )


def _calibration_errors(gold: Sequence[str], said: Sequence[Sentiment]) -> tuple[float, float]:
    scored = [(g, one) for g, one in zip(gold, said, strict=True) if one.label != "unscored"]
    confidence = np.array([one.confidence for _, one in scored])
    right = np.array([g == one.label for g, one in scored], dtype=float)
    dice = np.random.default_rng(7)
    true = [_off(confidence, dice.random(len(scored)) < confidence) for _ in range(DRAWS)]
    return _off(confidence, right), float(np.mean(true))


def pooled_table(found: Mapping[tuple[str, str], Mapping[str, tuple[str, Sentiment]]]) -> Iterator[str]:
    """The calibration error of all sets of a language together: by language and models, the label of each text and its sentiment.

    Sets that are right more often than said and sets that are right less often make up for each other here.
    """
    yield "| language | models | texts | calibration error | by chance |"
    yield "| --- | --- | --: | --: | --: |"
    for (language, column), said in sorted(found.items()):
        gold, sentiments = zip(*said.values(), strict=True)
        off, chance = _calibration_errors(gold, sentiments)
        yield f"| {language} | {column} | {len(said):,} | {off:.3f} | {chance:.3f} |"


def _off(confidence: Any, right: Any) -> float:
    """How far the share of right labels lies from the confidence, by step of the confidence, on average."""
    steps = np.minimum((confidence * 10).astype(int), 9)
    off = np.abs(np.bincount(steps, weights=right - confidence, minlength=10))
    return float(off.sum() / max(1, len(confidence)))


def _of_two(said: Sentiment) -> str:
    if said.label != "neutral":
        return said.label
    return "positive" if said.score_e4 > 0 else "negative"


def rows(folder: Path, name: str, language: str) -> list[tuple[str, str]]:
    """Texts and labels that no model of ours was trained on."""
    if name == "tr_tweets_binary":
        # The set has no part of its own for this: a tenth is kept out of training.
        return [
            (text, label)
            for text, label in _read(folder / name / "train.jsonl.gz", language)
            if is_held_out(text)
        ]
    path = folder / name / "dev.jsonl.gz"
    return list(_read(path if path.exists() else folder / name / "stream.jsonl.gz", language))


def _read(path: Path, language: str) -> Iterator[tuple[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            if row.get("label") in SENTIMENTS and (row.get("lang") or language) == language:
                yield row["text"], row["label"]


def not_learnt(name: str, found: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The texts of a set that models of all sets have not learnt from."""
    return [row for row in found if is_held_out(row[0])] if name in LEARNT_WHOLE else found


def _held_out(language: str) -> list[tuple[str, str]]:
    found = [(post.text, post.sentiment) for post in posts(language)]
    found += [(one.text, one.label) for one in written(*FACETED) if one.language == language]
    return [row for row in found if is_held_out(row[0])]


def measured(
    scorers: Sequence[Scorer], texts: Sequence[str], language: str | None = None
) -> tuple[list[Sentiment], float]:
    """The sentiments, and how many texts a second. Without a `language` it is told from the text."""
    understander = Understander(scorers)
    understander.sentiments(["warm"], [None])
    began = time.perf_counter()
    said: list[Sentiment] = []
    for at in range(0, len(texts), BATCH):
        batch = texts[at : at + BATCH]
        said += [sentiment for _, sentiment in understander.sentiments(batch, [language] * len(batch))]
    return said, len(texts) / (time.perf_counter() - began)


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m training.report", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", type=Path, help="a second set of models")
    given = parser.parse_args()
    columns = {"cleared": default_scorers()}
    if given.models:
        columns["all"] = tuple(_others(given.models))
    shares = "accuracy | macro recall | macro F1 | unscored | calibration error | by chance"
    print(f"| set | language | texts | models | {shares} | texts/s |")
    print("| --- | --- | --: | --- | --: | --: | --: | --: | --: | --: | --: |")
    # A text that stands in two sets counts once in the table of all sets together.
    pooled: dict[tuple[str, str], dict[str, tuple[str, Sentiment]]] = defaultdict(dict)
    for name, language, found in _sets(given.data):
        for column, scorers in columns.items():
            part = not_learnt(name, found) if column == "all" else found
            said, pace = measured(scorers, [text for text, _ in part])
            got = figures([label for _, label in part], said)
            pooled[language, column] |= {
                text: (label, one) for (text, label), one in zip(part, said, strict=True)
            }
            shown = " | ".join(f"{one:.3f}" for one in got)
            print(f"| {name} | {language} | {len(part):,} | {column} | {shown} | {pace:,.0f} |")
    print()
    for line in pooled_table(pooled):
        print(line)
    print()
    for line in made_up_table(list(_made_up(given.data))):
        print(line)
    print()
    for line in table(list(_days(given.data))):
        print(line)
    print()
    for line in emotion_table(given.data, ("en", "tr", "nl", "ro", *FURTHER)):
        print(line)
    for languages in (LANGUAGES, FURTHER):
        print()
        for line in told_table(languages):
            print(line)
    print()
    for line in speed_table(list(_speeds(given.data))):
        print(line)
    return 0


def _speeds(folder: Path) -> Iterator[tuple[str, str, Sequence[str], Speed]]:
    for name, language in SETS:
        texts = [text for text, _ in rows(folder, name, language)]
        yield name, language, texts, speed(default_scorers(), language, texts)


def _made_up(folder: Path) -> Iterator[tuple[str, str, MadeUp]]:
    for name, language in NOT_MET:
        found = list(_all_of(folder / name, language))[:MOST]
        rates = rates_of(language)
        if rates is not None:
            said, _ = measured(default_scorers(), [text for text, _ in found], language)
            yield name, language, made_up(language, [label for _, label in found], said, rates)


def _all_of(folder: Path, language: str) -> Iterator[tuple[str, str]]:
    for part in ("dev", "train", "stream"):
        path = folder / f"{part}.jsonl.gz"
        if path.exists():
            yield from _read(path, language)


def _days(folder: Path) -> Iterator[Day]:
    rates = rates_of(LANGUAGE)
    assert rates is not None, "the package has a model of this language"
    for key, found in days(folder).items():
        said, _ = measured(default_scorers(), [text for text, _ in found])
        day = day_of(key, [label for _, label in found], said, rates)
        if day is not None:
            yield day


def _sets(folder: Path) -> Iterable[tuple[str, str, list[tuple[str, str]]]]:
    for name, language in SETS:
        yield name, language, rows(folder, name, language)
    for language in (*LANGUAGES, *FURTHER):
        yield "our corpus, held out", language, _held_out(language)


def _others(folder: Path) -> Iterator[Any]:
    for path in sorted(folder.glob("sentiment-*.npz")):
        model = load_model(path)
        yield LinearScorer(model.language, model)


if __name__ == "__main__":
    sys.exit(main())
