"""The models that were learnt from corrections: versions of a monitor, of which at most one is in use.

Each version knows which one was in use when it was learnt: to roll back is to use that one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, insert, select, update

from processors.understand.brand import BrandModel
from tocsin.core.errors import NotFound
from tocsin.core.sentences import Sentence
from tocsin.definitions.repository import touch
from tocsin.store import audit
from tocsin.store import schema as s

_INSTEAD_OF: Final = "instead_of"
"""Where the stored figures of a version say which one was in use when it was learnt."""


def active_models(conn: Connection) -> dict[str, BrandModel]:
    """By monitor, the model in use."""
    t = s.brand_models
    found = conn.execute(select(t.c.monitor_id, t.c.version, t.c.model).where(t.c.active.is_(True)))
    return {row.monitor_id: decoded(row.version, row.model) for row in found}


def versions(conn: Connection, monitor_id: str) -> list[dict[str, Any]]:
    """The versions of a monitor, the newest first: version, at, actor, figures, active, and `instead_of`, the version that was in
    use when it was learnt, 0 for none.
    """
    t = s.brand_models.c
    columns = (t.version, t.at, t.actor, t.figures, t.active)
    found = conn.execute(select(*columns).where(t.monitor_id == monitor_id).order_by(t.version.desc()))
    return [_told(dict(row._mapping)) for row in found]


def _told(row: dict[str, Any]) -> dict[str, Any]:
    figures = dict(row["figures"])
    # What older code stored does not say it: most versions were learnt while the one before them was in use.
    instead_of = figures.pop(_INSTEAD_OF, row["version"] - 1)
    return {**row, "figures": figures, "instead_of": instead_of}


def version_before(known: Sequence[Mapping[str, Any]]) -> int:
    """Of the versions of a monitor, the one that was in use when the present one was learnt; 0 for the common model alone."""
    return next((int(one["instead_of"]) for one in known if one["active"]), 0)


def keep(
    conn: Connection,
    monitor_id: str,
    model: BrandModel,
    figures: Mapping[str, Any],
    *,
    now: datetime,
    actor: str,
    role: str,
) -> int:
    """Store a model as the next version and use it from the next batch on. Returns its version. A model that equals the newest
    version is that version.
    """
    t = s.brand_models
    rows = select(t.c.version, t.c.model).where(t.c.monitor_id == monitor_id)
    last = conn.execute(rows.order_by(t.c.version.desc()).limit(1)).one_or_none()
    if last is not None and decoded(last.version, last.model) == replace(model, version=last.version):
        use(conn, monitor_id, last.version, now=now, actor=actor, role=role)
        return int(last.version)
    version = 1 if last is None else last.version + 1
    instead_of = next((one["version"] for one in versions(conn, monitor_id) if one["active"]), 0)
    conn.execute(
        insert(t),
        {
            "monitor_id": monitor_id,
            "version": version,
            "at": now,
            "actor": actor,
            "model": {"bias": model.bias, "words": dict(model.words)},
            "figures": {**figures, _INSTEAD_OF: instead_of},
            "active": False,
        },
    )
    use(conn, monitor_id, version, now=now, actor=actor, role=role)
    return version


def use(conn: Connection, monitor_id: str, version: int, *, now: datetime, actor: str, role: str) -> None:
    """Use this version from the next batch on, or with 0 the common model alone. Raises `NotFound` for an unknown one."""
    t = s.brand_models
    known = {row["version"]: row["active"] for row in versions(conn, monitor_id)}
    if version and version not in known:
        raise NotFound(
            Sentence(
                "the monitor has no model {version}; it has {choices}",
                version=version,
                choices=", ".join(map(str, known)) or Sentence("none"),
            )
        )
    before = next((number for number, active in known.items() if active), 0)
    if before == version:
        return
    conn.execute(update(t).where(t.c.monitor_id == monitor_id).values(active=t.c.version == version))
    touch(conn, "monitor")
    audit.append(
        conn,
        at=now,
        actor=actor,
        role=role,
        action="brand_model.used",
        object=monitor_id,
        detail={"before": before, "version": version},
    )


def decoded(version: int, stored: Mapping[str, Any]) -> BrandModel:
    """The model in a row."""
    negative, neutral, positive = stored["bias"]
    words = {word: (row[0], row[1], row[2]) for word, row in stored["words"].items()}
    return BrandModel(version, (negative, neutral, positive), words)
