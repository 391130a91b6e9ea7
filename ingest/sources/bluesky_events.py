"""An event of Jetstream, of either version, and the mention that is made of a post of Bluesky."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from ingest.source import Natural
from ingest.streaming import Heard
from tocsin.core.clock import iso
from tocsin.core.errors import BadMention
from tocsin.core.mention import Mention
from tocsin.reading import decoded, read_json_line, read_mention

POSTS = "app.bsky.feed.post"
# States of an account in which the network shows its posts no more, for good.
GONE = ("deleted", "takendown")
_DID = re.compile(r"did:[a-z]{1,16}:[A-Za-z0-9._:%-]{1,200}")
_KEY = re.compile(r"[A-Za-z0-9._:~-]{1,512}")


class JetstreamPayload(msgspec.Struct, frozen=True):
    """An event of version 2, or the commit of version 1."""

    type: str = msgspec.field(name="$type", default="")
    seq: Natural = 0
    did: str = ""
    time: str = ""
    witnessedAt: str | None = None
    operation: str = ""
    collection: str = ""
    rkey: str = ""
    record: dict[str, Any] | None = None
    account: dict[str, Any] | None = None
    name: str = ""


class JetstreamFrame(msgspec.Struct, frozen=True):
    """A message of either version."""

    type: str | None = msgspec.field(name="$type", default=None)
    payload: JetstreamPayload | None = None
    error: str = ""
    message: str = ""
    # Of version 1.
    did: str = ""
    time_us: Natural = 0
    kind: str = ""
    commit: JetstreamPayload | None = None
    account: dict[str, Any] | None = None


class JetstreamEvent(msgspec.Struct, frozen=True):
    """An event of either version. `seq` is 0 in version 1."""

    seq: int
    at_us: int
    did: str
    kind: str
    commit: JetstreamPayload | None
    account: Mapping[str, Any]


_decode = msgspec.json.Decoder(JetstreamFrame).decode
_encode = msgspec.json.Encoder().encode


def frame_of(data: bytes) -> JetstreamFrame:
    """The message. Raises `BadMention`."""
    try:
        return _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # Lone surrogates and the like are mended.
        patient = decoded(data)
    try:
        return msgspec.convert(patient, JetstreamFrame)
    except msgspec.ValidationError as error:
        raise BadMention("bad_type", f"no event of Jetstream: {error}"[:200]) from None


def old_event(frame: JetstreamFrame) -> JetstreamEvent:
    if not frame.time_us or not frame.did or not frame.kind:
        raise BadMention("missing_field", "an event of Jetstream without time, account or kind")
    return JetstreamEvent(0, frame.time_us, frame.did, frame.kind, frame.commit, frame.account or {})


def take(event: JetstreamEvent, source: str, heard: Heard) -> None:
    """Add what the event says."""
    if event.kind == "account":
        if event.account.get("active") is False and event.account.get("status") in GONE:
            heard.remove(author=event.did)
        return
    commit = event.commit
    if event.kind != "commit" or commit is None or commit.collection != POSTS:
        return
    if not _DID.fullmatch(event.did) or not _KEY.fullmatch(commit.rkey):
        raise BadMention("too_long", "an account or a key that the network itself would not take")
    id = f"at://{event.did}/{POSTS}/{commit.rkey}"
    if commit.operation == "delete":
        heard.remove(id=id)
    elif commit.record is not None:
        # An instance whose clock is ahead saw the post now at the latest.
        fields = _post(event, commit, commit.record, min(time_at(event.at_us), heard.now))
        fields["id"] = id
        heard.add(_mention(fields, source))


def _mention(fields: dict[str, Any], source: str) -> Mention:
    """The mention of these values. As a line of JSON they are read three times as fast; some need mending first."""
    try:
        line = _encode(fields)
    except (UnicodeEncodeError, msgspec.EncodeError, TypeError):
        return read_mention(fields, source=source, fix_source=True)
    return read_json_line(line, source=source, fix_source=True)


def _post(
    event: JetstreamEvent, commit: JetstreamPayload, record: Mapping[str, Any], seen: datetime
) -> dict[str, Any]:
    """A post as the plain values of a mention. `seen` is when the instance saw it."""
    said = parsed(record.get("createdAt"))
    # What the author's program says may lie in the future; the network shows such a post when it came.
    created = seen if said is None else min(seen, time_at(said))
    fields: dict[str, Any] = {
        "text": record.get("text"),
        "created_at": iso(created),
        "network": "bluesky",
        "url": f"https://bsky.app/profile/{event.did}/post/{commit.rkey}",
        "author": {"id": event.did},
    }
    if commit.operation == "update":
        fields["edited_at"] = iso(seen)
    langs, reply = record.get("langs"), record.get("reply")
    if isinstance(langs, list) and langs and isinstance(langs[0], str):
        fields["lang"] = langs[0]
    if isinstance(reply, dict):
        fields["in_reply_to"] = as_dict(reply.get("parent")).get("uri")
        fields["thread"] = as_dict(reply.get("root")).get("uri")
    # Most posts have none of these.
    if record.get("facets") or record.get("embed") or record.get("tags"):
        fields |= _pointed(record)
    return fields


def _pointed(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a post points to: links, tags, the post that it quotes."""
    embed, tags = as_dict(record.get("embed")), record.get("tags")
    links, hashtags = list(_features(record, "#link", "uri")), list(_features(record, "#tag", "tag"))
    if shown := as_dict(embed.get("external")).get("uri"):
        links.append(shown)
    if isinstance(tags, list):
        hashtags += [tag for tag in tags if isinstance(tag, str)]
    quoted = as_dict(embed.get("record")).get("uri")
    found = {"links": links, "hashtags": hashtags, "quotes": quoted}
    return {key: value for key, value in found.items() if value}


def _features(record: Mapping[str, Any], kind: str, key: str) -> Iterator[str]:
    """What the text's marked parts point to: links or tags."""
    facets = record.get("facets")
    for facet in facets[:100] if isinstance(facets, list) else ():
        features = as_dict(facet).get("features")
        for feature in features[:10] if isinstance(features, list) else ():
            one = as_dict(feature)
            if str(one.get("$type", "")).endswith(kind) and isinstance(one.get(key), str):
                yield one[key]


def as_dict(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def parsed(text: object) -> int | None:
    """A time of the network in microseconds, or None."""
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text[:64])
        return microseconds(at if at.tzinfo else at.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None


def time_at(at_us: int) -> datetime:
    try:
        return _EPOCH + timedelta(microseconds=at_us)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def in_us(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
