"""Nostr: the notes on relays, each a websocket that is asked for what came since. No key is needed.

A relay gives stored notes newest first and only so many at a time, so what lies before is asked for page by page, and the
cursor moves when all of it is there. A note's id is the author's key and the event's id, and a deletion counts where its author
signed it: nobody can delete another's notes, not even a relay. Shapes: NIP-01 (events, REQ, EOSE), NIP-09 (deletions), NIP-10
(threads), NIP-22 (comments), NIP-32 (languages), NIP-62.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from ingest.source import Cursor, Fetched, FetchFailed, Gap, Natural, SourceContext
from ingest.sources.nostr_signature import is_signed
from ingest.sources.places import NostrHashtag
from ingest.streaming import INTERVAL, Elsewhere, Heard, Streaming
from ingest.together import Together
from ingest.wires import WebSocket, Wire, WireAddresses, WireEnded, WireMessage
from tocsin.core.clock import iso
from tocsin.core.errors import BadMention
from tocsin.reading import decoded, read_mention

NOTE, DELETION, COMMENT, VANISH = 1, 5, 1111, 62
# Notes of one page. Relays give fewer where they want to.
PAGE = 500
# Pages of what came while nobody listened; what lies before them is a gap.
MOST_PAGES = 200
# A note reaches a relay some time after it was written, so so much is asked for again.
OVERLAP = timedelta(minutes=2)
# Notes that are recognized when they come again; one that is not counts once all the same.
MOST_SEEN, SEEN_CHARS = 500, 10
AHEAD = timedelta(minutes=1)
_HEX = re.compile(r"[0-9a-f]{64}")
_SUBSCRIPTION = "tocsin"
Check = Callable[[Mapping[str, Any]], bool]
# The only characters that are escaped where an event's id is made (NIP-01).
_ESCAPES = str.maketrans(
    {"\n": "\\n", '"': '\\"', "\\": "\\\\", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
)


class NostrSettings(BaseModel):
    """The settings of Nostr."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    relays: WireAddresses = Field(
        min_length=1, max_length=20, description="Websocket addresses of relays. Each has a connection."
    )
    hashtags: tuple[NostrHashtag, ...] = Field(
        (), max_length=100, description="Only notes with one of these hashtags."
    )
    first_minutes: int = Field(
        10, ge=0, le=7 * 24 * 60, description="How much of the past to hear at the very beginning."
    )


class RelayPlace(msgspec.Struct, frozen=True, omit_defaults=True):
    """A place in what a relay gives: the newest note, in seconds since 1970."""

    at_s: Annotated[int, msgspec.Meta(ge=0, lt=2**36)] = 0
    # The beginnings of the ids of the notes before it that will come again.
    seen: tuple[str, ...] = ()
    # The notes that came of what was said while nobody listened, of which not all has come.
    behind: Natural = 0


class NostrSource:
    """Nostr as a source; the module's docstring describes how it is heard."""

    kind = "nostr"
    remote = True
    interval = INTERVAL
    # A cursor holds a place for each relay.
    target = "nostr"

    def __init__(
        self,
        context: SourceContext,
        settings: NostrSettings,
        genuine: Check | None = None,
        signed: Check | None = None,
        **streaming: Any,
    ) -> None:
        checks = genuine or is_genuine, signed or is_by_its_author
        self._together = Together(
            {
                relay: Streaming(context, NostrDialect(context, settings, relay, *checks), **streaming)
                for relay in settings.relays
            }
        )

    def fetch(self, cursor: Cursor | None, now: datetime) -> Fetched:
        return self._together.fetch(cursor, now)

    def close(self) -> None:
        self._together.close()


