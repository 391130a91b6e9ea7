"""Reading one mention from outside, as docs/sources.md says. Any input gives a `Mention` or raises `BadMention`.

Two ways lead to the same mention. On the fast way, msgspec decodes a line straight into `_Plain`; all its fields must have
their exact types and sizes. On the patient way, every other line is decoded into plain values and read field by field. The
patient way also mends: numbers as ids, NUL characters, lone surrogates, texts that are too long.
`tests/reading/test_mention.py` holds the two ways to equal results.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from tocsin.core.errors import BadMention
from tocsin.core.mention import (
    MAX_CODE_CHARS,
    MAX_ENGAGEMENT,
    MAX_FOLLOWERS,
    MAX_ID_CHARS,
    MAX_TEXT_BYTES,
    Author,
    Engagement,
    Handed,
    Mention,
)
from tocsin.reading.fields import (
    CONTROL,
    KNOWN,
    MAX_NAME_CHARS,
    MAX_TITLE_CHARS,
    MAX_URL_CHARS,
    MAX_URLS,
    NO_ENGAGEMENT,
    URL,
    address,
    addresses,
    author_of,
    bounded,
    clean,
    code,
    cut_text,
    engagement_of,
    hashtags,
    identifier,
    in_utc,
    kind_of,
    language,
    optional,
    present,
    source_name_of,
    string,
    time_of,
)
from tocsin.reading.patient_json import decoded
from tocsin.reading.size import MAX_LEVELS, MAX_LINE_VALUES, holds_more, is_deeper

MAX_LINE_BYTES = 8 * 1024 * 1024

REASONS: Mapping[str, str] = {
    "malformed": "not JSON (or not CSV), or more than one thing on a line",
    "encoding": "not UTF-8",
    "too_large": "the line is longer than 8 MB, or holds more than 50,000 values",
    "too_deep": f"nested on more than {MAX_LEVELS} levels",
    "broken_gzip": "the gzip file is damaged or ends early",
    "not_object": "JSON, but not an object",
    "missing_field": "a required field is absent",
    "bad_type": "a field has the wrong type",
    "bad_time": "not a time in ISO 8601",
    "no_offset": "a time without an offset from UTC",
    "out_of_range": "a figure that is negative or absurd",
    "too_long": "an identifier that is empty or too long",
    "too_old": "posted before what is still accepted",
    "in_future": "dated later than it was received",
}


def read_json_line(
    line: bytes, *, source: str | None, zone: ZoneInfo | None = None, fix_source: bool = False
) -> Mention:
    """The mention in one line of JSON. The arguments are those of `read_mention`. Raises `BadMention`, and nothing else."""
    require_readable(line)
    if b"\\u0000" not in line and not is_deeper(line, MAX_LEVELS):
        try:
            plain, extra = _plain(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
        else:
            found = _from_plain(plain, bounded(extra), source, zone, fix_source)
            if found is not None:
                return found
    return read_mention(decoded(line), source=source, zone=zone, fix_source=fix_source)


def require_readable(line: bytes) -> None:
    """Raise `BadMention` (`too_large`) where a line of JSON has too many bytes or values to be read for one mention."""
    if len(line) > MAX_LINE_BYTES:
        raise BadMention("too_large", f"a line of {len(line)} bytes is over the limit of {MAX_LINE_BYTES}")
    if holds_more(line, MAX_LINE_VALUES):
        raise BadMention("too_large", f"a line of over {MAX_LINE_VALUES:,} values; a post has some hundreds")


def read_mention(
    obj: Mapping[str, Any], *, source: str | None, zone: ZoneInfo | None = None, fix_source: bool = False
) -> Mention:
    """The mention that these plain values describe.

    `source` is the source of mentions that name none; with `fix_source` it wins over the source that a mention names. `zone`
    is the zone of times without an offset; in an hour that comes twice, the first is meant. Without `zone` such times are
    refused. Raises `BadMention` with a reason of `REASONS`, and nothing else.
    """
    if not isinstance(obj, Mapping):
        raise BadMention("not_object", f"a mention is a JSON object, not {kind_of(obj)}")
    extra = _extra_of(obj)
    named = _source_of(obj.get("source"), source, fix_source, extra)
    text = obj.get("text")
    if text is None:
        raise BadMention("missing_field", "a mention needs a text (which may be empty)", "text")
    text, cut = cut_text(string(text, "text"))
    title = optional(obj.get("title"), "title")
    if title is not None and len(title) > MAX_TITLE_CHARS:
        title, cut = title[:MAX_TITLE_CHARS], True
    raw_lang = optional(obj.get("lang"), "lang")
    lang, understood = language(raw_lang)
    if not understood:
        extra["lang"] = raw_lang
    id = identifier(obj.get("id"), "id")
    if id is None:
        raise BadMention("missing_field", "a mention needs an id", "id")
    created_at = time_of(obj.get("created_at"), "created_at", zone)
    if created_at is None:
        raise BadMention("missing_field", "a mention needs created_at, when it was posted", "created_at")
    return Mention(
        source_name_of(named),
        id,
        text,
        created_at,
        time_of(obj.get("edited_at"), "edited_at", zone),
        code(obj.get("network"), "network"),
        address(obj.get("url"), extra),
        lang,
        title,
        code(obj.get("country"), "country"),
        author_of(obj.get("author"), extra),
        identifier(obj.get("in_reply_to"), "in_reply_to"),
        identifier(obj.get("repost_of"), "repost_of"),
        identifier(obj.get("thread"), "thread"),
        engagement_of(obj.get("engagement"), extra),
        addresses(obj.get("links"), "links", extra),
        hashtags(obj.get("hashtags")),
        addresses(obj.get("media"), "media", extra),
        cut or obj.get("truncated") is True,
        bounded(extra),
    )


def _extra_of(obj: Mapping[str, Any]) -> dict[str, Any]:
    """What a mention says besides the known fields."""
    extra: dict[str, Any] = {}
    given = obj.get("extra")
    if isinstance(given, Mapping):
        extra.update((clean(str(key)), value) for key, value in given.items())
    elif given is not None:
        extra["extra"] = given
    extra.update((clean(str(key)), value) for key, value in obj.items() if key not in KNOWN)
    return extra


def _source_of(named: Any, source: str | None, fix_source: bool, extra: dict[str, Any]) -> Any:
    """The source that counts. Where `source` wins over the one that the mention names, `extra` keeps that one."""
    if fix_source and source is not None:
        if present(named) and named != source:
            extra["source"] = named
        named = source
    if not present(named):
        named = source
    if named is None:
        raise BadMention(
            "missing_field", "a mention needs a source, and none was given for those that name none", "source"
        )
    return named


def check_time(mention: Handed, received_at: datetime, *, max_age: timedelta, max_ahead: timedelta) -> None:
    """Raise `BadMention` (`too_old`, `in_future`) where the mention's times cannot be accepted at `received_at`.

    One row dated 2099 must not move a clock. A mention older than retention would be forgotten and counted again.
    """
    if mention.created_at < received_at - max_age:
        raise BadMention(
            "too_old",
            f"posted {mention.created_at.isoformat()}: older than {max_age.days} days is refused",
            "created_at",
        )
    for field, at in (("created_at", mention.created_at), ("edited_at", mention.edited_at)):
        if at is not None and at > received_at + max_ahead:
            raise BadMention("in_future", f"{field} {at.isoformat()} is later than it was received", field)


# -- the fast way ----------------------------------------------------------------------------------------

_Id = Annotated[str, Meta(min_length=1, max_length=MAX_ID_CHARS)]
_Name = Annotated[str, Meta(max_length=MAX_NAME_CHARS)]
_Code = Annotated[str, Meta(max_length=MAX_CODE_CHARS)]
_Count = Annotated[int, Meta(ge=0, le=MAX_ENGAGEMENT)]
_Urls = Annotated[list[str], Meta(max_length=MAX_URLS)]


class _PlainAuthor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: _Id
    name: _Name | None = None
    handle: _Name | None = None
    followers: Annotated[int, Meta(ge=0, le=MAX_FOLLOWERS)] | None = None
    verified: bool | None = None


class _PlainEngagement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    likes: _Count | None = None
    reposts: _Count | None = None
    replies: _Count | None = None
    views: _Count | None = None


class _Plain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mention in which nothing needs mending."""

    id: _Id
    # The limit is in characters: so many characters never have more than `MAX_TEXT_BYTES` bytes.
    text: Annotated[str, Meta(max_length=MAX_TEXT_BYTES // 4)]
    created_at: datetime
    edited_at: datetime | None = None
    source: _Id | None = None
    network: _Code | None = None
    url: Annotated[str, Meta(max_length=MAX_URL_CHARS)] | None = None
    lang: _Code | None = None
    title: Annotated[str, Meta(max_length=MAX_TITLE_CHARS)] | None = None
    country: _Code | None = None
    author: _PlainAuthor | _Id | None = None
    in_reply_to: _Id | None = None
    repost_of: _Id | None = None
    thread: _Id | None = None
    engagement: _PlainEngagement | None = None
    links: _Urls | None = None
    hashtags: list[str] | None = None
    media: _Urls | None = None
    truncated: bool | None = None


_decode_plain = msgspec.json.Decoder(_Plain).decode


def _plain(line: bytes) -> tuple[_Plain, dict[str, Any]]:
    """The mention, and its unknown fields. Raises `msgspec.DecodeError` where a field needs mending."""
    try:
        return _decode_plain(line), {}
    except msgspec.ValidationError:
        obj = msgspec.json.decode(line)
        if not isinstance(obj, dict) or "extra" in obj:
            raise
        known = {key: value for key, value in obj.items() if key in KNOWN}
        if len(known) == len(obj):
            raise
        return msgspec.convert(known, _Plain), {key: value for key, value in obj.items() if key not in KNOWN}


def _from_plain(
    p: _Plain, extra: dict[str, Any], source: str | None, zone: ZoneInfo | None, fix_source: bool
) -> Mention | None:
    """The mention, or None where the patient way must read it after all."""
    named = source if p.source is None else p.source
    if named is None or (p.source is not None and (fix_source or CONTROL.search(p.source))):
        return None
    lang, understood = language(p.lang)
    if not understood or (p.url and not URL.fullmatch(p.url)):
        return None
    for urls in (p.links, p.media):
        if urls and not all(len(url) <= MAX_URL_CHARS and URL.fullmatch(url) for url in urls):
            return None
    a, e = p.author, p.engagement
    if isinstance(a, _PlainAuthor):
        author: Author | None = Author(a.id, a.name or None, a.handle or None, a.followers, a.verified)
    else:
        author = None if a is None else Author(a)
    engagement = None if e is None else Engagement(e.likes, e.reposts, e.replies, e.views)
    return Mention(
        source_name_of(named),
        p.id,
        p.text,
        in_utc(p.created_at, "created_at", zone),
        None if p.edited_at is None else in_utc(p.edited_at, "edited_at", zone),
        p.network or None,
        p.url or None,
        lang,
        p.title or None,
        p.country or None,
        author,
        p.in_reply_to,
        p.repost_of,
        p.thread,
        None if engagement == NO_ENGAGEMENT else engagement,
        tuple(p.links) if p.links else (),
        hashtags(p.hashtags) if p.hashtags else (),
        tuple(p.media) if p.media else (),
        p.truncated is True,
        extra,
    )
