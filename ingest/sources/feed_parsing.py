"""Reading the bytes of a feed, in a process of its own: the parser takes minutes for a few megabytes that are made to be slow."""

from __future__ import annotations

import calendar
import codecs
import html
import io
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from ingest.apart import TIME_LIMIT, read_apart
from ingest.markup import MAX_HTML_CHARS, html_to_text
from ingest.source import FetchFailed
from tocsin.core.clock import iso
from tocsin.core.ids import stable_id
from tocsin.core.mention import MAX_ID_CHARS

# The first entries of one answer.
MAX_ENTRIES = 1000

LAST_CHARACTER = 0x10FFFF
SURROGATES = range(0xD800, 0xE000)
# Of a reference to a character, with leading zeros.
MAX_DIGITS = 20
_REFERENCE = re.compile(rb"&#([xX][0-9a-fA-F]+|[0-9]+);")
_ENTITY = re.compile(rb"<!\s*ENTITY", re.IGNORECASE)
_DECLARED = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([^"']{1,40})["']""", re.IGNORECASE)
# Encodings in which '<!ENTITY' is these very bytes (NULs apart). Another encoding could hide an entity from the check.
_PLAIN_ENCODING = re.compile(
    r"utf-?(8|16|32)([-_](sig|le|be))?|ascii|iso8859-\d+|latin-?1|cp(125\d|874|932|949|950|866)|koi8-[ru]|mac-.*"
    r"|gb(2312|k|18030)|big5.*|euc[-_](jp|kr)|shift[-_]jis.*"
)
_HTML_TYPES = {"text/html", "application/xhtml+xml"}


_HTML = re.compile(rb"\s*(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_JSON = re.compile(rb"\s*[{\[]")
_FEED_TYPES = {"application/rss+xml", "application/atom+xml"}
# A page that stands where a feed was wanted is known by its beginning.
BEGINNING = 2000
NO_FEED = "the answer is no RSS or Atom feed"


class Parsed(msgspec.Struct, frozen=True):
    """A feed, read. An entry has the fields of a mention (no `created_at` where it has no date). `warning` names the
    fault of a feed whose entries could be read all the same.
    """

    entries: Sequence[dict[str, Any]]
    warning: str | None


def parse_apart(data: bytes, content_type: str, time_limit: timedelta = TIME_LIMIT) -> Parsed:
    """`parse_feed` in a child process. Raises `FetchFailed` as `parse_feed` does, and when the child reaches a limit."""
    answer = read_apart(f"{__name__}:plain_feed", "the feed", data, content_type[:200], time_limit)
    return Parsed(answer["entries"], answer["warning"])


def plain_feed(data: bytes, content_type: str) -> dict[str, Any]:
    """`parse_feed` as JSON values, for the child."""
    parsed = parse_feed(data, content_type)
    return {"entries": list(parsed.entries), "warning": parsed.warning}


def parse_feed(data: bytes, content_type: str) -> Parsed:
    """The feed in these bytes. Raises `FetchFailed` for bytes that are no feed, are broken, or could blow up when they
    are read.
    """
    import feedparser

    _refuse_traps(data, content_type)
    data = _REFERENCE.sub(_real_character, data)
    try:
        found = feedparser.parse(io.BytesIO(data), response_headers={"content-type": content_type})
    except Exception as error:  # noqa: BLE001  # a parser of other people's bytes: whatever it raises, this feed failed
        raise FetchFailed(f"the feed cannot be read: {type(error).__name__}: {error}"[:500]) from None
    trouble = found.get("bozo_exception") if found.get("bozo") else None
    if isinstance(trouble, feedparser.CharacterEncodingOverride | feedparser.NonXMLContentType):
        # The feed was read whole; servers state these things wrongly all the time.
        trouble = None
    warning = f"broken XML: {trouble}"[:300] if trouble is not None else None
    if not found.get("version") or (not found.entries and warning):
        raise FetchFailed(_other_answer(data, found.feed.get("links") or ()) or warning or NO_FEED)
    lang = str(found.feed.get("language") or "")
    return Parsed([_fields(entry, lang) for entry in found.entries[:MAX_ENTRIES]], warning)


def _other_answer(data: bytes, links: Sequence[Mapping[str, Any]]) -> str | None:
    """What these bytes are, where they are plainly a web page or JSON. A page may name its feed."""
    start = data[:BEGINNING].removeprefix(codecs.BOM_UTF8)
    if _JSON.match(start):
        return f"{NO_FEED} but JSON"
    if not _HTML.match(start):
        return None
    named = (str(link.get("href") or "") for link in links if link.get("type") in _FEED_TYPES)
    feed = next(filter(None, named), None)
    return f"{NO_FEED} but a web page" + (f"; the page names {feed[:200]} as its feed" if feed else "")


def _real_character(reference: re.Match[bytes]) -> bytes:
    """The reference, or that to U+FFFD where no character has the number. The parser would give up the whole feed."""
    digits = reference[1].lower()
    number = LAST_CHARACTER + 1
    if len(digits) <= MAX_DIGITS:
        number = int(digits[1:], 16) if digits.startswith(b"x") else int(digits)
    is_real = number <= LAST_CHARACTER and number not in SURROGATES
    return reference[0] if is_real else b"&#xFFFD;"


def _fields(entry: Mapping[str, Any], lang: str) -> dict[str, Any]:
    title, text, link = _text_of(entry.get("title_detail")), _body(entry), str(entry.get("link") or "")
    detail = entry.get("title_detail") or entry.get("summary_detail") or {}
    id = str(entry.get("id") or link or stable_id("entry", title, text))
    published, updated = _date(entry, "published_parsed"), _date(entry, "updated_parsed")
    fields: dict[str, Any] = {
        "id": id if len(id) <= MAX_ID_CHARS else stable_id("entry", id),
        "title": title,
        "text": text,
        # An id may stand in for the link.
        "url": link if link.lower().startswith(("http://", "https://")) else "",
        "lang": str(detail.get("language") or lang)[:16],
        "author": {"name": str(entry.get("author") or "")[:MAX_ID_CHARS]},
        "media": [e["href"] for e in entry.get("enclosures") or () if isinstance(e.get("href"), str)],
    }
    offered = entry.get("podcast_transcript")
    if isinstance(offered, Mapping) and isinstance(offered.get("url"), str):
        fields["transcript"] = {"url": offered["url"], "type": str(offered.get("type") or "")[:100]}
    posted = published or updated
    if posted:
        fields["created_at"] = iso(posted)
    if published and updated and updated > published:
        fields["edited_at"] = iso(updated)
    return fields


def _refuse_traps(data: bytes, content_type: str) -> None:
    """Refuse entities: XML bombs and outside files come as entities, and a feed needs none of its own."""
    # Without NULs, so that UTF-16 and UTF-32 are searched as well.
    bare = data.replace(b"\0", b"")
    if _ENTITY.search(bare):
        raise FetchFailed("the feed defines entities of its own (as XML bombs do) and is not read")
    declared = [match.decode("ascii", "replace") for match in _DECLARED.findall(bare[:1024])]
    charset = re.search(r"charset\s*=\s*[\"']?([^\"';\s]{1,40})", content_type, re.IGNORECASE)
    for name in [*declared, *([charset[1]] if charset else [])]:
        try:
            known = codecs.lookup(name).name
        except LookupError:
            # Nobody can decode by this encoding.
            continue
        if not _PLAIN_ENCODING.fullmatch(known):
            raise FetchFailed(f"the feed is written in {known}, which is not read; UTF-8 is")


def _text_of(detail: Any) -> str:
    if not isinstance(detail, Mapping):
        return ""
    value = str(detail.get("value") or "")
    # A title of plain text may still hold markup: RSS never says which of the two a title is.
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
    """The entry's date as a datetime. feedparser gives a struct_time in UTC; asked for a missing date, it would give
    another date.
    """
    parsed = entry[name] if name in entry else None  # noqa: SIM401  # .get is what gives another one
    try:
        return datetime.fromtimestamp(calendar.timegm(parsed), UTC) if parsed else None
    except (ValueError, OverflowError, OSError, TypeError):
        return None
