"""The loop of a worker: one round after the other until the worker is told to stop, with one policy for all errors.

| a round raises | what follows |
|---|---|
| `StoreUnavailable`, `StreamUnavailable` | logged once; tried again every `away`; logged again after `SETTLED_S` of good rounds |
| another `TocsinError` | a conflict: tried again after a short pause; `CONFLICTS_IN_A_ROW` of them count as the next line |
| an error that nobody expected | counted, logged, shown in health; tried again after 1, 2, 5, 10, 30 s, then each minute |
| one of `final` | raised: this worker cannot go on, and its process says why |

So a worker never dies in silence and never spins; one that hangs is seen by its process (`tocsin/core/pulse.py`). `recover`
brings the worker back to a state in which a new round may begin.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import structlog

from tocsin.core.errors import StoreUnavailable, StreamUnavailable, TocsinError
from tocsin.core.pulse import note_turn

UNEXPECTED_WAITS_S: Final = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds before the next round, by the number of unexpected errors in a row. The last value repeats."""

LOOK_AGAIN_S: Final = 0.2
CONFLICTS_IN_A_ROW: Final = 5
"""A conflict passes by itself. So many conflicts, with no good round in between, are an error that nobody expected."""

AWAY: Final = timedelta(seconds=1)
SETTLED_S: Final = 5.0
"""On a full disk a round that writes nothing works in between, and the log would tell of each."""

SHOWN_CHARS: Final = 300

log = structlog.get_logger("loop")


class WorkerLoop:
    """Runs the rounds of one worker, in one thread. `trouble` says in words what keeps the worker from working; None: nothing."""

    def __init__(
        self,
        name: str,
        *,
        away: timedelta = AWAY,
        recover: Callable[[Exception], None] = lambda _error: None,
        final: tuple[type[Exception], ...] = (),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`recover` hears of every error before the next round. An error that `recover` raises is logged and changes nothing.
        `monotonic` is a clock in seconds.
        """
        self.name = name
        self.trouble: str | None = None
        self.unexpected = 0
        """The number of errors that nobody expected, since the worker began."""

        self.failing = False
        """Whether the last round met an error that nobody expected; `trouble` says which."""

        self._away_s = away.total_seconds()
        self._recover = recover
        self._final = final
        self._monotonic = monotonic
        self._is_away = False
        # When the first round worked after an engine was away.
        self._back_at: float | None = None
        self._in_a_row = 0
        self._conflicts = 0

    def run(self, stop: threading.Event, work: Callable[[], float]) -> None:
        """Call `work` until `stop` is set. `work` returns the seconds to pause; 0: no pause. Raises an error of `final`."""
        while not stop.is_set():
            note_turn(stop, self.name)
            pause = self.round(work)
            if pause:
                stop.wait(pause)

    def round(self, work: Callable[[], float]) -> float:
        """Run one round. Returns the seconds to wait before the next. Raises an error of `final`."""
        try:
            pause = work()
        except self._final:
            raise
        except (StoreUnavailable, StreamUnavailable) as error:
            return self._waits(error)
        except TocsinError as error:
            return self._looks_again(error)
        except Exception as error:  # noqa: BLE001  # the loop must outlive our own mistakes, and report them
            return self._unexpected(error)
        self._goes_on()
        return pause

    def _waits(self, error: Exception) -> float:
        self.trouble = str(error)[:SHOWN_CHARS]
        if not self._is_away:
            log.warning("a worker waits", worker=self.name, reason=self.trouble)
        self._is_away, self._back_at, self.failing = True, None, False
        self._recovered(error)
        return self._away_s

    def _looks_again(self, error: TocsinError) -> float:
        self._conflicts += 1
        if self._conflicts >= CONFLICTS_IN_A_ROW:
            return self._unexpected(error)
        log.info("a worker met a conflict and tries again", worker=self.name, reason=str(error))
        self._recovered(error)
        return LOOK_AGAIN_S

    def _unexpected(self, error: Exception) -> float:
        wait = UNEXPECTED_WAITS_S[min(self._in_a_row, len(UNEXPECTED_WAITS_S) - 1)]
        self.unexpected += 1
        self._in_a_row += 1
        self.failing = True
        self.trouble = f"{type(error).__name__}: {error}"[:SHOWN_CHARS]
        log.exception(
            "a worker met an error that nobody expected",
            worker=self.name,
            error=type(error).__name__,
            in_a_row=self._in_a_row,
            again_after_s=wait,
        )
        self._recovered(error)
        return wait

    def _goes_on(self) -> None:
        if self._is_away:
            self._settles()
        self._in_a_row, self._conflicts = 0, 0
        self.failing, self.trouble = False, None

    def _settles(self) -> None:
        now = self._monotonic()
        if self._back_at is None:
            self._back_at = now
        elif now - self._back_at >= SETTLED_S:
            log.info("a worker goes on", worker=self.name)
            self._is_away = False

    def _recovered(self, error: Exception) -> None:
        try:
            self._recover(error)
        except TocsinError as also:
            log.debug("a worker could not recover yet", worker=self.name, reason=str(also))
        # The next round shows whether the error matters.
        except Exception as also:
            log.exception("a worker could not recover", worker=self.name, error=type(also).__name__)
