"""Bluesky, all of it: the posts of the whole network as Jetstream streams them, with their deletions. No key is needed.

Version 2 of Jetstream numbers its events, each instance by itself. So a cursor is the instance, the number and the time at
which the instance saw the event. Another instance, or one that was set up anew, is asked by the time, a little earlier.
Version 1, where an instance has no other, knows times only. Shapes: the lexicon `network.bsky.jetstream.subscribeEvents`
and the documentation of bluesky-social/jetstream, sections 5.1 and 5.2.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode, urlsplit

import msgspec
import zstandard
from pydantic import BaseModel, ConfigDict, Field

from ingest.source import Cursor, Fetched, FetchFailed, Gap, Natural, SourceContext
from ingest.sources.bluesky_events import (
    POSTS,
    JetstreamEvent,
    as_dict,
    frame_of,
    in_us,
    microseconds,
    old_event,
    parsed,
    take,
    time_at,
)
from ingest.streaming import INTERVAL, Elsewhere, Heard, Streaming
from ingest.web import Web
from ingest.wires import HandshakeRefused, WebSocket, Wire, WireAddresses, WireMessage
from tocsin.core.errors import BadMention

V2, V1 = "/xrpc/network.bsky.jetstream.subscribeEvents", "/subscribe"
DICTIONARY = "/xrpc/network.bsky.jetstream.getZstdDictionary"
INSTANCES = ("wss://jetstream.us-east.bsky.network", "wss://jetstream.us-west.bsky.network")
# Instances keep so much; a version 1 begins there without a word where it is asked for more.
LOOK_BACK = timedelta(hours=36)
# Instances see an event at slightly different times, so another one is asked for so much that was heard already.
REWIND = timedelta(seconds=10)
# After a number that we know, the next event is at most so much later; else the number is another instance's.
LONGEST_PAUSE = timedelta(minutes=1)
# Of one event, unpacked. Jetstream leaves out larger ones when asked to; no post is nearly as large.
MOST_EVENT_BYTES = 1024 * 1024
_ZSTD = b"\x28\xb5\x2f\xfd"


class BlueskySettings(BaseModel):
    """The settings of Bluesky."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    instances: WireAddresses = Field(
        INSTANCES,
        min_length=1,
        max_length=8,
        description="Instances of Jetstream, the best first; when one fails, the next is asked.",
    )
    first_minutes: int = Field(
        10, ge=0, le=36 * 60, description="How much of the past to hear at the very beginning."
    )
    compressed: bool = Field(True, description="Whether to ask for compressed events.")


class JetstreamPlace(msgspec.Struct, frozen=True, omit_defaults=True):
    """A place in the stream: the last event that was heard, by its number at that instance, and by its time."""

    instance: str = ""
    # 0: known by its time only.
    seq: Natural = 0
    # Microseconds since 1970.
    at_us: Annotated[int, msgspec.Meta(ge=0, lt=2**53)] = 0


class BlueskySource:
    """Bluesky as a source; the module's docstring describes how it is heard."""

    kind = "bluesky"
    remote = True
    interval = INTERVAL
    # Any instance: a cursor is good for all of them.
    target = "bluesky"

    def __init__(self, context: SourceContext, settings: BlueskySettings, **streaming: Any) -> None:
        self._jetstream = Jetstream(context, settings)
        self._streaming: Streaming[JetstreamPlace] = Streaming(context, self._jetstream, **streaming)

    @property
    def turn(self) -> int:
        """The number of times that another instance was chosen."""
        return self._jetstream.turn

    def fetch(self, cursor: Cursor | None, now: datetime) -> Fetched:
        return self._streaming.fetch(cursor, now)

    def close(self) -> None:
        self._streaming.close()


