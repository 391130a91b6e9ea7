"""The words that the monitors ask for, for sources that must name to their network what they want to hear."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from sqlalchemy import Connection

from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import generation, listed
from tocsin.query import QueryError, fold, parse_query


class MonitoredQueries:
    """The queries of the enabled monitors, as the store had them when they were last refreshed. Sources call it."""

    def __init__(self) -> None:
        self._generation: int | None = None
        self._queries: tuple[str, ...] = ()

    def refresh(self, conn: Connection) -> None:
        """Take in the changes that people made to the monitors, if any."""
        current = generation(conn, "monitor")
        if current != self._generation:
            enabled = [one.value.query for one in listed(conn, Monitor) if one.value.enabled]
            self._queries, self._generation = tuple(enabled), current

    def __call__(self) -> Sequence[str]:
        return self._queries


def hashtags_of(queries: Sequence[str]) -> Sequence[str]:
    """The hashtags that these queries look for, without `#`, each in one spelling. A query that cannot be read names none."""
    return _hashtags_of(tuple(queries))


@lru_cache(maxsize=16)
def _hashtags_of(queries: tuple[str, ...]) -> Sequence[str]:
    found: dict[str, str] = {}
    for query in queries:
        try:
            for tag in sorted(parse_query(query).hashtags):
                found.setdefault(fold(tag), tag)
        except QueryError:
            continue
    return sorted(found.values())
