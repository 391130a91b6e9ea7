"""One batch: records in, matched and understood, then everything derived from it stored in one transaction with the offsets.

Order does not matter. Of a mention's versions the one with the greatest `version_rank` is current, wherever in the stream it
came; the other matched ones are kept in `mention_versions`. A version that matches nothing costs no row, unless it says that
it is an edit: then it leaves its identity, so that an older version that comes later does not count.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, delete, or_, select, update

from processors.contribution import Contribution, TallyDelta, contributions, summed
from processors.match import Matcher
from processors.understand import Understander, Understood
from processors.understand.language import mention_language
from tocsin.core.clock import minute_of, minute_start
from tocsin.core.mention import Mention, decode_mention, decode_mentions
from tocsin.core.signal import NEGATIVITY, VOLUME
from tocsin.core.sketch import sketch, union
from tocsin.deadletters import record_dead_letter
from tocsin.store import Store
from tocsin.store import schema as s
from tocsin.store.words import words_of
from tocsin.stream.port import Record

Key = tuple[str, str]
Said: TypeAlias = Mapping[tuple[Key, tuple[datetime, str]], Understood]
"""What a version says, by its key and rank."""
_MOST_SALTS = 4096
_COUNTED = tuple(TallyDelta().counts)
_CHUNK = 800  # values in one IN list: well under every engine's limit


class Version:
    """One version of a mention as it came: `monitors` are those it matches, none for an edit that matches nothing."""

    __slots__ = ("key", "mention", "monitors", "partition", "rank")

    def __init__(self, mention: Mention, partition: int, monitors: tuple[str, ...]) -> None:
        self.mention = mention
        self.partition = partition
        self.monitors = monitors
        self.key = mention.key
        self.rank = mention.version_rank  # a hash over the text: taken once


@dataclass(frozen=True, slots=True)
class Bad:
    """A line of a record that is no mention."""

    record: Record
    position: int
    line: bytes
    message: str


@dataclass(slots=True)
class Batch:
    """What a batch of records came to, before anything is stored."""

    records: int = 0
    mentions: int = 0
    versions: list[Version] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)
    sampled: list[Mention] = field(default_factory=list)


@dataclass(slots=True)
class Outcome:
    """What storing a batch did, for counters and logs."""

    mentions: int = 0
    matched: int = 0
    stored: int = 0
    duplicates: int = 0
    edits: int = 0
    late: int = 0
    bad: int = 0


@dataclass(frozen=True, slots=True)
class _Known:
    """The current version of a mention as the store has it."""

    created_at: datetime
    rank: tuple[datetime, str]
    matched: bool


def read_batches(
    records: Iterable[Record], matcher: Matcher, sample_rate: float, most_rows: Callable[[], int]
) -> Iterator[tuple[list[Record], Batch]]:
    """The records in batches that end with the record in which `most_rows()` mentions to be stored are reached."""
    taken, batch, in_sample = list[Record](), Batch(), _Sample(sample_rate)
    for record in records:
        taken.append(record)
        _read(batch, (record,), matcher, in_sample)
        if len(batch.versions) + len(batch.sampled) >= most_rows():
            yield taken, batch
            taken, batch = [], Batch()
    if taken:
        yield taken, batch


def read_batch(records: Sequence[Record], matcher: Matcher, sample_rate: float) -> Batch:
    """Decode and match. Lines that are no mentions are set aside with their place; the rest goes on."""
    batch = Batch()
    _read(batch, records, matcher, _Sample(sample_rate))
    return batch


def _read(batch: Batch, records: Sequence[Record], matcher: Matcher, in_sample: _Sample) -> None:
    batch.records += len(records)
    for record in records:
        mentions = _decoded(record, batch)
        batch.mentions += len(mentions)
        matched = matcher.hits(mentions, mention_language)
        edits = [place for place, mention in enumerate(mentions) if mention.edited_at is not None]
        for place in sorted(matched.keys() | edits):
            batch.versions.append(Version(mentions[place], record.partition, matched.get(place, ())))
        for place in in_sample.among(mentions):
            if place not in matched and mentions[place].edited_at is None:
                batch.sampled.append(mentions[place])


class Writer:
    """Stores batches of one topic. What is slow (scoring) happens before the transaction, in `score` or `understand`."""

    def __init__(self, store: Store, understander: Understander, sample_rate: float) -> None:
        self._store = store
        self._understander = understander
        self._sample_rate = sample_rate

    def score(self, versions: Iterable[Version]) -> Said:
        """What those versions say that match anything. Reads nothing from the store."""
        matched = [v for v in versions if v.monitors]
        understood = self._understander.understand([v.mention for v in matched])
        return {(v.key, v.rank): u for v, u in zip(matched, understood, strict=True)}

    def understand(self, batch: Batch, said: Said | None = None) -> Prepared:
        """Score what is new in this batch, unless `score` has `said` it. Only the partitions' owner may call it: it reads what is
        there already."""
        keys = {version.key for version in batch.versions}
        with self._store.read() as conn:
            known = _known(self._store, conn, keys)
        fresh = [v for v in _distinct(batch.versions) if _is_news(v, known.get(v.key))]
        plan = _Plan(fresh, known, self.score(fresh) if said is None else said)
        return Prepared(
            batch=batch,
            known=known,
            fresh=fresh,
            plan=plan,
            rows=_Rows(
                seen=[_seen_row(v, created_at) for v, created_at, _ in plan.current],
                mentions=[_mention_row(v, at, said) for v, at, said in plan.current if said is not None],
                matches=[msgspec.structs.asdict(one) for one in plan.contributions],
                samples=[_sample_row(mention, self._sample_rate) for mention in batch.sampled],
            ),
            deltas=summed((one, 1) for one in plan.contributions),
        )

    def write(self, conn: Connection, prepared: Prepared, now: datetime) -> Outcome:
        """Everything derived from the batch, inside the caller's transaction (which has advanced the offsets first). Once."""
        plan, rows = prepared.plan, prepared.rows
        taken_back = [(one, -1) for one in _contributions_of(conn, plan.replaced)]
        _store_mentions(self._store, conn, plan, rows)
        _raise_engagement(conn, prepared)
        _store_matches(self._store, conn, plan, rows)
        _store_tallies(self._store, conn, summed(taken_back, prepared.deltas))
        late = _store_amendments(self._store, conn, taken_back + [(one, 1) for one in plan.contributions])
        self._store.insert_new(conn, s.samples, rows.samples, fresh=True)
        for bad in prepared.batch.bad:
            record_dead_letter(
                conn,
                now=now,
                source=bad.record.topic,
                reason="not_a_mention",
                message=bad.message,
                payload=bad.line,
                topic=bad.record.topic,
                partition=bad.record.partition,
                offset=bad.record.offset,
                position=bad.position,
            )
        return Outcome(
            mentions=prepared.batch.mentions,
            matched=sum(1 for v in prepared.batch.versions if v.monitors),
            stored=len(plan.new),
            duplicates=len(prepared.batch.versions) - len(prepared.fresh),
            edits=len(prepared.fresh) - len(plan.new),
            late=late,
            bad=len(prepared.batch.bad),
        )


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of a batch that do not depend on what is stored: made before the transaction, to keep it short."""

    seen: list[dict[str, Any]]
    mentions: list[dict[str, Any]]
    matches: list[dict[str, Any]]
    samples: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch, understood, ready to be written."""

    batch: Batch
    known: Mapping[Key, _Known]
    fresh: Sequence[Version]
    plan: _Plan
    rows: _Rows
    deltas: dict[tuple[str, int, int], TallyDelta]


