"""What is going on with one monitor and kind: from the first window that was over until it has calmed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from processors.signals.types import Reading, calm

CALM_WINDOWS = 6  # closed calm windows in a row that end an episode: half an hour
ASIDE_KEPT = timedelta(hours=6)  # the longest span a reading looks at

SignalState = Literal["over", "calm", "set_aside"]


class Episode(msgspec.Struct):
    """Kept in `detector_state`."""

    since: datetime | None = None
    last_over: datetime | None = None  # the newest window that counted as over
    windows_over: int = 0
    calm: int = 0
    told: datetime | None = None  # the newest window that a signal was made for while it was open
    aside_told: datetime | None = None  # the newest window whose copies, set aside, kept it from being over


def count_over(episode: Episode, start: datetime) -> None:
    if episode.last_over is None or episode.last_over < start:
        episode.windows_over += 1
        episode.last_over = start
    episode.since = episode.since or start
    episode.calm = 0


def after_close(episode: Episode, reading: Reading, speaks: bool) -> Literal["over", "calm"] | None:
    """Move the episode on by a closed window; what, if anything, its alert should be told. `speaks`: a trigger does in it."""
    if reading.over or speaks:
        count_over(episode, reading.start)
        return "over"
    if episode.since is None:
        return None
    if not reading.detail.get("complete", True):
        return None  # no data is neither over nor calm
    episode.calm = episode.calm + 1 if calm(reading) else 0
    return "calm" if episode.calm >= CALM_WINDOWS else None


def set_aside(episode: Episode, reading: Reading) -> Literal["set_aside"] | None:
    """Copies alone made this window: said once per episode of them, so that what was kept quiet can be seen."""
    before, episode.aside_told = episode.aside_told, reading.start
    if episode.since is not None or (before is not None and reading.start - before < ASIDE_KEPT):
        return None
    return "set_aside"
