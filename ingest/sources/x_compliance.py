"""X's compliance streams: which posts and accounts are gone, and which posts were edited. For accounts with a contract for them.

Posts and accounts have four streams each. After up to five minutes away a stream is asked for what came in between; after more,
up to a day, it is played from there to now on a connection of its own, and then heard on. Shapes: X API v2 (docs.x.com/x-api),
compliance streams, recovery and redundancy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec

from ingest.plain import dig, items, moment, number, taken, words
from ingest.source import FetchFailed, Gap, SourceContext
from ingest.sources.x_api import XApi, posts, what_is_asked
from ingest.sources.x_connection import said_no_more, x_stream
from ingest.streaming import Elsewhere, Heard, Streaming
from ingest.together import Together
from ingest.wires import Wire, WireEnded, WireMessage
from tocsin.core.clock import iso
from tocsin.reading import decoded

PARTITIONS = tuple((what, number) for what in ("tweets", "users") for number in (1, 2, 3, 4))
BACKFILL, LOOK_BACK = timedelta(minutes=5), timedelta(days=1)
# Posts that X takes away from everybody; `withheld` is for some countries, and an `undrop` brings nothing back here.
_POST_GONE = ("delete", "drop")
_AUTHOR_GONE = ("user_delete", "user_protect", "user_suspend")


def compliance_streams(context: SourceContext, api: XApi, has_brought: Callable[[int], bool]) -> Together:
    """All eight streams. `has_brought` tells the posts whose edits are looked up."""
    return Together(
        {
            f"{what}/{number}": Streaming(context, XCompliance(context, api, what, number, has_brought))
            for what, number in PARTITIONS
        }
    )


class CompliancePlace(msgspec.Struct, frozen=True, omit_defaults=True):
    """A place in one stream: until when it was heard, in seconds since 1970, and a count that tells places apart."""

    heard_s: Annotated[int, msgspec.Meta(ge=0, lt=2**36)] = 0
    count: Annotated[int, msgspec.Meta(ge=0)] = 0


class XCompliance:
    """The dialect of one stream: `what` is tweets or users, `partition` its number."""

    form = CompliancePlace

    def __init__(
        self,
        context: SourceContext,
        api: XApi,
        what: str,
        partition: int,
        has_brought: Callable[[int], bool],
        streams_at: str | None = None,
    ) -> None:
        self._context, self._api, self._has_brought = context, api, has_brought
        self._path, self._partition = f"/2/{what}/compliance/stream", partition
        self._site = streams_at or api.site
        # The time of which X keeps nothing any more; None once it was told.
        self._too_old: Gap | None = None

    def open(self, at: CompliancePlace, now: datetime) -> Wire:
        heard = _time(at.heard_s) if at.heard_s else now
        if now - heard <= BACKFILL:
            minutes = math.ceil((now - heard) / timedelta(minutes=1))
            return self._connect({"backfill_minutes": minutes} if minutes else {})
        begin = max(heard, now - LOOK_BACK)
        if heard < begin:
            self._too_old = Gap(heard, begin, "X's compliance streams reach one day back")
        # Connected first, so that nothing falls between the two.
        live = self._connect({})
        try:
            replayed = self._connect({"start_time": _utc(begin), "end_time": _utc(now)})
        except BaseException:
            live.close()
            raise
        return OneThenOther(replayed, live, now)

    def read(self, message: WireMessage, at: CompliancePlace, heard: Heard) -> CompliancePlace:
        if self._too_old is not None:
            heard.gaps.append(self._too_old)
            self._too_old = None
        if not message.data:
            return _after(at, moment(message.id), heard)
        said = decoded(message.data)
        event = dig(said, "data")
        if not isinstance(event, Mapping):
            raise said_no_more(said)
        for kind, told in event.items():
            self._heed(kind, told, heard)
            at = _after(at, moment(words(told, "event_at")), heard)
        return at

    def skip(self, at: CompliancePlace, heard: Heard) -> CompliancePlace:
        reason = "a message had too many bytes to be read; what X deletes is heard again from now on"
        heard.gaps.append(Gap(_time(at.heard_s) if at.heard_s else heard.now, heard.now, reason))
        return CompliancePlace(int(heard.now.timestamp()), at.count)

    def _connect(self, asked: Mapping[str, Any]) -> Wire:
        return x_stream(
            self._context, self._api, self._site, self._path, {"partition": self._partition, **asked}
        )

    def _heed(self, kind: str, told: Any, heard: Heard) -> None:
        if kind in _POST_GONE and (id := words(told, "tweet", "id")):
            heard.remove(id=id)
        elif kind in _AUTHOR_GONE and (author := words(told, "user", "id")):
            heard.remove(author=author)
        elif kind == "tweet_edit" and self._has_brought(number(told, "initial_tweet_id") or 0):
            versions = [version for one in items(told, "edit_tweet_ids") if (version := number(one))]
            self._look_up(max(versions, default=0), heard)

    def _look_up(self, id: int, heard: Heard) -> None:
        """The new words of a post that was brought before. If X does not answer, the event is heard again."""
        try:
            answer = self._api.get("/2/tweets", {"ids": str(id), **what_is_asked(True)})
        except FetchFailed as failure:
            raise Elsewhere(failure=failure) from None
        mentions, bad = taken(posts(answer), self._context.name)
        for one in mentions:
            heard.add(one)
        heard.bad += bad


class OneThenOther:
    """A wire that plays what was missed until `now`, then brings what comes on the other one."""

    def __init__(self, one: Wire, other: Wire, now: datetime) -> None:
        self._one, self._other, self._now = one, other, now
        self._is_over = False

    def receive(self) -> WireMessage:
        if self._is_over:
            return self._other.receive()
        try:
            # A sign of life of the one says nothing of what the other holds.
            while not (message := self._one.receive()).data:
                pass
            return message
        except WireEnded as end:
            if not end.whole:
                raise
        self._is_over = True
        return WireMessage(b"", id=iso(self._now))

    def cut(self) -> None:
        self._one.cut()
        self._other.cut()

    def close(self) -> None:
        self._one.close()
        self._other.close()


def _after(at: CompliancePlace, told: datetime | None, heard: Heard) -> CompliancePlace:
    seconds = at.heard_s if told is None else max(at.heard_s, int(min(told, heard.now).timestamp()))
    return CompliancePlace(seconds, (at.count + 1) % 10**9)


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
