"""A mention: one public post as we keep it.

Identity is `(source, id)`. `created_at` is the time at which the post was posted, and never changes. An edit carries
`edited_at`. The versions of one mention are ordered by `version_rank`, so the same version wins whichever arrives first. All
times are aware and in UTC. `text` is at most `MAX_TEXT_BYTES` of UTF-8. A longer text is cut, and `truncated` says so.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import Meta

MAX_TEXT_BYTES = 64 * 1024
MAX_ID_CHARS = 256
# For a network or a country.
MAX_CODE_CHARS = 64
# More than there are people.
MAX_FOLLOWERS = 10**10
MAX_ENGAGEMENT = 10**12

# These limits are also checked when a mention is read off the stream, where anybody may have put it. A mention that breaks one
# becomes a dead letter, because it would spoil the whole batch in the store (an index takes no long keys, sums have 64 bits).
_Identity: TypeAlias = Annotated[str, Meta(min_length=1, max_length=MAX_ID_CHARS)]
_Code: TypeAlias = Annotated[str, Meta(max_length=MAX_CODE_CHARS)]
_Time: TypeAlias = Annotated[datetime, Meta(tz=True)]
_Count: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_ENGAGEMENT)] | None


class Author(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The author of a mention, as far as the network tells. `id` is unique within the mention's network."""

    id: str
    name: str | None = None
    handle: str | None = None
    followers: Annotated[int, Meta(ge=0, le=MAX_FOLLOWERS)] | None = None
    verified: bool | None = None


class Engagement(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """How far a mention went. A change of these figures is not an edit. The store keeps the largest figure that came."""

    likes: _Count = None
    reposts: _Count = None
    replies: _Count = None
    views: _Count = None


class Mention(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One public post. `extra` keeps the fields of the network that have no name here."""

    # gc=False here and above: an object made of JSON is in no reference cycle, so the garbage collector need not visit the
    # thousands of mentions in a batch.

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
        """The identity. No two different posts share it, and the same post has it however often it arrives."""
        return (self.source, self.id)

    @property
    def full_text(self) -> str:
        """Title and text, as understanding reads them."""
        return f"{self.title}\n{self.text}" if self.title else self.text

    @property
    def content_hash(self) -> str:
        """16 hex digits of a hash over title and text: equal for equal content, whatever else changed."""
        return hashlib.blake2b(self.full_text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()

    @property
    def version_rank(self) -> tuple[datetime, str]:
        """The order of the versions. The version with the greatest rank is current, in whatever order they arrive."""
        return (self.edited_at or self.created_at, self.content_hash)


class MentionLine(msgspec.Struct, frozen=True, gc=False):
    """A mention on its way to the stream: the line that its record will carry, and the fields that are read on the way.

    `line` ends with a line feed and holds no other line end. `decode_mention(line)` is the whole mention.
    """

    source: str
    id: str
    created_at: datetime
    edited_at: datetime | None
    line: bytes


Handed: TypeAlias = Mention | MentionLine
"""A mention in a form that sources bring and the hand-over takes."""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Mention)


def encode_mentions(mentions: list[Mention]) -> bytes:
    """The value of a record on the topic `mentions`: one JSON object per line."""
    return _encoder.encode_lines(mentions)


def decode_mentions(value: bytes) -> list[Mention]:
    """The mentions of a record's value. Raises `msgspec.DecodeError` or `msgspec.ValidationError` on the first bad line."""
    return _decoder.decode_lines(value)


def decode_mention(line: bytes) -> Mention:
    """One mention in our own wire form (a line of a record's value). Raises like `decode_mentions`."""
    return _decoder.decode(line)


def whole(handed: Handed) -> Mention:
    """The whole mention, in whichever form it was handed over."""
    return decode_mention(handed.line) if isinstance(handed, MentionLine) else handed