class NostrDialect:
    """The dialect of relays, with one of them."""

    form = RelayPlace

    def __init__(
        self,
        context: SourceContext,
        settings: NostrSettings,
        url: str,
        genuine: Check,
        signed: Check,
    ) -> None:
        self._context, self._settings, self._url = context, settings, url
        self._genuine, self._signed = genuine, signed
        self._host = str(urlsplit(url).hostname)
        self._socket: WebSocket | None = None
        # Of what came while nobody listened: since when it is asked for, the oldest note so far, the notes of the page that
        # were not there before, and the pages. None: all of it is there.
        self._since_s: int | None = None
        self._oldest_s = 0
        self._known: set[str] = set()
        self._fresh = self._pages = 0
        self._newest_s = 0
        # When the notes were written that will come again.
        self._recent: dict[str, int] = {}

    def open(self, at: RelayPlace, now: datetime) -> Wire:
        known = 0 < at.at_s <= (now + AHEAD).timestamp()
        first = now - timedelta(minutes=self._settings.first_minutes)
        since = _time(at.at_s) - OVERLAP if known else first
        self._since_s = max(0, int(since.timestamp()))
        self._oldest_s, self._newest_s = int((now + AHEAD).timestamp()), at.at_s if known else 0
        self._known, self._fresh, self._pages = set(), 0, 0
        self._recent = dict.fromkeys(at.seen, at.at_s)
        self._socket = WebSocket(self._context, self._url)
        try:
            self._ask(_SUBSCRIPTION, {})
        except WireEnded as error:
            self._socket.close()
            raise FetchFailed(str(error)) from None
        return self._socket

    def read(self, message: WireMessage, at: RelayPlace, heard: Heard) -> RelayPlace:
        said = decoded(message.data)
        if not isinstance(said, list) or not said:
            raise BadMention("malformed", "a relay's message is a list")
        match said:
            case ["EVENT", str(), dict() as event]:
                return self._event(event, at, heard)
            case ["EOSE", str(), *_]:
                return self._page_ends(at, heard)
            case ["CLOSED", str(), *reason]:
                words = _words(reason)
                raise Elsewhere(failure=FetchFailed(f"{self._host} ended the subscription: {words}"))
            case ["NOTICE", *reason]:
                heard.warning = f"{self._host} says: {_words(reason)}"
        return at

    def skip(self, at: RelayPlace, heard: Heard) -> RelayPlace:
        reason = f"a note on {self._host} had too many bytes to be read; it is heard again from now on"
        heard.gaps.append(Gap(_time(at.at_s) if at.at_s else heard.now, heard.now, reason))
        return RelayPlace(int((heard.now + OVERLAP / 10).timestamp()))

    def _ask(self, subscription: str, until: Mapping[str, int]) -> None:
        wanted: dict[str, Any] = {"since": self._since_s, "limit": PAGE, **until}
        filters = [wanted | {"kinds": [NOTE, COMMENT, DELETION, VANISH]}]
        if self._settings.hashtags:
            tags = [tag.removeprefix("#").lower() for tag in self._settings.hashtags]
            # Deletions carry no hashtags.
            filters = [
                wanted | {"kinds": [NOTE, COMMENT], "#t": tags},
                wanted | {"kinds": [DELETION, VANISH]},
            ]
        assert self._socket is not None
        self._socket.send(json.dumps(["REQ", subscription, *filters]))

    def _event(self, event: Mapping[str, Any], at: RelayPlace, heard: Heard) -> RelayPlace:
        if not self._genuine(event):
            raise BadMention("malformed", "an event whose id is not that of what it says")
        id, created = str(event.get("id")), event.get("created_at")
        seen_s = created if isinstance(created, int) else 0
        if self._since_s is not None:
            heard.awaits_more = True
            if id in self._known:
                return at
            self._known.add(id)
            self._fresh += 1
            self._oldest_s = min(self._oldest_s, max(seen_s, 0))
        if id[:SEEN_CHARS] in self._recent:
            return at
        if seen_s <= (heard.now + AHEAD).timestamp():
            self._newest_s = max(self._newest_s, seen_s)
        self._recent[id[:SEEN_CHARS]] = seen_s
        self._take(event, heard)
        if self._since_s is not None:
            return RelayPlace(at.at_s, at.seen, at.behind + 1)
        return self._place()

    def _place(self) -> RelayPlace:
        """The place after the newest note."""
        since = self._newest_s - OVERLAP.total_seconds()
        kept = [(id, at_s) for id, at_s in self._recent.items() if at_s >= since]
        self._recent = dict(kept[-MOST_SEEN:])
        return RelayPlace(self._newest_s, tuple(self._recent))

    def _page_ends(self, at: RelayPlace, heard: Heard) -> RelayPlace:
        """Ask for the page before, or go on live where there is none."""
        if self._since_s is None:
            return at
        fresh, self._fresh = self._fresh, 0
        self._pages += 1
        if fresh and self._oldest_s > self._since_s and self._pages < MOST_PAGES:
            try:
                self._ask(f"{_SUBSCRIPTION}-{self._pages}", {"until": self._oldest_s})
            except WireEnded as error:
                raise Elsewhere(failure=FetchFailed(str(error))) from None
            heard.awaits_more = True
            return at
        if self._pages >= MOST_PAGES:
            many = f"{self._host} had more than {MOST_PAGES} pages of notes"
            heard.gaps.append(Gap(_time(self._since_s), _time(self._oldest_s), many))
        self._since_s = None
        heard.awaits_more = False
        self._known.clear()
        return self._place()

    def _take(self, event: Mapping[str, Any], heard: Heard) -> None:
        author, kind = str(event.get("pubkey")), event.get("kind")
        if not _HEX.fullmatch(author) or not _HEX.fullmatch(str(event.get("id"))):
            raise BadMention("malformed", "an event whose id or author's key is not 64 hexadecimal digits")
        if kind in (DELETION, VANISH) and not self._signed(event):
            raise BadMention("malformed", "a deletion that its author did not sign")
        if kind == DELETION:
            for tag in _tags(event, "e"):
                heard.remove(id=f"{author}:{tag[1]}"[:256])
        elif kind == VANISH:
            heard.remove(author=author)
        elif kind in (NOTE, COMMENT):
            heard.add(read_mention(_note(event), source=self._context.name, fix_source=True))


