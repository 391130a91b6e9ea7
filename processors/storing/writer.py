"""The writer: it stores everything derived from a batch in one transaction with the offsets."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, and_, delete, or_, select, update

from processors.storing.batch import (
    Batch,
    BatchOutcome,
    Key,
    MentionVersion,
)
from processors.storing.plan import (
    BatchRows,
    Known,
    Plan,
    Prepared,
    Said,
    fresh_versions,
    prepare,
)
from processors.storing.tally_delta import MatchRow, TallyDelta, summed
from processors.understand import AboutBrand, Understander
from processors.understand.brand import Brand
from tocsin.core.clock import minute_of, minute_start
from tocsin.core.errors import Fenced
from tocsin.core.facets import FACETS
from tocsin.core.signal_kinds import SIGNAL_KINDS
from tocsin.core.sketch import sketch, union
from tocsin.intake.dead_letters import record_dead_letters
from tocsin.store import schema as s
from tocsin.store.port import Store
from tocsin.store.revision import revised

Brands = Mapping[str, Brand]
"""By monitor, its brand."""

NO_BRANDS: Final[Brands] = {}
_COUNTED = tuple(TallyDelta().counts)
# Values in one IN list: well under the limit of every engine.
_CHUNK = 800


class Writer:
    """The writer of one topic's batches. The slow part, scoring, happens before the transaction, in `score` or `understand`."""

    def __init__(self, store: Store, understander: Understander, sample_rate: float) -> None:
        self._store = store
        self._understander = understander
        self._sample_rate = sample_rate

    def score(self, versions: Iterable[MentionVersion], brands: Brands = NO_BRANDS) -> Said:
        """The understanding of every version that matches a monitor, with its label toward each monitor's brand.

        Reads nothing from the store.
        """
        matched = [v for v in versions if v.monitors]
        understood = self._understander.understand([v.mention for v in matched])
        said = {(v.key, v.rank): u for v, u in zip(matched, understood, strict=True)}
        if brands:
            for version in matched:
                own = frozenset(
                    one for one in version.monitors if one in brands and brands[one].wrote(version.mention)
                )
                if own:
                    key = (version.key, version.rank)
                    said[key] = msgspec.structs.replace(said[key], own=own)
            asked = list(_about_brands(matched, said, brands))
            answers = self._understander.toward([question for _, _, question in asked])
            for (version, monitor, _), answer in zip(asked, answers, strict=True):
                if answer is not None:
                    key = (version.key, version.rank)
                    said[key] = msgspec.structs.replace(
                        said[key], toward=said[key].toward | {monitor: answer}
                    )
        return said

    def score_news(self, versions: Sequence[MentionVersion], brands: Brands = NO_BRANDS) -> Said:
        """`score` of the versions that the store does not have yet."""
        if not versions:
            return {}
        with self._store.read() as conn:
            known = _known(self._store, conn, {version.key for version in versions})
        return self.score(fresh_versions(versions, known), brands)

    def understand(self, batch: Batch, said: Said | None = None, brands: Brands = NO_BRANDS) -> Prepared:
        """Compare a batch with the store, and score what is new in it unless `said` has the scores already.

        Only the owner of the partitions may call this: the plan relies on what the store holds now.
        """
        keys = {version.key for version in batch.versions}
        with self._store.read() as conn:
            known = _known(self._store, conn, keys)
        fresh = fresh_versions(batch.versions, known)
        return prepare(
            batch, known, fresh, self.score(fresh, brands) if said is None else said, self._sample_rate
        )

    def write(self, conn: Connection, prepared: Prepared, now: datetime) -> BatchOutcome:
        """Store everything derived from the batch. Call it once, inside a transaction that has already advanced the offsets."""
        plan, rows = prepared.plan, prepared.rows
        taken_back = [(one, -1) for one in _stored_matches(conn, plan.replaced)]
        _store_mentions(self._store, conn, plan, rows)
        _raise_engagement(conn, prepared)
        _store_matches(self._store, conn, plan, rows)
        _store_tallies(self._store, conn, summed(taken_back, prepared.deltas))
        late = _store_amendments(self._store, conn, taken_back + [(one, 1) for one in plan.matches])
        self._store.insert_new(conn, s.samples, rows.samples, fresh=True)
        record_dead_letters(conn, [bad.letter(now) for bad in prepared.batch.bad])
        return BatchOutcome(
            mentions=prepared.batch.mentions,
            matched=sum(1 for v in prepared.batch.versions if v.monitors),
            stored=len(plan.new),
            duplicates=len(prepared.batch.versions) - len(prepared.fresh),
            edits=len(prepared.fresh) - len(plan.new),
            late=late,
            bad=sum(one.lines for one in prepared.batch.bad),
        )


