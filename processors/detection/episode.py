"""The episode of one monitor and kind of signal: from the first window that was over until the monitor has calmed."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from processors.signals.spans import LONGEST_SPAN
from processors.signals.types import Reading, calm, lasts

# Closed calm windows in a row that end an episode: half an hour.
CALM_WINDOWS = 6
ASIDE_KEPT = LONGEST_SPAN

SignalState = Literal["over", "calm", "set_aside"]


class Episode(msgspec.Struct):
    """The episode as `detector_state` keeps it."""

    since: datetime | None = None
    # The newest window that counted as over.
    last_over: datetime | None = None
    windows_over: int = 0
    calm: int = 0
    # The newest window that gave a signal while it was still open.
    told: datetime | None = None
    # The newest window that was not over only because its copies were set aside.
    aside_told: datetime | None = None

    def set_back(self, now: datetime) -> None:
        """Forget the windows that lie ahead of `now`: a clock that was set back since has judged them."""
        self.since = min(self.since, now) if self.since is not None else None
        self.last_over, self.told, self.aside_told = (
            None if at is not None and at > now else at for at in (self.last_over, self.told, self.aside_told)
        )


def count_over(episode: Episode, start: datetime) -> None:
    if episode.last_over is None or episode.last_over < start:
        episode.windows_over += 1
        episode.last_over = start
    episode.since = episode.since or start
    episode.calm = 0


def after_close(episode: Episode, reading: Reading, speaks: bool) -> Literal["over", "calm"] | None:
    """Move the episode on by a closed window. Return the news for its alert, if any. `speaks`: a trigger speaks in the window.

    A second window confirms the first, and needs no more than to be about as high: a hair below the limit, or below one that the
    first window raised, is no news to the people who are kept waiting.
    """
    if reading.over or speaks or (episode.windows_over == 1 and lasts(reading)):
        count_over(episode, reading.start)
        return "over"
    if episode.since is None:
        return None
    if not reading.detail.get("complete", True):
        # An incomplete window is neither over nor calm.
        return None
    episode.calm = episode.calm + 1 if calm(reading) else 0
    return "calm" if episode.calm >= CALM_WINDOWS else None


def set_aside(episode: Episode, reading: Reading) -> Literal["set_aside"] | None:
    """Report a window that only copies raised.

    Each episode of copies is reported once, so that people see what was kept quiet.
    """
    before, episode.aside_told = episode.aside_told, reading.start
    if episode.since is not None or (before is not None and reading.start - before < ASIDE_KEPT):
        return None
    return "set_aside"
