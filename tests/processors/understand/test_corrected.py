"""The share of negatives with a scorer's known errors undone, on days for which people have counted it, too."""

from __future__ import annotations

import pytest

from processors.understand.corrected import Rates, corrected_share, rates_in, rates_of

# A week of posts to airlines (February 2015), by airline and day: posts that were scored, those that people called negative, and
# those that the English model did. No post of that week was learnt from.
DAYS = {
    "American 22": (398, 311, 259),
    "American 23": (1414, 1061, 860),
    "American 24": (766, 478, 434),
    "Southwest 17": (285, 160, 136),
    "Southwest 18": (325, 142, 128),
    "Southwest 19": (290, 103, 104),
    "Southwest 20": (305, 137, 115),
    "Southwest 21": (358, 219, 187),
    "Southwest 22": (246, 143, 134),
    "Southwest 23": (349, 150, 138),
    "Southwest 24": (238, 123, 116),
    "United 17": (251, 172, 128),
    "United 18": (404, 278, 212),
    "United 19": (390, 224, 161),
    "United 20": (521, 341, 255),
    "United 21": (467, 330, 245),
    "United 22": (658, 488, 379),
    "United 23": (672, 499, 373),
    "United 24": (416, 276, 210),
    "Virgin America 19": (62, 21, 14),
    "Virgin America 20": (70, 20, 20),
    "Virgin America 21": (74, 33, 26),
    "Virgin America 22": (65, 34, 32),
    "Virgin America 23": (79, 30, 31),
}
ENGLISH = Rates(0.6906, 0.111, believed=1.0, half_width=0.16)
"""The rates of the model that these days were scored with, fully believed: they were counted on talk like this."""


def test_the_corrected_share_is_nearer_to_what_people_counted_and_its_interval_holds_that() -> None:
    counted, corrected, held = 0.0, 0.0, 0
    for of, people, said in DAYS.values():
        found = corrected_share({"en": (said, of)}, {"en": ENGLISH})
        assert found is not None and found.lower <= found.share <= found.upper
        counted += abs(said - people) / of
        corrected += abs(found.share - people / of)
        held += found.lower <= people / of <= found.upper
    assert corrected < 0.8 * counted
    assert held / len(DAYS) >= 0.9


def test_on_the_day_of_the_cancellations_the_share_is_what_people_said() -> None:
    of, people, said = DAYS["United 21"]
    found = corrected_share({"en": (said, of)}, {"en": ENGLISH})
    assert found is not None
    assert abs(said - people) / of > 0.18
    assert abs(found.share - people / of) < 0.02


def test_languages_are_corrected_by_their_own_rates_and_added_up() -> None:
    rates = {"en": Rates(0.7, 0.1, 0.8, 0.1), "tr": Rates(0.8, 0.2, 0.5, 0.1)}
    both = corrected_share({"en": (40, 100), "tr": (50, 100)}, rates)
    alone = [corrected_share({lang: (said, 100)}, rates) for lang, said in (("en", 40), ("tr", 50))]
    assert both is not None and alone[0] is not None and alone[1] is not None
    assert both.share == pytest.approx((alone[0].share + alone[1].share) / 2)
    assert both.upper - both.lower < alone[0].upper - alone[0].lower


def test_where_nothing_is_known_nothing_is_corrected() -> None:
    rates = {"en": ENGLISH, "xx": Rates(0.5, 0.4)}
    assert corrected_share({}, rates) is None
    assert corrected_share({"en": (0, 0)}, rates) is None
    assert corrected_share({"de": (5, 10)}, rates) is None
    assert corrected_share({"xx": (5, 10)}, rates) is None
    mixed = corrected_share({"de": (5, 10), "en": (40, 90)}, rates)
    assert mixed is not None and 0 < mixed.share < 1


@pytest.mark.parametrize(("said", "of"), [(0, 1), (1, 1), (0, 5000), (5000, 5000), (3, 7)])
def test_a_share_stays_between_none_and_all_and_is_never_certain(said: int, of: int) -> None:
    found = corrected_share({"en": (said, of)}, {"en": ENGLISH})
    assert found is not None
    assert 0 <= found.lower <= found.share <= found.upper <= 1 and found.upper - found.lower > 0.02


def test_what_is_not_believed_is_not_corrected_and_the_interval_holds_other_talk() -> None:
    counted = {"en": (400, 1000)}
    none, half, whole = (
        corrected_share(counted, {"en": Rates(0.7, 0.1, believed, 0.2)}) for believed in (0.0, 0.5, 1.0)
    )
    assert none is not None and half is not None and whole is not None
    assert none.share == 0.4 and whole.share == 0.5 and half.share == pytest.approx(0.45)
    assert all(one.lower < one.share - 0.2 and one.upper > one.share + 0.2 for one in (none, half, whole))


def test_the_cards_have_the_rates_and_a_language_without_a_model_has_none() -> None:
    for language in ("en", "nl", "ro", "tr"):
        rates = rates_of(language)
        assert rates is not None and rates.caught - rates.wrong > 0.4
        assert 0 < rates.believed < 1 and 0.1 < rates.half_width < 0.5
    for language in ("de", "es", "fr", "pt"):
        further = rates_of(language)
        assert further is not None and 0.3 < further.caught - further.wrong < 0.7
    assert rates_of("ar") is None and rates_of("pl") is None
    assert rates_in({"share_of_negatives": {}}) is None
    told = {"caught": 0.75, "wrong": 0.125, "believed": 0.5, "half_width": 0.3, "kinds": {}}
    assert rates_in({"share_of_negatives": told}) == (0.75, 0.125, 0.5, 0.3)
