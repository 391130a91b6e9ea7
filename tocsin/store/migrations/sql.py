"""DDL for both engines from one text, written in SQLite's words.

On PostgreSQL, text is compared bytewise, as SQLite does, and has no length. Whole numbers have 64 bits. Where PostgreSQL
needs other words for a line, they stand behind `-- postgresql:` on that line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_ELSEWHERE: Final = re.compile(r"^(\s*).*?-- postgresql: (.*)$", re.MULTILINE)
_COMMENT: Final = re.compile(r"--.*$", re.MULTILINE)
_TYPES: Final = (
    (re.compile(r"\b(VARCHAR\(\d+\)|TEXT)(?=[ ,;]|$)", re.MULTILINE), 'TEXT COLLATE "C"'),
    (re.compile(r"\bINTEGER\b"), "BIGINT"),
    (re.compile(r"\bBLOB\b"), "BYTEA"),
    (re.compile(r"\bFLOAT\b"), "DOUBLE PRECISION"),
)


def statements(text: str, dialect: str) -> Iterator[str]:
    """The statements of `text` (each ends in `;` at the end of a line) in the words of `dialect`."""
    if dialect == "postgresql":
        text = _ELSEWHERE.sub(r"\1\2", text)
        for pattern, word in _TYPES:
            text = pattern.sub(word, text)
    for statement in _COMMENT.sub("", text).split(";\n"):
        if statement.strip(" \n;"):
            yield statement.strip(" \n;")
