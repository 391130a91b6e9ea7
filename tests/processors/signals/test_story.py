"""Stories: one crisis is told once, and a path alerts no more often than was promised."""

from __future__ import annotations

from datetime import timedelta

from processors.signals.story import Path, Story, after, alerts, raised, speaks
from tests.contracts.worlds import MONDAY

PATHS = (
    Path("fast", habit=0.1, a_week=0.5),
    Path("slow", habit=0.2, a_week=1.0, rest=timedelta(hours=18), yields=timedelta(hours=12)),
)
HOUR = timedelta(hours=1)


def told(*hot: tuple[float, float], path: int = 0) -> Story:
    """The story after windows that were hot: (hours since Monday, heat)."""
    story = Story(habits=(0.0, 0.0))
    for hours, heat in hot:
        at = MONDAY + hours * HOUR
        story = after(story, at, PATHS, 1.0, path, heat, over=speaks(story, at, heat, path, PATHS[path]))
    return story


def at(hours: float) -> tuple[Story, bool]:
    story = told((0, 1.2))
    return story, alerts(story, MONDAY + hours * HOUR, 1.2, 0, PATHS[0])


def test_the_first_hot_window_alerts() -> None:
    assert alerts(Story(habits=(0.0, 0.0)), MONDAY, 1.0, 0, PATHS[0])


def test_the_next_story_waits_for_a_day_and_two_cooler_hours() -> None:
    assert not at(6)[1]
    assert not at(23.9)[1]
    assert at(24)[1]
    lasting = told(*((hours / 2, 1.2) for hours in range(48)))
    assert not alerts(lasting, MONDAY + 24 * HOUR, 1.2, 0, PATHS[0])
    assert alerts(lasting, MONDAY + 26 * HOUR, 1.2, 0, PATHS[0])


def test_each_path_rests_after_an_alert_of_its_own_and_yields_to_the_others() -> None:
    def slow(after: int, hours: int) -> bool:
        return alerts(told((0, 1.2), path=after), MONDAY + hours * HOUR, 1.2, 1, PATHS[1])

    assert not slow(after=0, hours=11)
    assert slow(after=0, hours=12)
    assert not slow(after=1, hours=17)
    assert slow(after=1, hours=18)


def test_half_as_bad_again_is_worth_another_word_after_half_a_day() -> None:
    story = told((0, 1.2), (1, 2.0))
    assert not alerts(story, MONDAY + 11 * HOUR, 9.0, 0, PATHS[0])
    assert not alerts(story, MONDAY + 12 * HOUR, 2.9, 0, PATHS[0])
    assert alerts(story, MONDAY + 12 * HOUR, 3.0, 0, PATHS[0])


def test_a_story_goes_on_through_a_lull_and_no_longer() -> None:
    story = told((0, 1.2))
    assert speaks(story, MONDAY + 2 * HOUR, 1.0, 0, PATHS[0])
    assert not speaks(story, MONDAY + 3 * HOUR, 1.0, 0, PATHS[0])


def test_an_alert_raises_the_threshold_of_its_own_path_for_a_while() -> None:
    story = told((0, 1.2), path=1)
    assert raised(story, 0, PATHS[0], MONDAY, 1.0) == 0.0
    assert raised(story, 1, PATHS[1], MONDAY, 1.0) == 0.2
    assert abs(raised(story, 1, PATHS[1], MONDAY + timedelta(days=3.5), 1.0) - 0.1) < 1e-9
    assert raised(story, 1, PATHS[1], MONDAY + timedelta(days=7), 1.0) == 0.0


def test_who_asks_for_fewer_alerts_gets_a_longer_memory() -> None:
    story = told((0, 1.2), path=1)
    assert raised(story, 1, PATHS[1], MONDAY + timedelta(days=7), 0.1) > 0.17


def test_a_path_that_is_always_hot_alerts_as_often_as_was_promised() -> None:
    """Whatever the series is like: here a heat that comes every day and is just as high as the last alert allowed."""
    story, count, weeks = Story(habits=(0.0, 0.0)), 0, 100
    for day in range(7 * weeks):
        now = MONDAY + timedelta(days=day, hours=day % 5)
        heat = 1.7 / (1.0 + raised(story, 1, PATHS[1], now, 1.0))
        if heat >= 1.0:
            alerted = alerts(story, now, heat, 1, PATHS[1])
            story = after(story, now, PATHS, 1.0, 1, heat, over=True)
            count += alerted
    assert count / weeks < 1.1
