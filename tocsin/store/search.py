"""Full-text search over mentions: words, "phrases" and beginnings*, with the same answer on every engine.

A mention must hold every part of the search. A part stands between spaces, or in double quotes. It is cut as texts are
(`tocsin.store.words`), and its words must follow each other, so `don't`, `example.com` and `#apple` are found as such. A `*`
at the end of a word takes any ending. There are no operators: every other character separates words.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
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
from tocsin.core.sentences import Sentence
from tocsin.store import schema as s
from tocsin.store.words import WordsColumn, cut, words_of

# Characters of a typed search.
LONGEST: Final = 256
MOST_WORDS: Final = 32
SHORTEST_BEGINNING: Final = 2
RARE: Final = 2_000
# Mentions that `index_missing` does at once.
PIECE: Final = 500

_PART: Final = re.compile(r'"([^"]*)"?|([^\s"]+)')


@dataclass(frozen=True, slots=True)
class SearchPhrase:
    """Words that follow each other. Where `beginning` is true, the last word may have any ending."""

    words: tuple[str, ...]
    beginning: bool = False


def parse_search(typed: str) -> tuple[SearchPhrase, ...]:
    """The phrases of a typed search. Raises `WrongInput` where the search has no word in it, or is too long."""
    if len(typed) > LONGEST:
        raise WrongInput(
            Sentence("a search has at most {most} characters, this one has {n}", most=LONGEST, n=len(typed))
        )
    phrases = []
    for quoted, bare in _PART.findall(typed):
        words = tuple(cut(quoted or bare))
        if words:
            phrases.append(SearchPhrase(words, beginning=_is_beginning(bare or quoted, words)))
    count = sum(len(phrase.words) for phrase in phrases)
    if not count:
        raise WrongInput(Sentence("there is no word to look for in {typed}", typed=repr(typed)))
    if count > MOST_WORDS:
        raise WrongInput(
            Sentence(
                "a search has at most {most} words, this one has {n}",
                most=MOST_WORDS,
                n=count,
            )
        )
    return tuple(phrases)


def matching(conn: Connection, phrases: Sequence[SearchPhrase], *, rare: bool = True) -> ColumnElement[bool]:
    """The condition, for a WHERE, that a row of `mentions` holds every phrase. `rare`: few rows do (`is_rare`), so that it pays
    to begin with them.
    """
    if conn.dialect.name == "postgresql":
        asked = literal(" & ".join(map(_tsquery, phrases)))
        return func.words_of_mention(s.mentions.c.words, type_=TSVECTOR).bool_op("@@")(cast(asked, TSQUERY))
    if rare:
        rowid: ColumnElement[int] = literal_column("mentions.rowid")
        return rowid.in_(_found(phrases))
    # FTS5 is slow when it is asked about one row after the other. The words themselves, with spaces around them, give the
    # same answer.
    spaced = literal_column("' ' || mentions.words || ' '", Text)
    return and_(*(func.instr(spaced, _spaced(phrase)) > 0 for phrase in phrases))


def is_rare(conn: Connection, phrases: Sequence[SearchPhrase]) -> bool:
    """Whether at most `RARE` mentions hold every phrase. The count stops there."""
    if conn.dialect.name == "postgresql":
        some = select(literal(1)).select_from(s.mentions).where(matching(conn, phrases))
    else:
        some = _found(phrases)
    counted = some.limit(RARE + 1).subquery()
    return conn.execute(select(func.count()).select_from(counted)).scalar_one() <= RARE


@contextmanager
def within(conn: Connection, longest: timedelta, advice: str) -> Iterator[Callable[[], None]]:
    """Statements of this connection in the block are cancelled after `longest`, and `WrongInput` gives this advice.

    Yields what raises the same once that time is over, for a block of many short statements.
    """
    too_long = WrongInput(
        Sentence(
            "the search takes longer than {seconds} s: {advice}",
            seconds=f"{longest.total_seconds():g}",
            advice=advice,
        )
    )
    end = time.monotonic() + longest.total_seconds()

    def look() -> None:
        if time.monotonic() > end:
            raise too_long

    try:
        if conn.dialect.name == "postgresql":
            # The limit holds for this transaction, which only reads.
            conn.exec_driver_sql(f"SET LOCAL statement_timeout = {longest // timedelta(milliseconds=1)}")
            yield look
            return
        driver = conn.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.set_progress_handler(lambda: time.monotonic() > end, _STEPS_BETWEEN_LOOKS)
        try:
            yield look
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
    """The rowids in SQLite of the mentions that hold every phrase."""
    asked = literal(" AND ".join(map(_fts5, phrases)))
    return select(_INDEX.c.rowid).where(literal_column("mention_words").bool_op("MATCH")(asked))


def index_due(conn: Connection) -> None:
    """Index the mentions that were inserted since the last call. SQLite indexes many rows at once, in the transaction that
    inserted them. PostgreSQL keeps its index by itself.
    """
    if conn.dialect.name == "sqlite":
        for statement in _INDEX_DUE:
            conn.exec_driver_sql(statement)


def index_missing(conn: Connection, limit: int = PIECE) -> int:
    """Give words to up to `limit` mentions that have none, because older code stored them. Returns the number of mentions."""
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


# PostgreSQL's query_canceled.
_CANCELLED: Final = "57014"
# Steps of SQLite's virtual machine between two checks of the time: a few thousand checks a second.
_STEPS_BETWEEN_LOOKS: Final = 20_000
_INDEX_DUE: Final = (
    "INSERT INTO mention_words (rowid, words)"
    " SELECT m.rowid, m.words FROM mention_words_due d JOIN mentions m ON m.rowid = d.id ORDER BY d.id",
    "DELETE FROM mention_words_due",
)
# In the words of the index `mentions_wordless`, so that an engine uses that index.
_NO_WORDS: Final[ColumnElement[Any]] = literal_column("words IS NULL")


def _is_beginning(typed: str, words: Sequence[str]) -> bool:
    if not typed.endswith("*") or not cut(typed[-2:-1]):
        return False
    if len(words[-1]) < SHORTEST_BEGINNING and not _is_single(words[-1]):
        raise WrongInput(
            Sentence(
                "before * there must be {n} letters at least, not {typed}",
                n=SHORTEST_BEGINNING,
                typed=repr(typed),
            )
        )
    return not _is_single(words[-1])


def _is_single(word: str) -> bool:
    """Whether this is a character that is a word of its own, so that no longer word can begin with it."""
    return len(cut(word * 2)) == 2


def _spaced(phrase: SearchPhrase) -> str:
    return f" {' '.join(phrase.words)}{'' if phrase.beginning else ' '}"


def _fts5(phrase: SearchPhrase) -> str:
    return f'"{" ".join(phrase.words)}"{" *" if phrase.beginning else ""}'


def _tsquery(phrase: SearchPhrase) -> str:
    words = " <-> ".join(f"'{word}'" for word in phrase.words)
    return f"({words}{':*' if phrase.beginning else ''})"
