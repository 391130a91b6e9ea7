"""Pushes over HTTP: a body becomes mentions and refusals; mentions go to the stream, refusals become dead letters.

The mentions are durable on the stream before the answer leaves, and the notes on the batch are written after them. A push that is
repeated after a failure counts nothing twice.
"""

from __future__ import annotations

import threading
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection

from api.problems import FieldError, Problem
from api.state import AppState
from tocsin.core.errors import BadMention, WrongInput
from tocsin.core.mention import Mention
from tocsin.intake.dead_letters import dead_letter_row, record_dead_letters
from tocsin.intake.handover import HandOver, line_of, note_received
from tocsin.reading import check_time, read_json_line
from tocsin.store import schema as s
from tocsin.store.mentions import seen
from tocsin.stream.port import MENTIONS

MAX_ITEMS = 10_000
UNPACKED_TIMES = 4  # how much larger than the largest body an unpacked one may be
MAX_DEAD_LETTERS = 100  # of one batch; what is beyond is told to the pusher only
MAX_SOURCES_NOTED = 20  # of one batch
RECENT = 100_000  # identities remembered to tell duplicates that are still on their way
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Refused:
    """One item that is no mention: where, why, and its bytes."""

    index: int
    reason: str
    message: str
    raw: bytes


class RecentPushes:
    """The identities that were pushed last, in bounded memory: a second push of one is known to be a duplicate."""

    def __init__(self, most: int = RECENT) -> None:
        self._most = most
        self._keys: OrderedDict[int, None] = OrderedDict()
        self._lock = threading.Lock()

    def known(self, keys: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
        with self._lock:
            return {key for key in keys if hash(key) in self._keys}

    def remember(self, keys: Iterable[tuple[str, str]]) -> None:
        with self._lock:
            for key in keys:
                self._keys[hash(key)] = None
            while len(self._keys) > self._most:
                self._keys.popitem(last=False)


def unpacked(body: bytes, encoding: str, most: int) -> bytes:
    """The body unpacked, of at most `most` bytes. Gzip is recognised by its magic bytes, whatever the header says.

    Raises 413 for a body that would grow beyond (a bomb is never unpacked whole), 415 for another encoding, 422 for
    damaged gzip.
    """
    said = encoding.strip().lower()
    if said not in ("", "identity", "gzip", "x-gzip"):
        raise Problem(
            415, "unknown-encoding", f"unknown Content-Encoding {said[:40]!r}; known: gzip, identity"
        )
    if not body.startswith(_GZIP):
        if said.endswith("gzip"):
            raise Problem(422, "wrong-input", "Content-Encoding says gzip, but the body is not")
        return body
    out = bytearray()
    while body:
        decoder = zlib.decompressobj(16 + zlib.MAX_WBITS)
        try:
            out += decoder.decompress(body, most + 1 - len(out))
        except zlib.error:
            raise Problem(422, "wrong-input", "the gzip body is damaged") from None
        if len(out) > most:
            raise Problem(413, "too-large", f"unpacked, a body may have {most} bytes")
        if not decoder.eof:
            raise Problem(422, "wrong-input", "the gzip body ends early")
        body = decoder.unused_data
    return bytes(out)


def items_of(body: bytes, content_type: str) -> list[bytes]:
    """The items of a body: one JSON object, the elements of a JSON array, or the lines of NDJSON that are not blank.

    Raises 413 for too many, 422 for a body that cannot be cut into items.
    """
    body = body.removeprefix(b"\xef\xbb\xbf").strip()
    kind = content_type.partition(";")[0].strip().lower()
    if not body:
        raise _malformed("the body is empty; send a JSON object, an array, or one object a line")
    if kind not in ("application/x-ndjson", "application/jsonl", "application/jsonlines"):
        if body.startswith(b"["):
            return _counted(_array(body))
        if b"\n" not in body or _is_one_value(body):
            return [body]
    return _counted([line for line in body.split(b"\n") if line.strip()])


def read_items(
    items: Sequence[bytes],
    *,
    source: str,
    fix_source: bool,
    now: datetime,
    max_age: timedelta,
    max_ahead: timedelta,
) -> tuple[list[Mention], list[Refused]]:
    """Mentions and refusals, both in the order of the items."""
    mentions: list[Mention] = []
    refused: list[Refused] = []
    for index, raw in enumerate(items):
        try:
            mention = read_json_line(raw.strip(), source=source, fix_source=fix_source)
            check_time(mention, now, max_age=max_age, max_ahead=max_ahead)
            line_of(mention)
        except BadMention as bad:
            refused.append(Refused(index, bad.reason, str(bad), raw))
        except WrongInput as wrong:
            refused.append(Refused(index, "too_large", str(wrong), raw))
        else:
            mentions.append(mention)
    return mentions, refused


def push(
    state: AppState,
    items: Sequence[bytes],
    *,
    source: str,
    fix_source: bool,
    batch: str,
    recent: RecentPushes,
) -> dict[str, Any]:
    """Hand over every item that is a mention; return the answer's body.

    Raises `StreamFull`, `StreamUnavailable` and `StoreUnavailable`; the pusher then repeats the push, and nothing counts twice.
    """
    now, limits = state.now(), state.settings.ingest
    mentions, refused = read_items(
        items,
        source=source,
        fix_source=fix_source,
        now=now,
        max_age=timedelta(days=limits.max_age_days),
        max_ahead=timedelta(minutes=limits.max_ahead_minutes),
    )
    keys = [mention.key for mention in mentions]
    with state.store.read() as conn:
        known = recent.known(keys) | seen(conn, keys).keys()
    settings = state.settings.stream
    hand = HandOver.to(state.stream, settings, state.runtime.clock)
    hand.hand_over(mentions, now)
    ends = state.stream.end_offsets(MENTIONS)
    recent.remember(keys)
    duplicates = len(keys) - len(set(keys)) + len(set(keys) & known)
    rejected = [{"index": one.index, "reason": one.reason, "message": one.message} for one in refused]
    answer: dict[str, Any] = {"accepted": len(mentions), "rejected": rejected, "batch": batch}
    noted = {
        "keys": [list(key) for key in dict.fromkeys(keys)],
        "duplicates": duplicates,
        "cluster": state.stream.cluster,
        "ends": {str(partition): end for partition, end in ends.items()},
    }
    with state.store.write(alone=False) as conn:
        row = {
            "id": batch,
            "at": now,
            "source": source,
            "accepted": len(mentions),
            "rejected": rejected,
            "keys": noted,
        }
        state.store.put(conn, s.batches, [row])
        record_dead_letters(
            conn,
            [
                dead_letter_row(
                    now=now,
                    source=source,
                    reason=one.reason,
                    message=one.message,
                    payload=one.raw,
                    position=one.index,
                )
                for one in refused[:MAX_DEAD_LETTERS]
            ],
        )
        _note_sources(conn, mentions, len(refused), source, now)
    state.metrics.pushed(len(mentions), len(refused))
    return answer


def _note_sources(
    conn: Connection, mentions: Sequence[Mention], rejected: int, source: str, now: datetime
) -> None:
    by_source: dict[str, list[Mention]] = {source: []}
    for mention in mentions:
        by_source.setdefault(mention.source, []).append(mention)
    for name, some in list(by_source.items())[:MAX_SOURCES_NOTED]:
        refused = rejected if name == source else 0
        if some or refused:
            note_received(conn, name, now=now, mentions=some, rejected=refused)


def _array(body: bytes) -> list[bytes]:
    try:
        return [bytes(raw) for raw in msgspec.json.decode(body, type=list[msgspec.Raw])]
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _malformed(
            f"the JSON array cannot be read: {error}; as one object a line, one bad item does not spoil the rest"
        ) from None
    except RecursionError:
        raise _malformed("the JSON is nested too deeply") from None


def _is_one_value(body: bytes) -> bool:
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _counted(items: list[bytes]) -> list[bytes]:
    if len(items) > MAX_ITEMS:
        raise Problem(413, "too-large", f"a push may have {MAX_ITEMS} mentions, this one has {len(items)}")
    return items


def _malformed(message: str) -> Problem:
    return Problem(422, "malformed", message, errors=[FieldError(field="", message=message)])
