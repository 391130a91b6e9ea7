"""Known texts: what was met before makes the answer cheaper, and never another one."""

from __future__ import annotations

import random

from processors.detection.text_memory import TextMemory
from processors.understand.gist import ALIKE, alike, gist_of, words_in
from processors.understand.likeness import MOST_LIKE, KnownTexts
from processors.understand.stories import CopiedText, folded

WORDS = [f"word{n}" for n in range(300)]


def talk(chance: random.Random, texts: int) -> dict[int, bytes]:
    """Gists by name: a few texts, edited more or less, as in a flood of copies, and as many of nobody else."""
    told = [chance.sample(WORDS, chance.randint(8, 16)) for _ in range(3)]
    found = {}
    for name in range(1, texts + 1):
        text = list(chance.choice(told)) if chance.random() < 0.5 else chance.sample(WORDS, 12)
        for _ in range(chance.randint(0, 5)):
            text[chance.randrange(len(text))] = chance.choice(WORDS)
        found[name] = gist_of(" ".join(text).encode())
    return {name: gist for name, gist in found.items() if gist}


def compared_with_all(gists: dict[int, bytes]) -> set[int]:
    return {
        name
        for name, gist in gists.items()
        if any(alike(words_in(gist), words_in(other)) >= ALIKE for key, other in gists.items() if key != name)
    }


def test_whatever_was_met_before_those_that_are_like_another_are_found_as_by_comparing_all() -> None:
    chance = random.Random(5)
    everything = talk(chance, 120)
    known = KnownTexts()
    for _ in range(12):
        some = {name: everything[name] for name in chance.sample(sorted(everything), chance.randint(2, 60))}
        assert known.with_others(some) == KnownTexts().with_others(some) == compared_with_all(some)


def test_of_a_flood_that_has_passed_the_last_copy_is_like_no_other() -> None:
    flood = {name: gist_of(" ".join([*WORDS[:12], f"x{name}"]).encode()) for name in range(1, 4 * MOST_LIKE)}
    known = KnownTexts()
    assert known.with_others(flood) == set(flood)
    first, *_, last = sorted(flood)
    assert known.with_others({last: flood[last]}) == set()
    assert known.with_others({first: flood[first], last: flood[last]}) == {first, last}


def test_more_texts_than_are_remembered_are_forgotten_and_met_again() -> None:
    chance = random.Random(7)
    known = KnownTexts(most=50)
    for _ in range(4):
        gists = talk(chance, 30)
        assert known.with_others(gists) == compared_with_all(gists)
        assert len(set(gists.values())) <= len(known) <= 50


def test_stories_are_the_same_with_and_without_a_memory() -> None:
    chance = random.Random(9)
    everything, known = talk(chance, 80), KnownTexts()
    for _ in range(8):
        some = chance.sample(sorted(everything), chance.randint(2, 80))
        texts = [CopiedText(name, everything[name], chance.randint(1, 3)) for name in some]
        assert folded(texts, known) == folded(texts)


def test_the_texts_of_the_monitors_asked_for_longest_ago_are_forgotten_first() -> None:
    memory, chance = TextMemory(most=50), random.Random(3)
    for monitor in ("one", "two", "three"):
        memory.of(monitor).with_others(talk(chance, 22))
    memory.of("two")
    assert len(memory.of("three")) and len(memory.of("two"))
    assert not len(memory.of("one"))