def _about_brands(
    versions: Iterable[MentionVersion], said: Said, brands: Brands
) -> Iterator[tuple[MentionVersion, str, AboutBrand]]:
    """The questions about brands that may have another answer than the text itself."""
    for version in versions:
        understood = said[version.key, version.rank]
        text = version.mention.full_text
        alone = len(version.monitors) == 1 and "@" not in text
        for monitor in version.monitors if understood.label != "unscored" else ():
            brand = brands.get(monitor)
            if brand is None or (alone and brand.is_plain):
                continue
            theirs = (
                brands[other].names for other in version.monitors if other != monitor and other in brands
            )
            others = tuple(name for names in theirs for name in names if not _alike(name, brand.names))
            yield version, monitor, AboutBrand(text, understood.lang, understood.label, brand, others)


def _alike(name: str, names: Iterable[str]) -> bool:
    """Whether two monitors watch the same name."""
    return any(name in own or own in name for own in names)


def _known(store: Store, conn: Connection, keys: set[Key]) -> dict[Key, Known]:
    found = store.fetch(conn, s.seen, keys, ["created_at", "rank_at", "hash", "matched"])
    return {
        (source, id): Known(created_at, (rank_at, hash), matched)
        for (source, id), (created_at, rank_at, hash, matched) in found.items()
    }


def _stored_matches(conn: Connection, keys: Mapping[Key, datetime]) -> list[MatchRow]:
    t = s.matches
    found: list[MatchRow] = []
    for source, ids in _by_source(keys).items():
        for chunk in _chunks(sorted(ids)):
            rows = conn.execute(
                select(t).where(t.c.source == source, t.c.id.in_(chunk), _minutes_of(keys.values()))
            )
            for row in rows:
                found.append(match_row(row))
    return found


def match_row(row: Row[Any]) -> MatchRow:
    """The match in a row of `matches`."""
    lists = {name: tuple(row._mapping[name] or ()) for name in ("triggers", *FACETS)}
    return MatchRow(**{**row._mapping, **lists, "own": bool(row.own)})


def _store_mentions(store: Store, conn: Connection, plan: Plan, rows: BatchRows) -> None:
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
    new = (
        [row for row in rows.seen if (row["source"], row["id"]) not in plan.replaced] if known else rows.seen
    )
    # No other worker stores rows of these partitions. History does, and then the batch is read again.
    if store.insert_new(conn, s.seen, new, fresh=True) != len(new):
        raise Fenced("history has stored one of these mentions meanwhile")
    store.insert_new(conn, s.mentions, rows.mentions, fresh=True)


def _stored_versions(conn: Connection, keys: Mapping[Key, datetime]) -> list[dict[str, Any]]:
    """The stored current versions that give way to newer ones, as rows of `mention_versions`."""
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
    """Raise stored figures to those of a repeated version. A repeat is not an edit; the largest figure stays."""
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


def _store_matches(store: Store, conn: Connection, plan: Plan, rows: BatchRows) -> None:
    t = s.matches
    for source, ids in _by_source(plan.replaced).items():
        for chunk in _chunks(sorted(ids)):
            conn.execute(
                delete(t).where(t.c.source == source, t.c.id.in_(chunk), _minutes_of(plan.replaced.values()))
            )
    store.insert_new(conn, t, rows.matches, fresh=True)


