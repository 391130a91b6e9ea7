"""Charts from odd figures, and words for times and numbers: pure functions, no store."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from markupsafe import Markup

from api.pages.card import safe_url
from api.pages.charts import (
    ChartPoint,
    Frame,
    Mark,
    bar,
    count_chart,
    interval,
    sparkline,
    ticks,
    time_ticks,
)
from api.pages.day_chart import DayChart
from api.pages.formatting import Formatter
from api.pages.i18n import Languages
from tocsin.core.counts import KAPPA, NORMAL_95, interval_95, steady, unsteady

NOW = datetime(2026, 11, 22, 2, 12, tzinfo=UTC)
STEP = timedelta(minutes=15)
LANGUAGES = Languages()
FMT = Formatter(LANGUAGES["en"], ZoneInfo("Europe/Istanbul"), NOW)
FRAME = Frame("Mentions of <b>", "a day & a night", FMT.axis, zone=FMT.zone)


def day(*values: float | None) -> list[ChartPoint]:
    return [ChartPoint(NOW + i * STEP, v, 4.0, 1.0, 9.0, bool(v and v > 9)) for i, v in enumerate(values)]


def drawn(markup: Markup) -> ET.Element:
    root = ET.fromstring(str(markup))
    for element in root.iter():
        assert "style" not in element.attrib
        for name, value in element.attrib.items():
            assert "nan" not in value.lower().split("-")[0] or name in ("class", "id"), (name, value)
            if name in ("x", "y", "width", "height", "d", "x1", "x2", "y1", "y2", "cx"):
                assert "nan" not in value and "inf" not in value, (name, value)
    return root


@pytest.mark.parametrize(
    "values",
    [
        (3.0, 5.0, 2.0, 40.0),
        (7.0,),
        (None, None, 3.0, None),
        (0.0, 0.0),
        (math.nan, math.inf, 5.0),
        (1e18, 3.0),
        (0.25, 0.5),
    ],
)
def test_any_figures_make_a_sound_drawing(values: tuple[float | None, ...]) -> None:
    root = drawn(count_chart(day(*values), STEP, FRAME, Mark(NOW, NOW + STEP, "judged")))
    assert root.attrib["role"] == "img"
    assert [child.tag for child in root][:2] == ["title", "desc"]
    assert root[0].text == "Mentions of <b>" and root[1].text == "a day & a night"
    assert root.attrib["aria-labelledby"].split() == [root[0].attrib["id"], root[1].attrib["id"]]


def test_no_figures_are_said_and_not_drawn_as_calm() -> None:
    for points in ([], day(None, None)):
        blank = [ChartPoint(p.at, None) for p in points]
        assert "No readings yet" in count_chart(blank, STEP, FRAME)
    assert "bar" not in sparkline([], "nothing") and "bar" not in sparkline([None, 0, math.nan], "nothing")


def test_what_is_over_its_threshold_is_told_apart_and_unknown_is_a_gap() -> None:
    chart = str(count_chart(day(3, None, 40), STEP, FRAME))
    assert chart.count('class="bar"') == 1 and chart.count('class="bar over"') == 1
    columns = re.search(r'class="bar" d="([^"]+)"', chart)
    assert columns and columns[1].count("M") == 1
    spark = str(sparkline([1, None, 9], "a", [False, False, True]))
    assert spark.count("M") == 2 and "bar over" in spark


def test_words_in_a_drawing_are_escaped() -> None:
    for markup in (
        sparkline([1], '"><script>'),
        bar(0.5, '"><script>'),
        interval(0.5, 0.4, 0.6, 0.1, '"><script>'),
        count_chart(day(1), STEP, FRAME, Mark(NOW, NOW + STEP, "<script>")),
    ):
        assert "<script>" not in markup
        drawn(markup)


@pytest.mark.parametrize("share", [None, math.nan, -1.0, 0.0, 0.62, 7.0])
def test_a_share_stays_on_its_line(share: float | None) -> None:
    root = drawn(interval(share, 0.5, 0.7, 0.2, "share"))
    dots = [float(e.attrib["cx"]) for e in root.iter() if e.tag.endswith("circle")]
    assert all(0 <= x <= 300 for x in dots) and len(dots) == (share is not None and not math.isnan(share))
    drawn(bar(share))


@pytest.mark.parametrize(
    ("top", "expected"),
    [
        (0, [0, 1]),
        (math.nan, [0, 1]),
        (1, [0, 1]),
        (3, [0, 1, 2, 3]),
        (7, [0, 2, 4, 6, 8]),
        (140, [0, 50, 100, 150]),
        (43, [0, 20, 40, 60]),
        (1_000_000, [0, 250_000, 500_000, 750_000, 1_000_000]),
    ],
)
def test_axes_have_round_numbers_that_reach_the_top(top: float, expected: list[float]) -> None:
    assert ticks(top) == expected


@pytest.mark.parametrize("top", [0.1, 1, 9, 11, 99, 101, 12345, 1e9, 1e21])
def test_axes_never_crowd(top: float) -> None:
    found = ticks(top)
    assert found[-1] >= top and 2 <= len(found) <= 7 and found == sorted(set(found))


def test_time_labels_stand_on_whole_hours_of_the_readers_clock() -> None:
    # A zone half an hour off the hour.
    zone = ZoneInfo("Asia/Kolkata")
    found = time_ticks(NOW, NOW + timedelta(hours=24), zone)
    assert 4 <= len(found) <= 7
    assert all(at.astimezone(zone).minute == 0 for at in found)


def test_time_labels_stay_whole_when_the_clocks_change() -> None:
    zone = ZoneInfo("Europe/Amsterdam")
    # Summer time ends in this night.
    start = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)
    found = time_ticks(start, start + timedelta(hours=24), zone, wanted=8)
    labels = [f"{at.astimezone(zone):%H:%M}" for at in found]
    assert labels[0] == "00:00" and all(label.endswith(":00") for label in labels)
    assert found == sorted(set(found))
    assert time_ticks(start, start, zone) == []


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (950, "950"), (1250, "1.25K"), (34_000, "34K"), (5.6e6, "5.6M"), (1e21, "1E21")],
)
def test_axis_numbers_are_short(value: float, shown: str) -> None:
    assert FMT.axis(value) == shown


def test_the_interval_drawn_is_the_one_that_was_judged() -> None:
    for expected in (0.3, 4.0, 60.0, 4000.0):
        for sigma in (1.0, 1.7):
            lower, upper = interval_95(expected, sigma)
            middle = steady(expected, KAPPA)
            assert lower == pytest.approx(unsteady(middle - NORMAL_95 * sigma, KAPPA), rel=1e-6)
            assert upper == pytest.approx(unsteady(middle + NORMAL_95 * sigma, KAPPA), rel=1e-6)


@pytest.mark.parametrize(
    ("span", "shown"),
    [
        (timedelta(seconds=-5), "0 secs"),
        (timedelta(seconds=45), "45 secs"),
        (timedelta(minutes=12, seconds=59), "12 mins"),
        (timedelta(hours=2, minutes=5), "2 hrs 5 mins"),
        (timedelta(hours=3), "3 hrs"),
        (timedelta(days=3, hours=4), "3 days 4 hrs"),
        (timedelta(days=40, hours=4), "40 days"),
    ],
)
def test_spans_have_two_units_at_most(span: timedelta, shown: str) -> None:
    assert FMT.duration(span) == shown


def test_a_time_of_another_day_says_its_day() -> None:
    assert FMT.time_text(NOW) == "05:12"
    assert FMT.time_text(NOW - timedelta(hours=6)) == "21 Nov 23:12"
    assert FMT.time_text(NOW - timedelta(days=400)) == "18 Oct 2025 05:12"
    assert FMT.time(None) == "–" and FMT.ago(None) == "–" and FMT.time_left(None) == "–"
    assert "just now" in FMT.ago(NOW) and "overdue by 1 min" in FMT.time_left(NOW - timedelta(minutes=1))


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ((3, 40, 39, None, 40), True),
        ((3, 40, 39, None, 2), False),
        ((60, 40, 41), True),
        ((60, 3, 4), False),
        ((), False),
    ],
)
def test_a_higher_column_that_is_not_over_is_said_to_follow_an_alert(
    values: tuple[float | None, ...], told: bool
) -> None:
    points = [
        ChartPoint(NOW + i * STEP, value, over=i == 1 and value == 40) for i, value in enumerate(values)
    ]
    assert DayChart(Markup(), Markup(), points).tells_of_the_raised_threshold is told


def test_a_window_says_its_day_once() -> None:
    hour = timedelta(hours=1)
    assert FMT.between_text(NOW - hour, NOW) == "04:12–05:12"
    assert FMT.between_text(NOW - 7 * hour, NOW - 6 * hour) == "21 Nov 22:12–23:12"
    assert FMT.between_text(NOW - 6 * hour, NOW) == "21 Nov 23:12–22 Nov 05:12"
    assert re.sub("<[^>]*>", "", FMT.between(NOW - 7 * hour, NOW - 6 * hour)) == "21 Nov 22:12–23:12"


def test_numbers_are_written_the_readers_way() -> None:
    turkish = Formatter(LANGUAGES["tr"], ZoneInfo("UTC"), NOW)
    dutch = Formatter(LANGUAGES["nl"], ZoneInfo("UTC"), NOW)
    assert [FMT.number(v) for v in (1234, 6.13, 24.6, None, math.nan)] == ["1,234", "6.1", "25", "–", "–"]
    assert (turkish.number(1234.0), turkish.percent(0.62), dutch.ratio(8.7), dutch.compact(1_240_000)) == (
        "1.234",
        "%62",
        "8,7×",
        "1,2\xa0mln.",
    )
    assert FMT.percent(None) == "–" and FMT.compact(None) == "–" and FMT.ratio(math.inf) == "–"


def test_a_value_that_is_markup_stays_so_and_the_rest_is_escaped() -> None:
    # Plain text: the template escapes it.
    assert FMT.translate("{who} has it", who="<b>") == "<b> has it"
    assert FMT.translate("since {time}", time=Markup("<time>1</time>")) == Markup("since <time>1</time>")
    assert "&lt;i&gt;" in FMT.translate("{who} since {time}", who="<i>", time=Markup("<time/>"))


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://a.example/x?y=1", True),
        ("http://a.example", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("//a.example/x", False),
        ("https://", False),
        ("https://[broken", False),
        ("https://a.example/" + "x" * 3000, False),
        (None, False),
    ],
)
def test_only_addresses_of_the_web_become_links(url: str | None, kept: bool) -> None:
    assert (safe_url(url) == url) if kept else safe_url(url) is None
