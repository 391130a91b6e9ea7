"""Which accounts look automated, and why; and which only write much."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from processors.detection.automation import AuthorPost, looks_automated, reasons
from tests.processors.detection.conftest import START

MINUTE = timedelta(minutes=1)


def posts(*minutes: float, stories: list[int] | None = None, copied: bool = False) -> list[AuthorPost]:
    told = stories or list(range(1, len(minutes) + 1))
    return [AuthorPost(START + at * MINUTE, told[n], copied) for n, at in enumerate(minutes)]


def test_a_person_who_writes_much_in_own_words_does_not_look_automated() -> None:
    angry = posts(0, 2, 3, 9, 11, 40, 41, 44, 90, 130, 131, 180)
    assert reasons(angry) == {}


def test_three_equal_posts_are_a_person_who_wants_to_be_heard() -> None:
    assert reasons(posts(0, 5, 60, stories=[7, 7, 7])) == {}


@pytest.mark.parametrize(
    ("some", "why", "automated"),
    [
        (posts(*(2.9 * n for n in range(21))), {"pace": 21, "equal gaps": 174.0}, True),
        (posts(0, 7, 100, 300, 301, stories=[5, 5, 5, 5, 9]), {"same text": 4}, True),
        (posts(*range(0, 150, 15)), {"equal gaps": 900.0}, False),
        (posts(*range(0, 150, 15), copied=True), {"equal gaps": 900.0, "copies": 1.0}, True),
        (posts(0, 7, 100, 333, copied=True), {"copies": 1.0}, False),
    ],
)
def test_each_reason_has_its_figure_and_weak_ones_need_another(
    some: list[AuthorPost], why: dict[str, float], automated: bool
) -> None:
    assert reasons(some) == why
    assert looks_automated(why) == automated
    assert reasons(random.Random(1).sample(some, len(some))) == why


def test_posts_that_say_too_little_are_not_the_same_text() -> None:
    assert reasons(posts(0, 5, 17, 60, 61, stories=[0, 0, 0, 0, 0])) == {}
