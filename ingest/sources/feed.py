"""An RSS or Atom feed, asked politely: conditional requests, no more often than it wants, bounded in time and
size.

An entry's identity is its id, else its link, else a hash of what it says. Without a date it counts as posted
when it was first seen. What the last answer held is remembered (as hashes), so that only what is new or
changed is handed over.
"""

from __future__ import annotations

import calendar
import codecs
import hashlib
import html
import io
import re
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from ssl import SSLContext
from typing import Any

import feedparser
import httpx
import msgspec
import nh3
from pydantic import BaseModel, ConfigDict, Field, field_validator

from ingest.source import Bad, Context, Cursor, Fetched, FetchFailed
from tocsin.core.clock import iso
from tocsin.core.errors import BadMention, WrongInput
from tocsin.core.ids import stable_id
from tocsin.core.mention import MAX_ID_CHARS, Mention
from tocsin.net import check_url, checked_client
from tocsin.reading import read_mention

MAX_REDIRECTS = 5
MAX_ENTRIES = 1000  # of one answer
MAX_HTML_CHARS = 512 * 1024  # of one entry
LONGEST_WAIT = timedelta(hours=6)  # whatever a server asks for
ACCEPT = "application/atom+xml, application/rss+xml, application/xml;q=0.9, text/xml;q=0.8, */*;q=0.5"

