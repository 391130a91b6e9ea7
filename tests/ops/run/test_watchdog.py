"""A process that is alive and at no work: it is seen, ended and started again."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from ops.run.children import pythons
from ops.run.pulse import BEGINS_WITHIN_S, SILENT_AFTER_S, PulseHeard, send_pulse
from ops.run.roles import _wait_for_the_end
from ops.run.supervisor import PROCESSES, Supervisor
from tests.story.live import until
from tocsin.core.pulse import HUNG_AFTER, Pulse


def test_a_child_is_silent_when_it_was_heard_and_is_not_any_more() -> None:
    heard = PulseHeard(now=0.0)
    # It may still wait for its store.
    assert heard.silent_for(BEGINS_WITHIN_S) is None
    send_pulse(heard.sends_to)
    assert heard.silent_for(1000.0) is None
    assert heard.silent_for(1000.0 + SILENT_AFTER_S) is None
    assert heard.silent_for(1001.0 + SILENT_AFTER_S) == SILENT_AFTER_S + 1
    heard.forgive(2000.0)
    assert heard.silent_for(2001.0) is None
    heard.close()
    # Nobody listens: the child does not mind.
    send_pulse(heard.sends_to)
    send_pulse(None)


def test_a_full_pipe_holds_up_no_child() -> None:
    heard = PulseHeard(now=0.0)
    for _ in range(70_000):
        send_pulse(heard.sends_to)
    assert heard.silent_for(1.0) is None
    heard.close()


def test_a_process_with_a_loop_that_hangs_says_so_and_stops_saying_that_all_is_well() -> None:
    seconds = 0.0
    stop, heard = Pulse(lambda: seconds), PulseHeard(now=0.0)
    stop.turned("relay")
    seconds = HUNG_AFTER.total_seconds() + 1
    stop.turned("alerts")
    assert _wait_for_the_end(stop, ["alerts"], None, heard.sends_to, every_s=0.01) == ("relay",)
    assert stop.is_set()
    with pytest.raises(BlockingIOError):
        os.read(heard.hears_from, 1)
    heard.close()


class _AskedInside(Pulse):
    """A process that is asked to end while its main thread holds the lock of the order to stop."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def hanging(self, longest: timedelta = HUNG_AFTER) -> tuple[str, ...]:
        self._cond.acquire()
        signal.raise_signal(self._number)
        self._cond.release()
        return super().hanging(longest)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_process_ends_whenever_it_is_asked_to(number: int) -> None:
    before, stop = signal.getsignal(number), _AskedInside(number)
    assert _wait_for_the_end(stop, ["alerts"], None, None, every_s=0.001) == ()
    assert stop.is_set()
    assert signal.getsignal(number) is before


def test_roles_in_another_thread_end_with_the_order_to_stop() -> None:
    stop = Pulse()
    waiting = threading.Thread(target=_wait_for_the_end, args=(stop, ["alerts"], None, None, 0.001))
    waiting.start()
    stop.set()
    waiting.join(15)
    assert not waiting.is_alive()


CHILD = """
import os, sys, time
given = sys.argv[1:]
pulse = int(given[given.index("--pulse") + 1])
with open(os.path.join(given[-1], given[0]), "a") as book:
    book.write(f"{os.getpid()}\\n")
while True:
    os.write(pulse, b".")
    time.sleep(0.05)
"""


@pytest.mark.live
def test_a_stopped_process_is_ended_and_started_again_and_the_others_go_on(tmp_path: Path) -> None:
    stop, lock = threading.Event(), os.open(tmp_path / "lock", os.O_CREAT | os.O_RDWR)
    one = Supervisor(pythons([str(tmp_path)], lock, (sys.executable, "-c", CHILD)), silent_after_s=1.0)
    running = threading.Thread(target=one.run, args=(stop,))
    running.start()

    def processes(role: str) -> list[int]:
        book = tmp_path / role
        return [int(line) for line in book.read_text().splitlines()] if book.exists() else []

    try:
        until(lambda: all(processes(roles[0]) for roles in PROCESSES), "every process to start")
        os.kill(processes("alerts")[0], signal.SIGSTOP)
        stopped_at = time.monotonic()
        until(lambda: len(processes("alerts")) == 2, "the stopped one to be started again")
        assert time.monotonic() - stopped_at > 0.9
        assert [len(processes(roles[0])) for roles in PROCESSES] == [1, 2, 1, 1]
    finally:
        stop.set()
        running.join(15)
        os.close(lock)
