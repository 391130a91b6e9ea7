"""The names of those whose voices alerts tell of, as the store has them now. Alerts keep ids alone: an erasure reaches names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Connection, Row

from alerts.alert import Alert
from tocsin.core.text import one_line
from tocsin.store.mentions import Key, stored_rows

LONGEST: Final = 40
"""A longer name would leave no room in a headline, and an erasure would not find it where it is cut."""


def with_speakers(conn: Connection, alerts: Sequence[Alert]) -> list[Alert]:
    """The alerts in their order, each with the name of its `speaker` where its evidence tells of one that has a name."""
    spoke = {one.id: key for one in alerts if (key := _who_spoke(one)) is not None}
    if not spoke:
        return list(alerts)
    found = stored_rows(conn, list(dict.fromkeys(spoke.values())))
    names = {id: _name(found[key]) for id, key in spoke.items() if key in found}
    return [replace(one, speaker=names[one.id]) if one.id in names else one for one in alerts]


def nameless(alert: Alert) -> Alert:
    """The alert for what holds no author: feeds, exports, lists of the API."""
    return replace(alert, speaker="")


def _who_spoke(alert: Alert) -> Key | None:
    # Most alerts tell of nobody, and reading their evidence takes longer than this look.
    if not alert.evidence.get("against"):
        return None
    evidence = alert.readable_evidence
    told = evidence.against if evidence is not None else None
    return (told.source, told.id) if told is not None and not told.outlet else None


def _name(row: Row[Any]) -> str:
    said = str(row.author_handle or row.author_name or "")
    return said if said == one_line(said, LONGEST) else ""
