"""Stories: copies with a changed word fold around the most copied text, whatever the order."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.understand.gist import LEAST_SHARED, MOST_WORDS, gist_of, words_in
from processors.understand.signature import copied_part
from processors.understand.stories import MOST_TEXTS, CopiedText, folded
from tests.contracts.examples import examples

POST = "Brightwater is pouring waste into the river at night, please share before they delete this"

EDITED = [
    f"BREAKING NEWS: {POST}",
    f"so true! {POST} #riverwatch #brightwater https://short.example/9",
    POST.replace("please share", "pls RT"),
    POST.replace("waste", "poison"),
    POST.replace("at night, ", ""),
    f"{POST} wake up people",
]
OTHERS = [
    "Brightwater is hiring forty people for the new plant at the river, apply before the end of May",
    "they never answered me at all",
    "You need to follow me so that I can DM",
]


def text(said: str, count: int = 1) -> CopiedText:
    return CopiedText(*copied_part(said), count)


@pytest.mark.parametrize("edited", EDITED)
def test_a_lightly_edited_copy_tells_the_story_of_the_most_copied_text(edited: str) -> None:
    lead, copy = text(POST, 3), text(edited)
    assert lead.signature != copy.signature
    assert folded([copy, lead])[copy.signature] == lead.signature


@pytest.mark.parametrize("other", OTHERS)
def test_another_text_is_another_story(other: str) -> None:
    lead, one = text(POST, 3), text(other)
    assert folded([lead, one])[one.signature] == one.signature


def test_short_texts_fold_only_where_they_are_equal() -> None:
    assert gist_of(b"follow me so i can dm") == b""
    one, other = text("they never answered me at all"), text("they never answered us at all")
    assert len(set(folded([one, other]).values())) == 2


def test_a_text_that_older_code_stored_without_a_gist_folds_by_its_signature() -> None:
    signature, gist = copied_part(POST)
    edited = text(EDITED[0])
    found = folded([CopiedText(signature, None, 4), CopiedText(signature, gist, 1), edited])
    assert found == {signature: signature, edited.signature: signature}
    alone = folded([CopiedText(signature, None, 4), edited])
    assert alone[edited.signature] == edited.signature


@settings(max_examples=examples(30), deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 3))
def test_the_order_of_the_texts_and_how_they_are_grouped_make_no_difference(
    dice: random.Random, more: int
) -> None:
    texts = [
        text(one, 1 + n % 3)
        for n, one in enumerate([POST, *EDITED, *OTHERS, *(f"{POST} {n}" for n in "abc")])
    ]
    texts += [text(POST.replace("river", word), 1) for word in ("lake", "sea", "canal", "harbour")[:more]]
    cut = [CopiedText(one.signature, one.gist, 1) for one in texts for _ in range(one.count)]
    shuffled = dice.sample(cut, len(cut))
    assert folded(texts) == folded(shuffled)


def test_thousands_of_texts_that_were_made_up_to_cost_time_are_folded_within_bounds() -> None:
    words = [f"word{n}" for n in range(60)]
    dice = random.Random(4)
    texts = [
        CopiedText(1 + n, gist_of(" ".join(dice.sample(words, 12)).encode()), 1 + (n % 7 == 0))
        for n in range(MOST_TEXTS // 4)
    ]
    found = folded(texts)
    assert found.keys() == {one.signature for one in texts}
    # A story has one leader, which leads itself.
    assert {found[told] for told in found.values()} == set(found.values())


def test_a_long_text_is_told_by_a_bounded_gist() -> None:
    words = [f"w{n}" for n in range(500)]
    assert len(words_in(gist_of(" ".join(words).encode()))) == MOST_WORDS
    assert len(words_in(gist_of(" ".join(words[:LEAST_SHARED]).encode()))) == LEAST_SHARED
