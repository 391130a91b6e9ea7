"""Reading one mention from outside, as docs/sources.md says. Any input gives a `Mention` or raises `BadMention`.

Two ways lead to the same mention. On the fast way, msgspec decodes a line straight into `_Plain`; all its fields must have
their exact types and sizes. On the patient way, every other line is decoded into plain values and read field by field. The
patient way also mends: numbers as ids, NUL characters, lone surrogates, texts that are too long.
`tests/reading/test_mention.py` holds the two ways to equal results.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
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
from tocsin.reading.patient_json import decoded

MAX_LINE_BYTES = 8 * 1024 * 1024
MAX_TITLE_CHARS = 1000
MAX_NAME_CHARS = 256
MAX_URL_CHARS = 2048
# Links or media of one mention.
MAX_URLS = 50
MAX_HASHTAGS = 64
MAX_HASHTAG_CHARS = 140
MAX_EXTRA_BYTES = 16 * 1024
MAX_EXTRA_DEPTH = 8

REASONS: Mapping[str, str] = {
    "malformed": "not JSON (or not CSV), or more than one thing on a line",
    "encoding": "not UTF-8",
    "too_large": "the line is longer than 8 MB",
    "too_deep": "nested too deeply",
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

# Codes that mean "no language known": codes of ISO 639, and private codes that networks send.
_NO_LANGUAGE = {"und", "zxx", "mul", "mis", "unk"}
_OLD_CODES = {"in": "id", "iw": "he", "ji": "yi", "mo": "ro"}
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_URL = re.compile(r"https?://[^\s\x00-\x20\x7f]+", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f]")
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,20}(\.0{1,6})?")
_TRUE, _FALSE = {"true", "1", "yes"}, {"false", "0", "no"}
_KNOWN = frozenset(Mention.__struct_fields__)
_AUTHOR_FIELDS = frozenset(Author.__struct_fields__)
_ENGAGEMENT_FIELDS = frozenset(Engagement.__struct_fields__)
_encode = msgspec.json.Encoder(order="deterministic").encode


def read_json_line(
    line: bytes, *, source: str | None, zone: ZoneInfo | None = None, fix_source: bool = False
) -> Mention:
    """The mention in one line of JSON. The arguments are those of `read_mention`. Raises `BadMention`, and nothing else."""
    if len(line) > MAX_LINE_BYTES:
        raise BadMention("too_large", f"a line of {len(line)} bytes is over the limit of {MAX_LINE_BYTES}")
    if b"\\u0000" not in line:
        try:
            plain, extra = _plain(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
        else:
            found = _from_plain(plain, _bounded(extra), source, zone, fix_source)
            if found is not None:
                return found
    return read_mention(decoded(line), source=source, zone=zone, fix_source=fix_source)


def read_mention(
    obj: Mapping[str, Any], *, source: str | None, zone: ZoneInfo | None = None, fix_source: bool = False
) -> Mention:
    """The mention that these plain values describe.

    `source` is the source of mentions that name none; with `fix_source` it wins over the source that a mention names. `zone`
    is the zone of times without an offset; in an hour that comes twice, the first is meant. Without `zone` such times are
    refused. Raises `BadMention` with a reason of `REASONS`, and nothing else.
    """
    if not isinstance(obj, Mapping):
        raise BadMention("not_object", f"a mention is a JSON object, not {_kind(obj)}")
    extra: dict[str, Any] = {}
    given = obj.get("extra")
    if isinstance(given, Mapping):
        extra.update((_clean(str(key)), value) for key, value in given.items())
    elif given is not None:
        extra["extra"] = given
    extra.update((_clean(str(key)), value) for key, value in obj.items() if key not in _KNOWN)
    named = obj.get("source")
    if fix_source and source is not None:
        if _present(named) and named != source:
            extra["source"] = named
        named = source
    if not _present(named):
        named = source
    if named is None:
        raise BadMention(
            "missing_field", "a mention needs a source, and none was given for those that name none", "source"
        )
    text = obj.get("text")
    if text is None:
        raise BadMention("missing_field", "a mention needs a text (which may be empty)", "text")
    text, cut = _cut(_string(text, "text"))
    title = _optional(obj.get("title"), "title")
    if title is not None and len(title) > MAX_TITLE_CHARS:
        title, cut = title[:MAX_TITLE_CHARS], True
    raw_lang = _optional(obj.get("lang"), "lang")
    lang, understood = _lang(raw_lang)
    if not understood:
        extra["lang"] = raw_lang
    id = _identifier(obj.get("id"), "id")
    if id is None:
        raise BadMention("missing_field", "a mention needs an id", "id")
    created_at = _time(obj.get("created_at"), "created_at", zone)
    if created_at is None:
        raise BadMention("missing_field", "a mention needs created_at, when it was posted", "created_at")
    return Mention(
        _source(named),
        id,
        text,
        created_at,
        _time(obj.get("edited_at"), "edited_at", zone),
        _code(obj.get("network"), "network"),
        _url(obj.get("url"), extra),
        lang,
        title,
        _code(obj.get("country"), "country"),
        _author(obj.get("author"), extra),
        _identifier(obj.get("in_reply_to"), "in_reply_to"),
        _identifier(obj.get("repost_of"), "repost_of"),
        _identifier(obj.get("thread"), "thread"),
        _engagement(obj.get("engagement"), extra),
        _urls(obj.get("links"), "links", extra),
        _hashtags(obj.get("hashtags")),
        _urls(obj.get("media"), "media", extra),
        cut or obj.get("truncated") is True,
        _bounded(extra),
    )


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


# -- for `tocsin.reading.lines`: whether a value is spelled as Tocsin would spell it ---------------------------


def is_source(value: str) -> bool:
    """Whether the value is a name of a source that needs no mending."""
    try:
        return _known_source(value) == value
    except BadMention:
        return False


@lru_cache(maxsize=4096)
def is_known_code(lang: str | None) -> bool:
    """Whether a language is absent, or a code in the form that is kept."""
    return _lang(lang) == (lang, True)


def is_web_address(url: str) -> bool:
    """Whether the address may be shown as a link."""
    return len(url) <= MAX_URL_CHARS and _URL.fullmatch(url) is not None


def plain_hashtags(tags: tuple[str, ...]) -> tuple[str, ...]:
    """The tags in the form that is kept."""
    return _hashtags(tags)


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
        known = {key: value for key, value in obj.items() if key in _KNOWN}
        if len(known) == len(obj):
            raise
        return msgspec.convert(known, _Plain), {key: value for key, value in obj.items() if key not in _KNOWN}


def _from_plain(
    p: _Plain, extra: dict[str, Any], source: str | None, zone: ZoneInfo | None, fix_source: bool
) -> Mention | None:
    """The mention, or None where the patient way must read it after all."""
    named = source if p.source is None else p.source
    if named is None or (p.source is not None and (fix_source or _CONTROL.search(p.source))):
        return None
    lang, understood = _lang(p.lang)
    if not understood or (p.url and not _URL.fullmatch(p.url)):
        return None
    for urls in (p.links, p.media):
        if urls and not all(len(url) <= MAX_URL_CHARS and _URL.fullmatch(url) for url in urls):
            return None
    a, e = p.author, p.engagement
    if isinstance(a, _PlainAuthor):
        author: Author | None = Author(a.id, a.name or None, a.handle or None, a.followers, a.verified)
    else:
        author = None if a is None else Author(a)
    engagement = None if e is None else Engagement(e.likes, e.reposts, e.replies, e.views)
    return Mention(
        _source(named),
        p.id,
        p.text,
        _in_utc(p.created_at, "created_at", zone),
        None if p.edited_at is None else _in_utc(p.edited_at, "edited_at", zone),
        p.network or None,
        p.url or None,
        lang,
        p.title or None,
        p.country or None,
        author,
        p.in_reply_to,
        p.repost_of,
        p.thread,
        None if engagement == _NO_ENGAGEMENT else engagement,
        tuple(p.links) if p.links else (),
        _hashtags(p.hashtags) if p.hashtags else (),
        tuple(p.media) if p.media else (),
        p.truncated is True,
        extra,
    )


_NO_ENGAGEMENT = Engagement()


# -- the patient way -------------------------------------------------------------------------------------


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number" if isinstance(value, int | float) else type(value).__name__)


def _present(value: object) -> bool:
    return value is not None and value != ""


def _clean(text: str) -> str:
    """The text with U+FFFD for each NUL (PostgreSQL keeps none) and each lone surrogate (UTF-8 has none)."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _string(value: object, field: str) -> str:
    if not isinstance(value, str):
        raise BadMention("bad_type", f"{field} must be a string, not {_kind(value)}", field)
    return _clean(value)


