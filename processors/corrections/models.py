"""The models that were learnt from corrections: versions of a monitor, of which at most one is in use."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from processors.understand.brand import BrandModel
from tocsin.core.errors import NotFound
from tocsin.core.sentences import Sentence
from tocsin.definitions.repository import touch
from tocsin.store import audit
from tocsin.store import schema as s


def active_models(conn: Connection) -> dict[str, BrandModel]:
    """By monitor, the model in use."""
    t = s.brand_models
    found = conn.execute(select(t.c.monitor_id, t.c.version, t.c.model).where(t.c.active.is_(True)))
    return {row.monitor_id: decoded(row.version, row.model) for row in found}


def versions(conn: Connection, monitor_id: str) -> list[dict[str, Any]]:
    """The versions of a monitor, the newest first: version, at, actor, figures, active."""
    t = s.brand_models.c
    columns = (t.version, t.at, t.actor, t.figures, t.active)
    found = conn.execute(select(*columns).where(t.monitor_id == monitor_id).order_by(t.version.desc()))
    return [dict(row._mapping) for row in found]


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
    """Store a model as the next version and use it from the next batch on. Returns its version."""
    t = s.brand_models
    last = conn.execute(select(func.max(t.c.version)).where(t.c.monitor_id == monitor_id)).scalar_one()
    version = (last or 0) + 1
    conn.execute(
        insert(t),
        {
            "monitor_id": monitor_id,
            "version": version,
            "at": now,
            "actor": actor,
            "model": {"bias": model.bias, "words": dict(model.words)},
            "figures": dict(figures),
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
