"""What `make bench-sentiment` prints: errors of the confidence beside those of chance, and posts a second."""

from __future__ import annotations

import pytest

from processors.understand.sentiment import UNSCORED, Sentiment
from tests.training.test_talk import ByWord
from tocsin.core.facets import FACETS
from training.corpus import LANGUAGES
from training.data import is_held_out
from training.report import figures, not_learnt, pooled_table
from training.speed import speed, speed_table
from training.told import told_table

SURE = Sentiment("negative", -9_000, 8_000, "x")


def test_few_texts_are_off_by_chance_and_many_are_not() -> None:
    few = figures([*["negative"] * 8, *["neutral"] * 2], [SURE] * 10)
    many = figures([*["negative"] * 800, *["neutral"] * 200], [SURE] * 1_000)
    assert few.calibration_error == pytest.approx(0) and many.calibration_error == pytest.approx(0)
    assert few.by_chance > 0.05 > 0.02 > many.by_chance > 0
    wrong = figures([*["negative"] * 500, *["neutral"] * 500], [SURE] * 1_000)
    assert wrong.calibration_error == pytest.approx(0.3) and wrong.by_chance == many.by_chance
    assert figures(["negative"], [UNSCORED]).calibration_error == 0


def test_the_sets_of_a_language_together_are_off_by_less_than_each_where_they_err_both_ways() -> None:
    mostly = {f"right {one}": ("negative", SURE) for one in range(900)}
    seldom = {f"wrong {one}": ("negative" if one < 700 else "neutral", SURE) for one in range(1_000)}
    alone = list(pooled_table({("tr", "cleared"): mostly, ("en", "cleared"): seldom}))
    assert alone[2].startswith("| en | cleared | 1,000 | 0.100 | ")
    assert alone[3].startswith("| tr | cleared | 900 | 0.200 | ")
    both = list(pooled_table({("en", "cleared"): mostly | seldom}))
    assert len(both) == 3 and both[2].startswith("| en | cleared | 1,900 | 0.042 | ")


def test_a_set_has_a_line_with_its_length_and_three_speeds() -> None:
    texts = ["bad bad bad", "what", "fine"]
    found = speed([ByWord()], "en", texts)
    assert all(value > 0 for value in found)
    lines = list(speed_table([("zilver", "en", texts, found)]))
    assert lines[2].startswith("| zilver | en | 6 | ") and lines[2].count("|") == 7


def test_models_of_all_sets_are_measured_on_what_they_have_not_learnt_from() -> None:
    found = [(f"text {number}", "neutral") for number in range(200)]
    kept = not_learnt("airline2015", found)
    assert kept == [row for row in found if is_held_out(row[0])] and 0 < len(kept) < 50
    assert not_learnt("bounti", found) == found


@pytest.mark.slow("reads the models of four languages")
def test_a_line_tells_how_often_a_value_is_right_and_how_many_of_its_posts_are_found() -> None:
    lines = list(told_table(LANGUAGES))
    assert len(lines) == 2 + sum(len(values) + 1 for values in FACETS.values())
    question = next(line for line in lines if line.startswith("| intent | question |"))
    posts, right, found = (cell.strip() for cell in question.split("|")[3:6])
    assert int(posts) > 100 and right.split("%")[0] >= "70" and found >= "70%"