def _optional(value: object, field: str) -> str | None:
    return _string(value, field) or None if value is not None else None


def _cut(text: str) -> tuple[str, bool]:
    """`text` within `MAX_TEXT_BYTES` of UTF-8, cut between characters, and whether the text was cut."""
    if 4 * len(text) <= MAX_TEXT_BYTES:
        return text, False
    raw = text[: MAX_TEXT_BYTES + 1].encode("utf-8")
    if len(raw) <= MAX_TEXT_BYTES:
        return text, False
    return raw[:MAX_TEXT_BYTES].decode("utf-8", "ignore"), True


def _identifier(value: object, field: str) -> str | None:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if value.bit_length() <= 512 else "9" * (MAX_ID_CHARS + 1)
    text = _optional(value, field)
    if text is None and value is not None and field == "id":
        raise BadMention("too_long", "id must have 1 to 256 characters, not none", field)
    if text is not None and len(text) > MAX_ID_CHARS:
        raise BadMention(
            "too_long", f"{field} must have at most {MAX_ID_CHARS} characters, not {len(text)}", field
        )
    return text


def _code(value: object, field: str) -> str | None:
    text = _optional(value, field)
    if text is not None and len(text) > MAX_CODE_CHARS:
        raise BadMention(
            "too_long", f"{field} must have at most {MAX_CODE_CHARS} characters, not {len(text)}", field
        )
    return text


