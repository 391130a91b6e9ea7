"""Near-duplicate signatures: which copies share one, and which texts must not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.understand.gist import ALIKE, LEAST_SHARED, MOST_WORDS, alike, words_in
from processors.understand.signature import NO_SIGNATURE, copied_part, is_repost, text_signature
from tests.contracts.examples import examples
from tocsin.core.mention import Mention

POST = "Brightwater is pouring waste into the river, share before they delete this"

COPIES = [
    POST.upper(),
    f"RT @someone: {POST}",
    f"rt @a rt @b: {POST}",
    f"{POST} https://short.example/a1",
    f"{POST} https://short.example/zz9 @press_desk",
    f"{POST}!!! 😡😡",
    f"{POST} #brightwater #river",
    f"{POST}\n\n#stopthem 😡 https://short.example/9",
    f"@minister @press {POST}",
    POST.replace(" into ", " &amp; @brightwater https://short.example/7 into ").replace("&amp; ", ""),
    "Brightwater is pouring waste into the river - share before they delete this",
    "Ｂｒｉｇｈｔｗａｔｅｒ is pouring waste into the river, share before they delete this",
    "Brightwater is pou\u200bring waste into the river, share before they delete this",
]


@pytest.mark.parametrize("copy", COPIES)
def test_copies_that_differ_in_what_copying_varies_share_a_signature(copy: str) -> None:
    assert copied_part(copy) == copied_part(POST)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "Ürün 3 gündür kargoda bekliyor, kimse ilgilenmiyor",
            "URUN 15 GÜNDÜR KARGODA BEKLİYOR kimse ilgilenmiyor!",
        ),
        ("Aplicația nu mai merge de azi dimineață", "aplicatia nu mai merge de azi dimineata :("),
        ("De café-actie geldt tot 12 mei in alle winkels", "De cafe-actie geldt tot 30 mei in alle winkels"),
    ],
)
def test_figures_and_diacritics_do_not_make_another_text(one: str, other: str) -> None:
    assert text_signature(one) == text_signature(other)


def test_other_words_make_another_signature() -> None:
    assert text_signature(POST) != text_signature(POST.replace("river", "lake"))
    assert text_signature("they never answered me at all") != text_signature("they never answered us at all")


def test_short_replies_of_many_people_are_no_flood() -> None:
    for reply in (
        "ok thanks",
        "ok thanks!",
        "@anna ok thanks",
        "ok thanks 😀",
        "teşekkürler",
        "Mulțumesc mult",
        "",
    ):
        assert text_signature(reply) == NO_SIGNATURE
    assert (
        text_signature("ok thanks https://a.example")
        == text_signature("OK thanks  https://a.example")
        != NO_SIGNATURE
    )
    assert text_signature("OK  Thanks") == text_signature("ok thanks")


def test_a_post_of_tags_alone_is_compared_by_its_tags() -> None:
    assert text_signature("#one #two #three #four") != text_signature("#five #six #seven #eight")


def test_a_text_without_spaces_is_long_enough_by_its_signs() -> None:
    text = "荷物がまだ届いていません電話もつながりません"
    assert text_signature(text) == text_signature(f"{text} https://short.example/1")


@pytest.mark.slow("takes in many mentions")
@settings(max_examples=examples(150), deadline=None)
@given(st.text())
def test_a_signature_fits_a_signed_bigint_whatever_the_text(text: str) -> None:
    assert 0 <= text_signature(text) < 2**63
    assert text_signature(text) == text_signature(text)
    assert copied_part(text) == copied_part(text)
    assert len(copied_part(text)[1]) in (0, *range(2 * LEAST_SHARED, 2 * MOST_WORDS + 1, 2))


@pytest.mark.parametrize(
    "text", ["\ud800" * 50, "\x00" * 50, "#a " * 100_000, "rt @a " * 100_000, "ﷺ" * 100_000, "@" * 100_000]
)
def test_hostile_texts_have_a_signature_too(text: str) -> None:
    assert 0 <= text_signature(text) < 2**63


@pytest.mark.slow("takes in many mentions")
@settings(max_examples=examples(100), deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "&amp;",
                "&x;",
                "@a_1",
                "www.b",
                "pic.twitter.com/c",
                "http://d/@e",
                "snow_fall",
                "x²",
                "12",
                "#tag",
            ]
        ),
        max_size=5,
    ),
    st.sampled_from(["", " 😡", " #end", " https://e.example", " 12:30"]),
)
def test_a_picture_at_the_end_changes_nothing_whatever_stands_before(noise: list[str], end: str) -> None:
    text = f"{POST} {' '.join(noise)} and this is the last of it{end}"
    assert (
        text_signature(text)
        == text_signature(f"{text} 😀")
        == text_signature(f"❄ {text.upper()}")
        != NO_SIGNATURE
    )


def test_gists_of_nearly_equal_texts_are_alike() -> None:
    mine, near, far = (
        words_in(copied_part(text)[1])
        for text in (
            POST,
            POST.replace("delete", "remove"),
            "the new coffee in the station hall is better than I had expected",
        )
    )
    assert alike(mine, near) >= ALIKE > alike(mine, far) == 0


def _mention(text: str, repost_of: str | None = None) -> Mention:
    return Mention(
        source="s", id="1", text=text, created_at=datetime(2026, 5, 1, tzinfo=UTC), repost_of=repost_of
    )


def test_a_repost_is_known_by_its_origin_or_by_its_prefix() -> None:
    assert is_repost(_mention("anything", repost_of="17"))
    assert is_repost(_mention("RT @anna: look at this"))
    assert is_repost(_mention(" rt @anna look at this"))
    assert not is_repost(_mention("art @anna made"))
    assert not is_repost(_mention("RT this if you agree"))
    assert not is_repost(_mention("thanks for the RT @anna"))
