"""When a loop hangs."""

from __future__ import annotations

from datetime import timedelta

from tocsin.core.loop import UNEXPECTED_WAITS_S, WorkerLoop
from tocsin.core.pulse import HUNG_AFTER, Pulse


def test_a_loop_that_has_not_turned_for_long_hangs_and_the_others_do_not() -> None:
    seconds = 0.0
    pulse = Pulse(lambda: seconds)
    assert pulse.hanging() == ()
    pulse.turned("alerts")
    seconds = HUNG_AFTER.total_seconds()
    pulse.turned("relay")
    assert pulse.hanging() == ()
    seconds += 1
    assert pulse.hanging() == ("alerts",)
    pulse.turned("alerts")
    assert pulse.hanging() == ()


def test_a_worker_turns_before_each_round() -> None:
    seconds = 0.0
    pulse = Pulse(lambda: seconds)
    seen = []

    def work() -> float:
        nonlocal seconds
        seconds += 100
        seen.append(pulse.hanging(timedelta(seconds=99)))
        if len(seen) == 3:
            pulse.set()
        return 0.0

    WorkerLoop("made-up").run(pulse, work)
    # Each round began anew, 100 s before.
    assert seen == [("made-up",)] * 3


def test_no_pause_between_rounds_looks_like_hanging() -> None:
    assert timedelta(seconds=2 * max(UNEXPECTED_WAITS_S)) < HUNG_AFTER
