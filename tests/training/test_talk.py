"""How much of the correction is believed: all of it where all talk is alike, little where each kind has errors of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from processors.understand.brand import Nudge
from processors.understand.corrected import Rates, corrected_share, rates_in
from processors.understand.sentiment import UNSCORED, Sentiment
from tocsin.core.facets import NO_FACETS, Facets
from training.data import Example
from training.talk import LEAST, PREVALENCES, Kind, correction, kinds


class ByWord:
    """A scorer that says negative where "bad" stands, and nothing where "what" does."""

    languages = frozenset({"en"})
    model = "by-word"

    def score(self, texts: Sequence[str], nudges: Sequence[Nudge] | None = None) -> list[Sentiment]:
        said = (Sentiment("negative" if "bad" in text else "neutral", 0, 9_000, "by-word") for text in texts)
        return [UNSCORED if "what" in text else one for text, one in zip(texts, said, strict=True)]

    def read(self, texts: Sequence[str]) -> list[tuple[Sentiment, Facets]]:
        return [(one, NO_FACETS) for one in self.score(texts)]


def test_where_all_talk_is_alike_the_whole_correction_is_believed() -> None:
    told = correction({name: Kind(0.7, 0.2, 500) for name in "abcd"})
    assert told["believed"] == pytest.approx(1.0) and told["half_width"] == pytest.approx(0.0, abs=1e-6)


def test_the_more_the_kinds_differ_the_less_is_believed_and_the_wider_is_the_interval() -> None:
    alike = correction({str(by): Kind(0.7 + by, 0.2 + by, 500) for by in (-0.04, 0.0, 0.04)})
    apart = correction({str(by): Kind(0.7 + by, 0.2 + by, 500) for by in (-0.15, 0.0, 0.15)})
    assert 1 > alike["believed"] > apart["believed"] >= 0
    assert 0 < alike["half_width"] < apart["half_width"]
    assert correction({name: Kind(0.7, 0.2, 500) for name in "ab"}) == {}


@pytest.mark.parametrize("seed", range(3))
def test_on_talk_that_was_not_measured_it_is_nearer_than_the_count_and_than_the_whole_correction(
    seed: int,
) -> None:
    """Sixty kinds of talk, of which eight are measured: of the others the share is known only by what is said of the eight."""
    rng = np.random.default_rng(seed)
    every = [
        Kind(caught, wrong, 500)
        for caught, wrong in rng.normal((0.72, 0.22), 0.08, size=(60, 2)).clip(0.02, 0.98).tolist()
    ]
    rates = rates_in({"share_of_negatives": correction({str(at): one for at, one in enumerate(every[:8])})})
    assert rates is not None
    off: dict[str, list[float]] = {"counted": [], "whole": [], "believed": []}
    held = []
    for one in every[8:]:
        for share in PREVALENCES:
            said = {"en": (round(1000 * (share * one.caught + (1 - share) * one.wrong)), 1000)}
            found = corrected_share(said, {"en": rates})
            whole = corrected_share(said, {"en": Rates(rates.caught, rates.wrong)})
            assert found is not None and whole is not None
            off["counted"].append(abs(said["en"][0] / 1000 - share))
            off["whole"].append(abs(whole.share - share))
            off["believed"].append(abs(found.share - share))
            held.append(found.lower <= share <= found.upper)
    mean = {name: float(np.mean(values)) for name, values in off.items()}
    assert mean["believed"] < min(mean["counted"], mean["whole"])
    assert np.mean(held) > 0.9


def test_a_kind_needs_posts_of_both_sorts_and_unscored_ones_do_not_count() -> None:
    posts = [Example(f"bad {number}", "negative", 1.0, talk="shop") for number in range(LEAST - 1)]
    posts += [Example("fine negative", "negative", 1.0, talk="shop")]
    posts += [Example(f"fine {number}", "neutral", 1.0, talk="shop") for number in range(LEAST)]
    posts += [Example(f"what {number}", "neutral", 1.0, talk="shop") for number in range(9)]
    few = [Example(f"fine {number}", "neutral", 1.0, talk="few") for number in range(99)]
    found = kinds(ByWord(), [*posts, *posts, *few])
    assert found == {"shop": Kind((LEAST - 1) / LEAST, 0.0, 2 * LEAST)}
