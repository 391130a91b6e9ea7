"""Lines of JSON that can go to the stream as they are.

Most lines of a file need no mending: every field has its exact type and size and is spelled as Tocsin would spell it. Such a
line is checked and passed on byte by byte (`as_they_are`). Building the mention and writing it out again would only give an
equal line, for three times the work. A line that is in any doubt is left to `tocsin.reading.mention`.
`tests/reading/test_lines.py` holds the two ways to equal mentions.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tocsin.core.mention import (
    MAX_CODE_CHARS,
    MAX_ENGAGEMENT,
    MAX_FOLLOWERS,
    MAX_ID_CHARS,
    MAX_TEXT_BYTES,
    MentionLine,
)
from tocsin.reading.fields import (
    MAX_HASHTAG_CHARS,
    MAX_HASHTAGS,
    MAX_NAME_CHARS,
    MAX_TITLE_CHARS,
    MAX_URL_CHARS,
    MAX_URLS,
    hashtags,
    is_known_code,
    is_source,
    is_web_address,
)

LONGEST = 64 * 1024
"""The length in bytes up to which a line is checked here. A record holds far more."""

_Id = Annotated[str, Meta(min_length=1, max_length=MAX_ID_CHARS)]
_Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME_CHARS)]
_Code = Annotated[str, Meta(min_length=1, max_length=MAX_CODE_CHARS)]
_Count = Annotated[int, Meta(ge=0, le=MAX_ENGAGEMENT)]
_Url = Annotated[str, Meta(min_length=1, max_length=MAX_URL_CHARS)]
_Urls = Annotated[tuple[_Url, ...], Meta(max_length=MAX_URLS)]
_Hashtag = Annotated[str, Meta(min_length=1, max_length=MAX_HASHTAG_CHARS)]


class _Author(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    id: _Id
    name: _Name | None = None
    handle: _Name | None = None
    followers: Annotated[int, Meta(ge=0, le=MAX_FOLLOWERS)] | None = None
    verified: bool | None = None


class _Engagement(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    likes: _Count | None = None
    reposts: _Count | None = None
    replies: _Count | None = None
    views: _Count | None = None


class _Written(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """A line as Tocsin would write it, apart from the further checks in `as_they_are`."""

    id: _Id
    # The limit is in characters: so many characters never have more than `MAX_TEXT_BYTES` bytes.
    text: Annotated[str, Meta(max_length=MAX_TEXT_BYTES // 4)]
    created_at: datetime
    source: _Id | UnsetType = UNSET
    edited_at: datetime | None = None
    network: _Code | None = None
    url: _Url | None = None
    lang: _Code | None = None
    title: Annotated[str, Meta(min_length=1, max_length=MAX_TITLE_CHARS)] | None = None
    country: _Code | None = None
    author: _Author | None = None
    in_reply_to: _Id | None = None
    repost_of: _Id | None = None
    thread: _Id | None = None
    engagement: _Engagement | None = None
    links: _Urls = ()
    hashtags: Annotated[tuple[_Hashtag, ...], Meta(max_length=MAX_HASHTAGS)] = ()
    media: _Urls = ()
    truncated: bool = False


_decode: Callable[[bytes], _Written] = msgspec.json.Decoder(_Written).decode
_NO_ENGAGEMENT = _Engagement()


def as_they_are(block: bytes, source: str | None) -> list[MentionLine | bytes]:
    """For each line of `block` a `MentionLine`, or the line itself where it must be read the patient way.

    Lines end with a line feed. `source` is the source of mentions that name none.
    """
    given = _given(source)
    found: list[MentionLine | bytes] = []
    note = found.append
    decode, utc, unset, wanting = _decode, UTC, UNSET, _wanting
    # A carriage return would be one more line end, and PostgreSQL keeps no NUL. The whole block is checked first, because
    # nearly no block holds one.
    doubtful = b"\r" in block or b"\\u0000" in block
    named = ""
    lines = block.splitlines(keepends=True) if not doubtful else _lines(block)
    for line in lines:
        if len(line) > LONGEST or (doubtful and (b"\r" in line or b"\\u0000" in line)):
            note(line)
            continue
        try:
            w = decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            note(line)
            continue
        created_at, edited_at = w.created_at, w.edited_at
        if (
            created_at.tzinfo is not utc
            or (w.lang is not None and not is_known_code(w.lang))
            or ((e := w.engagement) is not None and e.likes is None and e == _NO_ENGAGEMENT)
            or ((edited_at or w.url or w.links or w.hashtags or w.media) and wanting(w))
        ):
            note(line)
        elif w.source is unset:
            if given is None or not line.startswith(b'{"'):
                note(line)
            else:
                note(MentionLine(given[0], w.id, created_at, edited_at, given[1] + line[1:]))
        elif w.source == named or is_source(w.source):
            named = w.source
            note(MentionLine(named, w.id, created_at, edited_at, line))
        else:
            note(line)
    return found


def _lines(block: bytes) -> list[bytes]:
    """The lines of a block, in which a carriage return ends no line."""
    return [line + b"\n" for line in block.removesuffix(b"\n").split(b"\n")]


def _wanting(w: _Written) -> bool:
    """Whether one of the rarer fields is not spelled as Tocsin would spell it."""
    return (
        (w.edited_at is not None and w.edited_at.tzinfo is not UTC)
        or not (w.url is None or is_web_address(w.url))
        or not all(map(is_web_address, w.links))
        or not all(map(is_web_address, w.media))
        or hashtags(w.hashtags) != w.hashtags
    )


@lru_cache(maxsize=1024)
def _given(source: str | None) -> tuple[str, bytes] | None:
    """The source of lines that name none, and the beginning of such a line; None where the source needs mending."""
    if source is None or not is_source(source):
        return None
    return source, b'{"source":' + msgspec.json.encode(source) + b","
