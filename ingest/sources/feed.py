"""An RSS or Atom feed, asked politely: conditional requests, no more often than it wants, bounded in time and size.

An entry's identity is its id, else its link, else a hash of its content. An entry without a date counts as posted when
it was first seen. The source remembers the last answer's entries (as hashes), so that it hands over only new and
changed ones. Changed words are an edit, of now where the feed does not say when: without a time the hash of the words
would decide which version is current.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from ingest.source import Bad, Cursor, Fetched, Gap, SourceContext, read_cursor
from ingest.sources.feed_parsing import Parsed, parse_apart
from ingest.sources.places import Language, Network, PageAddress
from ingest.web import Answer, Web
from tocsin.core.clock import iso
from tocsin.core.errors import BadMention
from tocsin.core.mention import Mention
from tocsin.reading import read_mention

MAX_VALIDATOR_CHARS = 512
ACCEPT = "application/atom+xml, application/rss+xml, application/xml;q=0.9, text/xml;q=0.8, */*;q=0.5"


class FeedSettings(BaseModel):
    """The settings of a feed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: PageAddress = Field(description="Its address, http or https.")
    interval_s: int | None = Field(
        None, ge=10, le=604_800, description="How often to ask; default: feed_interval_s."
    )
    network: Network = Field("web", description="The network its mentions count for.")
    lang: Language | None = Field(None, description="Language of entries, where the feed names none.")


class _Entry(msgspec.Struct, frozen=True, omit_defaults=True, array_like=True):
    # The hash of its title and text.
    words: str
    # When it was first seen, as ISO 8601, where it has no date.
    since: str | None = None


class _Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    etag: str | None = None
    modified: str | None = None
    # The hash of the last answer, where it was read without a warning.
    body: str | None = None
    # The hashes of the last answer's entries.
    seen: tuple[str, ...] = ()
    # What is known of each of them, by the hash of its id.
    entries: dict[str, _Entry] = {}
    # The time of the newest of them, as ISO 8601, where the feed dates its entries.
    newest: str | None = None


class FeedSource:
    """A feed as a source; the module's docstring describes how it is read."""

    kind = "feed"
    remote = True

    def __init__(
        self,
        context: SourceContext,
        settings: FeedSettings,
        parse: Callable[[bytes, str], Parsed] = parse_apart,
    ) -> None:
        self._parse = parse
        self._name = context.name
        self._settings = settings
        self._web = Web(context, who="the feed")
        self._most_bytes = context.ingest.feed_max_bytes
        self.target = settings.url
        self.interval = timedelta(seconds=settings.interval_s or context.ingest.feed_interval_s)

    def fetch(self, cursor: Cursor | None, now: datetime) -> Fetched:
        at = read_cursor(cursor, _Cursor)
        answer = self._ask(at)
        if answer is None:
            return Fetched(cursor=cursor)
        headers, data = answer.headers, answer.body
        body = hashlib.blake2b(data, digest_size=16).hexdigest()
        if body == at.body:
            return Fetched(cursor=cursor)
        parsed = self._parse(data, headers.get("content-type", ""))
        mentions: list[Mention] = []
        bad: list[Bad] = []
        known, seen, entries = set(at.seen), [], dict[str, _Entry]()
        for index, entry in enumerate(parsed.entries):
            mark, key = _mark(entry), _hash(str(entry["id"]))
            seen.append(mark)
            # An id that stands twice in an answer is judged by what the answer before it had.
            before = at.entries.get(key)
            entries[key] = _known(entry, before, now)
            if mark in known:
                continue
            fields = {"network": self._settings.network} | _since(entry, entries[key], before, now)
            fields["lang"] = entry.get("lang") or self._settings.lang
            try:
                mentions.append(read_mention(fields, source=self._name, fix_source=True))
            except BadMention as error:
                bad.append(Bad(index, _shown(fields), error))
        after = _Cursor(
            _validator(headers.get("etag")),
            _validator(headers.get("last-modified")),
            None if parsed.warning else body,
            tuple(seen),
            entries,
            max(dates) if (dates := _dates(parsed)) else at.newest,
        )
        gaps = () if known.intersection(seen) or parsed.warning else _left_the_feed(at, dates)
        return Fetched(mentions, bad, msgspec.to_builtins(after), warning=parsed.warning, gaps=gaps)

    def close(self) -> None:
        pass

    def _ask(self, at: _Cursor) -> Answer | None:
        """The answer; None where nothing changed."""
        headers = {"accept": ACCEPT}
        if at.etag:
            headers["if-none-match"] = at.etag
        if at.modified:
            headers["if-modified-since"] = at.modified
        answer = self._web.get(
            self._settings.url, headers=headers, most_bytes=self._most_bytes, expected=(304,)
        )
        return None if answer.status == 304 else answer


def _dates(parsed: Parsed) -> list[str]:
    """The times of the entries, which sort as text: all are in UTC."""
    return [str(entry["created_at"]) for entry in parsed.entries if entry.get("created_at")]


def _left_the_feed(at: _Cursor, dates: Sequence[str]) -> Sequence[Gap]:
    """The gap where every entry of the last answer has left the feed: more may have come between than the feed holds."""
    if at.newest is None or not dates or min(dates) <= at.newest:
        return ()
    try:
        start, end = datetime.fromisoformat(at.newest), datetime.fromisoformat(min(dates))
    except ValueError:
        return ()
    if start.tzinfo is None:
        return ()
    return (Gap(start, end, "more was posted than the feed holds"),)


def _validator(value: str | None) -> str | None:
    """The value that the server wants back next time, if a header can carry it."""
    return (
        value
        if value and value.isascii() and value.isprintable() and len(value) <= MAX_VALIDATOR_CHARS
        else None
    )


def _known(entry: Mapping[str, Any], before: _Entry | None, now: datetime) -> _Entry:
    """What to remember of the entry. One without a date keeps the time at which it was first seen."""
    words = _hash(repr([entry.get("title"), entry.get("text")]))
    if entry.get("created_at"):
        return _Entry(words)
    return _Entry(words, (before and before.since) or iso(now))


def _since(entry: Mapping[str, Any], is_now: _Entry, before: _Entry | None, now: datetime) -> dict[str, Any]:
    """The entry's fields, with the time of an edit where its words have changed and the feed does not say when. A change of
    anything else is no edit.
    """
    fields: dict[str, Any] = {"created_at": is_now.since, **entry}
    if before is not None and before.words != is_now.words and not entry.get("edited_at"):
        # An entry may be dated a little ahead.
        fields["edited_at"] = max(iso(now), str(fields["created_at"]))
    return fields


def _mark(entry: Mapping[str, Any]) -> str:
    return _hash(repr(sorted(entry.items())))


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()


def _shown(fields: Mapping[str, Any]) -> bytes:
    """The fields as JSON, so that a person can mend them and hand them over again."""
    return json.dumps(fields, default=str).encode()
