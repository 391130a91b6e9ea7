"""Wikipedia and its sister projects as they are edited: Wikimedia EventStreams, server-sent events without a key.

A mention is an edit or a new page: its title, and the summary that the editor gave. An event's id says where the stream stands,
and `Last-Event-ID` goes on there. Shapes: the schema mediawiki/recentchange and wikitech.wikimedia.org, EventStreams.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import quote

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from ingest.event_stream import EventStream
from ingest.source import Cursor, Fetched, Gap, SourceContext
from ingest.sources.places import WebAddress
from ingest.streaming import INTERVAL, Heard, Streaming
from ingest.wires import HandshakeRefused, Wire, WireMessage
from tocsin.core import patterns
from tocsin.core.clock import iso
from tocsin.core.errors import BadMention
from tocsin.reading import decoded, read_mention

HOME = "https://stream.wikimedia.org/v2/stream"
CHANGES, HIDDEN = "recentchange", "mediawiki.revision-visibility-change"
# Wikimedia keeps events so long, some for longer.
LOOK_BACK = timedelta(days=7)
# A time so much in the future moves no cursor.
AHEAD = timedelta(minutes=1)
MOST_ID_CHARS = 4000
_PROJECT = re.compile(r"(?P<lang>[a-z-]{2,12})\.(?:wikipedia|wiktionary|wikinews|wikivoyage|wikiquote)\.org")


class WikimediaSettings(BaseModel):
    """The settings of Wikimedia."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: WebAddress = Field(HOME, description="Where the streams are.")
    wikis: tuple[Annotated[str, Field(pattern=patterns.WIKI)], ...] = Field(
        (), max_length=100, description="Only these wikis, such as trwiki or nlwiki."
    )
    types: tuple[Literal["edit", "new", "log", "categorize"], ...] = Field(
        ("edit", "new"), min_length=1, description="Kinds of changes."
    )
    namespaces: tuple[int, ...] = Field(
        (0, 1),
        max_length=50,
        description="Only pages of these namespaces; empty: of all. 0 articles, 1 talk.",
    )
    bots: bool = Field(False, description="Whether the edits of bots count.")
    first_minutes: int = Field(
        10, ge=0, le=7 * 24 * 60, description="How much of the past to hear at the very beginning."
    )


class WikimediaPlace(msgspec.Struct, frozen=True, omit_defaults=True):
    """A place in the streams: the id of the last event, and the time of the newest one in seconds since 1970."""

    id: Annotated[str, msgspec.Meta(max_length=MOST_ID_CHARS)] = ""
    at_s: Annotated[int, msgspec.Meta(ge=0, lt=2**36)] = 0


class WikimediaSource:
    """Wikimedia as a source; the module's docstring describes how it is heard."""

    kind = "wikimedia"
    remote = True
    interval = INTERVAL

    def __init__(self, context: SourceContext, settings: WikimediaSettings, **streaming: Any) -> None:
        self.target = settings.url
        self._streaming: Streaming[WikimediaPlace] = Streaming(
            context, EventStreams(context, settings), **streaming
        )

    def fetch(self, cursor: Cursor | None, now: datetime) -> Fetched:
        return self._streaming.fetch(cursor, now)

    def close(self) -> None:
        self._streaming.close()


