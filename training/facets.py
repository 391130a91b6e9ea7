"""Fits the facets of a language (`processors/understand/facets.py`): one logistic regression for each value.

Our own posts have a label of every facet. XED and BRIGHTER have emotions, and their rows count for these columns alone. The
threshold of a value is the logit that does best (F1) on posts that a fit had not seen: the examples are split in `FOLDS`, each
judged by a fit to the others. A value that no threshold makes right in `LEAST_RIGHT` of the cases (harm: in
`LEAST_RIGHT_OF_HARM`) is never said.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import tomllib
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from processors.understand import lexicon
from processors.understand.facets import BUCKETS, COLUMNS, FacetModel
from processors.understand.harm import harm_words
from processors.understand.triggers import trigger_terms
from tocsin.core.facets import FACETS
from training.corpus import posts
from training.data import is_held_out
from training.matrix import features
from training.short import CRISES, FACETED, HARM, written

C: Final = 3.0
"""The inverse of the regularisation's strength. A third or three times of it does as well within a point."""
FOLDS: Final = 5
LARGEST: Final = 127
NEVER: Final = -30.0
"""The bias of a column without an example: its value is never said."""
LEAST_RIGHT: Final = 0.35
LEAST_RIGHT_OF_HARM: Final = 0.8
"""What is called harmful is hidden until it is asked for, and an angry complaint that is hidden is read too late."""
LEAST_SAID: Final = 20
"""The fewest posts of the folds that a threshold must let through. Figures of fewer posts are chance."""

EMOTION_SETS: Final = {
    "xed": FACETS["emotion"],
    "brighter": ("anger", "disgust", "fear", "sadness", "joy", "surprise"),
}
"""By set, the emotions that it labels. The English part of BRIGHTER has no disgust."""
SET_WEIGHT: Final = 0.5
WRITTEN_FOR: Final = {CRISES: "crisis", HARM: "harm"}
"""By folder, the facet that its posts were written for: they have its values far more often than a day's talk has."""
OF_MANY: Final = 0.4
"""What such a post counts where the thresholds of that facet are chosen."""

TRIGGERS: Final = {
    "safety": ("crisis", "safety"),
    "regulator": ("crisis", "legal"),
    "data_breach": ("crisis", "data"),
    "executive": ("crisis", "executive"),
    "violence": ("harm", "violence"),
}
"""By category of the trigger terms, the facet and the value that a term hints at."""
HINT_WEIGHT: Final = 0.5

Floats = npt.NDArray[np.float64]


class FacetExample(NamedTuple):
    """A text, its values, and the weight of each facet's labels: 0 where the source does not label it."""

    text: str
    values: frozenset[tuple[str, str]]
    weights: tuple[float, ...]
    written_for: str = ""
    """The facet for which it was written, if it was."""


def facet_examples(language: str, folder: Path | None) -> list[FacetExample]:
    """The examples in a language: our own posts and, where `folder` is given, the sets of emotions in it."""
    everything = (1.0,) * len(COLUMNS)
    wanted = {
        one.text: facet
        for its, facet in WRITTEN_FOR.items()
        for one in written(its)
        if one.language == language
    }
    found = [
        FacetExample(text, values, everything, wanted.get(text, "")) for text, values in own_posts(language)
    ]
    found += hints(language)
    if folder is not None:
        for name in EMOTION_SETS:
            found += emotions_of(folder, name, language)
    return found


def terms() -> dict[str, dict[str, dict[str, list[str]]]]:
    """The words that tell a value by themselves (terms.toml, harm_words.toml): facet -> value -> language -> terms."""
    written = Path(__file__).with_name("terms.toml").read_text(encoding="utf-8")
    return {**tomllib.loads(written), "harm": harm_words()}


def hints(language: str) -> Iterator[FacetExample]:
    """Terms as examples of their value. They count for the columns of their facet, and for no other."""
    for category, by_language in trigger_terms().items():
        for term in by_language.get(language, ()):
            yield _hint(re.sub(r"[*~]", " ", term), *TRIGGERS[category])
    for facet, by_value in terms().items():
        for value, spoken in by_value.items():
            for term in spoken.get(language, ()):
                yield _hint(term, facet, value)


def _hint(term: str, facet: str, value: str) -> FacetExample:
    weights = tuple(HINT_WEIGHT * (column[0] == facet) for column in COLUMNS)
    return FacetExample(" ".join(term.split()), frozenset({(facet, value)}), weights)


def own_posts(language: str) -> Iterator[tuple[str, frozenset[tuple[str, str]]]]:
    """The posts in a language that were written for Tocsin, each with the value of each of its facets."""
    for post in posts(language):
        yield post.text, frozenset((facet, getattr(post, facet)) for facet in FACETS)
    for one in written(*FACETED):
        if one.language == language:
            yield one.text, frozenset(zip(FACETS, one.facets, strict=True))


def emotion_rows(path: Path, name: str, language: str) -> Iterator[FacetExample]:
    """The rows of a file of a set in a language, with their emotions."""
    weights = tuple(
        SET_WEIGHT * (facet == "emotion" and value in labelled(name, language)) for facet, value in COLUMNS
    )
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            if row["lang"] == language:
                values = frozenset(("emotion", emotion) for emotion in row["emotions"])
                yield FacetExample(row["text"], values, weights)


def emotions_of(folder: Path, name: str, language: str) -> list[FacetExample]:
    """The rows of a set that are learnt from, in a language."""
    return list(emotion_rows(folder / name / "train.jsonl.gz", name, language))


def labelled(name: str, language: str) -> tuple[str, ...]:
    """The emotions that a set labels in a language."""
    return tuple(one for one in EMOTION_SETS[name] if (name, language, one) != ("brighter", "en", "disgust"))