class _Plan:
    """Which version of each mention is current after the batch, and what that changes. No I/O."""

    def __init__(
        self,
        fresh: Iterable[Version],
        known_by_key: Mapping[Key, _Known],
        understood: Said,
    ) -> None:
        self.new: list[Version] = []  # identities never seen before
        # To become the current version, with the created_at that stays; what it says is None where it matches nothing.
        self.current: list[tuple[Version, datetime, Understood | None]] = []
        self.older: list[Version] = []  # matched versions that are not the current one
        # Identities whose stored current version gives way, and when they were posted.
        self.replaced: dict[Key, datetime] = {}
        self.contributions: list[Contribution] = []
        by_key: dict[Key, list[Version]] = {}
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
                self.contributions += contributions(mention, said, winner.monitors, winner.partition)


def _decoded(record: Record, batch: Batch) -> list[Mention]:
    try:
        return decode_mentions(record.value)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        good: list[Mention] = []
        for position, line in enumerate(record.value.splitlines()):
            if not line.strip():
                continue
            try:
                good.append(decode_mention(line))
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                batch.bad.append(Bad(record, position, line, str(error)))
        return good


class _Sample:
    """Which mentions that match nothing are kept for a while. It is asked about nearly every mention of a firehose."""

    def __init__(self, rate: float) -> None:
        self._below = ceil(rate * 2**32)
        self._salts = _Salts()

    def among(self, mentions: Sequence[Mention]) -> list[int]:
        """The places of those that are in the sample, whether or not they match."""
        if self._below <= 0:
            return []
        below, salts, crc32 = self._below, self._salts, zlib.crc32
        return [
            place
            for place, mention in enumerate(mentions)
            if crc32(mention.id.encode("utf-8", "surrogatepass"), salts[mention.source]) < below
        ]


