"""The fields of a mention: the limits of each, and how a value is mended or refused. Nothing here raises more than
`BadMention`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from tocsin.core.errors import BadMention
from tocsin.core.mention import (
    MAX_CODE_CHARS,
    MAX_ENGAGEMENT,
    MAX_FOLLOWERS,
    MAX_ID_CHARS,
    MAX_TEXT_BYTES,
    Author,
    Engagement,
    Mention,
)

MAX_TITLE_CHARS = 1000
MAX_NAME_CHARS = 256
MAX_URL_CHARS = 2048
# Links or media of one mention.
MAX_URLS = 50
MAX_HASHTAGS = 64
MAX_HASHTAG_CHARS = 140
MAX_EXTRA_BYTES = 16 * 1024
MAX_EXTRA_DEPTH = 8

# Codes that mean "no language known": codes of ISO 639, and private codes that networks send.
_NO_LANGUAGE = {"und", "zxx", "mul", "mis", "unk"}
_OLD_CODES = {"in": "id", "iw": "he", "ji": "yi", "mo": "ro"}
_LANGUAGE = re.compile(r"[a-z]{2,3}")
URL = re.compile(r"https?://[^\s\x00-\x20\x7f]+", re.IGNORECASE)
CONTROL = re.compile(r"[\x00-\x1f]")
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,20}(\.0{1,6})?")
_TRUE, _FALSE = {"true", "1", "yes"}, {"false", "0", "no"}
KNOWN = frozenset(Mention.__struct_fields__)
_AUTHOR_FIELDS = frozenset(Author.__struct_fields__)
_ENGAGEMENT_FIELDS = frozenset(Engagement.__struct_fields__)
_encode = msgspec.json.Encoder(order="deterministic").encode
NO_ENGAGEMENT = Engagement()


def kind_of(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number" if isinstance(value, int | float) else type(value).__name__)


def present(value: object) -> bool:
    return value is not None and value != ""


def clean(text: str) -> str:
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


def string(value: object, field: str) -> str:
    if not isinstance(value, str):
        raise BadMention("bad_type", f"{field} must be a string, not {kind_of(value)}", field)
    return clean(value)


def optional(value: object, field: str) -> str | None:
    return string(value, field) or None if value is not None else None


def cut_text(text: str) -> tuple[str, bool]:
    """`text` within `MAX_TEXT_BYTES` of UTF-8, cut between characters, and whether the text was cut."""
    if 4 * len(text) <= MAX_TEXT_BYTES:
        return text, False
    raw = text[: MAX_TEXT_BYTES + 1].encode("utf-8")
    if len(raw) <= MAX_TEXT_BYTES:
        return text, False
    return raw[:MAX_TEXT_BYTES].decode("utf-8", "ignore"), True


def identifier(value: object, field: str) -> str | None:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if value.bit_length() <= 512 else "9" * (MAX_ID_CHARS + 1)
    text = optional(value, field)
    if text is None and value is not None and field == "id":
        raise BadMention("too_long", "id must have 1 to 256 characters, not none", field)
    if text is not None and len(text) > MAX_ID_CHARS:
        raise BadMention(
            "too_long", f"{field} must have at most {MAX_ID_CHARS} characters, not {len(text)}", field
        )
    return text


def code(value: object, field: str) -> str | None:
    text = optional(value, field)
    if text is not None and len(text) > MAX_CODE_CHARS:
        raise BadMention(
            "too_long", f"{field} must have at most {MAX_CODE_CHARS} characters, not {len(text)}", field
        )
    return text


def source_name_of(value: object) -> str:
    return (
        _known_source(value) if isinstance(value, str) else _known_source(identifier(value, "source") or "")
    )


@lru_cache(maxsize=1024)
def _known_source(value: str) -> str:
    text = clean(value)
    if not 1 <= len(text) <= MAX_ID_CHARS or CONTROL.search(text):
        raise BadMention(
            "too_long", "source must have 1 to 256 characters, none of them a control character", "source"
        )
    return text


def language(value: str | None) -> tuple[str | None, bool]:
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


def time_of(value: object, field: str, zone: ZoneInfo | None) -> datetime | None:
    if not present(value):
        return None
    if isinstance(value, datetime):
        return in_utc(value, field, zone)
    if not isinstance(value, str):
        raise BadMention("bad_type", f"{field} must be a time in ISO 8601, not {kind_of(value)}", field)
    value = clean(value[:MAX_ID_CHARS])
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
    return in_utc(at, field, zone)


def in_utc(at: datetime, field: str, zone: ZoneInfo | None) -> datetime:
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


def address(value: object, extra: dict[str, Any]) -> str | None:
    """The address if it is an http(s) address. Any other value is no link that a web page may show, and is kept in `extra`."""
    text = (optional(value, "url") or "").strip()
    if text and not (len(text) <= MAX_URL_CHARS and URL.fullmatch(text)):
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
    raise BadMention("bad_type", f"{field} must be a list, not {kind_of(value)}", field)


def addresses(value: object, field: str, extra: dict[str, Any]) -> tuple[str, ...]:
    good: list[str] = []
    rest: list[object] = []
    for item in _items(value, field):
        url = item.get("url") if isinstance(item, Mapping) else item
        text = clean(url).strip() if isinstance(url, str) else ""
        if len(good) < MAX_URLS and len(text) <= MAX_URL_CHARS and URL.fullmatch(text):
            good.append(text)
        elif len(rest) < MAX_URLS and present(item):
            rest.append(item)
    if rest:
        extra[field] = rest
    return tuple(good)


def hashtags(value: object) -> tuple[str, ...]:
    """The hashtags without their #, each once."""
    tags: dict[str, None] = {}
    for item in _items(value, "hashtags"):
        name = item.get("text") or item.get("name") if isinstance(item, Mapping) else item
        if not isinstance(name, str):
            raise BadMention("bad_type", f"hashtags must be strings, not {kind_of(name)}", "hashtags")
        tag = clean(name).strip().lstrip("#＃")[:MAX_HASHTAG_CHARS]
        if tag and len(tags) < MAX_HASHTAGS:
            tags[tag] = None
    return tuple(tags)


