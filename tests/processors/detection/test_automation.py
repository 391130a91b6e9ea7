"""Which accounts look automated, and why; and which only write much."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from processors.detection.automation import AuthorPost, looks_automated, may_look_automated, reasons
from processors.understand.signature import copied_part
from processors.understand.stories import CopiedText, folded
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


def test_who_is_ruled_out_beforehand_does_not_look_automated() -> None:
    """The talk is made up of few texts, edited more or less, so that many authors are near the limit of one story."""
    chance, words = random.Random(11), [f"w{chr(97 + n // 20)}{chr(97 + n % 20)}" for n in range(400)]
    told, ruled_out, automated = [chance.sample(words, 14) for _ in range(12)], 0, 0
    for _ in range(60):
        texts: dict[int, CopiedText] = {}
        by_author: list[list[tuple[float, int]]] = []
        for _ in range(8):
            mine = chance.sample(told, chance.randint(1, 6))
            by_author.append([])
            for minute in sorted(chance.sample(range(1_000), chance.randint(4, 9))):
                text = list(chance.choice(mine))
                for _ in range(chance.randint(0, 5)):
                    text[chance.randrange(len(text))] = chance.choice(words)
                signature, gist = copied_part(" ".join(text))
                texts[signature] = CopiedText(signature, gist, 1)
                by_author[-1].append((minute, signature))
        story = folded(texts.values())
        for author in by_author:
            known = [(START + at * MINUTE, mark, texts[mark].gist) for at, mark in author]
            why = reasons([AuthorPost(at, story[mark]) for at, mark, _ in known])
            assert may_look_automated(known) or not looks_automated(why)
            ruled_out += not may_look_automated(known)
            automated += looks_automated(why)
    assert ruled_out > 20 and automated > 20


def test_of_very_many_posts_or_of_older_ones_nothing_is_ruled_out_beforehand() -> None:
    assert may_look_automated([(START + 40 * n * MINUTE, n, b"") for n in range(1, 62)])
    assert may_look_automated([(START + 40 * n * n * MINUTE, n, None) for n in range(1, 5)])
    assert not may_look_automated([(START + 40 * n * n * MINUTE, n, b"") for n in range(1, 5)])
    assert not may_look_automated([(START + 40 * n * n * MINUTE, 0, b"") for n in range(1, 5)])
