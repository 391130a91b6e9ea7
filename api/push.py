"""Pushes over HTTP: items become mentions and refusals; mentions go to the stream, refusals become dead letters.

The mentions are durable on the stream before the answer leaves, and the notes on the batch are written after them. A push that is
repeated after a failure counts nothing twice.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import Connection

from api.state import AppState
from tocsin.core.errors import BadMention, WrongInput
from tocsin.core.mention import Mention
from tocsin.intake.dead_letters import dead_letter_row, record_dead_letters
from tocsin.intake.handover import HandOver, line_of, note_received
from tocsin.intake.pushes import note_push
from tocsin.reading import check_time, read_json_line
from tocsin.store.mentions import seen
from tocsin.stream.port import MENTIONS

# The dead letters of one batch. Of further bad mentions only the pusher hears.
MAX_DEAD_LETTERS = 100
# The sources of one batch whose state is noted.
MAX_SOURCES_NOTED = 20
# The identities that are remembered, to find duplicates that are still on their way; 100 bytes each.
RECENT = 30_000


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
        # In the order in which they came, as a dict keeps it; an OrderedDict takes twice the memory.
        self._keys: dict[int, None] = {}
        self._lock = threading.Lock()

    def known(self, keys: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
        with self._lock:
            return {key for key in keys if hash(key) in self._keys}

    def remember(self, keys: Iterable[tuple[str, str]]) -> None:
        with self._lock:
            for key in keys:
                self._keys[hash(key)] = None
            for old in list(islice(self._keys, max(0, len(self._keys) - self._most))):
                del self._keys[old]


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
    pusher: str = "",
) -> dict[str, Any]:
    """Hand over every item that is a mention; return the answer's body. `pusher`, the id of the key, is noted with the batch.

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
    row = {
        "id": batch,
        "at": now,
        "source": source,
        "accepted": len(mentions),
        "rejected": rejected,
        "keys": {
            "keys": [list(key) for key in dict.fromkeys(keys)],
            "duplicates": duplicates,
            "by": pusher,
            "cluster": state.stream.cluster,
            "ends": {str(partition): end for partition, end in ends.items()},
        },
    }
    with state.store.write(alone=False) as conn:
        note_push(state.store, conn, row)
        _keep_refused(conn, refused, source, now)
        _note_sources(conn, mentions, len(refused), source, now)
    state.metrics.pushed(len(mentions), len(refused))
    return {"accepted": len(mentions), "rejected": rejected, "batch": batch}


def _keep_refused(conn: Connection, refused: Sequence[Refused], source: str, now: datetime) -> None:
    """Keep the first refused items as dead letters."""
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
