"""The constants that are left out stand in the sources, each once, and what is chosen without a series is scored on it."""

from __future__ import annotations

import pytest

from benchmarks.constants import COUNTS, NEGATIVES, ROOT, SERIES, Constant, judge, left_out


@pytest.mark.parametrize("constant", (*COUNTS, *NEGATIVES), ids=lambda one: f"{one.file}, {one.name}")
def test_each_line_stands_once_in_its_file_and_another_number_fits_there(constant: Constant) -> None:
    source, line = (ROOT / constant.file).read_text("utf-8"), constant.line_with(constant.number)
    assert source.count(line) == 1
    for number in constant.others():
        assert float(number) != float(constant.number)
        compile(source.replace(line, constant.line_with(number)), constant.file, "exec")


def _figures(own: dict[str, float]) -> dict[str, dict[str, float]]:
    """The scores of each series alone and, as their mean, of the others."""
    alone = {one: {"score": own[one]} for one in SERIES}
    rest = {
        ",".join(one for one in SERIES if one != out): {
            "score": sum(own[one] for one in SERIES if one != out) / 3
        }
        for out in SERIES
    }
    return alone | rest


def test_the_number_that_does_best_on_three_series_is_scored_on_the_fourth() -> None:
    shipped = _figures({"AMZN": 80.0, "CRM": 80.0, "IBM": 80.0, "UPS": 80.0})
    # It gains on UPS alone, so only the three without UPS would not choose it.
    other = _figures({"AMZN": 79.0, "CRM": 79.0, "IBM": 79.0, "UPS": 95.0})
    rows = list(left_out({"2": shipped, "3": other}, "2"))
    assert [(out, best) for out, best, _, _ in rows] == [
        ("AMZN", "3"),
        ("CRM", "3"),
        ("IBM", "3"),
        ("UPS", "2"),
    ]
    assert [score for _, _, _, score in rows] == [79.0, 79.0, 79.0, 80.0]


def test_an_equal_score_goes_to_what_is_shipped() -> None:
    same = _figures({"AMZN": 80.0, "CRM": 80.0, "IBM": 80.0, "UPS": 80.0})
    assert {best for _, best, _, _ in left_out({"1": same, "2": same, "3": same}, "2")} == {"2"}


def test_a_series_is_judged_row_by_row() -> None:
    rows = [(f"2026-03-01 {n // 12:02}:{n % 12 * 5:02}:00", 3.0) for n in range(48)]
    judged = judge(rows)
    assert [stamp for stamp, _, _ in judged] == [stamp for stamp, _ in rows]
    assert judge(rows) is judged
    assert not any(alert for _, _, alert in judged)
