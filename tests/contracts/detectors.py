"""The contract of every detector. A test module gives the fixture `detector` (scope module) and imports `*` from here.

The worlds are made up: some hours of ordinary talk teach a state, and then any window may come.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.signals.types import (
    NOT_LOOKED,
    Detector,
    FarVoice,
    OneText,
    Reading,
    Sensitivity,
    TalkPlace,
    WindowCounts,
    WindowFindings,
    calm,
)
from tocsin.core.signal import Facts
from tocsin.core.signal_kinds import SIGNAL_KINDS

from .examples import examples
from .worlds import FIVE, MONDAY, PROMISE, fold, onsets

# One window: mentions, scored, negative, complete, the number of missing windows before it, and what the store tells of it.
Talk = tuple[int, int, int, bool, int, WindowFindings]
ORDINARY_WINDOWS = 40 * 12
STATE_BYTES = 16_384


@dataclass(frozen=True)
class Known:
    """A state that forty hours of ordinary talk have taught, and where the next window begins."""

    state: Any
    readings: list[Reading]


def _ordinary() -> list[WindowCounts]:
    rng = random.Random(5)
    series = []
    for i in range(ORDINARY_WINDOWS):
        count = rng.randrange(2, 9)
        scored = rng.randrange(count + 1)
        negative = sum(rng.random() < 0.2 for _ in range(scored))
        series.append(WindowCounts(MONDAY + i * FIVE, FIVE, count, negative, scored))
    return series


@pytest.fixture(scope="module")
def known(detector: Detector[Any]) -> Known:
    return Known(*fold(detector, _ordinary()))


@st.composite
def _talk(draw: st.DrawFn) -> Talk:
    count = draw(_COUNT)
    scored = draw(st.integers(0, count))
    negative = draw(_negative(scored))
    missing = draw(_MISSING)
    return (
        count,
        scored,
        negative,
        draw(_COMPLETE) > 0,
        missing,
        draw(_FINDINGS) if count else NOT_LOOKED,
    )


@cache
def _negative(scored: int) -> st.SearchStrategy[int]:
    return st.integers(0, scored) | st.just(scored)


def _findings(dice: random.Random) -> WindowFindings:
    """What the store may tell of a window; each part now and then not."""
    voice = ("x", "1", dice.choice([0, 10**4, 10**7]), dice.choice(["", "a.example"]), dice.random() < 0.5)
    place = (dice.choice(["network", "lang"]), dice.choice("xyz"), dice.randrange(400), dice.random())
    people = [dice.getrandbits(64) - 2**63 for _ in range(dice.choice([1, 9, 40]))]
    return WindowFindings(
        voices=(FarVoice(*voice),) if dice.random() < 0.7 else None,
        places=(TalkPlace(*place), TalkPlace("network", "w", 90, 0.1)) if dice.random() < 0.7 else None,
        people=tuple(people) if dice.random() < 0.7 else None,
        text=OneText(dice.choice([1, 9, 12, 80]), 90) if dice.random() < 0.7 else None,
    )


FOUND = [NOT_LOOKED, *(_findings(random.Random(seed)) for seed in range(24))]

# hypothesis works out anew what a strategy can give whenever one is made, so that these are made once.
_COUNT = st.integers(0, 12) | st.integers(0, 60) | st.integers(0, 400) | st.integers(0, 10**6)
_MISSING = st.sampled_from([0, 0, 0, 0, 1, 5, 90, 400])
_COMPLETE = st.integers(0, 9)
_FINDINGS = st.sampled_from(FOUND)


def _windows(talk: list[Talk], hours: float = 0) -> list[WindowCounts]:
    at, series = MONDAY + timedelta(hours=hours), []
    for count, scored, negative, complete, missing, heard in talk:
        at += missing * FIVE
        series.append(WindowCounts(at, FIVE, count, negative, scored, complete, heard=heard))
        at += FIVE
    return series


worlds = st.lists(_talk(), min_size=1, max_size=40)
KNOWN_HOURS = ORDINARY_WINDOWS / 12


def test_a_detector_says_what_it_is(detector: Detector[Any]) -> None:
    assert detector.kind
    assert detector.version.startswith(f"{detector.kind}-")


def test_a_detector_that_knows_nothing_is_quiet(detector: Detector[Any]) -> None:
    flood = WindowCounts(MONDAY, FIVE, 10_000, 9_000, 10_000)
    reading = detector.judge(detector.initial(), flood, PROMISE)
    assert (reading.state, reading.over) == ("learning", False)
    assert not detector.may_be_over(detector.initial(), flood, PROMISE)


@settings(max_examples=examples(8), deadline=None)
@given(talk=worlds)
def test_while_it_learns_it_is_quiet(detector: Detector[Any], talk: list[Talk]) -> None:
    _, readings = fold(detector, _windows(talk))
    assert not [one for one in readings if one.state == "learning" and one.over]


def test_ordinary_talk_makes_it_warm_and_is_not_over(known: Known) -> None:
    assert known.readings[-1].state == "warm"
    assert len(onsets(known.readings)) <= 1


def test_most_ordinary_windows_are_told_from_their_counts(detector: Detector[Any], known: Known) -> None:
    hour = ORDINARY_WINDOWS - 12
    asked = [detector.may_be_over(known.state, one, PROMISE) for one in _ordinary()[hour:]]
    assert sum(asked) <= 3


@settings(max_examples=examples(10), deadline=None)
@given(talk=worlds)
def test_judging_is_pure(detector: Detector[Any], known: Known, talk: list[Talk]) -> None:
    state = known.state
    for window in _windows(talk, KNOWN_HOURS):
        before = msgspec.json.encode(state)
        reading = detector.judge(state, window, PROMISE)
        assert detector.judge(state, window, PROMISE) == reading
        detector.may_be_over(state, window, PROMISE)
        detector.tells(state, window, reading, speaks=True)
        assert msgspec.json.encode(state) == before
        state = detector.learn(state, window, reading)


@pytest.mark.slow("many random windows")
@settings(max_examples=examples(25), deadline=None)
@given(talk=worlds)
def test_what_is_over_is_never_missed_by_the_cheap_question(
    detector: Detector[Any], known: Known, talk: list[Talk]
) -> None:
    state = known.state
    for window in _windows(talk, KNOWN_HOURS):
        reading = detector.judge(state, window, PROMISE)
        assert detector.may_be_over(state, window, PROMISE) or not reading.over
        state = detector.learn(state, window, reading)


@settings(max_examples=examples(15), deadline=None)
@given(talk=worlds, known_before=st.booleans(), promise=st.sampled_from([0.1, 1.0, 100.0]))
def test_a_window_that_is_spared_its_judgement_is_not_over_and_teaches_the_same(
    detector: Detector[Any], known: Known, talk: list[Talk], known_before: bool, promise: float
) -> None:
    quiet = getattr(detector, "quiet", None)
    if quiet is None:
        pytest.skip("judges every window")
    state, promised = known.state if known_before else detector.initial(), Sensitivity(promise)
    for spoken in _windows(talk, KNOWN_HOURS):
        window = msgspec.structs.replace(spoken, due=3.0)
        reading = detector.judge(state, window, promised)
        learned = detector.learn(state, window, reading)
        spared = quiet(state, window, promised)
        if spared is not None:
            assert not reading.over
            assert msgspec.json.encode(spared) == msgspec.json.encode(learned)
        state = learned


@settings(max_examples=examples(10), deadline=None)
@given(talk=worlds, known_before=st.booleans())
def test_a_state_survives_json_and_is_rebuilt_from_what_was_stored(
    detector: Detector[Any], known: Known, talk: list[Talk], known_before: bool
) -> None:
    first = known.state if known_before else detector.initial()
    kept, stored = first, []
    for window in _windows(talk, KNOWN_HOURS):
        reading = detector.judge(kept, window, PROMISE)
        # What the store told is not stored with the window: the reading has what was learned of it.
        bare = msgspec.structs.replace(window, heard=NOT_LOOKED)
        stored.append((msgspec.json.encode(bare), msgspec.json.encode(reading)))
        learned = detector.learn(kept, window, reading)
        kept = msgspec.json.decode(msgspec.json.encode(learned), type=type(learned))
        assert kept == learned
    rebuilt = first
    for window_as_stored, reading_as_stored in stored:
        rebuilt = detector.learn(
            rebuilt,
            msgspec.json.decode(window_as_stored, type=WindowCounts),
            msgspec.json.decode(reading_as_stored, type=Reading),
        )
    assert msgspec.json.encode(rebuilt) == msgspec.json.encode(kept)


@settings(max_examples=examples(8), deadline=None)
@given(talk=worlds)
def test_what_is_learned_depends_on_the_arguments_alone(
    detector: Detector[Any], known: Known, talk: list[Talk]
) -> None:
    """The detector remembers nothing of another detector in between, of other states, or of the same question before."""
    state = known.state
    for window in _windows(talk, KNOWN_HOURS):
        reading = detector.judge(state, window, PROMISE)
        once = detector.learn(state, window, reading)
        detector.learn(detector.initial(), window, reading)
        assert detector.learn(state, window, reading) == once
        state = once


@settings(max_examples=examples(13), deadline=None)
@given(talk=worlds)
def test_a_reading_is_finite_and_holds_together(
    detector: Detector[Any], known: Known, talk: list[Talk]
) -> None:
    series = _windows(talk, KNOWN_HOURS)
    _, readings = fold(detector, series, known.state)
    for window, one in zip(series, readings, strict=True):
        assert (one.kind, one.start, one.length) == (detector.kind, window.start, window.length)
        assert 0.0 <= one.score < 1e6
        assert all(math.isfinite(value) for value in (one.observed, one.expected, one.lower, one.upper))
        assert 0.0 <= one.lower <= one.upper
        if SIGNAL_KINDS.of(one.kind).is_share:
            assert 0.0 <= one.observed <= 1.0
            assert one.lower <= one.observed <= one.upper <= 1.0 or not one.observed
        assert one.detail["span_s"] >= window.length.total_seconds()
        assert one.detail["complete"] is window.complete
        assert msgspec.json.decode(msgspec.json.encode(one.detail)) == one.detail


@settings(max_examples=examples(6), deadline=None)
@given(talk=worlds)
def test_a_promise_of_fewer_false_alerts_never_alerts_where_the_other_does_not(
    detector: Detector[Any], known: Known, talk: list[Talk]
) -> None:
    state = known.state
    strict, loose = Sensitivity(false_alerts_per_week=0.1), Sensitivity(false_alerts_per_week=10)
    for window in _windows(talk, KNOWN_HOURS):
        reading = detector.judge(state, window, loose)
        assert reading.over or not detector.judge(state, window, strict).over
        state = detector.learn(state, window, reading)


def test_an_incomplete_window_neither_calms_nor_teaches(detector: Detector[Any], known: Known) -> None:
    [deaf] = _windows([(0, 0, 0, False, 0, NOT_LOOKED)], KNOWN_HOURS)
    reading = detector.judge(known.state, deaf, PROMISE)
    assert not calm(reading)
    assert detector.learn(known.state, deaf, reading) == known.state


def test_what_is_accepted_is_a_state_that_judges_on(detector: Detector[Any], known: Known) -> None:
    accepted = detector.accept(known.state)
    assert type(accepted) is type(known.state)
    [window] = _windows([(5, 5, 1, True, 0, NOT_LOOKED)], KNOWN_HOURS)
    assert detector.judge(accepted, window, PROMISE).kind == detector.kind


@pytest.mark.parametrize("speaks", [True, False])
def test_what_it_tells_are_facts(detector: Detector[Any], known: Known, speaks: bool) -> None:
    [window] = _windows([(90, 60, 50, True, 0, NOT_LOOKED)], KNOWN_HOURS)
    reading = detector.judge(known.state, window, PROMISE)
    told = detector.tells(known.state, window, reading, speaks=speaks)
    assert told.keys() <= set(Facts.__struct_fields__)
    assert msgspec.json.decode(msgspec.json.encode(told)) == told


def test_what_is_kept_is_small(known: Known) -> None:
    assert len(msgspec.json.encode(known.state)) < STATE_BYTES