class _Salts(dict[str, int]):
    """By source what its hashes begin with, so that they do not follow the partition, which is a hash of the same two."""

    def __missing__(self, source: str) -> int:
        if len(self) > _MOST_SALTS:
            self.clear()
        salt = self[source] = zlib.crc32(source.encode("utf-8", "surrogatepass"))
        return salt


def _distinct(versions: Iterable[Version]) -> list[Version]:
    return list({(v.key, v.rank): v for v in reversed(list(versions))}.values())[::-1]


def _is_news(version: Version, known: _Known | None) -> bool:
    if known is None:
        return True
    if known.rank == version.rank:
        return False
    return bool(version.monitors) or version.rank > known.rank


def _known(store: Store, conn: Connection, keys: set[Key]) -> dict[Key, _Known]:
    found = store.fetch(conn, s.seen, keys, ["created_at", "rank_at", "hash", "matched"])
    return {
        (source, id): _Known(created_at, (rank_at, hash), matched)
        for (source, id), (created_at, rank_at, hash, matched) in found.items()
    }


def _contributions_of(conn: Connection, keys: Mapping[Key, datetime]) -> list[Contribution]:
    t = s.matches
    found: list[Contribution] = []
    for source, ids in _by_source(keys).items():
        for chunk in _chunks(sorted(ids)):
            rows = conn.execute(
                select(t).where(t.c.source == source, t.c.id.in_(chunk), _minutes_of(keys.values()))
            )
            for row in rows:
                found.append(Contribution(**{**row._mapping, "triggers": tuple(row.triggers)}))
    return found


def _store_mentions(store: Store, conn: Connection, plan: _Plan, rows: _Rows) -> None:
    demoted = _stored_versions(conn, plan.replaced)
    for source, ids in _by_source(plan.replaced).items():
        for chunk in _chunks(sorted(ids)):
            m = s.mentions
            conn.execute(
                delete(m).where(m.c.source == source, m.c.id.in_(chunk), _times_of(plan.replaced.values()))
            )
    older = demoted + [
        {
            "source": v.mention.source,
            "id": v.mention.id,
            "rank_at": v.rank[0],
            "hash": v.rank[1],
            "text": v.mention.text,
            "title": v.mention.title,
        }
        for v in plan.older
    ]
    store.insert_new(conn, s.mention_versions, older)
    known = [row for row in rows.seen if (row["source"], row["id"]) in plan.replaced]
    store.put(conn, s.seen, known)
    # Nobody else stores of these partitions, so what was not there when they were read is not there now.
    new = (
        [row for row in rows.seen if (row["source"], row["id"]) not in plan.replaced] if known else rows.seen
    )
    store.put(conn, s.seen, new, fresh=True)
    store.insert_new(conn, s.mentions, rows.mentions, fresh=True)


