"""The monitors, compiled for matching: one immutable version at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from processors.corrections.models import active_models
from processors.match import Matcher
from processors.understand.brand import Brand, BrandModel, account
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import Defined, generation, listed
from tocsin.query import Query, parse_query
from tocsin.query.fold import fold


@dataclass(frozen=True, slots=True)
class CompiledMonitors:
    """The compiled monitors of one generation. One batch is matched with one generation, never with two."""

    version: int
    monitors: Sequence[Defined[Monitor]]
    matcher: Matcher
    brands: Mapping[str, Brand]


def watched(conn: Connection, present: CompiledMonitors | None = None) -> CompiledMonitors:
    """The enabled monitors as they are now, or `present` itself if nothing has changed since."""
    version = generation(conn, "monitor")
    if present is not None and present.version == version:
        return present
    models = active_models(conn)
    monitors = [one for one in listed(conn, Monitor) if one.value.enabled]
    queries = {one.id: parse_query(one.value.query) for one in monitors}
    matcher = Matcher.build(
        queries,
        {one.id: frozenset(one.value.languages) for one in monitors if one.value.languages},
    )
    brands = {one.id: brand_of(one.value, queries[one.id], models.get(one.id)) for one in monitors}
    return CompiledMonitors(version, monitors, matcher, brands)


def brand_of(monitor: Monitor, query: Query, model: BrandModel | None) -> Brand:
    """The brand that a monitor watches: the words that its query looks for first are its names."""
    return Brand(
        names=tuple(sorted({anchor.needle.lstrip("#@") for anchor in query.anchors if anchor.kind != "url"})),
        rivals=tuple(sorted(map(fold, monitor.rivals))),
        neutral=tuple(sorted(map(fold, monitor.neutral_words))),
        model=model,
        accounts=frozenset(map(account, monitor.own_accounts)),
    )
