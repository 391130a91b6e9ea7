"""Copies of one text are set aside before the tone is judged, also where they are too few to be a volume; reposts of one text are
fewer voices than posts.
"""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from alerts.severity import severity
from processors.detection.judge import Detection
from processors.detection.reposts import PassedOn, voices_of
from processors.detection.tallies import load_tallies
from processors.explanation.explain import explained
from tests.processors.detection.conftest import START
from tests.processors.detection.test_judge import ALL_HEARD, GRACE, WORDS, keep, signals
from tocsin.core.clock import MINUTE
from tocsin.core.mention import Author, Mention
from tocsin.core.signal import evidence_from, facts_from
from tocsin.core.signal_kinds import NEGATIVITY, VOLUME
from tocsin.definitions import repository
from tocsin.definitions.models import Monitor
from tocsin.store import schema as s
from tocsin.store.port import Store

COMPLAINT = START + timedelta(hours=5)
END = COMPLAINT + timedelta(hours=1)


def talk(how: str, posts: int = 16) -> list[Mention]:
    """Five hours of calm talk, then an hour of complaints: by one text of two accounts again and again, by one text that others
    pass on, or each time by other words.
    """
    dice = random.Random(2)
    complaint = "brightwater is awful, horrible and disgusting"
    told = [
        (START + timedelta(minutes=3 * i), f"brightwater {' '.join(dice.sample(WORDS, 6))}", f"u{i}")
        for i in range(20 * 6)
    ]
    for i in range(posts):
        words = "" if how != "anew" else " ".join(dice.sample(WORDS, 6))
        passed_on, who = ("RT @two0: ", f"fan{i}") if how == "passed on" and i else ("", f"two{i % 2}")
        at = COMPLAINT + timedelta(minutes=48 * i / posts, seconds=20)
        told.append((at, f"{passed_on}{complaint} {words}", who))
    return [
        Mention(source="forum", id=str(i), text=text, created_at=at, lang="en", author=Author(id=who))
        for i, (at, text, who) in enumerate(sorted(told))
    ]


def judged(store: Store, mentions: list[Mention]) -> list[Any]:
    """The signals of the hour of complaints, each window judged as it closes."""
    keep(store, mentions)
    with store.write() as conn:
        detection = Detection(repository.listed(conn, Monitor))
        start = detection.tallies_from(conn)
        assert start is not None
        tallies = load_tallies(conn, [one.id for one in detection.monitors], start, END)
        for now in (START + n * 5 * MINUTE for n in range(1, 12 * 6)):
            detection.tick(conn, tallies, now, now - GRACE, now, ALL_HEARD)
        detection.flush(conn, store, END)
    return signals(store)


@pytest.mark.slow("judges days of windows")
@pytest.mark.parametrize(
    ("how", "states"), [("copied", {"set_aside"}), ("passed on", {"set_aside"}), ("anew", {"over"})]
)
def test_a_text_that_two_accounts_repeat_or_that_others_pass_on_is_no_souring_tone(
    store: Store, how: str, states: set[str]
) -> None:
    found = judged(store, talk(how))
    assert {(one["kind"], one["state"]) for one in found} == {(NEGATIVITY, state) for state in states}
    shown = evidence_from(found[0]["evidence"])
    assert (shown.copies > 0, shown.reposts_aside > 0) == (how == "copied", how == "passed on")
    if how == "passed on":
        [story] = shown.stories
        assert (shown.reposts, shown.repost_voices) == (story.reposts, story.voices)
        assert story.voices == round(voices_of(story.reposts + 1), 4)
        with store.read() as conn:
            row = conn.execute(s.signals.select()).mappings().first()
            assert row is not None
            one = explained(conn, row["monitor_id"], row["kind"], row["fingerprint"], shown, row["tick"])
        assert one.differs == [] and all(step.same for step in one.steps)
        assert one.steps[-1].name == "Voices of a text that is passed on"


@pytest.mark.slow("judges hours of windows")
def test_a_flood_of_copies_takes_no_complaint_of_its_window_away(store: Store) -> None:
    """The copies were taken out of the volume's negatives, and once more out of what was left."""
    dice, at = random.Random(3), COMPLAINT + timedelta(minutes=1)
    flood = [("brightwater is awful, horrible and disgusting", f"copy{i}") for i in range(60)]
    own = [
        (f"brightwater is awful and terrible {' '.join(dice.sample(WORDS, 6))}", f"own{i}") for i in range(20)
    ]
    loud = [
        Mention(source="forum", id=who, text=text, created_at=at, lang="en", author=Author(id=who))
        for text, who in flood + own
    ]
    found = judged(store, [*talk("anew", 1), *loud])
    with store.read() as conn:
        r = s.readings.c
        asked = select(r.negative).where(r.kind == NEGATIVITY, r.window_start == COMPLAINT)
        # One copy of the flood stays.
        assert conn.execute(asked).scalar_one() >= 20
    for one in found:
        shown = evidence_from(one["evidence"])
        if one["kind"] == VOLUME:
            assert shown.count - shown.copies == shown.observed


@pytest.mark.slow("judges hours of hundreds of reposts")
def test_hundreds_of_reposts_are_found_and_one_text_is_no_crisis_by_lasting(store: Store) -> None:
    found = judged(store, talk("passed on", 300))
    last = [one for one in found if one["kind"] == VOLUME][-1]
    seen = facts_from(last["facts"])
    assert seen.one_text and seen.negative_over and seen.ratio > 9
    # It escalates because it is on course for tenfold, and becomes no crisis by lasting.
    assert severity(seen).severity == severity(seen, 2, END - timedelta(hours=1), END).severity == 2


def test_the_reposts_of_one_text_are_never_two_voices() -> None:
    assert [round(voices_of(n), 2) for n in (0, 1, 2, 3, 12, 500)] == [0.0, 1.0, 1.25, 1.36, 1.58, 1.66]
    # Eleven reposts and their post are two voices, two reposts and theirs one; only negatives are set aside.
    assert PassedOn(reposts=11, negative=11, posts=1, negative_posts=1).aside == 10
    assert PassedOn(reposts=2, negative=2, posts=1, negative_posts=1).aside == 2
    assert PassedOn(reposts=11, negative=0, posts=1, negative_posts=1).aside == 0
    # Nobody knows the post that they pass on: it lies before the span.
    assert PassedOn(reposts=3, negative=3).aside == 2
    assert PassedOn(reposts=1, negative=1).aside == 0
