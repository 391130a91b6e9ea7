"""Negativity: shares of made-up crowds, large and small."""

from __future__ import annotations

import random
from datetime import UTC, timedelta

import msgspec
import pytest

from processors.signals import story
from processors.signals.negativity import EVIDENCE_AT, Negativity, NegativityState
from processors.signals.negativity_steps import steps
from processors.signals.registry import detectors
from processors.signals.types import Reading, RisingTerm, Sensitivity, WindowCounts, WindowFindings
from tests.contracts.worlds import (
    FIVE,
    MONDAY,
    PROMISE,
    fold,
    onsets,
    shared,
)
from tocsin.core.promise import MOST_A_WEEK

WEEK = 7 * 288


def crowd(seed: int, n: int, per_window: int, share: float) -> list[tuple[int, int]]:
    """(negative, scored) pairs of independent people."""
    rng = random.Random(seed)
    return [(sum(rng.random() < share for _ in range(per_window)), per_window) for _ in range(n)]


@pytest.fixture(scope="module")
def known() -> NegativityState:
    """A week of three scored mentions per window, a quarter of them negative."""
    state: NegativityState = fold(Negativity(), shared(crowd(1, WEEK, 3, 0.25), due=3.0))[0]
    return state


def first_over(readings: list[Reading]) -> int:
    return next(i for i, one in enumerate(readings) if one.over)


def later(pairs: list[tuple[int, int]]) -> list[WindowCounts]:
    return shared(pairs, MONDAY + timedelta(days=7), due=3.0)


def test_a_rise_of_the_share_is_over_within_the_hour(known: NegativityState) -> None:
    _, readings = fold(Negativity(), later(crowd(2, 12, 3, 0.8)), known)
    over = [r for r in readings if r.over]
    assert over
    assert 0.2 < over[-1].expected < 0.3
    assert over[-1].expected < over[-1].lower < over[-1].observed < over[-1].upper


def test_more_mentions_with_the_usual_share_are_no_rise(known: NegativityState) -> None:
    _, readings = fold(Negativity(), later(crowd(3, 72, 30, 0.25)), known)
    assert onsets(readings) == []


def test_an_ordinary_week_keeps_the_promise() -> None:
    _, readings = fold(Negativity(), shared(crowd(4, 2 * WEEK, 3, 0.25), due=3.0))
    assert len(onsets(readings)) <= 2


def test_a_usual_share_of_a_burst_is_explained_by_its_volume(known: NegativityState) -> None:
    """Ten times the mentions, as mixed as ever, against half the mentions and nearly all of them negative."""
    _, burst = fold(Negativity(), later(crowd(7, 24, 30, 0.25)), known)
    _, turned = fold(Negativity(), later(crowd(8, 24, 2, 0.95)), known)
    assert not any(r.over for r in burst)
    assert any(r.over for r in turned)


def test_more_negatives_at_more_volume_are_told_sooner_than_the_share_alone(known: NegativityState) -> None:
    """The statistic joins both: a crisis that also grows is seen in fewer windows."""
    grown = fold(Negativity(), later(crowd(9, 24, 9, 0.6)), known)[1]
    turned = fold(Negativity(), later(crowd(9, 24, 3, 0.6)), known)[1]
    assert first_over(grown) < first_over(turned)


def test_an_alert_is_not_repeated_on_the_same_day(known: NegativityState) -> None:
    angry, calm_again = crowd(10, 12, 6, 0.9), crowd(11, 100, 3, 0.25)
    _, readings = fold(Negativity(), later([*angry, *calm_again, *angry]), known)
    assert any(r.over for r in readings[:12])
    assert [r.detail["reason"] for r in readings[-3:]] == [story.THE_SAME] * 3


def test_two_angry_posts_prove_nothing(known: NegativityState) -> None:
    quiet = [(0, 0)] * 72
    _, readings = fold(Negativity(), later([*quiet, (2, 2), (2, 2)]), known)
    assert not any(r.over for r in readings)
    assert readings[-1].lower < readings[-1].observed == 1.0


def test_nothing_scored_says_nothing(known: NegativityState) -> None:
    _, readings = fold(Negativity(), later([(0, 0)] * 80), known)
    last = readings[-1]
    assert (last.score, last.observed, last.lower, last.upper, last.over) == (0.0, 0.0, 0.0, 1.0, False)


