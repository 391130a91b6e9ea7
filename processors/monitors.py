"""The monitors, compiled for matching: one immutable version at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from processors.match import Matcher
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import Defined, generation, listed
from tocsin.query import parse_query


@dataclass(frozen=True, slots=True)
class CompiledMonitors:
    """The compiled monitors of one generation. One batch is matched with one generation, never with two."""

    version: int
    monitors: Sequence[Defined[Monitor]]
    matcher: Matcher


def watched(conn: Connection, present: CompiledMonitors | None = None) -> CompiledMonitors:
    """The enabled monitors as they are now, or `present` itself if nothing has changed since."""
    version = generation(conn, "monitor")
    if present is not None and present.version == version:
        return present
    monitors = [one for one in listed(conn, Monitor) if one.value.enabled]
    matcher = Matcher.build(
        {one.id: parse_query(one.value.query) for one in monitors},
        {one.id: frozenset(one.value.languages) for one in monitors if one.value.languages},
    )
    return CompiledMonitors(version, monitors, matcher)
