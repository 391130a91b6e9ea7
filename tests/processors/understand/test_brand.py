"""Sentiment toward one brand: the clauses about it, its neutral words, and what corrections have taught."""

from __future__ import annotations

import pytest

from processors.understand import AboutBrand, Understander, default_scorers
from processors.understand.brand import Brand, BrandModel
from processors.understand.target import part_about

OWN = Brand(names=("lumo",), rivals=("hizligo",))


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("Lumo is great but Hizligo is awful", "Lumo is great"),
        ("hizligo berbat, lumo harika ya", "lumo harika ya"),
        (
            "Hızlıgo hiç gelmedi. Lumo'dan çok memnunum, herkese öneririm",
            "Lumo'dan çok memnunum, herkese öneririm",
        ),
        ("Never again. Hizligo lost it. Lumo found it", "Lumo found it"),
        ("Lumo and Hizligo are both fine", None),
        ("Lumo is great, really great", None),
        ("Hizligo is awful, really awful", None),
        ("lumo ok, hizligo bad", None),
        ("Hizligo war pünktlich während Lumo einfach nie kommt", "während Lumo einfach nie kommt"),
        ("Lumo est au top alors que Hizligo c'est la honte", "Lumo est au top"),
        ("Hizligo funciona bien pero Lumo es un desastre", "pero Lumo es un desastre"),
        ("Lumo risponde subito mentre Hizligo non risponde mai", "Lumo risponde subito"),
        ("Hizligo atrasou mas Lumo entregou no mesmo dia", "mas Lumo entregou no mesmo dia"),
        ("lumo ممتاز جدا لكن hizligo سيئ للغاية", "lumo ممتاز جدا"),
        ("", None),
    ],
)
def test_only_the_clauses_about_the_brand_count_where_another_is_named(text: str, part: str | None) -> None:
    assert part_about(text, OWN.names, OWN.rivals) == part
    assert OWN.read(text) == (part or text)


def test_another_handle_is_another_name_and_the_brands_own_is_not() -> None:
    text = "@lumo thank you so much! @othershop never answers me"
    assert Brand(names=("lumo",)).read(text) == "@lumo thank you so much"
    assert (
        Brand(names=("lumo",)).read("@lumo_help thanks! @lumo never again")
        == "@lumo_help thanks! @lumo never again"
    )


def test_neutral_words_are_taken_out_as_wholes_whatever_their_case_and_diacritics() -> None:
    game = Brand(names=("war zone",), neutral=("war zone", "savas"))
    assert game.read("Playing War  Zone tonight, SAVAŞ warzones") == "Playing   tonight,   warzones"
    assert Brand().read("War Zone") == "War Zone"


def asked(text: str, brand: Brand, label: str) -> AboutBrand:
    return AboutBrand(text, "en", label, brand)


def test_the_label_toward_the_brand_is_told_where_it_is_another_one() -> None:
    understander = Understander(default_scorers())
    text = "Lumo is wonderful, I love it! Hizligo is the worst, terrible, awful, disgusting"
    taught = BrandModel(3, words={"lamp": (20.0, 0.0, 0.0)})
    found = understander.toward(
        [
            asked(text, OWN, "negative"),
            asked(text, OWN, "positive"),
            asked("I love this lamp", Brand(model=taught), "positive"),
            asked("I love this table", Brand(model=taught), "positive"),
            AboutBrand(text, "hu", "negative", OWN),
        ]
    )
    assert [one and (one.label, one.how) for one in found] == [
        ("positive", "part"),
        None,
        ("negative", "brand-3"),
        None,
        None,
    ]


def test_a_model_nudges_by_the_words_that_a_text_has_whatever_their_order() -> None:
    model = BrandModel(1, (0.5, 0.0, 0.0), {"a1": (1.0, 0.0, -1.0)})
    assert model.nudge("") == (0.5, 0.0, 0.0)
    assert model.nudge("A1 b c d") == model.nudge("d c b a1 A1") == (1.0, 0.0, -0.5)