def test_unscored_mentions_are_not_neutral(known: NegativityState) -> None:
    at = MONDAY + timedelta(days=7)
    with_unscored = [WindowCounts(at + i * FIVE, FIVE, count=100, negative=3, scored=3) for i in range(12)]
    _, readings = fold(Negativity(), with_unscored, known)
    assert readings[-1].observed == 1.0 or readings[-1].detail["scored"] > 36


def test_the_rise_is_not_learned_while_it_happens(known: NegativityState) -> None:
    state, readings = fold(Negativity(), later(crowd(5, 144, 6, 0.8)), known)
    assert readings[-1].over
    assert readings[-1].expected < 0.35
    assert readings[-1].detail["adaptive_expected"] > 0.6
    usual = Negativity().accept(state).usual
    assert usual[0] / usual[1] == pytest.approx(state.adaptive[0] / state.adaptive[1])


def passed_on(seed: int, n: int, share: float, after: timedelta = timedelta()) -> list[WindowCounts]:
    """Two posts in five hours, each passed on at once by one or two people who agree with it."""
    rng, pairs = random.Random(seed), []
    for _ in range(n):
        told = [rng.choice((2, 3)) for _ in range(rng.random() < 1 / 30)]
        pairs.append((sum(posts for posts in told if rng.random() < share), sum(told)))
    return shared(pairs, MONDAY + after, due=1 / 12)


@pytest.mark.parametrize("seed", range(4))
def test_talk_that_comes_in_clusters_teaches_its_own_share(seed: int) -> None:
    """It once sank to a tenth of itself: the more an ordinary share was evidence, the less it taught."""
    state, readings = fold(Negativity(), passed_on(seed, 4 * WEEK, 0.3))
    assert 0.2 < state.usual[0] / state.usual[1] < 0.4
    assert len(onsets(readings)) <= 4


def test_a_usual_share_that_is_far_too_low_is_mended_within_a_fortnight() -> None:
    sunk = msgspec.structs.replace(
        fold(Negativity(), passed_on(1, WEEK, 0.3))[0], usual=(0.06 * 160.0, 160.0)
    )
    state, _ = fold(Negativity(), passed_on(2, 2 * WEEK, 0.3, timedelta(days=7)), sunk)
    assert 0.2 < state.usual[0] / state.usual[1] < 0.4


def test_the_first_hours_teach_all_that_they_bring() -> None:
    state, _ = fold(Negativity(), shared(crowd(12, 72, 2, 0.9), due=2.0))
    assert state.usual[0] / state.usual[1] > 0.75


def test_the_first_hours_are_learning() -> None:
    _, readings = fold(Negativity(), shared(crowd(6, 24, 10, 0.9)))
    assert {r.state for r in readings} == {"learning"}
    assert not any(r.over for r in readings)


def test_an_ordinary_share_is_told_from_the_counts(known: NegativityState) -> None:
    detector = Negativity()
    assert not detector.may_be_over(known, later([(3, 40)])[0], PROMISE)
    assert detector.may_be_over(known, later([(90, 100)])[0], PROMISE)
    assert not detector.may_be_over(detector.initial(), later([(90, 100)])[0], PROMISE)


def ahead(known: NegativityState, due: float) -> float:
    """The evidence of the crowd where six mentions come in each of six windows."""
    windows = shared([(2, 6)] * 6, MONDAY + timedelta(days=7), due=due)
    return float(fold(Negativity(), windows, known)[1][-1].detail["crowd"][0])


def test_more_mentions_than_were_due_weigh_with_the_negatives_and_never_more_than_these(
    known: NegativityState,
) -> None:
    assert ahead(known, due=6.0) == 0.0 < ahead(known, due=3.0)
    windows = [msgspec.structs.replace(one, due=3.0) for one in later([(4, 6)] * 24)]
    loud = fold(Negativity(), windows, known)[1]
    as_due = fold(Negativity(), [msgspec.structs.replace(one, due=6.0) for one in windows], known)[1]
    assert first_over(loud) <= first_over(as_due)
    for one in loud:
        assert one.detail["heat"] <= 2.0 * one.detail["evidence"][0] / EVIDENCE_AT + 1e-4
    benign = fold(Negativity(), later([(1, 12)] * 72), known)[1]
    assert max(one.detail["crowd"][0] for one in benign) == 5.0
    assert not any(one.over for one in benign)


