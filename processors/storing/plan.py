"""The changes that a batch makes: the current version of each mention after it, and the rows that follow. No I/O.

Order does not matter. The version of a mention with the greatest `version_rank` is current, wherever in the stream it came.
The table `mention_versions` keeps the other versions that matched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import msgspec

from processors.storing.batch import (
    Batch,
    Key,
    MentionVersion,
    Rank,
)
from processors.storing.tally_delta import (
    MatchRow,
    TallyDelta,
    match_rows,
    summed,
)
from processors.understand import Understood
from tocsin.core.mention import Mention
from tocsin.store.mentions import mention_columns
from tocsin.store.words import words_of

Said: TypeAlias = Mapping[tuple[Key, Rank], Understood]
"""The understanding of versions, by key and rank."""


@dataclass(frozen=True, slots=True)
class Known:
    """The current version of a mention in the store."""

    created_at: datetime
    rank: Rank
    matched: bool


@dataclass(frozen=True, slots=True)
class BatchRows:
    """The rows of a batch that do not depend on the store. They are made before the transaction, to keep it short."""

    seen: list[dict[str, Any]]
    mentions: list[dict[str, Any]]
    matches: list[dict[str, Any]]
    samples: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Prepared:
    """An understood batch, ready to be written."""

    batch: Batch
    known: Mapping[Key, Known]
    fresh: Sequence[MentionVersion]
    plan: Plan
    rows: BatchRows
    deltas: dict[tuple[str, int, int], TallyDelta]


class Plan:
    """The current version of each mention after the batch, and what that changes. No I/O."""

    def __init__(
        self,
        fresh: Iterable[MentionVersion],
        known_by_key: Mapping[Key, Known],
        understood: Said,
    ) -> None:
        # Identities that the store has never seen.
        self.new: list[MentionVersion] = []
        # Versions that become current, each with the created_at that stays. A version without a match has no understanding.
        self.current: list[tuple[MentionVersion, datetime, Understood | None]] = []
        # Matched versions that are not the current one.
        self.older: list[MentionVersion] = []
        # Identities whose stored current version gives way, and the time at which each was posted.
        self.replaced: dict[Key, datetime] = {}
        self.matches: list[MatchRow] = []
        by_key: dict[Key, list[MentionVersion]] = {}
        for version in fresh:
            by_key.setdefault(version.key, []).append(version)
        for key, versions in by_key.items():
            known = known_by_key.get(key)
            winner = versions[0]
            if len(versions) > 1:
                winner = max(versions, key=lambda v: v.rank)
                self.older += [v for v in versions if v is not winner and v.monitors]
            created_at = known.created_at if known else min(v.mention.created_at for v in versions)
            if known is not None and known.rank >= winner.rank:
                if winner.monitors:
                    self.older.append(winner)
                continue
            if known is None:
                self.new.append(winner)
            else:
                self.replaced[key] = created_at
            said = understood[key, winner.rank] if winner.monitors else None
            self.current.append((winner, created_at, said))
            if said is not None:
                mention = winner.mention
                if mention.created_at != created_at:
                    mention = msgspec.structs.replace(mention, created_at=created_at)
                self.matches += match_rows(mention, said, winner.monitors, winner.partition)


def fresh_versions(versions: Iterable[MentionVersion], known: Mapping[Key, Known]) -> list[MentionVersion]:
    """The versions that bring something new, each once."""
    return [v for v in _distinct(versions) if _is_news(v, known.get(v.key))]


def prepare(
    batch: Batch, known: Mapping[Key, Known], fresh: Sequence[MentionVersion], said: Said, sample_rate: float
) -> Prepared:
    """The plan of a batch, and the rows that do not depend on the rest of the store."""
    plan = Plan(fresh, known, said)
    return Prepared(
        batch=batch,
        known=known,
        fresh=fresh,
        plan=plan,
        rows=BatchRows(
            seen=[_seen_row(v, created_at) for v, created_at, _ in plan.current],
            mentions=[_mention_row(v, at, what) for v, at, what in plan.current if what is not None],
            matches=[msgspec.structs.asdict(one) for one in plan.matches],
            samples=[_sample_row(mention, sample_rate) for mention in batch.sampled],
        ),
        deltas=summed((one, 1) for one in plan.matches),
    )


def _distinct(versions: Iterable[MentionVersion]) -> list[MentionVersion]:
    return list({(v.key, v.rank): v for v in reversed(list(versions))}.values())[::-1]


def _is_news(version: MentionVersion, known: Known | None) -> bool:
    if known is None:
        return True
    if known.rank == version.rank:
        return False
    return bool(version.monitors) or version.rank > known.rank


def _seen_row(version: MentionVersion, created_at: datetime) -> dict[str, Any]:
    return {
        "source": version.mention.source,
        "id": version.mention.id,
        "created_at": created_at,
        "rank_at": version.rank[0],
        "hash": version.rank[1],
        "matched": bool(version.monitors),
    }


def _mention_row(version: MentionVersion, created_at: datetime, understood: Understood) -> dict[str, Any]:
    mention = version.mention
    row = mention_columns(mention)
    # Into the same dictionary: a mention has more than forty columns, and copies of them cost as much as they do.
    row.update(
        created_at=created_at,
        hash=version.rank[1],
        lang=understood.lang,
        label=understood.label,
        score_e4=understood.score_e4,
        confidence_e4=understood.confidence_e4,
        model=understood.model,
        signature=understood.signature,
        repost=understood.repost,
        triggers=understood.triggers,
        words=words_of(mention.title, mention.text),
        **msgspec.structs.asdict(understood.facets),
    )
    return row


def _sample_row(mention: Mention, rate: float) -> dict[str, Any]:
    return {
        "source": mention.source,
        "id": mention.id,
        "created_at": mention.created_at,
        "rate": rate,
        "mention": msgspec.to_builtins(mention),
    }
