"""The error of a query: the problem, its line and column, and what was expected there."""

from __future__ import annotations

import unicodedata

from tocsin.core.errors import WrongInput
from tocsin.core.sentences import Sentence

SHOWN_BEFORE = 50
SHOWN_AFTER = 28


class QueryError(WrongInput):
    """A query that cannot be used.

    `offset` counts characters from 0. `line` and `column` count from 1. `expected` says in plain words what would have been
    right there. The message is one line with all of that, then the line of the query and a caret below the place.
    """

    def __init__(self, query: str, offset: int, problem: str, expected: str) -> None:
        offset = max(0, min(offset, len(query)))
        start = query.rfind("\n", 0, offset) + 1
        self.query = query
        self.offset = offset
        self.line, self.column = place_of(query, offset)
        self.problem = problem
        self.expected = expected
        super().__init__(
            Sentence(
                "query, line {line}, column {column}: {problem}; expected {expected}\n{pointer}",
                line=str(self.line),
                column=str(self.column),
                problem=problem,
                expected=expected,
                pointer=_pointed(query, start, offset),
            )
        )


def place_of(query: str, offset: int) -> tuple[int, int]:
    """The line and the column of a character of the query, from 1."""
    return query.count("\n", 0, offset) + 1, offset - query.rfind("\n", 0, offset)


def _pointed(query: str, start: int, offset: int) -> str:
    """The line around `offset`, cut where it is long, with a caret under the character at `offset`."""
    end = query.find("\n", offset)
    end = len(query) if end < 0 else end
    left = max(start, offset - SHOWN_BEFORE)
    right = min(end, offset + SHOWN_AFTER)
    before = ("..." if left > start else "") + _printable(query[left:offset])
    after = _printable(query[offset:right]) + ("..." if right < end else "")
    return f"  {before}{after}\n  {' ' * _columns(before)}^"


def _printable(text: str) -> str:
    """`text` on one line. A tab becomes a space. A character that would move the cursor, or is invisible, becomes U+FFFD."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text.replace("\t", " "))


def _columns(text: str) -> int:
    """The number of columns that a terminal gives to `text`: wide letters and emoji take two, combining marks none."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )
