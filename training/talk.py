"""How much of a correction of the share of negatives is to be believed: measured on talk of other kinds.

How often a scorer takes a negative post for something else, or something else for a negative one, differs from one kind of talk
to the next by more than the posts of one kind can tell. So each kind, a set or a part of one, is asked in turn what the rates of
the others make of its share, at `PREVALENCES`. A part of the correction (`believed`) then leaves the smallest squared error, and
what is left of the error gives the width of the interval. The kinds count alike, however many posts they have.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from processors.understand.sentiment import Scorer
from training.data import Example

LEAST: Final = 30
"""So many negative posts and so many others make a kind of talk."""
PREVALENCES: Final = np.linspace(0.1, 0.8, 15)
"""The shares of negatives that a window of mentions may have. None was chosen for a brand."""
LEAST_KINDS: Final = 3
"""The fewest kinds of talk from which one can tell how far they differ."""


class Kind(NamedTuple):
    """A kind of talk: how often its negative posts are called so (`caught`), and its other posts (`wrong`); 0..1."""

    caught: float
    wrong: float
    posts: int


def kinds(scorer: Scorer, held: Sequence[Example]) -> dict[str, Kind]:
    """By name, the kinds of talk among texts that were not learnt from. A text without a label does not count."""
    texts = list({(one.text, one.label, one.talk): one for one in sorted(held)}.values())
    counts: dict[str, dict[bool, list[bool]]] = defaultdict(lambda: {True: [], False: []})
    for one, said in zip(texts, scorer.score([one.text for one in texts]), strict=True):
        if said.label != "unscored":
            counts[one.talk][one.label == "negative"].append(said.label == "negative")
    return {
        name: Kind(float(np.mean(by[True])), float(np.mean(by[False])), len(by[True]) + len(by[False]))
        for name, by in sorted(counts.items())
        if min(len(by[True]), len(by[False])) >= LEAST
    }


def correction(found: Mapping[str, Kind]) -> dict[str, Any]:
    """What a card says of the correction: the rates, how much of it is believed, half of the interval's width, and the kinds."""
    if len(found) < LEAST_KINDS:
        return {}
    caught, wrong = _mean(list(found.values()))
    said, undone = _left_out(list(found.values()))
    moves, errors = undone - said, PREVALENCES - said
    believed = float(np.clip((errors * moves).sum() / max((moves**2).sum(), 1e-12), 0, 1))
    off = float(np.sqrt(((errors - believed * moves) ** 2).mean()))
    return {
        "caught": round(caught, 4),
        "wrong": round(wrong, 4),
        "believed": round(believed, 4),
        "half_width": round(off * _student(len(found) - 1), 4),
        "kinds": {
            name: one._asdict() | {"caught": round(one.caught, 4), "wrong": round(one.wrong, 4)}
            for name, one in found.items()
        },
    }


def _left_out(found: Sequence[Kind]) -> tuple[Any, Any]:
    """By kind and prevalence, the share that is counted, and what the rates of the other kinds make of it."""
    said, undone = [], []
    for at, one in enumerate(found):
        caught, wrong = _mean([*found[:at], *found[at + 1 :]])
        counted = PREVALENCES * one.caught + (1 - PREVALENCES) * one.wrong
        said.append(counted)
        undone.append(np.clip((counted - wrong) / (caught - wrong), 0, 1))
    return np.array(said), np.array(undone)


def _mean(found: Sequence[Kind]) -> tuple[float, float]:
    return float(np.mean([one.caught for one in found])), float(np.mean([one.wrong for one in found]))


def _student(freedom: int) -> float:
    """The number of standard deviations that hold 95 %, where the standard deviation comes from so few kinds (Student's t)."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.975))