class Jetstream:
    """The dialect of Jetstream, versions 1 and 2."""

    form = JetstreamPlace

    def __init__(self, context: SourceContext, settings: BlueskySettings) -> None:
        self._context, self._settings = context, settings
        self._web = Web(context, who="Jetstream")
        self.turn = 0
        self._instance = settings.instances[0]
        # The instances that have version 1 only.
        self._old: set[str] = set()
        self._compressed = settings.compressed
        self._unpack: zstandard.ZstdDecompressor | None = None
        self._dictionary: tuple[str, int] | None = None
        # The place at which the connection was asked to begin, and whether that was by number.
        self._begins, self._by_number = JetstreamPlace(), False
        # Whether its first event is still to come.
        self._fresh = True
        # Whether the instance said that it has not all of what was asked for.
        self._outdated = False

    def open(self, at: JetstreamPlace, now: datetime) -> Wire:
        instances = self._settings.instances
        self._instance = instance = instances[self.turn % len(instances)]
        # A time that is still to come was written by no clock that we could go by.
        self._begins = at = at if at.at_us <= microseconds(now + LONGEST_PAUSE) else JetstreamPlace()
        self._fresh = True
        try:
            return self._connect(instance, at, now)
        except FetchFailed:
            self.turn += 1
            raise

    def read(self, message: WireMessage, at: JetstreamPlace, heard: Heard) -> JetstreamPlace:
        event = self._event(message.data)
        if event is None:
            return at
        if self._fresh:
            at = self._first(event, at, heard)
        if event.seq and at.instance == self._instance and event.seq <= at.seq:
            # Numbers are asked for inclusively, so the last one comes again.
            return at
        take(event, self._context.name, heard)
        return JetstreamPlace(self._instance, event.seq, _later(at.at_us, event.at_us, heard.now))

    def skip(self, at: JetstreamPlace, heard: Heard) -> JetstreamPlace:
        reason = "Jetstream sent an event of too many bytes to be read; it is heard again from now on"
        now_us = microseconds(heard.now)
        heard.gaps.append(Gap(time_at(at.at_us or now_us), heard.now, reason))
        return JetstreamPlace(self._instance, 0, now_us)

    # -- connecting --------------------------------------------------------------------------------------

    def _connect(self, instance: str, at: JetstreamPlace, now: datetime) -> Wire:
        by_number = at.seq > 0 and at.at_us > 0 and at.instance == instance
        if instance in self._old:
            return self._connect_old(instance, at, now)
        try:
            return self._connect_new(instance, at, now, by_number=by_number)
        except HandshakeRefused as refused:
            said = _named_error(refused.body)
            if refused.status == 404:
                wire = self._connect_old(instance, at, now)
                self._old.add(instance)
                return wire
            if said == "UnknownZstdDictionary":
                self._dictionary = None
                return self._connect_new(instance, at, now, by_number=by_number)
            # Asked by time instead, the instance begins with the oldest that it has, and says so.
            if said == "CursorTooOld" and by_number:
                return self._connect_new(instance, at, now, by_number=False)
            raise

    def _connect_new(self, instance: str, at: JetstreamPlace, now: datetime, *, by_number: bool) -> Wire:
        asked: list[tuple[str, Any]] = [
            ("kinds", "commit"),
            ("kinds", "account"),
            ("collections", POSTS),
            ("maxMessageSizeBytes", MOST_EVENT_BYTES),
            ("cursor", at.seq if by_number else self._since(at, now)),
        ]
        if self._compressed and (dictionary := self._learn(instance)) is not None:
            asked.append(("zstdDictionary", dictionary))
        self._by_number, self._outdated = by_number, False
        return WebSocket(self._context, f"{instance}{V2}?{urlencode(asked)}", subprotocols=("xrpc.v1.json",))

    def _connect_old(self, instance: str, at: JetstreamPlace, now: datetime) -> Wire:
        """Version 1: only times, and no word where the cursor is too old. Its compression needs a dictionary that it
        does not hand out.
        """
        asked = {"wantedCollections": POSTS, "cursor": self._since(at, now)}
        asked["maxMessageSizeBytes"] = MOST_EVENT_BYTES
        self._by_number = False
        self._outdated = bool(at.at_us) and time_at(at.at_us) < now - LOOK_BACK
        return WebSocket(self._context, f"{instance}{V1}?{urlencode(asked)}")

    def _since(self, at: JetstreamPlace, now: datetime) -> int:
        """The time to ask for, in microseconds."""
        if not at.at_us:
            return microseconds(now - timedelta(minutes=self._settings.first_minutes))
        return at.at_us - in_us(REWIND)

    def _learn(self, instance: str) -> int | None:
        """The id of the instance's dictionary, fetched once; None where it cannot be had, and events come as they are."""
        if self._dictionary is not None and self._dictionary[0] == instance:
            return self._dictionary[1]
        parts = urlsplit(instance)
        scheme = "https" if parts.scheme == "wss" else "http"
        try:
            answer = self._web.get(f"{scheme}://{parts.netloc}{DICTIONARY}")
            words = zstandard.ZstdCompressionDict(answer.body)
        except (zstandard.ZstdError, ValueError):
            return None
        except FetchFailed as failure:
            if failure.retry_after is not None:
                raise
            return None
        if not words.dict_id():
            return None
        self._unpack = zstandard.ZstdDecompressor(dict_data=words)
        self._dictionary = (instance, words.dict_id())
        return self._dictionary[1]

    # -- reading -----------------------------------------------------------------------------------------

    def _event(self, data: bytes) -> JetstreamEvent | None:
        """The event in a message; None where there is none in it. Raises `BadMention` and `Elsewhere`."""
        frame = frame_of(self._plain(data))
        if frame.type == "error":
            raise Elsewhere(failure=FetchFailed(f"Jetstream says {frame.error}: {frame.message}"[:300]))
        if frame.type is None:
            return old_event(frame)
        payload = frame.payload
        if payload is None:
            return None
        kind = payload.type.rpartition("#")[2]
        if kind == "info":
            self._told(payload.name)
            return None
        at_us = parsed(payload.witnessedAt or payload.time)
        if not payload.seq or at_us is None or not payload.did:
            raise BadMention("missing_field", "an event of Jetstream without number, time or account")
        return JetstreamEvent(payload.seq, at_us, payload.did, kind, payload, payload.account or {})

    def _plain(self, data: bytes) -> bytes:
        if not data.startswith(_ZSTD):
            return data
        try:
            if self._unpack is None:
                raise zstandard.ZstdError("nobody asked for compressed events")
            if zstandard.frame_content_size(data) > MOST_EVENT_BYTES:
                raise BadMention("too_large", "an event that unpacks to more than is read")
            return self._unpack.decompress(data, max_output_size=MOST_EVENT_BYTES)
        except zstandard.ZstdError as error:
            # The dictionary is another one than it said. Events come as they are from now on.
            self._compressed, self._dictionary = False, None
            raise Elsewhere(
                failure=FetchFailed(f"Jetstream's compression cannot be read ({error})"[:300])
            ) from None

    def _told(self, name: str) -> None:
        """Take in a notice of the instance."""
        if name == "OutdatedCursor":
            self._outdated = True
        elif name == "FutureCursor" and self._by_number:
            # The instance was set up anew, and its numbers began again.
            raise Elsewhere(at=_by_time(self._begins))

    def _first(self, event: JetstreamEvent, at: JetstreamPlace, heard: Heard) -> JetstreamPlace:
        """The place to go on at, now that a connection's first event is known. Raises `Elsewhere` where the numbers have
        changed: the event is not the one that was asked for, nor one soon after it.
        """
        begins, self._fresh = self._begins, False
        later = event.at_us - begins.at_us
        if self._by_number:
            same = event.seq == begins.seq and abs(later) <= in_us(timedelta(seconds=1))
            next = event.seq > begins.seq and 0 <= later <= in_us(LONGEST_PAUSE)
            if not (same or next):
                raise Elsewhere(at=_by_time(begins))
            return at
        if self._outdated and begins.at_us and later > 0:
            keeps = f"the cursor is too old: the instance keeps {LOOK_BACK // timedelta(hours=1)} hours"
            heard.gaps.append(Gap(time_at(begins.at_us), time_at(event.at_us), keeps))
        # Numbers of an earlier connection say nothing here.
        return _by_time(begins)


def _by_time(at: JetstreamPlace) -> JetstreamPlace:
    """The place without its number."""
    return JetstreamPlace(at.instance, 0, at.at_us)


def _later(before_us: int, at_us: int, now: datetime) -> int:
    """The later of two times. A time in the future, or one before 1980, moves nothing: a clock somewhere is wrong."""
    return max(before_us, at_us) if at_us <= microseconds(now + LONGEST_PAUSE) else before_us


def _named_error(body: bytes) -> str:
    try:
        return str(as_dict(msgspec.json.decode(body)).get("error", ""))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