def _source(value: object) -> str:
    return (
        _known_source(value) if isinstance(value, str) else _known_source(_identifier(value, "source") or "")
    )


@lru_cache(maxsize=1024)
def _known_source(value: str) -> str:
    text = _clean(value)
    if not 1 <= len(text) <= MAX_ID_CHARS or _CONTROL.search(text):
        raise BadMention(
            "too_long", "source must have 1 to 256 characters, none of them a control character", "source"
        )
    return text


def _lang(value: str | None) -> tuple[str | None, bool]:
    """The code of the language without its region, and whether the given value was understood."""
    if not value:
        return None, True
    return _known_lang(value[: MAX_CODE_CHARS + 1])


@lru_cache(maxsize=4096)
def _known_lang(value: str) -> tuple[str | None, bool]:
    code = re.split("[-_]", value.strip().lower(), maxsplit=1)[0]
    if not code or code in _NO_LANGUAGE or re.fullmatch("q[a-t][a-z]", code):
        return None, True
    if not _LANGUAGE.fullmatch(code):
        return None, False
    return _OLD_CODES.get(code, code), True


def _time(value: object, field: str, zone: ZoneInfo | None) -> datetime | None:
    if not _present(value):
        return None
    if isinstance(value, datetime):
        return _in_utc(value, field, zone)
    if not isinstance(value, str):
        raise BadMention("bad_type", f"{field} must be a time in ISO 8601, not {_kind(value)}", field)
    value = _clean(value[:MAX_ID_CHARS])
    try:
        # The fast way reads times with msgspec too, so fractions are rounded alike.
        at = msgspec.convert(value, datetime)
    except msgspec.ValidationError:
        try:
            at = datetime.fromisoformat(value.strip())
        except ValueError:
            raise BadMention(
                "bad_time",
                f"{field} {value[:40]!r} is no time in ISO 8601, such as 2026-03-01T09:30:00+03:00",
                field,
            ) from None
    return _in_utc(at, field, zone)


def _in_utc(at: datetime, field: str, zone: ZoneInfo | None) -> datetime:
    if at.tzinfo is UTC:
        return at
    if at.tzinfo is None:
        if zone is None:
            raise BadMention(
                "no_offset",
                f"{field} {at.isoformat()} has no offset from UTC, and no time zone was given for it",
                field,
            )
        at = at.replace(tzinfo=zone)
    try:
        return at.astimezone(UTC)
    except (OverflowError, ValueError):
        raise BadMention("bad_time", f"{field} {at.isoformat()} is outside the calendar", field) from None


def _url(value: object, extra: dict[str, Any]) -> str | None:
    """The address if it is an http(s) address. Any other value is no link that a web page may show, and is kept in `extra`."""
    text = (_optional(value, "url") or "").strip()
    if text and not (len(text) <= MAX_URL_CHARS and _URL.fullmatch(text)):
        extra["url"] = text
        return None
    return text or None


def _items(value: object, field: str) -> Iterable[object]:
    if value is None:
        return ()
    if isinstance(value, str):
        return value.split()
    if isinstance(value, list | tuple):
        return value
    raise BadMention("bad_type", f"{field} must be a list, not {_kind(value)}", field)


def _urls(value: object, field: str, extra: dict[str, Any]) -> tuple[str, ...]:
    good: list[str] = []
    rest: list[object] = []
    for item in _items(value, field):
        url = item.get("url") if isinstance(item, Mapping) else item
        text = _clean(url).strip() if isinstance(url, str) else ""
        if len(good) < MAX_URLS and len(text) <= MAX_URL_CHARS and _URL.fullmatch(text):
            good.append(text)
        elif len(rest) < MAX_URLS and _present(item):
            rest.append(item)
    if rest:
        extra[field] = rest
    return tuple(good)