def _stored_versions(conn: Connection, keys: Mapping[Key, datetime]) -> list[dict[str, Any]]:
    """The stored current versions that give way, as rows of `mention_versions`."""
    m, t, rows = s.mentions, s.seen, []
    for source, ids in _by_source(keys).items():
        for chunk in _chunks(sorted(ids)):
            query = select(m.c.source, m.c.id, t.c.rank_at, m.c.hash, m.c.text, m.c.title).join(
                t, and_(t.c.source == m.c.source, t.c.id == m.c.id)
            )
            rows += [
                dict(row._mapping)
                for row in conn.execute(
                    query.where(m.c.source == source, m.c.id.in_(chunk), _times_of(keys.values()))
                )
            ]
    return rows


def _raise_engagement(conn: Connection, prepared: Prepared) -> None:
    """A repeat with larger figures: not an edit, the largest is kept."""
    figures: dict[tuple[Key, str], dict[str, int]] = {}
    for version in prepared.batch.versions:
        if version.mention.engagement is None or version.key not in prepared.known:
            continue
        best = figures.setdefault((version.key, version.rank[1]), {})
        for name, value in msgspec.structs.asdict(version.mention.engagement).items():
            if value is not None:
                best[name] = max(best.get(name, 0), value)
    m = s.mentions
    for ((source, id), hash), best in figures.items():
        for name, value in best.items():
            column = m.c[name]
            conn.execute(
                update(m)
                .where(
                    m.c.source == source,
                    m.c.id == id,
                    m.c.created_at == prepared.known[source, id].created_at,
                    m.c.hash == hash,
                    or_(column.is_(None), column < value),
                )
                .values({name: value})
            )


def _store_matches(store: Store, conn: Connection, plan: _Plan, rows: _Rows) -> None:
    t = s.matches
    for source, ids in _by_source(plan.replaced).items():
        for chunk in _chunks(sorted(ids)):
            conn.execute(
                delete(t).where(t.c.source == source, t.c.id.in_(chunk), _minutes_of(plan.replaced.values()))
            )
    store.insert_new(conn, t, rows.matches, fresh=True)


def _times_of(created: Collection[datetime]) -> ColumnElement[bool]:
    """In which time mentions lie: without it PostgreSQL looks through every day that it keeps."""
    return s.mentions.c.created_at.between(min(created), max(created))


def _minutes_of(created: Collection[datetime]) -> ColumnElement[bool]:
    """The same for their matches."""
    return s.matches.c.minute.between(minute_of(min(created)), minute_of(max(created)))


def _store_tallies(store: Store, conn: Connection, deltas: Mapping[tuple[str, int, int], TallyDelta]) -> None:
    if not deltas:
        return
    t = s.tallies
    stored = {key: authors for key, (authors,) in store.fetch(conn, t, deltas, ["authors"]).items()}
    # No other worker has these partitions (their epochs say so): what was read is what is stored.
    for fresh in (True, False):
        rows, parts = [], []
        for key, delta in deltas.items():
            if (key in stored) is fresh:
                continue
            here = {"monitor_id": key[0], "minute": key[1], "partition": key[2]}
            if delta.shrunk:  # a union cannot forget: count anew who is left
                authors = _authors_left(conn, key)
            else:
                authors = sketch(delta.authors)
                if not fresh:
                    authors = union(stored[key], authors)
            rows.append({**here, **delta.counts, "authors": authors})
            parts += _part_rows(here, delta)
        store.add(conn, t, rows, _COUNTED, ["authors"], fresh=fresh)
        store.add(conn, s.tally_parts, parts, ["count", "negative"], fresh=fresh)


def _part_rows(here: Mapping[str, Any], delta: TallyDelta) -> list[dict[str, Any]]:
    return [
        {**here, "dimension": dimension, "value": value, "count": count, "negative": negative}
        for (dimension, value), (count, negative) in delta.parts.items()
    ]


