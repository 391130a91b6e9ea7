"""One policy for everything that goes wrong in a worker: never a silent death, never a tight loop."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from tocsin.core.errors import Conflict, StoreUnavailable, StreamUnavailable, WrongInput
from tocsin.core.loop import CONFLICTS_IN_A_ROW, LOOK_AGAIN_S, UNEXPECTED_WAITS_S, WorkerLoop


def raising(error: Exception) -> Callable[[], float]:
    def work() -> float:
        raise error

    return work


def well() -> float:
    return 0.25


def test_a_round_that_works_says_how_long_to_pause() -> None:
    loop = WorkerLoop("made-up")
    assert loop.round(well) == 0.25
    assert (loop.trouble, loop.unexpected) == (None, 0)


@pytest.mark.parametrize("error", [StoreUnavailable("away"), StreamUnavailable("away")])
def test_an_engine_that_is_away_is_waited_for_and_said_until_it_is_back(error: Exception) -> None:
    heard: list[Exception] = []
    loop = WorkerLoop("made-up", recover=heard.append)
    assert [loop.round(raising(error)) for _ in range(3)] == [1.0, 1.0, 1.0]
    assert loop.trouble == "away"
    assert heard == [error] * 3
    loop.round(well)
    assert loop.trouble is None
    assert loop.unexpected == 0


def test_an_engine_that_fails_every_other_round_is_said_once() -> None:
    """On a full disk rounds that write nothing work, and two lines of log came every two seconds."""
    now = [0.0]

    def rounds(loop: WorkerLoop, *works: Callable[[], float]) -> None:
        for work in works:
            loop.round(work)
            now[0] += 2.5

    with capture_logs() as logs:
        loop = WorkerLoop("made-up", monotonic=lambda: now[0])
        rounds(loop, *[raising(StoreUnavailable("full")), well] * 20)
        assert [one["event"] for one in logs] == ["a worker waits"]
        rounds(loop, well, well, well)
        assert [one["event"] for one in logs] == ["a worker waits", "a worker goes on"]
        rounds(loop, raising(StoreUnavailable("full")))
    assert [one["event"] for one in logs][2:] == ["a worker waits"]


def test_unexpected_errors_are_counted_and_tried_again_ever_more_slowly() -> None:
    loop = WorkerLoop("made-up")
    waits = [loop.round(raising(KeyError("monitor"))) for _ in range(8)]
    assert waits == [*UNEXPECTED_WAITS_S, UNEXPECTED_WAITS_S[-1], UNEXPECTED_WAITS_S[-1]]
    assert loop.unexpected == 8
    assert loop.trouble == "KeyError: 'monitor'"


def test_a_round_that_works_begins_the_waits_anew_and_keeps_the_count() -> None:
    loop = WorkerLoop("made-up")
    loop.round(raising(ValueError("one")))
    loop.round(raising(ValueError("two")))
    loop.round(well)
    assert loop.round(raising(ValueError("three"))) == UNEXPECTED_WAITS_S[0]
    assert loop.unexpected == 3


def test_a_conflict_is_looked_at_again_and_is_no_trouble() -> None:
    loop = WorkerLoop("made-up")
    assert loop.round(raising(Conflict("somebody was faster"))) == LOOK_AGAIN_S
    assert (loop.trouble, loop.unexpected) == (None, 0)


def test_a_conflict_that_does_not_end_is_an_error_that_nobody_expected() -> None:
    loop = WorkerLoop("made-up")
    waits = [loop.round(raising(Conflict("somebody was faster"))) for _ in range(CONFLICTS_IN_A_ROW + 1)]
    assert waits == [LOOK_AGAIN_S] * (CONFLICTS_IN_A_ROW - 1) + list(UNEXPECTED_WAITS_S[:2])
    assert (loop.trouble, loop.unexpected, loop.failing) == ("Conflict: somebody was faster", 2, True)
    loop.round(well)
    assert not loop.failing
    assert loop.round(raising(Conflict("somebody was faster"))) == LOOK_AGAIN_S


def test_what_is_away_is_waited_for_and_is_no_failure() -> None:
    loop = WorkerLoop("made-up")
    loop.round(raising(KeyError("monitor")))
    assert loop.failing
    loop.round(raising(StoreUnavailable("away")))
    assert not loop.failing


def test_what_is_final_is_raised() -> None:
    loop = WorkerLoop("made-up", final=(WrongInput,))
    with pytest.raises(WrongInput):
        loop.round(raising(WrongInput("no such topic")))


def test_an_error_while_recovering_does_not_end_the_worker() -> None:
    def recover(error: Exception) -> None:
        raise RuntimeError("worse") from error

    loop = WorkerLoop("made-up", recover=recover)
    assert loop.round(raising(ValueError("bad"))) == UNEXPECTED_WAITS_S[0]
    assert loop.round(well) == 0.25


def test_it_runs_until_it_is_told_to_stop() -> None:
    stop, rounds = threading.Event(), []

    def work() -> float:
        rounds.append(1)
        if len(rounds) == 3:
            stop.set()
        return 0.0

    WorkerLoop("made-up").run(stop, work)
    assert len(rounds) == 3