def _hashtags(value: object) -> tuple[str, ...]:
    """The hashtags without their #, each once."""
    tags: dict[str, None] = {}
    for item in _items(value, "hashtags"):
        name = item.get("text") or item.get("name") if isinstance(item, Mapping) else item
        if not isinstance(name, str):
            raise BadMention("bad_type", f"hashtags must be strings, not {_kind(name)}", "hashtags")
        tag = _clean(name).strip().lstrip("#＃")[:MAX_HASHTAG_CHARS]
        if tag and len(tags) < MAX_HASHTAGS:
            tags[tag] = None
    return tuple(tags)


def _author(value: object, extra: dict[str, Any]) -> Author | None:
    if not _present(value):
        return None
    if not isinstance(value, Mapping):
        id = _identifier(value, "author")
        return None if id is None else Author(id)
    name, handle = _name(value.get("name"), "author.name"), _name(value.get("handle"), "author.handle")
    id = _identifier(value.get("id"), "author.id") or handle or name
    rest = {str(key): item for key, item in value.items() if key not in _AUTHOR_FIELDS}
    if rest:
        extra["author"] = rest
    followers = _count(value.get("followers"), "author.followers", MAX_FOLLOWERS)
    verified = _flag(value.get("verified"), "author.verified")
    if id is None:
        if followers is None and verified is None:
            return None
        raise BadMention("missing_field", "an author needs an id, a handle or a name", "author.id")
    return Author(id, name, handle, followers, verified)


def _name(value: object, field: str) -> str | None:
    text = _optional(value, field)
    return None if text is None else text[:MAX_NAME_CHARS]


def _engagement(value: object, extra: dict[str, Any]) -> Engagement | None:
    if not _present(value):
        return None
    if not isinstance(value, Mapping):
        raise BadMention("bad_type", f"engagement must be an object, not {_kind(value)}", "engagement")
    rest = {str(key): item for key, item in value.items() if key not in _ENGAGEMENT_FIELDS}
    if rest:
        extra["engagement"] = rest
    likes, reposts, replies, views = (
        _count(value.get(name), f"engagement.{name}", MAX_ENGAGEMENT) for name in Engagement.__struct_fields__
    )
    found = Engagement(likes, reposts, replies, views)
    return None if found == _NO_ENGAGEMENT else found


def _count(value: object, field: str, most: int) -> int | None:
    if not _present(value):
        return None
    if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value.strip()):
        value = float(value) if "." in value else int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadMention("bad_type", f"{field} must be a whole number, not {_kind(value)}", field)
    if not 0 <= value <= most:
        shown = value if value.bit_length() < 64 else "a number of that size"
        raise BadMention("out_of_range", f"{field} must be 0 to {most}, not {shown}", field)
    return value


def _flag(value: object, field: str) -> bool | None:
    if not _present(value):
        return None
    text = str(value).strip().lower() if isinstance(value, bool | str) or value in (0, 1) else ""
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise BadMention("bad_type", f"{field} must be true or false, not {_kind(value)}", field)


def _bounded(extra: dict[str, Any]) -> dict[str, Any]:
    """`extra` as JSON values of at most `MAX_EXTRA_BYTES`. The largest fields are dropped first, and `_dropped` names them."""
    if not extra:
        return extra
    kept = {key[:MAX_ID_CHARS]: _plain_value(value, 0) for key, value in extra.items()}
    if len(_encode(kept)) <= MAX_EXTRA_BYTES:
        return kept
    sizes = {key: len(_encode(key)) + len(_encode(value)) + 2 for key, value in kept.items()}
    left = sum(sizes.values())
    dropped: list[str] = []
    for key in sorted(sizes, key=lambda key: (-sizes[key], key)):
        # The last 4096 bytes are for the names of the dropped fields.
        if left <= MAX_EXTRA_BYTES - 4096:
            break
        left -= sizes[key]
        del kept[key]
        dropped.append(key[:40])
    return kept | {"_dropped": dropped[:10]}


def _plain_value(value: object, depth: int) -> Any:
    if isinstance(value, str):
        return _clean(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return (
            value
            if -(2**63) <= value < 2**63
            else f"{value:x}"
            if value.bit_length() <= 512
            else "a huge number"
        )
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth >= MAX_EXTRA_DEPTH:
        return "(nested too deeply)"
    if isinstance(value, Mapping):
        return {_clean(str(key)): _plain_value(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain_value(item, depth + 1) for item in value]
    return f"({type(value).__name__})"