def author_of(value: object, extra: dict[str, Any]) -> Author | None:
    if not present(value):
        return None
    if not isinstance(value, Mapping):
        id = identifier(value, "author")
        return None if id is None else Author(id)
    name, handle = _name(value.get("name"), "author.name"), _name(value.get("handle"), "author.handle")
    id = identifier(value.get("id"), "author.id") or handle or name
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
    text = optional(value, field)
    return None if text is None else text[:MAX_NAME_CHARS]


def engagement_of(value: object, extra: dict[str, Any]) -> Engagement | None:
    if not present(value):
        return None
    if not isinstance(value, Mapping):
        raise BadMention("bad_type", f"engagement must be an object, not {kind_of(value)}", "engagement")
    rest = {str(key): item for key, item in value.items() if key not in _ENGAGEMENT_FIELDS}
    if rest:
        extra["engagement"] = rest
    likes, reposts, replies, views = (
        _count(value.get(name), f"engagement.{name}", MAX_ENGAGEMENT) for name in Engagement.__struct_fields__
    )
    found = Engagement(likes, reposts, replies, views)
    return None if found == NO_ENGAGEMENT else found


def _count(value: object, field: str, most: int) -> int | None:
    if not present(value):
        return None
    if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value.strip()):
        value = float(value) if "." in value else int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadMention("bad_type", f"{field} must be a whole number, not {kind_of(value)}", field)
    if not 0 <= value <= most:
        shown = value if value.bit_length() < 64 else "a number of that size"
        raise BadMention("out_of_range", f"{field} must be 0 to {most}, not {shown}", field)
    return value


def _flag(value: object, field: str) -> bool | None:
    if not present(value):
        return None
    text = str(value).strip().lower() if isinstance(value, bool | str) or value in (0, 1) else ""
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise BadMention("bad_type", f"{field} must be true or false, not {kind_of(value)}", field)


class _Copies:
    """Plain copies of the values in `extra`, as many as its bytes could hold: a value and its comma are two of them."""

    def __init__(self) -> None:
        self.left = MAX_EXTRA_BYTES // 2

    def of(self, value: object, depth: int = 0) -> Any:
        """The value as JSON has it. Raises `_TooMany` once too many were copied; so what comes after costs nothing."""
        self.left -= 1
        if self.left < 0:
            raise _TooMany
        if isinstance(value, Mapping) and depth < MAX_EXTRA_DEPTH:
            return {clean(str(key)): self.of(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list | tuple) and depth < MAX_EXTRA_DEPTH:
            return [self.of(item, depth + 1) for item in value]
        return _plain_value(value, depth)


class _TooMany(Exception):
    """More values than `extra` could hold."""


def _width(field: tuple[str, object]) -> tuple[int, str]:
    key, value = field
    return (len(value) if isinstance(value, Mapping | list | tuple) else 0), key


def bounded(extra: dict[str, Any]) -> dict[str, Any]:
    """`extra` as JSON values of at most `MAX_EXTRA_BYTES`. The largest fields are dropped first, and `_dropped` names them."""
    if not extra:
        return extra
    copies, dropped = _Copies(), list[str]()
    kept = dict[str, Any]()
    # The narrow ones first, so that what a wide one takes is not taken from them.
    for key, value in sorted(extra.items(), key=_width):
        try:
            kept[key[:MAX_ID_CHARS]] = copies.of(value)
        except _TooMany:
            dropped.append(key[:40])
    if not dropped and len(_encode(kept)) <= MAX_EXTRA_BYTES:
        return kept
    sizes = {key: len(_encode(key)) + len(_encode(value)) + 2 for key, value in kept.items()}
    left = sum(sizes.values())
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
        return clean(value)
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
    if depth >= MAX_EXTRA_DEPTH and isinstance(value, Mapping | list | tuple):
        return "(nested too deeply)"
    return f"({type(value).__name__})"


def is_source(value: str) -> bool:
    """Whether the value is a name of a source that needs no mending."""
    try:
        return _known_source(value) == value
    except BadMention:
        return False


@lru_cache(maxsize=4096)
def is_known_code(lang: str | None) -> bool:
    """Whether a language is absent, or a code in the form that is kept."""
    return language(lang) == (lang, True)


def is_web_address(url: str) -> bool:
    """Whether the address may be shown as a link."""
    return len(url) <= MAX_URL_CHARS and URL.fullmatch(url) is not None