def _times_of(created: Collection[datetime]) -> ColumnElement[bool]:
    """The condition on the time of mentions. Without it PostgreSQL searches the partition of every day."""
    return s.mentions.c.created_at.between(min(created), max(created))


def _minutes_of(created: Collection[datetime]) -> ColumnElement[bool]:
    """The condition on the minutes of matches, for the same reason as `_times_of`."""
    return s.matches.c.minute.between(minute_of(min(created)), minute_of(max(created)))


def _store_tallies(store: Store, conn: Connection, deltas: Mapping[tuple[str, int, int], TallyDelta]) -> None:
    if not deltas:
        return
    t = s.tallies
    stored = {key: authors for key, (authors,) in store.fetch(conn, t, deltas, ["authors"]).items()}
    # No other worker has these partitions (their epochs say so), so the rows read here are still those in the store.
    for fresh in (True, False):
        rows, parts = [], []
        for key, delta in deltas.items():
            if (key in stored) is fresh:
                continue
            here = {"monitor_id": key[0], "minute": key[1], "partition": key[2]}
            # A union cannot forget an author, so after an edit the remaining ones are counted anew.
            if delta.shrunk:
                authors = _authors_left(conn, key)
            else:
                authors = sketch(delta.authors)
                if not fresh:
                    authors = union(stored[key], authors)
            rows.append({**here, **delta.counts, "authors": authors})
            parts += _part_rows(here, delta)
        store.add(conn, t, rows, _COUNTED, ["authors"], fresh=fresh)
        store.add(conn, s.tally_parts, parts, ["count", "negative"], fresh=fresh)


def store_changes(
    store: Store, conn: Connection, signed: Sequence[tuple[MatchRow, int]], *, amend: bool = True
) -> None:
    """Count matches whose label or facets have changed: taken back as they were (-1), and added as they are (+1).

    `amend` notes the changes beside the windows that are closed.
    """
    rows, parts = [], []
    for key, delta in summed(signed).items():
        here = {"monitor_id": key[0], "minute": key[1], "partition": key[2]}
        rows.append({**here, **delta.counts, "authors": b""})
        parts += _part_rows(here, delta)
    store.add(conn, s.tallies, rows, _COUNTED)
    store.add(conn, s.tally_parts, parts, ["count", "negative"])
    revised(conn)
    if amend:
        _store_amendments(store, conn, signed)


def _part_rows(here: Mapping[str, Any], delta: TallyDelta) -> list[dict[str, Any]]:
    return [
        {**here, "dimension": dimension, "value": value, "count": count, "negative": negative}
        for (dimension, value), (count, negative) in delta.parts.items()
    ]


def _authors_left(conn: Connection, key: tuple[str, int, int]) -> bytes:
    t = s.matches
    found = conn.execute(
        select(t.c.author).where(
            t.c.monitor_id == key[0],
            t.c.minute == key[1],
            t.c.partition == key[2],
            t.c.author.is_not(None),
            t.c.own.is_not(True),
        )
    )
    return sketch(author % 2**64 for (author,) in found)


def _store_amendments(store: Store, conn: Connection, signed: Sequence[tuple[MatchRow, int]]) -> int:
    """Count the changes to windows that are already closed. They are stored beside the window and never change its reading."""
    judged = {(one.monitor_id, SIGNAL_KINDS.lead.kind) for one, _ in signed}
    closed: dict[str, datetime] = {
        monitor: end
        for (monitor, _), (end,) in store.fetch(conn, s.detector_state, judged, ["next_window"]).items()
    }
    rows: dict[tuple[str, datetime, int], dict[str, Any]] = {}
    late = 0
    for one, sign in signed:
        if one.own:
            continue
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


def _by_source(keys: Iterable[Key]) -> dict[str, set[str]]:
    grouped: dict[str, set[str]] = {}
    for source, id in keys:
        grouped.setdefault(source, set()).add(id)
    return grouped


def _chunks(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
