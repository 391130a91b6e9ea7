"""What the monitors look for, as a search in X's own words.

X's search knows less than a monitor's query: no beginnings of words, no followers, and its own idea of languages. So the search
is wider than the queries, and the matcher then takes what they really ask for. Only spellings may be missed: a query is blind to
accents, and X may not be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from tocsin.query import QueryError, parse_query
from tocsin.query.tree import And, Handle, Node, Or, Phrase, Tag, Url, Word


@dataclass(frozen=True, slots=True)
class XSearch:
    """The search, and the queries that are not in it: X cannot look for them, or the search would be too long."""

    text: str
    left_out: Sequence[str]


def search_of(queries: Sequence[str], within: str, most_chars: int) -> XSearch:
    """The search for what any of these queries asks for, narrowed by the search `within` (empty: by nothing).

    It has at most so many characters. Without any query the text is empty.
    """
    return _search_of(tuple(queries), within, most_chars)


@lru_cache(maxsize=16)
def _search_of(queries: tuple[str, ...], within: str, most_chars: int) -> XSearch:
    parts: list[str] = []
    left_out: list[str] = []
    for query in queries:
        part = _part(query)
        if part is not None and len(_joined([*parts, part], within)) <= most_chars:
            parts += [] if part in parts else [part]
        else:
            left_out.append(query)
    return XSearch(_joined(parts, within) if parts else "", tuple(left_out))


def wider(node: Node) -> str | None:
    """A search that finds all that this part of a query matches; None where only a search for everything would."""
    if isinstance(node, And):
        known = [one for one in map(wider, node.parts) if one is not None]
        return " ".join(known) or None
    if isinstance(node, Or):
        parts = list(map(wider, node.parts))
        return None if None in parts else f"({' OR '.join(map(str, parts))})"
    if isinstance(node, Word):
        return None if node.prefix else _quoted(node.text)
    if isinstance(node, Tag | Handle):
        sign = "#" if isinstance(node, Tag) else "@"
        return None if node.prefix else f"{sign}{node.text}"
    if isinstance(node, Phrase):
        return _quoted(node.text)
    # NOT, and fields that X judges by other rules, only take away.
    return f"url:{_quoted(node.text)}" if isinstance(node, Url) else None


def rules_of(
    queries: Sequence[str], within: str, most_chars: int, most: int
) -> tuple[Sequence[str], Sequence[str]]:
    """One rule of a stream for each of these queries, narrowed by `within`, and the queries that no rule is for."""
    rules: dict[str, None] = {}
    left_out: list[str] = []
    for query in queries:
        part = _part(query)
        rule = _joined([part], within) if part is not None else ""
        if rule and len(rule) <= most_chars and (rule in rules or len(rules) < most):
            rules[rule] = None
        else:
            left_out.append(query)
    return tuple(rules), tuple(left_out)


def unasked(left_out: Sequence[str]) -> str | None:
    """The warning of queries that X is not asked for; None where there are none."""
    if not left_out:
        return None
    more = f" and {len(left_out) - 1} more" if left_out[1:] else ""
    return f"not looked for on X: {left_out[0][:80]!r}{more} (docs/sources.md says why)"


def _part(query: str) -> str | None:
    try:
        return wider(parse_query(query).root)
    except QueryError:
        return None


def _joined(parts: Sequence[str], within: str) -> str:
    either = parts[0] if len(parts) == 1 else " OR ".join(f"({one})" if " " in one else one for one in parts)
    if not within:
        return either
    return f"({either}) {within}"


def _quoted(text: str) -> str:
    """In quotes, so that no word is one of X's own operators."""
    return '"' + text.replace("\\", " ").replace('"', " ").strip() + '"'