def is_genuine(event: Mapping[str, Any]) -> bool:
    """Whether the event's id is the hash of what it says (NIP-01)."""
    try:
        return hashlib.sha256(_serialized(event)).hexdigest() == event.get("id")
    except (KeyError, TypeError, ValueError):
        return False


def is_by_its_author(event: Mapping[str, Any]) -> bool:
    """Whether the owner of the event's key signed its id (NIP-01)."""
    try:
        key, id, signature = (bytes.fromhex(event[name]) for name in ("pubkey", "id", "sig"))
    except (KeyError, TypeError, ValueError):
        return False
    return is_signed(key, id, signature)


def _serialized(event: Mapping[str, Any]) -> bytes:
    tags = ",".join("[" + ",".join(map(_quoted, tag)) + "]" for tag in event["tags"])
    pubkey, created, kind = _quoted(event["pubkey"]), int(event["created_at"]), int(event["kind"])
    text = f"[0,{pubkey},{created},{kind},[{tags}],{_quoted(event['content'])}]"
    return text.encode("utf-8", "surrogatepass")


def _quoted(text: object) -> str:
    if not isinstance(text, str):
        raise TypeError("no text")
    return f'"{text.translate(_ESCAPES)}"'


def _note(event: Mapping[str, Any]) -> dict[str, Any]:
    """A note or a comment as the plain values of a mention."""
    created = event.get("created_at")
    answers = list(_tags(event, "e"))
    root = next((tag for tag in answers if tag[3:4] == ["root"]), answers[0] if answers else None)
    parent = next((tag for tag in answers if tag[3:4] == ["reply"]), answers[-1] if answers else None)
    lang = next((tag[1] for tag in _tags(event, "l") if tag[2:3] == ["ISO-639-1"]), None)
    return {
        "id": f"{event['pubkey']}:{event['id']}",
        "text": event.get("content"),
        "created_at": iso(_time(created)) if isinstance(created, int) and 0 <= created < 2**36 else None,
        "network": "nostr",
        "url": f"https://njump.me/{event['id']}",
        "author": {"id": event["pubkey"]},
        "lang": lang,
        "thread": _named(root),
        "in_reply_to": _named(parent),
        "hashtags": [tag[1] for tag in _tags(event, "t")],
    }


def _named(tag: list[str] | None) -> str | None:
    """The id of the note that a tag names, with its author's key where the tag tells it (NIP-10)."""
    if tag is None:
        return None
    author = next((part for part in tag[2:6] if _HEX.fullmatch(part)), None)
    return (f"{author}:{tag[1]}" if author else tag[1])[:256]


def _tags(event: Mapping[str, Any], name: str) -> Iterator[list[str]]:
    tags = event.get("tags")
    for tag in tags[:500] if isinstance(tags, list) else ():
        named = isinstance(tag, list) and len(tag) > 1 and tag[0] == name
        if named and all(isinstance(part, str) for part in tag):
            yield tag


def _words(parts: list[Any]) -> str:
    return " ".join(str(part) for part in parts)[:200] or "(no reason)"


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
