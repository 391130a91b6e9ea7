"""Full-text search over mentions: words, "phrases" and beginnings*, with the same answer on every engine.

All that is asked for must be in the mention. What stands between spaces, or in double quotes, is cut as texts are
(`tocsin.store.words`), and its words must follow each other: `don't`, `example.com` and `#apple` are found as such. A `*` at
the end of a word takes any ending. There are no operators: whatever else is typed separates words.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Text,
    and_,
    bindparam,
    cast,
    column,
    func,
    literal,
    literal_column,
    select,
    table,
    update,
)
from sqlalchemy.dialects.postgresql import TSQUERY, TSVECTOR
from sqlalchemy.exc import DBAPIError

from tocsin.core.errors import WrongInput
from tocsin.store import schema as s
from tocsin.store.words import WordsColumn, cut, words_of

LONGEST: Final = 256  # characters of what is typed
MOST_WORDS: Final = 32
SHORTEST_BEGINNING: Final = 2
RARE: Final = 2_000
PIECE: Final = 500  # mentions that `index_missing` does at once

_PART: Final = re.compile(r'"([^"]*)"?|([^\s"]+)')


@dataclass(frozen=True, slots=True)
class SearchPhrase:
    """Words that follow each other; of the last one any ending where it is a `beginning`."""

    words: tuple[str, ...]
    beginning: bool = False


def parse_search(typed: str) -> tuple[SearchPhrase, ...]:
    """What to look for. Raises `WrongInput` where there is no word in it, or it is too long."""
    if len(typed) > LONGEST:
        raise WrongInput(f"a search has at most {LONGEST} characters, this one has {len(typed)}")
    phrases = []
    for quoted, bare in _PART.findall(typed):
        words = tuple(cut(quoted or bare))
        if words:
            phrases.append(SearchPhrase(words, beginning=_is_beginning(bare or quoted, words)))
    count = sum(len(phrase.words) for phrase in phrases)
    if not count:
        raise WrongInput(f"there is no word to look for in {typed!r}")
    if count > MOST_WORDS:
        raise WrongInput(f"a search has at most {MOST_WORDS} words, this one has {count}")
    return tuple(phrases)


def matching(conn: Connection, phrases: Sequence[SearchPhrase], *, rare: bool = True) -> ColumnElement[bool]:
    """That a row of `mentions` says all of this, for a WHERE. `rare`: few do (`is_rare`), so that it pays to begin with them."""
    if conn.dialect.name == "postgresql":
        asked = literal(" & ".join(map(_tsquery, phrases)))
        return func.words_of_mention(s.mentions.c.words, type_=TSVECTOR).bool_op("@@")(cast(asked, TSQUERY))
    if rare:
        rowid: ColumnElement[int] = literal_column("mentions.rowid")
        return rowid.in_(_found(phrases))
    # One by one FTS5 is slow to ask; the words themselves, with spaces around them, say the same.
    spaced = literal_column("' ' || mentions.words || ' '", Text)
    return and_(*(func.instr(spaced, _spaced(phrase)) > 0 for phrase in phrases))


def is_rare(conn: Connection, phrases: Sequence[SearchPhrase]) -> bool:
    """Whether at most `RARE` mentions say all of this. Counts no further."""
    if conn.dialect.name == "postgresql":
        some = select(literal(1)).select_from(s.mentions).where(matching(conn, phrases))
    else:
        some = _found(phrases)
    counted = some.limit(RARE + 1).subquery()
    return conn.execute(select(func.count()).select_from(counted)).scalar_one() <= RARE


@contextmanager
def within(conn: Connection, longest: timedelta, advice: str) -> Iterator[None]:
    """What is asked of this connection in the block ends after `longest`: `WrongInput` with this advice."""
    too_long = WrongInput(f"the search takes longer than {longest.total_seconds():g} s: {advice}")
    try:
        if conn.dialect.name == "postgresql":
            # For this transaction, which reads only.
            conn.exec_driver_sql(f"SET LOCAL statement_timeout = {longest // timedelta(milliseconds=1)}")
            yield
            return
        driver = conn.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        end = time.monotonic() + longest.total_seconds()
        driver.set_progress_handler(lambda: time.monotonic() > end, _STEPS_BETWEEN_LOOKS)
        try:
            yield
        finally:
            driver.set_progress_handler(None, 0)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == _CANCELLED or (
            getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT
        ):
            raise too_long from error
        raise


_INDEX: Final = table("mention_words", column("rowid"))


def _found(phrases: Sequence[SearchPhrase]) -> Select[Any]:
    """SQLite's rows that say all of this."""
    asked = literal(" AND ".join(map(_fts5, phrases)))
    return select(_INDEX.c.rowid).where(literal_column("mention_words").bool_op("MATCH")(asked))


def index_due(conn: Connection) -> None:
    """Index what was inserted since: on SQLite by many rows at once, in the transaction that inserted them."""
    if conn.dialect.name == "sqlite":
        for statement in _INDEX_DUE:
            conn.exec_driver_sql(statement)


def index_missing(conn: Connection, limit: int = PIECE) -> int:
    """Give words to up to `limit` mentions that have none, because older code stored them; returns to how many."""
    m = s.mentions
    key = (m.c.source, m.c.id, m.c.created_at)
    rows = conn.execute(select(*key, m.c.title, m.c.text).where(_NO_WORDS).limit(limit)).all()
    if rows:
        same = (column == bindparam(f"the_{column.name}", type_=column.type) for column in key)
        conn.execute(
            update(m).where(*same, _NO_WORDS).values(words=bindparam("their_words", type_=WordsColumn())),
            [
                {
                    "the_source": row.source,
                    "the_id": row.id,
                    "the_created_at": row.created_at,
                    "their_words": words_of(row.title, row.text),
                }
                for row in rows
            ],
        )
    index_due(conn)
    return len(rows)


_CANCELLED: Final = "57014"  # PostgreSQL's query_canceled
_STEPS_BETWEEN_LOOKS: Final = 20_000  # of SQLite's virtual machine: a few thousand looks a second
_INDEX_DUE: Final = (
    "INSERT INTO mention_words (rowid, words)"
    " SELECT m.rowid, m.words FROM mention_words_due d JOIN mentions m ON m.rowid = d.id ORDER BY d.id",
    "DELETE FROM mention_words_due",
)
_NO_WORDS: Final[ColumnElement[Any]] = literal_column("words IS NULL")  # as the index says it


def _is_beginning(typed: str, words: Sequence[str]) -> bool:
    if not typed.endswith("*") or not cut(typed[-2:-1]):
        return False
    if len(words[-1]) < SHORTEST_BEGINNING and not _is_single(words[-1]):
        raise WrongInput(f"before * there must be {SHORTEST_BEGINNING} letters at least, not {typed!r}")
    return not _is_single(words[-1])


def _is_single(word: str) -> bool:
    """Whether every such character is a word of its own, so that nothing can go on behind it."""
    return len(cut(word * 2)) == 2


def _spaced(phrase: SearchPhrase) -> str:
    return f" {' '.join(phrase.words)}{'' if phrase.beginning else ' '}"


def _fts5(phrase: SearchPhrase) -> str:
    return f'"{" ".join(phrase.words)}"{" *" if phrase.beginning else ""}'


def _tsquery(phrase: SearchPhrase) -> str:
    words = " <-> ".join(f"'{word}'" for word in phrase.words)
    return f"({words}{':*' if phrase.beginning else ''})"
