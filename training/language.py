"""The table of `processors/understand/letters.py`, counted from cleared texts in twelve languages."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from processors.understand.language import plain_words
from processors.understand.letters import BUCKETS, LANGUAGES, UNIT, pieces
from training.corpus import LANGUAGES as OWN
from training.corpus import posts
from training.data import FREE
from training.short import CRISES, WRITTEN, written

SETS: Final = ("xed", "brighter", "mabsa5", "red_ro", "tweeteval_sentiment")
"""Cleared sets whose texts are read; labels are not. `tweeteval_sentiment` and `red_ro` name one language each in every row."""
MOST_OF_A_SET: Final = 8_000
"""The first so many rows of a language in a set: more English tweets would say nothing new."""
LEXICONS: Final = "lexicons"
SENTENCES: Final = Path(__file__).with_name("languages")
"""Sentences that were written for Tocsin, a file a language: for languages that no cleared set has."""
BY_OUR_POSTS: Final = ("pl", "sv")
"""The languages of which our own posts (`training/short.py`) are read, too: the sets have few of them."""
_POWER: Final = 0.5
"""A word that stands four times counts twice: letters are learnt from the vocabulary more than from the commonest words."""
_ADDED: Final = 0.28
"""Added to the millionths of a piece, so that a piece that a language does not have is rare and not impossible."""
_UNMET: Final = 0.03
"""Added to the count of a piece. A piece that was not met then tells less in a language with few texts (Indonesian)."""
_FOREIGN: Final = 5
"""A word that stands once in a language, and so many times more often in another one, is a foreign word in the first."""


def language_table(folder: Path) -> npt.NDArray[np.int16]:
    """The table, `BUCKETS` by languages."""
    found: dict[str, Counter[str]] = {language: Counter() for language in LANGUAGES}
    plain_of: dict[str, str] = {}
    for language, text in _texts(folder):
        for word, plain in plain_words(text):
            found[language][word] += 1
            plain_of[word] = plain
    totals = {language: counted.total() for language, counted in found.items()}
    counts = np.zeros((BUCKETS, len(LANGUAGES)))
    for column, language in enumerate(LANGUAGES):
        for word, times in found[language].items():
            elsewhere = max(found[one][word] / totals[one] for one in LANGUAGES if one != language)
            if times == 1 and elsewhere > _FOREIGN / totals[language]:
                continue
            for bucket in pieces(word, plain_of[word]):
                counts[bucket, column] += times**_POWER
    logs = np.log((counts + _UNMET) / counts.sum(axis=0) * 1e6 + _ADDED)
    logs -= logs.mean(axis=1, keepdims=True)
    table: npt.NDArray[np.int16] = np.round(logs * UNIT).astype(np.int16)
    return table


def save_language(folder: Path, path: Path) -> dict[str, Any]:
    """Write the artefact; give what its card says of it."""
    told, table = json.dumps({"languages": LANGUAGES}).encode(), language_table(folder)
    with path.open("wb") as file:
        np.savez_compressed(file, weights=table, told=np.frombuffer(told, dtype=np.uint8))
    return {
        "model": f"letters-{hashlib.sha256(table.tobytes()).hexdigest()[:8]}",
        "task": "how well a word fits each of twelve languages, beside fastText's lid.176",
        "kind": "logarithms of odds of hashed words, runs of letters and marked letters (naive Bayes)",
        "learnt_from": [
            "training/corpus",
            "training/languages",
            *(f"training/{one.name}" for one in (WRITTEN, CRISES)),
            *SETS,
            "lexicons/multilang_*",
            "lexicons/afinn_en",
        ],
        "licence": FREE,
    }


def _texts(folder: Path) -> Iterator[tuple[str, str]]:
    for name in SETS:
        met: Counter[str] = Counter()
        with gzip.open(folder / name / "train.jsonl.gz", "rt", encoding="utf-8") as lines:
            for row in map(json.loads, lines):
                language = row.get("lang")
                met[language] += 1
                if language in LANGUAGES and met[language] <= MOST_OF_A_SET:
                    yield language, row["text"]
    for language in OWN:
        for post in posts(language):
            yield language, post.text
    for one in written(WRITTEN, CRISES):
        if one.language in BY_OUR_POSTS:
            yield one.language, one.text
    for path in sorted(SENTENCES.glob("*.txt")):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield path.stem, line
    for path in (*sorted((folder / LEXICONS).glob("multilang_*.tsv")), folder / LEXICONS / "afinn_en.tsv"):
        language = path.stem[-2:]
        if language in LANGUAGES:
            for line in path.read_text(encoding="utf-8").splitlines():
                yield language, line.partition("\t")[0]
