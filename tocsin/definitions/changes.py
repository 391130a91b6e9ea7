"""What the audit chain says of a change of a definition: which fields differ, and the hashes of the definition before and after.

The chain holds no names and no typed words. The versions of the definition hold these (`tocsin.definitions.repository.history`),
and the hashes tie them to the chain.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from tocsin.definitions.models import Definition
from tocsin.definitions.repository import Defined
from tocsin.store import audit


def note_change(
    conn: Connection,
    *,
    at: datetime,
    actor: str,
    role: str,
    what: str,
    kind: str,
    id: str,
    version: int,
    before: Definition | None,
    after: Definition | None,
) -> None:
    """Add the entry. `what` is made, changed, ended or restored; `version` is the one that the change led to."""
    old, new = _body(before), _body(after)
    detail = {
        "version": version,
        "fields": changed_fields(old, new),
        "before": _hash(old),
        "after": _hash(new),
    }
    audit.append(conn, at=at, actor=actor, role=role, action=f"{kind}.{what}", object=id, detail=detail)


def note_saved(
    conn: Connection, saved: Defined[Any], before: Definition | None, *, at: datetime, actor: str, role: str
) -> None:
    """Add the entry of a definition that was made or changed; an equal one needs none."""
    if before == saved.value:
        return
    note_change(
        conn,
        at=at,
        actor=actor,
        role=role,
        what="changed" if before else "made",
        kind=saved.kind,
        id=saved.id,
        version=saved.version,
        before=before,
        after=saved.value,
    )


def changed_fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The names of the fields that differ, in the order in which they stand."""
    return [name for name in {**before, **after} if before.get(name) != after.get(name)]


def _body(one: Definition | None) -> dict[str, Any]:
    return {} if one is None else one.model_dump(mode="json")


def _hash(body: Mapping[str, Any]) -> str | None:
    return audit.text_hash(json.dumps(body, sort_keys=True, ensure_ascii=True)) if body else None
