"""Understanding stored mentions anew, after a change of the models: in the background, a piece at a time, the newest first.

The worker walks once over all mentions for each set of models. Where the walk stands is kept in `meta`, so that it goes on there
after a restart, and several workers do no piece twice. Labels that a person or a model of corrections gave stay; closed windows
keep their readings, while the tallies follow.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, and_, or_, select, tuple_, update

from processors.corrections.correct import PERSON
from processors.monitors import CompiledMonitors, watched
from processors.storing.batch import MentionVersion
from processors.storing.plan import Said
from processors.storing.tally_delta import MatchRow, match_rows
from processors.storing.writer import Writer, match_row, store_changes
from processors.understand import Understander, Understood, default_scorers, gist, language, quotes
from processors.understand.artefacts import FOLDER, card_of
from tocsin.core.clock import Clock
from tocsin.core.facets import FACETS
from tocsin.core.loop import WorkerLoop
from tocsin.health.report import Reporter
from tocsin.store import meta
from tocsin.store import schema as s
from tocsin.store.mentions import Key, stored_mention
from tocsin.store.port import Store

KEY: Final = "rescoring"
PIECE: Final = 100
BETWEEN_S: Final = 0.1
"""The pause after a piece: the stream comes first."""
LOOK_AGAIN_S: Final = 30.0


class Walk(msgspec.Struct, frozen=True):
    """How far the walk over all mentions has come. `at`, `source`, `id`: the last mention that was looked at."""

    models: str
    at: datetime | None = None
    source: str = ""
    id: str = ""
    looked_at: int = 0
    changed: int = 0
    done: bool = False


def models_in_use() -> str:
    """A digest over the names of the models, as their cards tell them, and the versions of gists, quotes and languages: whatever
    may change what is stored of a mention changes it. The second opinion does not: it is of alerts.
    """
    cards = [path for path in FOLDER.glob("*.json") if path.stem != "deep"]
    versions = (f"gist-{gist.VERSION}", f"language-{language.VERSION}", f"quotes-{quotes.VERSION}")
    names = [*versions, *(str(card_of(path)["model"]) for path in cards)]
    return hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()[:16]


def under_way(conn: Connection) -> Walk | None:
    """How far the walk for the models of this version has come, at its beginning where no worker has begun it. None where it is
    over, nothing is stored, or the store is not live.
    """
    if meta.get(conn, "mode") not in (None, "live"):
        return None
    walk = _walk(conn, models_in_use())
    return None if walk.done or conn.execute(select(s.mentions.c.id).limit(1)).first() is None else walk


class Rescorer:
    """The worker. `once` does a piece; `run` goes on until stopped."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._writer = Writer(store, Understander(default_scorers()), 0.0)
        self._watched: CompiledMonitors | None = None
        self._reporter = Reporter(store, KEY)
        self._loop = WorkerLoop(KEY)
        self._models = ""

    def run(self, stop: threading.Event) -> None:
        """Run until `stop` is set."""
        self._loop.run(stop, self.step)

    def step(self) -> float:
        """Do a piece and tell health how far the walk is. Returns the seconds to pause."""
        looked_at = self.once()
        with self._store.read() as conn:
            walk = _walk(conn, self._models)
        told = {"looked_at": walk.looked_at, "changed": walk.changed, "finished": walk.done}
        self._reporter.say(self._clock.now(), "ok", **told, unexpected_errors=self._loop.unexpected)
        return BETWEEN_S if looked_at else LOOK_AGAIN_S

    def once(self) -> int:
        """Understand the next piece anew. Returns the number of mentions that were looked at; 0: the walk is over."""
        self._models = self._models or models_in_use()
        with self._store.read() as conn:
            walk = _walk(conn, self._models)
            if walk.done:
                return 0
            rows = _next(conn, walk)
            self._watched = watched(conn, self._watched)
            matches = _matches(conn, rows)
        # A row without words was erased: nothing may be read into it.
        versions = [
            MentionVersion(
                stored_mention(row), matches[row.source, row.id][0].partition, _monitors(matches, row)
            )
            for row in rows
            if (row.source, row.id) in matches and (row.text or row.title)
        ]
        said = self._writer.score(versions, self._watched.brands)
        with self._store.write() as conn:
            if _walk(conn, self._models) != walk:
                return len(rows)
            changed = self._rewrite(conn, {(row.source, row.id): row for row in rows}, versions, said)
            _keep(conn, _moved(walk, rows, changed))
        return len(rows)

    def _rewrite(
        self, conn: Connection, rows: Mapping[Key, Any], versions: Sequence[MentionVersion], said: Said
    ) -> int:
        """Write what is understood otherwise. Returns the number of mentions that changed."""
        versions = _still_there(conn, rows, versions)
        present = _matches(conn, [rows[version.key] for version in versions])
        signed: list[tuple[MatchRow, int]] = []
        changed = 0
        for version in versions:
            understood = said[version.key, version.rank]
            before = present.get(version.key, [])
            after = [_understood_anew(one, version, understood) for one in before]
            differing = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
            for old, new in differing:
                _store_match(conn, new)
                signed += [(old, -1), (new, 1)]
            changed += bool(_store_mention(conn, rows[version.key], understood) or differing)
        store_changes(self._store, conn, signed, amend=False)
        return changed


