"""The words that counted for a score: found where they stand, and no riddle where the model is another one."""

from __future__ import annotations

import numpy as np
import pytest

from processors.understand.linear import LinearScorer
from processors.understand.reasons import MOST, pieces, places, reasons, reasons_for

ANGRY = "Worst airline of all #NeverAgain but the crew was lovely"


def test_the_words_that_counted_stand_where_they_say_and_the_strongest_come_first_to_mind() -> None:
    found = reasons(LinearScorer("en"), ANGRY)
    assert 0 < len(found) <= MOST
    assert all(ANGRY[one.start : one.end] == one.word for one in found)
    assert max(found, key=lambda one: one.weight).word == "Worst"
    assert min(found, key=lambda one: one.weight).word == "lovely"
    assert "".join(piece for piece, _ in pieces(ANGRY, found)) == ANGRY
    assert sum(weight != 0 for _, weight in pieces(ANGRY, found)) == len(found)


@pytest.mark.parametrize(
    ("language", "text"), [("en", ANGRY), ("tr", "kargom hâlâ gelmedi, rezalet!!!!!!"), ("nl", "")]
)
def test_the_parts_of_the_words_add_up_to_the_score_but_for_the_whole(language: str, text: str) -> None:
    """What a text's tokens and pairs bring, and what it brings as a whole, is all that there is."""
    scorer = LinearScorer(language)
    parts = scorer.parts(text)
    assert len(parts) == len(places(text))
    nothing = np.log(scorer.shares([text])[0] / scorer.shares([text])[0, 1])
    told = parts.sum(axis=0) - parts.sum(axis=0)[1]
    assert np.abs(nothing - told).max() < 3.0


def test_a_full_stop_is_no_reason_for_a_reader() -> None:
    found = reasons(
        LinearScorer("nl"), "Mijn lader begon te sissen, doodeng. Dat ze niets zeggen vind ik het ergst."
    )
    assert "doodeng" in {one.word for one in found}
    assert not {".", ","} & {one.word for one in found}


def test_a_quoted_line_has_no_reasons_and_those_after_it_stand_where_they_say() -> None:
    text = f"> your crew is awful and I hate it\n{ANGRY}\n> terrible\nThank you, wonderful"
    found = reasons_for(LinearScorer("en").model, "en", text)
    assert found and all(text[one.start : one.end] == one.word for one in found)
    assert {"Worst", "wonderful"} <= {one.word for one in found}
    assert not {"awful", "hate", "terrible"} & {one.word for one in found}


def test_a_score_of_another_model_has_no_reasons() -> None:
    assert reasons_for("vader-3.3.2-1", "en", ANGRY) is None
    assert reasons_for(None, None, ANGRY) is None
    assert reasons_for("linear-en-00000000", "de", ANGRY) is None
    assert reasons_for(LinearScorer("en").model, "en", ANGRY)
    assert reasons_for(LinearScorer("en").model, "en", "") == []
