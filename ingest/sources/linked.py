"""Feeds whose entries only name the words: an article stands on its page, and a podcast's words in its transcript.

An entry waits until what it links to was read, and is then brought once, with those words. While entries wait, each fetch
reads one of them, from whichever host may be asked. Where the words cannot be read, or had to be waited for too long, the
entry is brought as the feed has it. The entries that wait stand in the cursor, so none is lost.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec

from ingest.source import BudgetSpent, Cursor, Fetched, FetchFailed, read_cursor
from ingest.sources.feed import FeedSource
from tocsin.core.errors import BadMention
from tocsin.core.mention import Mention, whole
from tocsin.reading import read_mention

MOST_WAITING = 200
MOST_KNOWN = 1000
# Of the feed's own words about an entry that waits.
MOST_CHARS = 2000
LONGEST_WAIT = timedelta(minutes=10)


class WaitingEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """An entry whose words are still to be read, and since when it waits."""

    mention: dict[str, Any]
    since: Annotated[datetime, msgspec.Meta(tz=True)]


class _Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    feed: dict[str, Any] | None = None
    waiting: tuple[WaitingEntry, ...] = ()
    # Hashes of the entries that were brought: one of them that comes again was edited.
    known: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LinkReader:
    """What a kind of feed does with its entries.

    `address` is where the words of an entry stand; None: it is brought as it is. `read` gives the entry with those words; it
    raises `BudgetSpent` where the host cannot be asked just now, and `FetchFailed` where they cannot be read.
    """

    address: Callable[[Mention], str | None]
    read: Callable[[Mention, str], Mention]


class LinkedFeed:
    """A source: a feed, and the words that its entries link to. A kind of such a feed derives from it."""

    remote = True

    def __init__(self, feed: FeedSource, reader: LinkReader) -> None:
        self._feed, self._reader = feed, reader
        self.target, self.interval = feed.target, feed.interval

    def fetch(self, cursor: Cursor | None, now: datetime) -> Fetched:
        """The feed, or one entry that waits."""
        at = read_cursor(cursor, _Cursor)
        return self._read_one(at, now) if at.waiting else self._ask(at, now)

    def close(self) -> None:
        pass

    def _ask(self, at: _Cursor, now: datetime) -> Fetched:
        fetched = self._feed.fetch(at.feed, now)
        known = set(at.known)
        now_brought: list[Mention] = []
        waiting: list[WaitingEntry] = []
        for one in map(whole, fetched.mentions):
            mention = _edited(one, now) if _mark(one) in known else one
            is_read = self._reader.address(mention) is not None and len(waiting) < MOST_WAITING
            if is_read:
                waiting.append(WaitingEntry(msgspec.to_builtins(_short(mention)), now))
            else:
                now_brought.append(mention)
        feed = dict(fetched.cursor) if fetched.cursor is not None else None
        after = _Cursor(feed, tuple(waiting), _known(at, now_brought))
        return Fetched(
            now_brought,
            fetched.bad,
            msgspec.to_builtins(after),
            more=bool(waiting),
            warning=fetched.warning,
            gaps=fetched.gaps,
        )

    def _read_one(self, at: _Cursor, now: datetime) -> Fetched:
        spent: BudgetSpent | None = None
        for place, one in enumerate(at.waiting):
            mention = _mention(one)
            if mention is None:
                return self._brought(at, place, None)
            if now - one.since > LONGEST_WAIT:
                return self._brought(at, place, _unread(mention, "its host had to be waited for too long"))
            try:
                return self._brought(
                    at, place, self._reader.read(mention, self._reader.address(mention) or "")
                )
            except BudgetSpent as error:
                spent = error if spent is None or _less(error, spent) else spent
            except FetchFailed as error:
                return self._brought(at, place, _unread(mention, str(error)))
        assert spent is not None
        raise spent

    def _brought(self, at: _Cursor, place: int, mention: Mention | None) -> Fetched:
        left = at.waiting[:place] + at.waiting[place + 1 :]
        brought = [] if mention is None else [mention]
        after = _Cursor(at.feed, left, _known(at, brought))
        return Fetched(brought, cursor=msgspec.to_builtins(after), more=bool(left) or mention is None)


def with_words(mention: Mention, text: str, more: Mapping[str, Any] | None = None) -> Mention:
    """The entry with these words. A stranger wrote them: raises `FetchFailed` where they make no mention."""
    fields = msgspec.to_builtins(mention) | {"text": text} | (more or {})
    try:
        return read_mention(fields, source=mention.source, fix_source=True)
    except BadMention as error:
        raise FetchFailed(f"what was read makes no mention: {error}"[:300]) from None


def _mention(waiting: WaitingEntry) -> Mention | None:
    """The entry; None where somebody changed the cursor by hand and the entry cannot be read any more."""
    try:
        return msgspec.convert(waiting.mention, Mention)
    except msgspec.ValidationError:
        return None


def _short(mention: Mention) -> Mention:
    return msgspec.structs.replace(mention, text=mention.text[:MOST_CHARS])


def _edited(mention: Mention, now: datetime) -> Mention:
    return mention if mention.edited_at else msgspec.structs.replace(mention, edited_at=now)


def _unread(mention: Mention, reason: str) -> Mention:
    return msgspec.structs.replace(mention, extra=mention.extra | {"not_read": reason[:300]})


def _known(at: _Cursor, brought: Sequence[Mention]) -> tuple[str, ...]:
    fresh = dict.fromkeys(map(_mark, brought))
    return (*(one for one in at.known if one not in fresh), *fresh)[-MOST_KNOWN:]


def _less(one: BudgetSpent, other: BudgetSpent) -> bool:
    return (one.retry_after or timedelta(0)) < (other.retry_after or timedelta(0))


def _mark(mention: Mention) -> str:
    return hashlib.blake2b(mention.id.encode("utf-8", "replace"), digest_size=6).hexdigest()
