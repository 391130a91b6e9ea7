"""A host's budget holds once over all processes of the installation, and over their restarts."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from ingest.budget import Budget
from ingest.shared_budget import TIDY_EVERY, WHILE_AWAY, SharedBudget
from tests.ingest.house import NOON, House
from tests.stores import on_both_stores, store_at  # noqa: F401  # every test here runs on both engines
from tocsin.core.errors import StoreUnavailable
from tocsin.store import schema as s
from tocsin.store.port import Store

SECOND = timedelta(seconds=1)
THREE_IN_TEN = Budget(3, per_s=10)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = store_at(tmp_path / "store.db")
    yield made
    made.close()


def rows(store: Store) -> list[str]:
    with store.read() as conn:
        return list(conn.execute(select(s.host_budgets.c.host).order_by(s.host_budgets.c.host)).scalars())


def test_processes_share_a_budget_and_each_is_told_how_long_to_wait(store: Store) -> None:
    one, two = SharedBudget(store), SharedBudget(store)
    assert one.take("h", THREE_IN_TEN, NOON, source="a") is None
    assert two.take("h", THREE_IN_TEN, NOON + SECOND, source="b") is None
    assert one.take("h", THREE_IN_TEN, NOON + 2 * SECOND, source="a") is None
    assert two.take("h", THREE_IN_TEN, NOON + 3 * SECOND, source="b") == 7 * SECOND
    assert two.take("other", THREE_IN_TEN, NOON + 3 * SECOND, source="b") is None
    assert two.take("h", THREE_IN_TEN, NOON + 10 * SECOND, source="b") is None


def test_two_ingest_workers_share_a_budget(house: House) -> None:
    one, two = house.worker(owner="one"), house.worker(owner="two")
    for worker in (one, two, one):
        assert worker._budget.take("h", THREE_IN_TEN, NOON) is None
    assert two._budget.take("h", THREE_IN_TEN, NOON) == 10 * SECOND


def test_what_others_spent_is_shown_by_each_that_asks_there(store: Store) -> None:
    one, two = SharedBudget(store), SharedBudget(store)
    one.take("h", THREE_IN_TEN, NOON, source="a")
    two.take("h", THREE_IN_TEN, NOON, source="b")
    two.take("h", THREE_IN_TEN, NOON, source="b")
    one.refresh(NOON + SECOND)
    (state,) = one.states(NOON + SECOND, "a")
    assert (state.left, state.of, state.next_at) == (0, 3, NOON + 10 * SECOND)


def test_a_new_process_goes_on_with_the_budget_of_the_day(store: Store) -> None:
    day = Budget(300, per_s=86_400)
    first = SharedBudget(store)
    for n in range(3):
        assert first.take("h", day, NOON + n * SECOND, cost=100) is None
    assert SharedBudget(store).take("h", day, NOON + timedelta(hours=23)) == timedelta(hours=1)


def test_a_host_that_wants_to_rest_is_left_alone_by_all(store: Store) -> None:
    one, two = SharedBudget(store), SharedBudget(store)
    assert two.take("h", None, NOON, source="b") is None
    one.rest("h", NOON + 60 * SECOND, NOON)
    assert two.take("h", None, NOON + 20 * SECOND, source="b") == 40 * SECOND
    assert two.take("h", None, NOON + 60 * SECOND, source="b") is None


def test_no_stretch_of_time_has_more_than_the_budget_over_three_processes_that_come_and_go(
    store: Store,
) -> None:
    dice, now, taken = random.Random(5), NOON, list[datetime]()
    running = [SharedBudget(store) for _ in range(3)]
    for _ in range(120):
        now += dice.random() * SECOND
        if dice.random() < 0.05:
            running[dice.randrange(3)] = SharedBudget(store)
        if dice.choice(running).take("h", THREE_IN_TEN, now) is None:
            taken.append(now)
    assert all(later - earlier >= 10 * SECOND for earlier, later in zip(taken, taken[3:], strict=False))
    assert len(taken) >= 3 * ((now - NOON) // (11 * SECOND))


def test_threads_of_two_processes_that_ask_at_one_moment_get_the_budget_once(store: Store) -> None:
    budget, got = Budget(10, per_s=3600), list[Any]()
    running = [SharedBudget(store), SharedBudget(store)]

    def ask(one: SharedBudget) -> None:
        got.extend(one.take("h", budget, NOON) for _ in range(4))

    threads = [threading.Thread(target=ask, args=(running[n % 2],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got.count(None) == 10


def test_while_the_store_is_away_no_host_with_a_limit_is_asked(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = SharedBudget(store), SharedBudget(store)
    assert one.take("h", THREE_IN_TEN, NOON) is None

    @contextmanager
    def away(**_: object) -> Iterator[None]:
        raise StoreUnavailable("away")
        yield

    with monkeypatch.context() as patch:
        patch.setattr(store, "read", away)
        patch.setattr(store, "write", away)
        assert one.take("h", THREE_IN_TEN, NOON + SECOND) == WHILE_AWAY
        assert one.take("free", None, NOON + SECOND) is None
        one.rest("other", NOON + 5 * SECOND, NOON)
        assert one.take("other", None, NOON) == 5 * SECOND
    for n in (2, 3):
        assert two.take("h", THREE_IN_TEN, NOON + n * SECOND) is None
    assert one.take("h", THREE_IN_TEN, NOON + 4 * SECOND) == 6 * SECOND


def test_a_clock_that_was_set_back_makes_no_wait_longer(store: Store) -> None:
    ahead, one = NOON + timedelta(hours=1), SharedBudget(store)
    for _ in range(3):
        assert one.take("h", THREE_IN_TEN, ahead) is None
    one.rest("other", ahead + 60 * SECOND, ahead)
    for budget in (one, SharedBudget(store)):
        assert budget.take("h", THREE_IN_TEN, NOON) == 10 * SECOND
        assert budget.take("other", None, NOON) == 60 * SECOND


def test_hosts_of_which_nothing_counts_any_more_are_removed(store: Store) -> None:
    one = SharedBudget(store)
    one.take("a", THREE_IN_TEN, NOON)
    one.take("b", None, NOON)
    assert rows(store) == ["a"]
    one.take("c", THREE_IN_TEN, NOON + 2 * TIDY_EVERY)
    assert rows(store) == ["c"]


def test_a_password_in_an_address_and_a_count_that_cannot_be_read_are_no_harm(store: Store) -> None:
    one = SharedBudget(store)
    assert one.take("me:secret@h", THREE_IN_TEN, NOON, source="a") is None
    assert rows(store) == ["h"]
    assert [state.host for state in one.states(NOON)] == ["h"]
    with store.write() as conn:
        conn.execute(update(s.host_budgets).values(state="[]"))
    assert SharedBudget(store).take("h", THREE_IN_TEN, NOON) is None
