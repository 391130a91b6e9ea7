"""`python -m training.deep_facets`: the head that tells kinds of crisis and harm from the second opinion's vectors.

Needs the extra `tocsin[deep]`. It writes `models/deep-facets.npz` with its card. It learns from posts that were written for
Tocsin in twelve languages, each with one kind of crisis and one of harm, or none: of each language those of the lowest hash, so
that no language weighs more than another. `--vectors FILE` keeps the vectors between runs: making them takes minutes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from processors.understand.artefacts import FOLDER
from processors.understand.deep import shipped_deep
from processors.understand.deep_facets import NONE, TOLD, DeepFacets, Head
from processors.understand.language import SCORED
from tocsin.core.facets import FACETS
from training.data import FREE, is_held_out
from training.deep import Vectors
from training.facets import own_posts
from training.short import FACETED

C: Final = 30.0
MOST: Final = {"crisis": 450, "harm": 250}
"""The most posts of a language that have a value of a facet."""
MOST_WITHOUT: Final = 450
"""The most that have none of either."""
OF_NONE: Final = 2.0
"""What a post without a value weighs: a day has far more of them than what is learnt."""
FITS: Final = 6


class Read(NamedTuple):
    """A post with its language, and what it has of each facet of `TOLD`: `NONE` if nothing."""

    language: str
    text: str
    values: tuple[str, ...]


def samples() -> list[Read]:
    """The posts that the head learns from, and those that are held out, in the order of their languages."""
    found: list[Read] = []
    for language in SCORED:
        rows = sorted(
            {Read(language, text, _values(values)) for text, values in own_posts(language)},
            key=lambda one: (zlib.crc32(one.text.encode("utf-8", "surrogatepass")), one),
        )
        kept: dict[Read, None] = {}
        for place, facet in enumerate(TOLD):
            kept |= dict.fromkeys([one for one in rows if one.values[place] != NONE][: MOST[facet]])
        without = [one for one in rows if all(value == NONE for value in one.values)]
        found += [*kept, *without[:MOST_WITHOUT]]
    return found


def _values(values: frozenset[tuple[str, str]]) -> tuple[str, ...]:
    told = dict(values)
    return tuple(told[facet] if told.get(facet) in FACETS[facet] else NONE for facet in TOLD)


def fit(vectors: Any, values: Sequence[tuple[str, ...]]) -> DeepFacets:
    """The heads over these vectors: for each facet a multinomial logistic regression, the mean of `FITS` fits."""
    from sklearn.linear_model import LogisticRegression

    middle = np.round(vectors.mean(axis=0), 5)
    heads = []
    for place, facet in enumerate(TOLD):
        classes = (NONE, *FACETS[facet])
        gold = np.array([classes.index(one[place]) for one in values])
        weights = np.where(gold == 0, OF_NONE, 1.0)
        fits = []
        for part in range(FITS):
            kept = np.arange(len(gold)) % FITS != part
            regression = LogisticRegression(C=C, max_iter=600)
            fits.append(regression.fit(vectors[kept] - middle, gold[kept], sample_weight=weights[kept]))
        assert all(len(one.classes_) == len(classes) for one in fits)
        # The weights are rounded, so that the last bits of a sum change no byte.
        told: Any = np.round(np.mean([one.coef_.T for one in fits], axis=0), 4)
        bias: Any = np.round(np.mean([one.intercept_ for one in fits], axis=0), 4)
        heads.append(Head(told, bias))
    version = hashlib.sha256(b"".join(part.tobytes() for head in heads for part in head)).hexdigest()[:8]
    return DeepFacets(version, middle, tuple(heads))


def judged(model: DeepFacets, vectors: Any, found: Sequence[Read]) -> dict[str, dict[str, Any]]:
    """By value, how many posts have it, how often it is right where it is said, and how many of its posts it is said of."""
    counts: Counter[tuple[str, str]] = Counter()
    for one, said in zip(found, model.told(vectors), strict=True):
        for facet, value, told in zip(TOLD, one.values, said, strict=True):
            counts.update({(f"{facet}:{value}", "posts"): 1, (f"{facet}:{told}", "said"): 1})
            counts[f"{facet}:{value}", "right"] += told == value
    return {
        name: {
            "posts": counts[name, "posts"],
            "precision": round(counts[name, "right"] / max(1, counts[name, "said"]), 4),
            "recall": round(counts[name, "right"] / max(1, counts[name, "posts"]), 4),
        }
        for facet in TOLD
        for name in (f"{facet}:{value}" for value in FACETS[facet])
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit the head, write it and its card, and print how good it is on posts that it has not met."""
    parser = argparse.ArgumentParser(prog="python -m training.deep_facets", description=__doc__)
    parser.add_argument("--vectors", type=Path, help="a file that keeps vectors between runs (.npz)")
    parser.add_argument("--out", type=Path, default=FOLDER, help="where the head goes (default: the package)")
    given = parser.parse_args(arguments)
    encoder = shipped_deep()
    found = samples()
    vectors = Vectors(given.vectors, encoder.moved)([one.text for one in found])
    held = np.array([is_held_out(one.text) for one in found])
    learnt = [one for one, out in zip(found, held.tolist(), strict=True) if not out]
    rest = [one for one, out in zip(found, held.tolist(), strict=True) if out]
    model = fit(vectors[~held], [one.values for one in learnt])._replace(encoder=encoder.version)
    path = given.out / "deep-facets.npz"
    model.save(path)
    card = {
        "model": f"deep-facets-{model.version}",
        "task": "kinds of crisis and of harm in a short post, as a second opinion",
        "kind": "logistic regressions over the vectors of the second opinion",
        "encoder": f"deep-{encoder.version}",
        "learnt_from": ["training/corpus", *(f"training/{one.name}" for one in FACETED)],
        "licence": FREE,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "learnt": len(learnt),
        "held_out": len(rest),
        "values": judged(model, vectors[held], rest),
    }
    path.with_suffix(".json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    print(f"{path.name}: {len(learnt):,} posts, version {model.version}")
    for name, figures in card["values"].items():  # type: ignore[attr-defined]
        print(f"{name:24} {figures['posts']:5} {figures['precision']:.2f} {figures['recall']:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