def _walk(conn: Connection, models: str) -> Walk:
    """The walk for these models, from its beginning where another one is noted, or none."""
    noted = meta.get(conn, KEY)
    walk = msgspec.json.decode(noted, type=Walk) if noted else None
    return walk if walk is not None and walk.models == models else Walk(models)


def _keep(conn: Connection, walk: Walk) -> None:
    meta.put(conn, KEY, msgspec.json.encode(walk).decode())


def _moved(walk: Walk, rows: Sequence[Any], changed: int) -> Walk:
    counted = {
        "looked_at": walk.looked_at + len(rows),
        "changed": walk.changed + changed,
        "done": len(rows) < PIECE,
    }
    last = {"at": rows[-1].created_at, "source": rows[-1].source, "id": rows[-1].id} if rows else {}
    return msgspec.structs.replace(walk, **counted, **last)


def _next(conn: Connection, walk: Walk) -> Sequence[Any]:
    """The next mentions, from the newest to the oldest, in one order on every engine."""
    m = s.mentions.c
    query = select(*s.mention_columns).order_by(m.created_at.desc(), m.source, m.id).limit(PIECE)
    if walk.at is not None:
        later = or_(m.source > walk.source, and_(m.source == walk.source, m.id > walk.id))
        query = query.where(m.created_at <= walk.at, or_(m.created_at < walk.at, later))
    return conn.execute(query).all()


def _matches(conn: Connection, rows: Sequence[Any]) -> dict[Key, list[MatchRow]]:
    """By mention, its matches, in the order of the monitors."""
    t, found = s.matches, dict[Key, list[MatchRow]]()
    keys = [(row.source, row.id, row.created_at) for row in rows]
    if keys:
        query = select(t).where(tuple_(t.c.source, t.c.id, t.c.created_at).in_(keys)).order_by(t.c.monitor_id)
        for row in conn.execute(query):
            found.setdefault((row.source, row.id), []).append(match_row(row))
    return found


def _still_there(
    conn: Connection, rows: Mapping[Key, Any], versions: Sequence[MentionVersion]
) -> list[MentionVersion]:
    """The versions that are still current: an edit that came meanwhile was understood by itself."""
    m = s.mentions.c
    keys = [(row.source, row.id, row.created_at) for row in rows.values()]
    query = select(m.source, m.id, m.hash).where(tuple_(m.source, m.id, m.created_at).in_(keys))
    hashes = {(row.source, row.id): row.hash for row in conn.execute(query)} if keys else {}
    return [version for version in versions if hashes.get(version.key) == rows[version.key].hash]


def _monitors(matches: Mapping[Key, Sequence[MatchRow]], row: Any) -> tuple[str, ...]:
    return tuple(one.monitor_id for one in matches[row.source, row.id])


def _understood_anew(before: MatchRow, version: MentionVersion, understood: Understood) -> MatchRow:
    """The match as it would be stored now. The label that a person or a model of corrections gave stays."""
    (now,) = match_rows(version.mention, understood, (before.monitor_id,), before.partition)
    anew = {name: getattr(now, name) for name in ("lang", "gist", *FACETS)}
    if before.scored_by is None or before.scored_by == "part":
        anew |= {"label": now.label, "scored_by": now.scored_by}
    return msgspec.structs.replace(before, **anew)


def _store_match(conn: Connection, one: MatchRow) -> None:
    t = s.matches
    values = {name: getattr(one, name) for name in ("label", "scored_by", "lang", "gist", *FACETS)}
    here = (t.c.monitor_id == one.monitor_id, t.c.source == one.source, t.c.id == one.id)
    conn.execute(update(t).where(*here, t.c.minute == one.minute).values(**values))


def _store_mention(conn: Connection, row: Any, understood: Understood) -> bool:
    """Write what is understood of the text, unless it has changed meanwhile. Returns whether anything is another."""
    values: dict[str, Any] = {facet: list(getattr(understood.facets, facet)) for facet in FACETS}
    values["lang"] = understood.lang
    if row.model != PERSON:
        names = ("label", "score_e4", "confidence_e4", "model")
        values |= {name: getattr(understood, name) for name in names}
    if all(row._mapping[name] == value for name, value in values.items()):
        return False
    m = s.mentions
    here = (
        m.c.source == row.source,
        m.c.id == row.id,
        m.c.created_at == row.created_at,
        m.c.hash == row.hash,
        # A person may have given it a label meanwhile.
        m.c.model.is_not_distinct_from(row.model),
    )
    return conn.execute(update(m).where(*here).values(**values)).rowcount > 0
