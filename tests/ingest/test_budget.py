"""The requests that a host still takes: counted once for all sources, over any stretch of time, and never slept for."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ingest.budget import MOST_HOSTS, MOST_STRETCHES, Budget, HostBudget, Window, in_words
from tests.ingest.house import NOON

SECOND = timedelta(seconds=1)
THREE_IN_TEN = Budget(3, per_s=10)


def test_sources_of_one_host_share_its_budget_and_are_told_how_long_to_wait() -> None:
    budget = HostBudget()
    for n, source in enumerate(("a", "b", "a")):
        assert budget.take("h", THREE_IN_TEN, NOON + n * SECOND, source=source) is None
    assert budget.take("h", THREE_IN_TEN, NOON + 3 * SECOND, source="b") == 7 * SECOND
    assert budget.take("other", THREE_IN_TEN, NOON + 3 * SECOND) is None
    assert budget.take("h", THREE_IN_TEN, NOON + 10 * SECOND, source="b") is None
    (state,) = budget.states(NOON + 10 * SECOND, "b")
    assert (state.host, state.left, state.of, state.per_s) == ("h", 0, 3, 10)
    assert state.next_at == NOON + 11 * SECOND
    assert [one.host for one in budget.states(NOON)] == ["h", "other"]


def test_no_stretch_of_time_has_more_than_the_budget() -> None:
    budget, taken, now = HostBudget(), [NOON], NOON
    taken.clear()
    for _ in range(200):
        now += 0.7 * SECOND
        if budget.take("h", THREE_IN_TEN, now) is None:
            taken.append(now)
    assert all(later - earlier >= 10 * SECOND for earlier, later in zip(taken, taken[3:], strict=False))
    assert len(taken) >= 39


def test_a_request_that_weighs_more_waits_for_more() -> None:
    budget, day = HostBudget(), Budget(100, per_s=86_400)
    assert budget.take("h", day, NOON, cost=60) is None
    assert budget.take("h", day, NOON + SECOND, cost=30) is None
    assert budget.take("h", day, NOON + 2 * SECOND, cost=50) == timedelta(days=1) - 2 * SECOND
    assert budget.take("h", day, NOON + 2 * SECOND, cost=10) is None
    # One that weighs more than the whole budget waits until all of it is there.
    assert budget.take("h", day, NOON + 3 * SECOND, cost=500) == timedelta(days=1) - SECOND


def test_two_budgets_of_one_host_both_hold() -> None:
    budget, slow = HostBudget(), Budget(1, per_s=60)
    assert budget.take("h", slow, NOON) is None
    assert budget.take("h", THREE_IN_TEN, NOON) == 60 * SECOND
    assert budget.take("h", None, NOON) == 60 * SECOND


def test_what_the_host_itself_says_holds_for_all_sources() -> None:
    budget = HostBudget()
    budget.rest("h", NOON + 60 * SECOND, NOON)
    assert budget.take("h", None, NOON + 20 * SECOND) == 40 * SECOND
    assert budget.take("h", None, NOON + 60 * SECOND) is None
    budget.told("h", 1, NOON + 300 * SECOND, NOON + 60 * SECOND)
    assert budget.states(NOON + 61 * SECOND)[0].left == 1
    assert budget.take("h", THREE_IN_TEN, NOON + 61 * SECOND) is None
    assert budget.take("h", THREE_IN_TEN, NOON + 62 * SECOND) == 238 * SECOND
    assert budget.take("h", THREE_IN_TEN, NOON + 300 * SECOND) is None


def test_hosts_without_number_are_forgotten() -> None:
    budget = HostBudget()
    assert budget.take("known", THREE_IN_TEN, NOON) is None
    for n in range(MOST_HOSTS + 10):
        assert budget.take(f"h{n}", None, NOON) is None
    assert len(budget.states(NOON)) <= MOST_HOSTS
    assert "known" in [one.host for one in budget.states(NOON)]


def test_a_window_of_many_requests_is_remembered_in_few_entries_and_never_counts_too_few() -> None:
    window = Window(Budget(100_000, per_s=86_400))
    for n in range(20_000):
        window.spend(1, NOON + n * SECOND)
    assert len(window.spent) <= 2 * MOST_STRETCHES
    assert window.left == 80_000
    window.forget(NOON + timedelta(days=1, hours=1))
    # Those of the first hour are forgotten, at most a two-hundredth of the day later.
    assert 80_000 + 3600 - 86_400 / MOST_STRETCHES <= window.left <= 80_000 + 3601


def test_a_clock_that_was_set_back_makes_no_wait_longer() -> None:
    budget, ahead = HostBudget(), NOON + timedelta(hours=1)
    for n in range(3):
        assert budget.take("h", THREE_IN_TEN, ahead + n * SECOND) is None
    budget.rest("other", ahead + 60 * SECOND, ahead)
    assert budget.take("h", THREE_IN_TEN, NOON) == 10 * SECOND
    assert budget.take("other", None, NOON) == 60 * SECOND


@pytest.mark.parametrize(
    ("wait", "words"), [(0.2, "1 s"), (119, "119 s"), (120, "2 min"), (3700, "62 min"), (20_000, "6 h")]
)
def test_a_wait_in_words(wait: float, words: str) -> None:
    assert in_words(wait * SECOND) == words