class FittedFacets(NamedTuple):
    """A model, and how it does on the posts that were held out."""

    model: FacetModel
    report: dict[str, Any]


def fit_facets(language: str, found: Sequence[FacetExample]) -> FittedFacets:
    """Fit on nine tenths of the examples, choose the thresholds among them, and judge by the last tenth of our own posts."""
    found = sorted(found, key=lambda one: (one.text, sorted(one.values), one.weights))
    learnt = [one for one in found if not is_held_out(one.text)]
    held = [one for one in found if is_held_out(one.text) and min(one.weights) > 0]
    matrix = folded(features([one.text for one in learnt], language))
    labels, weights = _labels(learnt), np.array([one.weights for one in learnt])
    hinted = frozenset(one.text for one in hints(language))
    heard = np.array([one.text not in hinted for one in learnt])
    logits = _across_folds(matrix, labels, weights, learnt)
    # A day's talk has far fewer crises, and less harm, than what is learnt.
    common = commonness(learnt)
    thresholds = _thresholds(labels[heard], weights[heard], common[heard], logits[heard])
    fitted, bias = _fitted(matrix, labels, weights)
    scale = np.maximum(np.abs(fitted).max(axis=0), 1e-9) / LARGEST
    whole = np.round(fitted / scale).astype(np.int8)
    told = whole.tobytes() + thresholds.tobytes() + lexicon.written(language).encode()
    version = hashlib.sha256(told).hexdigest()[:8]
    model = FacetModel(language, version, whole, scale, bias, thresholds)
    logits = folded(features([one.text for one in held], language, learnt=False)) @ (whole * scale) + bias
    report = {
        "learnt": len(learnt),
        "held_out": len(held),
        "values": _judged(_labels(held), logits >= thresholds),
    }
    return FittedFacets(model, report)


def folded(matrix: Any) -> Any:
    """The features in `BUCKETS` buckets, as `Sums` folds them."""
    from scipy import sparse

    given = matrix.tocoo()
    places = (given.row, given.col & (BUCKETS - 1))
    return sparse.coo_matrix((given.data, places), shape=(given.shape[0], BUCKETS)).tocsr()


def commonness(found: Sequence[FacetExample]) -> Floats:
    """By example and column, what it counts where a threshold is chosen."""
    wanted = np.array([one.written_for for one in found])[:, None]
    facets = np.array([facet for facet, _ in COLUMNS])[None, :]
    return np.where(wanted == facets, OF_MANY, 1.0)


def _labels(found: Sequence[FacetExample]) -> Floats:
    return np.array([[column in one.values for column in COLUMNS] for one in found], dtype=np.float64)


def _fitted(matrix: Any, labels: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """The weights (bucket, column) and the biases: one logistic regression for each column, on the examples that label it."""
    from sklearn.linear_model import LogisticRegression

    columns = labels.shape[1]
    own, bias = np.zeros((matrix.shape[1], columns)), np.full(columns, NEVER)
    for column in range(columns):
        counts = weights[:, column] > 0
        if not 0 < labels[counts, column].sum() < counts.sum():
            continue
        regression = LogisticRegression(
            solver="liblinear", dual=True, C=C, tol=0.01, max_iter=300, random_state=0
        )
        regression.fit(matrix[counts], labels[counts, column], sample_weight=weights[counts, column])
        own[:, column], bias[column] = regression.coef_[0], regression.intercept_[0]
    return own, bias


def _across_folds(matrix: Any, labels: Floats, weights: Floats, learnt: Sequence[FacetExample]) -> Floats:
    """The logits of each example, by a fit to the folds that it is not in."""
    fold_of = np.array(
        [zlib.crc32(b"fold " + one.text.encode("utf-8", "surrogatepass")) % FOLDS for one in learnt]
    )
    logits = np.zeros_like(labels)
    for fold in range(FOLDS):
        inside = fold_of == fold
        own, bias = _fitted(matrix[~inside], labels[~inside], weights[~inside])
        logits[inside] = matrix[inside] @ own + bias
    return logits


def _thresholds(labels: Floats, weights: Floats, common: Floats, logits: Floats) -> Floats:
    return np.array(
        [
            threshold(
                labels[:, column],
                weights[:, column],
                common[:, column],
                logits[:, column],
                LEAST_RIGHT_OF_HARM if facet == "harm" else LEAST_RIGHT,
            )
            for column, (facet, _) in enumerate(COLUMNS)
        ]
    )


def threshold(labels: Floats, weights: Floats, common: Floats, logits: Floats, least_right: float) -> float:
    """The logit from which a value is said: the best F1 among those that are right often enough, or infinity."""
    order = np.argsort(-logits, kind="stable")
    has = labels * weights * common
    right, said = np.cumsum(has[order]), np.cumsum((weights * common)[order])
    precision = right / np.maximum(said, 1e-9)
    f1 = 2 * right / (said + has.sum())
    fit = (precision >= least_right) & (np.cumsum(weights[order]) >= LEAST_SAID * min(1.0, SET_WEIGHT))
    return float(logits[order][np.where(fit, f1, -1).argmax()]) if fit.any() else float("inf")


def _judged(labels: Floats, said: npt.NDArray[np.bool_]) -> dict[str, dict[str, Any]]:
    """By value, how many posts have it, how often it is right where it is said, and how many of its posts it is said of."""
    both = (labels * said).sum(axis=0)
    return {
        f"{facet}:{value}": {
            "posts": int(labels[:, column].sum()),
            "precision": round(float(both[column] / max(1, said[:, column].sum())), 4),
            "recall": round(float(both[column] / max(1, labels[:, column].sum())), 4),
        }
        for column, (facet, value) in enumerate(COLUMNS)
    }
