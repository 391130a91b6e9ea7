"""A mention: one public post as we keep it.

Identity is `(source, id)`. `created_at` is when it was posted and never changes; an edit carries `edited_at`, and the
versions of one mention are ordered by `version_rank`, so whichever arrives first the same version wins. All times are
aware and in UTC. `text` is at most `MAX_TEXT_BYTES` of UTF-8; what was longer is cut and `truncated` says so.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import Meta

MAX_TEXT_BYTES = 64 * 1024
MAX_ID_CHARS = 256
MAX_CODE_CHARS = 64  # network, country
MAX_FOLLOWERS = 10**10  # more than there are people
MAX_ENGAGEMENT = 10**12

# Kept when a mention is read off the stream, where anybody may have put it: one that breaks them is a dead letter, for it would
# spoil the whole batch in the store (an index takes no long keys, sums have 64 bits).
_Identity: TypeAlias = Annotated[str, Meta(min_length=1, max_length=MAX_ID_CHARS)]
_Code: TypeAlias = Annotated[str, Meta(max_length=MAX_CODE_CHARS)]
_Time: TypeAlias = Annotated[datetime, Meta(tz=True)]
_Count: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_ENGAGEMENT)] | None


class Author(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Who posted it, as far as the network tells. `id` is unique within the mention's network."""

    id: str
    name: str | None = None
    handle: str | None = None
    followers: Annotated[int, Meta(ge=0, le=MAX_FOLLOWERS)] | None = None
    verified: bool | None = None


class Engagement(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """How far it went. A change of these figures is not an edit; the largest figure seen is kept."""

    likes: _Count = None
    reposts: _Count = None
    replies: _Count = None
    views: _Count = None


class Mention(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One public post. Fields that the network gave and we have no name for are kept in `extra`."""

    # gc=False here and above: what is made of JSON refers to nothing that refers back, so the collector need not look
    # through the thousands of a batch.

    source: _Identity
    id: _Identity
    text: str
    created_at: _Time
    edited_at: _Time | None = None
    network: _Code | None = None
    url: str | None = None
    lang: _Code | None = None
    title: str | None = None
    country: str | None = None
    author: Author | None = None
    in_reply_to: str | None = None
    repost_of: str | None = None
    thread: str | None = None
    engagement: Engagement | None = None
    links: tuple[str, ...] = ()
    hashtags: tuple[str, ...] = ()
    media: tuple[str, ...] = ()
    truncated: bool = False
    extra: dict[str, Any] = {}

    @property
    def key(self) -> tuple[str, str]:
        """The identity: no two different posts share it, and the same post has it however often it arrives."""
        return (self.source, self.id)

    @property
    def full_text(self) -> str:
        """Title and text, as queries and understanding read them."""
        return f"{self.title}\n{self.text}" if self.title else self.text

    @property
    def content_hash(self) -> str:
        """16 hex digits over title and text: equal for equal content, whatever else changed."""
        return hashlib.blake2b(self.full_text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()

    @property
    def version_rank(self) -> tuple[datetime, str]:
        """Versions are ordered by this; the greatest is the current one, in whatever order they arrive."""
        return (self.edited_at or self.created_at, self.content_hash)


class MentionLine(msgspec.Struct, frozen=True, gc=False):
    """A mention on its way to the stream as the line that its record will carry, and what is looked at on that way.

    `line` ends with a line feed and holds no other line end; `decode_mention(line)` is the whole mention.
    """

    source: str
    id: str
    created_at: datetime
    edited_at: datetime | None
    line: bytes


Handed: TypeAlias = Mention | MentionLine
"""What sources bring and the hand-over takes."""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Mention)


def encode_mentions(mentions: list[Mention]) -> bytes:
    """The value of a record on the topic `mentions`: one JSON object a line."""
    return _encoder.encode_lines(mentions)


def decode_mentions(value: bytes) -> list[Mention]:
    """The mentions of a record's value. Raises `msgspec.DecodeError` or `msgspec.ValidationError` on the first bad line."""
    return _decoder.decode_lines(value)


def decode_mention(line: bytes) -> Mention:
    """One mention of our own wire form (a line of a record's value). Raises like `decode_mentions`."""
    return _decoder.decode(line)


def whole(handed: Handed) -> Mention:
    """The mention itself, whichever way it was read."""
    return decode_mention(handed.line) if isinstance(handed, MentionLine) else handed
