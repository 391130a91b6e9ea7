"""The comparison of letters: two spellings of one word are equal, and nothing else about a text matters."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contracts.examples import examples
from tocsin.query.fold import MOST_FOR_ONE, fold, fold_together


@pytest.mark.parametrize(
    "spelling", ["İSTANBUL", "ISTANBUL", "istanbul", "ıstanbul", "İstanbul", "i\u0307stanbul"]
)
def test_dotted_and_dotless_i_are_one_letter(spelling: str) -> None:
    assert fold(spelling) == "istanbul"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # Romanian: comma below, cedilla.
        ("ș ț Ș Ț", "ş ţ Ş Ţ"),
        ("știință", "stiinta"),
        ("Şişecam", "sisecam"),
        ("ÇAĞRI MERKEZİ", "cagri merkezi"),
        # Dutch, composed and not.
        ("één", "e\u0301e\u0301n"),
        ("ĳsland", "ijsland"),
        ("Straße", "STRASSE"),
        ("søster Łódź", "soster lodz"),
        ("œuvre ÆON", "oeuvre aeon"),
        ("ＴＯＣＳＩＮ", "tocsin"),
        ("𝐓𝐨𝐜𝐬𝐢𝐧", "tocsin"),
        ("ﬁne", "fine"),
        ("Σίσυφος", "σισυφοσ"),
        ("мёд", "мед"),
        ("مُحَمَّد", "محمد"),
        # Korean, composed and not.
        ("한국", "\u1112\u1161\u11ab\u1100\u116e\u11a8"),
        # Kana, full and half width.
        ("ガ", "\uff76\uff9e"),
        ("が", "\u304b\u3099"),
    ],
)
def test_two_writings_of_one_word_are_equal(one: str, other: str) -> None:
    assert fold(one) == fold(other)
    assert fold(f"beside much ASCII {one}") == fold(f"beside much ASCII {other}")


@pytest.mark.parametrize(
    "hidden",
    [
        "toc\u200bsin",
        "toc\u00adsin",
        "\u202etocsin",
        "to\ufe0fcsin",
        "t\u2060ocsin",
        "toc\U000e0041sin",
        "\ufefftocsin",
    ],
)
def test_invisible_characters_do_not_hide_a_word(hidden: str) -> None:
    assert fold(hidden) == "tocsin"


def test_signs_that_are_typed_in_many_ways_are_one() -> None:
    assert fold("Tocsin’in Tocsin´in Tocsinʼin") == "tocsin'in tocsin'in tocsin'in"
    assert fold("coca‑cola coca–cola") == "coca-cola coca-cola"
    assert fold("“Tocsin”") == '"tocsin"'
    assert fold("Tocsin™ Bell®") == "tocsin  bell "
    assert fold("a\u00a0b\u2003c") == "a b c"


def test_emoji_stay_and_lose_only_their_variation_selector() -> None:
    assert fold("😡 ❤️ 👍🏽") == "😡 ❤ 👍🏽"


def test_letters_of_other_scripts_stay_different() -> None:
    assert len({fold(letter) for letter in "がかがぎき"}) == 4
    assert fold("कि") != fold("क")


@pytest.mark.slow("many cases")
def test_folding_again_changes_nothing_for_any_character() -> None:
    for point in range(0x80, sys.maxunicode + 1):
        char = chr(point)
        if unicodedata.category(char) in ("Cn", "Co") or "\u4e00" <= char <= "\ud7a3" or point > 0x1FFFF:
            # Not assigned, or one of very many of a kind.
            continue
        folded = fold(char)
        assert fold(folded) == folded, hex(point)
        assert len(folded) <= MOST_FOR_ONE, hex(point)


_anything = st.text(st.characters() | st.sampled_from("İıIşŞțğ’“™é\u0301\u200b😡한\u1112\u1161が\u3099aB \n"))


@given(_anything)
def test_folding_is_done_letter_by_letter_and_once(text: str) -> None:
    folded = fold(text)
    assert fold(folded) == folded
    assert len(folded) <= MOST_FOR_ONE * len(text)


@given(_anything, _anything)
def test_the_rest_of_a_text_does_not_change_how_a_part_folds(one: str, other: str) -> None:
    """The fast ways (ASCII, European, few letters, many) agree, whichever the whole text takes."""
    assert fold(f"{one}\n{other}") == f"{fold(one)}\n{fold(other)}"


@pytest.mark.parametrize("piece", ["\u0316\u0300", "\u093c\u094d", "\ufdfa", "\u1100", "😡", "ğ", "\u3099"])
def test_a_long_hostile_text_folds_piece_by_piece(piece: str) -> None:
    assert fold(f"x{piece}\n" * 10_000) == fold(f"x{piece}\n") * 10_000


@pytest.mark.slow("many random texts")
@settings(max_examples=examples(75), deadline=None)
@given(
    st.lists(
        st.text(max_size=12) | st.text(st.sampled_from("aİ?ßçḉ☕\ufe0f\n&#1;ﷺ가각"), max_size=8), max_size=6
    )
)
def test_folded_together_is_folded_one_by_one(texts: list[str]) -> None:
    block, pieces = fold_together(texts)
    folded = [fold(text) for text in texts]
    assert block == "\n".join(folded)
    assert list(map(len, pieces)) == list(map(len, folded))