class EventStreams:
    """The dialect of EventStreams."""

    form = WikimediaPlace

    def __init__(self, context: SourceContext, settings: WikimediaSettings) -> None:
        self._context, self._settings = context, settings
        # The time from which the connection was asked to bring events, where they may be gone.
        self._asked_from: datetime | None = None

    def open(self, at: WikimediaPlace, now: datetime) -> Wire:
        since = _time(at.at_s) if 0 < at.at_s <= (now + AHEAD).timestamp() else None
        self._asked_from = since if since is not None and since < now - LOOK_BACK else None
        if at.id and since is not None:
            try:
                return self._connect({"last-event-id": at.id}, {})
            except HandshakeRefused as refused:
                # An id of another time, or one mended by hand. The time says it too.
                if refused.status != 400:
                    raise
        begin = since or now - timedelta(minutes=self._settings.first_minutes)
        return self._connect({}, {"since": iso(begin)})

    def read(self, message: WireMessage, at: WikimediaPlace, heard: Heard) -> WikimediaPlace:
        if message.event not in ("", "message"):
            return at
        event = decoded(message.data)
        if not isinstance(event, Mapping):
            raise BadMention("not_object", "an event of Wikimedia is an object")
        meta = _dict(event.get("meta"))
        seen = _seen(event, meta)
        if self._asked_from is not None and seen is not None:
            if seen > self._asked_from:
                keeps = f"the cursor is too old: Wikimedia keeps {LOOK_BACK.days} days"
                heard.gaps.append(Gap(self._asked_from, min(seen, heard.now), keeps))
            self._asked_from = None
        after = WikimediaPlace(message.id[:MOST_ID_CHARS], _later(at.at_s, seen, heard.now))
        # Canary events show Wikimedia that its streams live.
        if meta.get("domain") != "canary":
            self._take(event, str(meta.get("stream", "")), heard)
        return after

    def skip(self, at: WikimediaPlace, heard: Heard) -> WikimediaPlace:
        reason = "an event had too many bytes to be read; Wikimedia is heard again from now on"
        heard.gaps.append(Gap(_time(at.at_s) if at.at_s else heard.now, heard.now, reason))
        return WikimediaPlace("", int(heard.now.timestamp()))

    def _connect(self, headers: Mapping[str, str], query: Mapping[str, str]) -> Wire:
        asked = "&".join(f"{name}={quote(value)}" for name, value in query.items())
        url = f"{self._settings.url}/{CHANGES},{HIDDEN}{f'?{asked}' if asked else ''}"
        return EventStream(self._context, url, headers=headers)

    def _take(self, event: Mapping[str, Any], stream: str, heard: Heard) -> None:
        if stream == HIDDEN:
            # A text that is hidden was deleted: for libel, or for what is private.
            if _dict(event.get("visibility")).get("text") is False:
                heard.remove(id=f"{event.get('database')}:{event.get('rev_id')}")
            return
        if self._wants(event):
            heard.add(read_mention(_change(event), source=self._context.name, fix_source=True))

    def _wants(self, event: Mapping[str, Any]) -> bool:
        wanted = self._settings
        return (
            event.get("type") in wanted.types
            and (not wanted.wikis or event.get("wiki") in wanted.wikis)
            and (not wanted.namespaces or event.get("namespace") in wanted.namespaces)
            and (wanted.bots or not event.get("bot"))
        )


def _change(event: Mapping[str, Any]) -> dict[str, Any]:
    """A change of a page as the plain values of a mention."""
    wiki, meta, title = event.get("wiki"), _dict(event.get("meta")), event.get("title")
    revision = _dict(event.get("revision")).get("new")
    number = revision if revision is not None else event.get("log_id") or event.get("id") or meta.get("id")
    project = _PROJECT.fullmatch(str(event.get("server_name", "")))
    seen = _seen(event, meta)
    user = event.get("user")
    diff = f"{event.get('server_url')}/w/index.php?diff={revision}" if isinstance(revision, int) else None
    return {
        "id": f"{wiki}:{number}",
        "text": event.get("comment") or "",
        "title": title,
        "created_at": None if seen is None else iso(seen),
        "network": "wikimedia",
        "url": diff or meta.get("uri"),
        # A person has one name on all wikis.
        "author": {"id": user, "name": user} if user else None,
        "lang": project["lang"] if project is not None else None,
        "thread": f"{wiki}:{title}"[:256],
    }


def _seen(event: Mapping[str, Any], meta: Mapping[str, Any]) -> datetime | None:
    """When the change was made."""
    seconds = event.get("timestamp")
    if isinstance(seconds, int) and 0 <= seconds < 2**36:
        return _time(seconds)
    try:
        at = datetime.fromisoformat(str(meta.get("dt"))[:64])
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _later(before_s: int, seen: datetime | None, now: datetime) -> int:
    return max(before_s, int(seen.timestamp())) if seen is not None and seen <= now + AHEAD else before_s


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _dict(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