_ENTITY = re.compile(rb"<!\s*ENTITY", re.IGNORECASE)
_DECLARED = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([^"']{1,40})["']""", re.IGNORECASE)
# Encodings in which '<!ENTITY' is these very bytes (NULs apart): others could hide one from the check.
_PLAIN_ENCODING = re.compile(
    r"utf-?(8|16|32)([-_](sig|le|be))?|ascii|iso8859-\d+|latin-?1|cp(125\d|874|932|949|950|866)|koi8-[ru]|mac-.*"
    r"|gb(2312|k|18030)|big5.*|euc[-_](jp|kr)|shift[-_]jis.*"
)
_BREAKS = re.compile(r"<\s*(?:br|/p|/div|/li|/h[1-6]|/tr|/blockquote)\b[^>]{0,200}>", re.IGNORECASE)
_HTML_TYPES = {"text/html", "application/xhtml+xml"}


class FeedSettings(BaseModel):
    """What may be said of a feed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(description="Its address, http or https.")
    interval_s: int | None = Field(
        None, ge=10, le=604_800, description="How often to ask; default: feed_interval_s."
    )
    network: str = Field(
        "web", min_length=1, max_length=64, description="The network its mentions count for."
    )
    lang: str | None = Field(
        None, max_length=16, description="Language of entries, where the feed names none."
    )

    @field_validator("url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        try:
            return check_url(value)
        except WrongInput as error:
            raise ValueError(str(error)) from None


class _Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    etag: str | None = None
    modified: str | None = None
    seen: tuple[str, ...] = ()  # of the last answer's entries


class FeedSource:
    """See the module."""

    kind = "feed"
    remote = True

    def __init__(self, context: Context, settings: FeedSettings) -> None:
        self._name = context.name
        self._settings = settings
        self._ingest = context.ingest
        self.target = settings.url
        self.interval = timedelta(seconds=settings.interval_s or context.ingest.feed_interval_s)

    def fetch(self, cursor: Cursor | None, now: datetime) -> Fetched:
        at = _Cursor() if cursor is None else msgspec.convert(dict(cursor), _Cursor)
        answer = self._ask(at, now)
        if answer is None:
            return Fetched(cursor=cursor)
        headers, data = answer
        parsed = parse_feed(data, headers.get("content-type", ""))
        mentions: list[Mention] = []
        bad: list[Bad] = []
        known, seen = set(at.seen), []
        for index, entry in enumerate(parsed.entries[:MAX_ENTRIES]):
            fields = self._fields(entry, parsed.lang, now)
            mark = _mark(fields)
            seen.append(mark)
            if mark in known:
                continue
            # Posted when first seen, but the mark is of what the feed says: the next fetch gives the same.
            fields.setdefault("created_at", iso(now))
            try:
                mentions.append(read_mention(fields, source=self._name, fix_source=True))
            except BadMention as error:
                bad.append(Bad(index, msgspec.json.encode(_shown(fields)), error))
        after = _Cursor(headers.get("etag"), headers.get("last-modified"), tuple(seen))
        return Fetched(mentions, bad, msgspec.to_builtins(after), warning=parsed.warning)

    def close(self) -> None:
        pass

    def _ask(self, at: _Cursor, now: datetime) -> tuple[httpx.Headers, bytes] | None:
        """The answer's headers and body; None where nothing changed."""
        headers = {"accept": ACCEPT}
        if at.etag:
            headers["if-none-match"] = at.etag
        if at.modified:
            headers["if-modified-since"] = at.modified
        ingest = self._ingest
        timeout = timedelta(seconds=ingest.fetch_timeout_s)
        deadline = time.monotonic() + ingest.fetch_timeout_s
        try:
            with checked_client(
                ingest.allowed_private_networks, timeout, ingest.feed_max_bytes, verify=_certificates()
            ) as client:
                client.max_redirects = MAX_REDIRECTS
                with client.stream(
                    "GET", self._settings.url, headers=headers, follow_redirects=True
                ) as response:
                    if response.status_code == 304:
                        return None
                    if response.status_code != 200:
                        raise FetchFailed(
                            f"the feed answered {response.status_code} {response.reason_phrase}".strip()[
                                :200
                            ],
                            _retry_after(response.headers.get("retry-after"), now),
                        )
                    body = io.BytesIO()
                    for chunk in response.iter_bytes():
                        body.write(chunk)
                        # Each hop of a redirect has its own time limit; this one is for all of them.
                        if time.monotonic() > deadline:
                            raise FetchFailed(f"the feed took longer than {ingest.fetch_timeout_s:g} s")
                    return response.headers, body.getvalue()
        except httpx.TimeoutException:
            raise FetchFailed(f"the feed took longer than {ingest.fetch_timeout_s:g} s") from None
        except httpx.TooManyRedirects:
            raise FetchFailed(f"the feed redirects more than {MAX_REDIRECTS} times") from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise FetchFailed(f"the feed cannot be fetched: {error or type(error).__name__}"[:500]) from None
        except WrongInput as error:  # a private address, an answer that is too large
            raise FetchFailed(str(error)) from None

    def _fields(self, entry: Mapping[str, Any], lang: str | None, now: datetime) -> dict[str, Any]:
        title, text, link = _text_of(entry.get("title_detail")), _body(entry), str(entry.get("link") or "")
        detail = entry.get("title_detail") or entry.get("summary_detail") or {}
        id = str(entry.get("id") or link or stable_id("entry", title, text))
        published, updated = _date(entry, "published_parsed"), _date(entry, "updated_parsed")
        fields: dict[str, Any] = {
            "id": id if len(id) <= MAX_ID_CHARS else stable_id("entry", id),
            "title": title,
            "text": text,
            "url": link if link.lower().startswith(("http://", "https://")) else "",  # an id stands in for it
            "network": self._settings.network,
            "lang": detail.get("language") or lang or self._settings.lang,
            "author": {"name": str(entry.get("author") or "")[:MAX_ID_CHARS]},
            "media": [e["href"] for e in entry.get("enclosures") or () if isinstance(e.get("href"), str)],
        }
        if published or updated:
            fields["created_at"] = iso(published or updated or now)
        if published and updated and updated > published:
            fields["edited_at"] = iso(updated)
        return fields


@cache
def _certificates() -> SSLContext:
    """Loaded once: it takes longer than asking a feed."""
    return httpx.create_ssl_context(trust_env=False)


class Parsed(msgspec.Struct, frozen=True):
    """A feed, read. `warning` says what was wrong with it where entries could be read all the same."""

    entries: Sequence[Mapping[str, Any]]
    lang: str | None
    warning: str | None


def parse_feed(data: bytes, content_type: str) -> Parsed:
    """The feed in these bytes. Raises `FetchFailed` for what is no feed, is broken, or could blow up when it
    is read.
    """
    _refuse_traps(data, content_type)
    try:
        found = feedparser.parse(io.BytesIO(data), response_headers={"content-type": content_type})
    except Exception as error:  # noqa: BLE001  # a parser of other people's bytes: whatever it raises, this feed failed
        raise FetchFailed(f"the feed cannot be read: {type(error).__name__}: {error}"[:500]) from None
    trouble = found.get("bozo_exception") if found.get("bozo") else None
    reason = f"broken XML: {trouble}"[:300] if trouble is not None else None
    if not found.get("version") or (not found.entries and reason and "charset" not in reason.lower()):
        raise FetchFailed(reason or "the answer is no RSS or Atom feed")
    if trouble is not None and isinstance(
        trouble, feedparser.CharacterEncodingOverride | feedparser.NonXMLContentType
    ):
        reason = None  # it was read whole; servers say such things wrongly all the time
    return Parsed(found.entries, str(found.feed.get("language") or "")[:16] or None, reason)


def html_to_text(markup: str) -> str:
    """What a reader of the page would read: no tags, scripts or styles, entities decoded, one blank line at
    most.
    """
    broken = _BREAKS.sub("\n", markup[:MAX_HTML_CHARS])
    text = html.unescape(nh3.clean(broken, tags=set(), link_rel=None))
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _refuse_traps(data: bytes, content_type: str) -> None:
    """XML bombs and outside files come as entities; a feed needs none of its own."""
    bare = data.replace(b"\0", b"")  # UTF-16 and UTF-32 as well
    if _ENTITY.search(bare):
        raise FetchFailed("the feed defines entities of its own (as XML bombs do) and is not read")
    declared = [match.decode("ascii", "replace") for match in _DECLARED.findall(bare[:1024])]
    charset = re.search(r"charset\s*=\s*[\"']?([^\"';\s]{1,40})", content_type, re.IGNORECASE)
    for name in [*declared, *([charset[1]] if charset else [])]:
        try:
            known = codecs.lookup(name).name
        except LookupError:
            continue  # nobody can decode by it
        if not _PLAIN_ENCODING.fullmatch(known):
            raise FetchFailed(f"the feed is written in {known}, which is not read; UTF-8 is")


def _retry_after(value: str | None, now: datetime) -> timedelta | None:
    """Seconds or a date, as RFC 9110 has it; at most `LONGEST_WAIT`, None where it says nothing usable."""
    if not value:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        wait = timedelta(seconds=min(int(text[:9]), 10**8))
    else:
        try:
            at = parsedate_to_datetime(text[:64])
            wait = (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(wait, timedelta(0)), LONGEST_WAIT)


def _text_of(detail: Any) -> str:
    if not isinstance(detail, Mapping):
        return ""
    value = str(detail.get("value") or "")
    # A title of plain text may still hold markup: RSS never says which it is.
    return (
        html_to_text(value)
        if detail.get("type") in _HTML_TYPES
        else html.unescape(value[:MAX_HTML_CHARS]).strip()
    )


def _body(entry: Mapping[str, Any]) -> str:
    for content in entry.get("content") or ():
        text = _text_of(content)
        if text:
            return text
    return _text_of(entry.get("summary_detail"))


def _date(entry: Mapping[str, Any], name: str) -> datetime | None:
    """feedparser gives a struct_time in UTC. Asked for a date that is not there, it would give another one."""
    parsed = entry[name] if name in entry else None  # noqa: SIM401  # .get is what gives another one
    try:
        return datetime.fromtimestamp(calendar.timegm(parsed), UTC) if parsed else None
    except (ValueError, OverflowError, OSError, TypeError):
        return None


def _mark(fields: Mapping[str, Any]) -> str:
    return hashlib.blake2b(repr(sorted(fields.items())).encode("utf-8", "replace"), digest_size=8).hexdigest()


def _shown(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: str(value)[:4096].encode("utf-8", "replace").decode() for key, value in fields.items()}
