"""The warnings of a query under its field: what is likely wrong, in the reader's language, and the words around its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from api.pages.formatting import Formatter
from api.routes.preview import warning_out
from tocsin.query import QueryError, lint, parse_query

AROUND: Final = 24
"""Characters before and behind the place that are shown."""

LONGEST: Final = 80


@dataclass(frozen=True, slots=True)
class ShownWarning:
    """A warning with its place: `term` is what it is about."""

    message: str
    line: int
    column: int
    before: str
    term: str
    after: str


def warnings_shown(
    query: str, fmt: Formatter, tried: Mapping[str, Any] | None = None
) -> Sequence[ShownWarning]:
    """The warnings of a preview, or of the query alone. A query that is not understood has none."""
    if tried is not None:
        return [_shown(query, one, fmt) for one in tried["warnings"]]
    try:
        return [_shown(query, warning_out(one), fmt) for one in lint(parse_query(query))]
    except QueryError:
        return []


def _shown(query: str, one: Mapping[str, Any], fmt: Formatter) -> ShownWarning:
    at, end = one["at"], one["at"] + one["length"]
    before, after = query[max(0, at - AROUND) : at], query[end : end + AROUND]
    term = query[at:end] if end - at <= LONGEST else f"{query[at : at + LONGEST]}…"
    return ShownWarning(
        message=fmt.language.say(one["message"]),
        line=one["line"],
        column=one["column"],
        before=f"…{before}" if at > AROUND else before,
        term=term,
        after=f"{after}…" if end + AROUND < len(query) else after,
    )
