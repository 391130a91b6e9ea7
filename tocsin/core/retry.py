"""Waiting for an engine that is away: said once, tried again, given up with its own error when it takes too long."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final, TypeVar

from tocsin.core.errors import StoreRefused, StoreUnavailable, StreamFull, StreamUnavailable

T = TypeVar("T")
RETRY: Final = timedelta(seconds=1)
FOR_EVER: Final = timedelta.max


class Patience:
    """Does work that may be done twice, until it succeeds. One thread, one instance.

    `longest` is how long an engine may be away at a stretch; zero: not at all. `say` is told when waiting begins and ends.
    A stream that is full is not waited for: nobody else will empty it. Nor is a store that refuses us, where `refused` is False.
    `look` is called before each new try; what it raises ends the waiting.
    """

    def __init__(
        self,
        longest: timedelta = timedelta(0),
        say: Callable[[str], None] = lambda _line: None,
        *,
        retry: timedelta = RETRY,
        refused: bool = True,
        look: Callable[[], None] = lambda: None,
    ) -> None:
        self._longest = longest
        self._say = say
        self._retry = retry
        self._at_once = (StreamFull,) if refused else (StreamFull, StoreRefused)
        self._look = look

    def __call__(self, work: Callable[[], T], before_again: Callable[[], None] = lambda: None) -> T:
        """What `work` returns; `before_again` is called before each new try. Raises what `work` raises, the two errors of an
        engine that is away only after `longest`.
        """
        away_since: float | None = None
        while True:
            try:
                done = work()
            except self._at_once:
                raise
            except (StoreUnavailable, StreamUnavailable) as error:
                now = time.monotonic()
                if away_since is None:
                    away_since = now
                    if self._longest:
                        self._say(f"waiting: {error}")
                if now - away_since >= self._longest.total_seconds():
                    raise
                time.sleep(self._retry.total_seconds())
                self._look()
                before_again()
                continue
            if away_since is not None:
                self._say(f"going on after {time.monotonic() - away_since:.0f} s")
            return done
