"""The share of one mention in a monitor's tallies: a pure function of the mention. The order of arrival does not matter."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from processors.understand import Understood
from tocsin.core.clock import minute_of
from tocsin.core.facets import pairs
from tocsin.core.mention import Mention
from tocsin.core.sketch import hash64, signed64

# The value of a dimension that the network did not tell.
UNKNOWN = "unknown"


class MatchRow(msgspec.Struct, frozen=True):
    """One row of `matches`: the parts of a mention that the judge of a monitor needs."""

    monitor_id: str
    source: str
    id: str
    created_at: Any
    minute: int
    partition: int
    label: str
    reach: int
    network: str | None
    lang: str | None
    author: int | None
    signature: int
    repost: bool
    triggers: tuple[str, ...]
    intent: tuple[str, ...]
    emotion: tuple[str, ...]
    crisis: tuple[str, ...]
    harm: tuple[str, ...]
    scored_by: str | None = None
    # None: older code stored it.
    gist: bytes | None = None
    own: bool = False
    """Whether an account of the monitor's own brand wrote it: then it counts nowhere."""


class TallyDelta:
    """The amounts that a batch adds to one (monitor, minute, partition)."""

    __slots__ = ("authors", "counts", "parts", "shrunk")

    def __init__(self) -> None:
        self.counts = {
            "count": 0,
            "negative": 0,
            "neutral": 0,
            "positive": 0,
            "unscored": 0,
            "reach": 0,
            "reposts": 0,
            "triggered": 0,
        }
        self.authors: set[int] = set()
        self.parts: dict[tuple[str, str], list[int]] = {}
        # True once something was taken back: the authors must then be counted anew.
        self.shrunk = False

    def add(self, one: MatchRow, sign: int) -> None:
        counts, parts = self.counts, self.parts
        counts["count"] += sign
        counts[one.label] += sign
        if one.reach:
            counts["reach"] += sign * one.reach
        if one.repost:
            counts["reposts"] += sign
        if one.triggers:
            counts["triggered"] += sign
        negative = sign if one.label == "negative" else 0
        if sign < 0:
            self.shrunk = True
        elif one.author is not None:
            self.authors.add(one.author % 2**64)
        for place in (
            ("network", one.network or UNKNOWN),
            ("lang", one.lang or UNKNOWN),
            ("source", one.source or UNKNOWN),
            *pairs(one),
        ):
            part = parts.get(place)
            if part is None:
                parts[place] = [sign, negative]
            else:
                part[0] += sign
                part[1] += negative


def match_rows(
    mention: Mention, understood: Understood, monitors: Iterable[str], partition: int
) -> list[MatchRow]:
    """The rows of `matches` for this mention, one per monitor."""
    author = mention.author
    author_hash = signed64(hash64(f"{mention.network or mention.source}\x00{author.id}")) if author else None
    reach = (author.followers or 0) if author else 0
    created_at = mention.created_at
    minute = minute_of(created_at)
    told = understood.facets
    toward = understood.toward
    # By position: every mention and monitor makes one of these, and named arguments would double the cost.
    return [
        MatchRow(
            monitor,
            mention.source,
            mention.id,
            created_at,
            minute,
            partition,
            toward[monitor].label if monitor in toward else understood.label,
            reach,
            mention.network,
            understood.lang,
            author_hash,
            understood.signature,
            understood.repost,
            understood.triggers,
            told.intent,
            told.emotion,
            told.crisis,
            told.harm,
            toward[monitor].how if monitor in toward else None,
            understood.gist,
            monitor in understood.own,
        )
        for monitor in monitors
    ]


def summed(
    signed: Iterable[tuple[MatchRow, int]], onto: dict[tuple[str, int, int], TallyDelta] | None = None
) -> dict[tuple[str, int, int], TallyDelta]:
    """The deltas by (monitor, minute, partition). `+1` adds a row; `-1` takes it back after an edit. Own accounts count nowhere.

    `onto` holds deltas to add to. The function changes them in place and returns them.
    """
    deltas = {} if onto is None else onto
    for one, sign in signed:
        if one.own:
            continue
        key = (one.monitor_id, one.minute, one.partition)
        delta = deltas.get(key)
        if delta is None:
            delta = deltas[key] = TallyDelta()
        delta.add(one, sign)
    return deltas