def _authors_left(conn: Connection, key: tuple[str, int, int]) -> bytes:
    t = s.matches
    found = conn.execute(
        select(t.c.author).where(
            t.c.monitor_id == key[0], t.c.minute == key[1], t.c.partition == key[2], t.c.author.is_not(None)
        )
    )
    return sketch(author % 2**64 for (author,) in found)


def _store_amendments(store: Store, conn: Connection, signed: Sequence[tuple[Contribution, int]]) -> int:
    """What changes a window that its judge has already closed: counted beside it, never worked into its reading."""
    judged = {
        (monitor, kind) for monitor in {one.monitor_id for one, _ in signed} for kind in (VOLUME, NEGATIVITY)
    }
    closed: dict[str, datetime] = {}
    for (monitor, _), (end,) in store.fetch(conn, s.detector_state, judged, ["next_window"]).items():
        closed[monitor] = max(end, closed.get(monitor, end))
    rows: dict[tuple[str, datetime, int], dict[str, Any]] = {}
    late = 0
    for one, sign in signed:
        end = closed.get(one.monitor_id)
        if end is None or one.created_at >= end:
            continue
        start = minute_start(one.minute - one.minute % 5)
        amended = rows.setdefault(
            (one.monitor_id, start, one.partition),
            {
                "monitor_id": one.monitor_id,
                "window_start": start,
                "partition": one.partition,
                "count": 0,
                "negative": 0,
                "scored": 0,
            },
        )
        amended["count"] += sign
        amended["negative"] += sign * (one.label == "negative")
        amended["scored"] += sign * (one.label != "unscored")
        late += sign > 0
    store.add(conn, s.amendments, list(rows.values()), ["count", "negative", "scored"])
    return late


def _seen_row(version: Version, created_at: datetime) -> dict[str, Any]:
    return {
        "source": version.mention.source,
        "id": version.mention.id,
        "created_at": created_at,
        "rank_at": version.rank[0],
        "hash": version.rank[1],
        "matched": bool(version.monitors),
    }


def _mention_row(version: Version, created_at: datetime, understood: Understood) -> dict[str, Any]:
    mention = version.mention
    author, engagement = mention.author, mention.engagement
    return {
        "source": mention.source,
        "id": mention.id,
        "created_at": created_at,
        "edited_at": mention.edited_at,
        "hash": version.rank[1],
        "text": mention.text,
        "title": mention.title,
        "network": mention.network,
        "url": mention.url,
        "lang": understood.lang,
        "country": mention.country,
        "author_id": author.id if author else None,
        "author_name": author.name if author else None,
        "author_handle": author.handle if author else None,
        "followers": author.followers if author else None,
        "verified": author.verified if author else None,
        "in_reply_to": mention.in_reply_to,
        "repost_of": mention.repost_of,
        "thread": mention.thread,
        "likes": engagement.likes if engagement else None,
        "reposts": engagement.reposts if engagement else None,
        "replies": engagement.replies if engagement else None,
        "views": engagement.views if engagement else None,
        "links": mention.links or None,
        "hashtags": mention.hashtags or None,
        "media": mention.media or None,
        "truncated": mention.truncated,
        "extra": mention.extra or None,
        "label": understood.label,
        "score_e4": understood.score_e4,
        "confidence_e4": understood.confidence_e4,
        "model": understood.model,
        "signature": understood.signature,
        "repost": understood.repost,
        "triggers": understood.triggers,
        "words": words_of(mention.title, mention.text),
    }


def _sample_row(mention: Mention, rate: float) -> dict[str, Any]:
    return {
        "source": mention.source,
        "id": mention.id,
        "created_at": mention.created_at,
        "rate": rate,
        "mention": msgspec.to_builtins(mention),
    }


def _by_source(keys: Iterable[Key]) -> dict[str, set[str]]:
    grouped: dict[str, set[str]] = {}
    for source, id in keys:
        grouped.setdefault(source, set()).add(id)
    return grouped


def _chunks(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
