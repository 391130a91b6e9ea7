"""Retry waits for an engine that is away, says so once, and after the longest wait raises the engine's own error."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tocsin.core.errors import StoreRefused, StoreUnavailable, StreamFull, StreamUnavailable, WrongInput
from tocsin.core.retry import Retry

NOW = timedelta(0)
HOUR = timedelta(hours=1)


class Flaky:
    """A function that raises these errors, one a call, and then works."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def test_it_waits_for_engines_that_are_away_and_says_so_once() -> None:
    said: list[str] = []
    again: list[int] = []
    work = Flaky(StoreUnavailable("the store is away"), StreamUnavailable("so is the stream"))
    assert Retry(HOUR, said.append, every=NOW)(work, lambda: again.append(work.calls)) == "done"
    assert (work.calls, again) == (3, [1, 2])
    assert said == ["waiting: the store is away", "going on after 0 s"]


def test_after_the_longest_wait_it_raises_what_the_engine_said() -> None:
    with pytest.raises(StreamUnavailable, match="away for good"):
        Retry(NOW, every=NOW)(Flaky(StreamUnavailable("away for good")))


@pytest.mark.parametrize("error", [StreamFull("half is unread"), WrongInput("no such file")])
def test_what_waiting_would_not_mend_is_raised_at_once(error: Exception) -> None:
    work = Flaky(error)
    with pytest.raises(type(error)):
        Retry(HOUR, every=NOW)(work)
    assert work.calls == 1


def test_a_store_that_refuses_us_is_waited_for_only_where_that_may_pass() -> None:
    assert Retry(HOUR, every=NOW)(Flaky(StoreRefused("a wrong password"))) == "done"
    with pytest.raises(StoreRefused):
        Retry(HOUR, every=NOW, retry_refused=False)(Flaky(StoreRefused("a wrong password")))
