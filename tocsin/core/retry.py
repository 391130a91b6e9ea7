"""Retry while an engine is away: work is tried again until it succeeds or the engine has been away for too long."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final, TypeVar

from tocsin.core.errors import (
    StoreRefused,
    StoreUnavailable,
    StreamFull,
    StreamUnavailable,
    UpgradeStopped,
)

T = TypeVar("T")
EVERY: Final = timedelta(seconds=1)
FOR_EVER: Final = timedelta.max


class Retry:
    """Calls work until it succeeds. The work must bear to be done twice. One instance serves one thread.

    `longest` is the time for which an engine may be away at a stretch; with zero the first failure is final. `say` hears when
    waiting begins and when it ends. Three failures are final at once: a full stream, because nobody else will empty it; a store
    that cannot be copied before its upgrade; and a store that refuses us, where `retry_refused` is False. `check` runs before
    each new try; an error from it ends the waiting.
    """

    def __init__(
        self,
        longest: timedelta = timedelta(0),
        say: Callable[[str], None] = lambda _line: None,
        *,
        every: timedelta = EVERY,
        retry_refused: bool = True,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._longest = longest
        self._say = say
        self._every = every
        self._final = (
            (StreamFull, UpgradeStopped) if retry_refused else (StreamFull, UpgradeStopped, StoreRefused)
        )
        self._check = check

    def __call__(self, work: Callable[[], T], before_again: Callable[[], None] = lambda: None) -> T:
        """Returns the result of `work`. `before_again` runs before each new try.

        Raises every error of `work`, but `StoreUnavailable` and `StreamUnavailable` only after `longest`.
        """
        away_since: float | None = None
        while True:
            try:
                done = work()
            except self._final:
                raise
            except (StoreUnavailable, StreamUnavailable) as error:
                now = time.monotonic()
                if away_since is None:
                    away_since = now
                    if self._longest:
                        self._say(f"waiting: {error}")
                if now - away_since >= self._longest.total_seconds():
                    raise
                time.sleep(self._every.total_seconds())
                self._check()
                before_again()
                continue
            if away_since is not None:
                self._say(f"going on after {time.monotonic() - away_since:.0f} s")
            return done
