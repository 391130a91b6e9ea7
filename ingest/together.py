"""Several streams as one source: relays or instances that tell of the same posts. One that fails does not silence the others."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from ingest.source import Bad, Cursor, Fetched, FetchFailed, Gap, Removed, read_cursor
from ingest.streaming import Streaming
from tocsin.core.mention import Handed


class _Places(msgspec.Struct, frozen=True, omit_defaults=True):
    """The cursor of each stream, by its name."""

    places: dict[str, dict[str, Any]] = {}


class Together:
    """The streams by name, such as hosts. Each has a connection, a thread and a place of its own."""

    def __init__(self, streams: Mapping[str, Streaming[Any]]) -> None:
        self._streams = dict(streams)
        # A stream that failed is left alone until then, and shown with its reason.
        self._resting: dict[str, tuple[datetime, FetchFailed]] = {}

    def fetch(self, cursor: Cursor | None, now: datetime) -> Fetched:
        """What came on any of them, each post once. Raises `FetchFailed` where all of them fail."""
        places = read_cursor(cursor, _Places).places
        after = {name: place for name, place in places.items() if name in self._streams}
        heard: dict[str, Fetched] = {}
        # Where all rest, whoever asks has waited as long as they were told.
        all_rest = len(self._resting) == len(self._streams)
        for name, stream in self._streams.items():
            if name in self._resting and now < self._resting[name][0] and not all_rest:
                continue
            self._resting.pop(name, None)
            try:
                heard[name] = stream.fetch(places.get(name), now)
            except FetchFailed as failure:
                self._resting[name] = (now + (failure.retry_after or stream.wait()), failure)
        if not heard:
            raise self._all_fail(now)
        after |= {name: dict(one.cursor or {}) for name, one in heard.items()}
        return self._one(heard, after)

    def close(self) -> None:
        """End all connections. A later fetch makes new ones."""
        self._resting.clear()
        for stream in self._streams.values():
            stream.close()

    def _all_fail(self, now: datetime) -> FetchFailed:
        until, failure = min(self._resting.values(), key=lambda one: one[0])
        others = len(self._resting) - 1
        if not others:
            return failure
        return FetchFailed(f"{failure} (and {others} more)", until - now, status=failure.status)

    def _one(self, heard: Mapping[str, Fetched], after: Mapping[str, Any]) -> Fetched:
        mentions: dict[tuple[Any, ...], Handed] = {}
        bad: list[Bad] = []
        gaps: list[Gap] = []
        removed: list[Removed] = []
        for one in heard.values():
            for mention in one.mentions:
                mentions.setdefault((mention.id, mention.edited_at), mention)
            bad += one.bad
            gaps += one.gaps
            removed += one.removed
        gone = {one.id for one in removed}
        silent = [str(failure) for _, failure in self._resting.values()]
        warnings = [*silent, *(one.warning for one in heard.values() if one.warning)]
        return Fetched(
            [one for one in mentions.values() if one.id not in gone],
            bad,
            {"places": dict(after)},
            more=any(one.more for one in heard.values()),
            warning="; ".join(warnings)[:500] or None,
            gaps=gaps,
            removed=removed,
        )