def test_a_new_subject_brings_what_is_half_way_over_and_nothing_that_is_less(known: NegativityState) -> None:
    told = RisingTerm("on hold", 11, 25, 2, 300, 6.1)
    states = [known]
    windows = later([(2, 4)] * 12)
    for window in windows:
        reading = Negativity().judge(states[-1], window, PROMISE)
        states.append(Negativity().learn(states[-1], window, reading))
    for state, window in zip(states, windows, strict=False):
        plain = Negativity().judge(state, window, PROMISE)
        heard = msgspec.structs.replace(window, heard=WindowFindings(subjects=(told,)))
        new = Negativity().judge(state, heard, PROMISE)
        counts = plain.score >= PROMISE.threshold / 2
        assert (new.score > plain.score) == counts
        assert new.detail["heat"] <= 3.0 * new.detail["evidence"][0] / EVIDENCE_AT + 1e-4
        done = steps(state, heard, new, UTC, 1.0)
        assert all(one.same for one in done)
        # What few say, or hardly more than before, is no subject.
        for less in (msgspec.structs.replace(told, seen=4), msgspec.structs.replace(told, z=3.9)):
            few = msgspec.structs.replace(window, heard=WindowFindings(subjects=(less,)))
            assert Negativity().judge(state, few, PROMISE) == plain
    assert any(one.name == "Evidence of a new subject, in nats" for one in done)


def test_a_state_of_the_version_before_is_carried_over_and_its_crowd_is_learned_anew(
    known: NegativityState,
) -> None:
    [judged] = [one for one in detectors(UTC) if one.name == "negativity"]
    assert all(judged.reads(f"negativity-{number}") for number in (2, 3, 4, 5))
    assert judged.detector.version == "negativity-6"
    assert not judged.reads("negativity-1")
    kept = msgspec.to_builtins(known)
    del kept["crowd"]
    kept["recent"] = [one[:5] for one in kept["recent"]]
    carried = msgspec.convert(kept, NegativityState)
    assert carried.usual == known.usual
    assert carried.crowd == NegativityState().crowd
    [window] = later([(1, 3)])
    assert Negativity().judge(carried, window, PROMISE).expected == pytest.approx(0.25, abs=0.05)


@pytest.mark.parametrize(("promise", "asks"), [(0.1, 2.0), (1.0, 1.0), (5.0, 0.617)])
def test_a_promise_asks_for_more_evidence_the_fewer_false_alerts_it_allows(
    known: NegativityState, promise: float, asks: float
) -> None:
    """The evidence per unit of score, at the threshold of the promise."""
    [window] = later([(6, 6)])
    kept = Sensitivity(false_alerts_per_week=promise)
    untold = msgspec.structs.replace(known, story=NegativityState().story)
    one, usual = (Negativity().judge(untold, window, each) for each in (kept, PROMISE))
    needed = kept.threshold * usual.score / (one.score * PROMISE.threshold)
    assert needed == pytest.approx(asks, rel=0.02)


def test_the_loosest_promise_still_asks_for_evidence(known: NegativityState) -> None:
    [calm, angry] = later([(0, 6), (6, 6)])
    for promise in (MOST_A_WEEK, 1000.0):
        loose = Sensitivity(false_alerts_per_week=promise)
        assert loose.threshold == pytest.approx(1.0)
        assert not Negativity().judge(known, calm, loose).over
        assert not Negativity().may_be_over(known, calm, loose)
        assert Negativity().judge(known, angry, loose).over


def test_every_step_by_hand_gives_the_judged_figure_at_another_promise(known: NegativityState) -> None:
    promise = Sensitivity(false_alerts_per_week=0.5)
    state, _ = fold(Negativity(), later([(5, 6)] * 4), known, promise)
    [*_, window] = later([(5, 6)] * 5)
    reading = Negativity().judge(state, window, promise)
    gone = steps(state, window, reading, UTC, 0.5)
    assert [one.name for one in gone if not one.same] == []
    assert reading.detail["crowd"][0] > 0.0
