"""Narrative: a subject that many texts tell and those of before did not."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from processors.signals.narrative import Narrative, NarrativeState, checks, log_odds
from processors.signals.types import Reading, RisingTerm, WindowCounts, WindowFindings
from tests.contracts.worlds import FIVE, MONDAY, PROMISE
from tocsin.core.signal import Agreement, SpreadPlace

DETECTOR = Narrative()
KNOWN = NarrativeState(first=MONDAY - timedelta(days=3))


def subject(term: str, seen: int, of: int = 30, before: int = 2, of_before: int = 300) -> RisingTerm:
    return RisingTerm(term, seen, of, before, of_before, log_odds(seen, of, before, of_before))


def window(n: int, *subjects: RisingTerm, complete: bool = True) -> WindowCounts:
    return WindowCounts(
        MONDAY + n * FIVE, FIVE, 12, complete=complete, heard=WindowFindings(subjects=subjects)
    )


def judged(state: NarrativeState, one: WindowCounts) -> tuple[NarrativeState, Reading]:
    reading = DETECTOR.judge(state, one, PROMISE)
    return DETECTOR.learn(state, one, reading), reading


def test_what_a_fifth_of_the_texts_tell_and_hardly_one_told_before_is_a_new_subject() -> None:
    state, first = judged(KNOWN, window(0, subject("battery fire", 12), subject("hall", 7)))
    assert first.over and first.state == "warm"
    assert (first.observed, first.expected) == (0.4, round(2 / 300, 6))
    assert [one["value"] for one in first.detail["places"]] == ["battery fire", "hall"]
    # An hour later it is told more, and known since then; the other is no longer new.
    _, later = judged(state, window(12, subject("battery fire", 20)))
    [place] = msgspec.convert(later.detail["places"], list[SpreadPlace])
    assert (place.since, place.seen, place.due) == (MONDAY, 20, 0.2)
    assert [one["value"] for one in later.detail["hot"]] == ["battery fire", "hall"]


@pytest.mark.parametrize(
    "told",
    [
        subject("few texts", 4, of=12),
        subject("small part", 12, of=100),
        subject("well known", 12, before=80),
        subject("never heard", 12, before=0, of_before=1),
    ],
    ids=lambda one: one.term,
)
def test_few_texts_a_small_part_and_what_is_known_are_no_new_subject(told: RisingTerm) -> None:
    _, reading = judged(KNOWN, window(0, told))
    assert not reading.over


def test_a_young_monitor_learns_and_a_window_that_was_not_heard_whole_says_nothing() -> None:
    state, young = judged(DETECTOR.initial(), window(0, subject("battery fire", 12)))
    assert (young.over, young.state, state.first) == (False, "learning", MONDAY)
    same, partly = judged(KNOWN, window(0, subject("battery fire", 12), complete=False))
    assert (partly.over, same) == (False, KNOWN)


def test_six_hours_later_it_is_told_anew_and_a_quiet_window_costs_nothing() -> None:
    state, _ = judged(KNOWN, window(0, subject("battery fire", 12)))
    assert DETECTOR.quiet(state, window(1), PROMISE) is None
    _, again = judged(state, window(80, subject("battery fire", 12)))
    assert again.detail["places"][0]["since"].startswith("2026-03-02T06:40")
    state, nothing = judged(state, window(80))
    assert (nothing.over, state.hot) == (False, ())
    assert DETECTOR.quiet(state, window(81), PROMISE) is state
    assert DETECTOR.accept(judged(KNOWN, window(0, subject("a", 12)))[0]).hot == ()


def test_the_arithmetic_comes_out_by_hand() -> None:
    _, reading = judged(KNOWN, window(0, subject("battery fire", 12)))
    numbers = {name: reading.detail[name] for name in ("said", "of", "before", "of_before")}
    agreement = Agreement(
        reading.kind,
        reading.score,
        reading.observed,
        reading.expected,
        reading.lower,
        reading.upper,
        reading.detail["span_s"],
        msgspec.convert(reading.detail["places"], list[SpreadPlace]),
        numbers,
    )
    assert all(step.same for step in checks(agreement)), checks(agreement)
