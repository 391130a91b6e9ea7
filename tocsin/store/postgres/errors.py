"""Translation of PostgreSQL's errors into ours.

Trouble that passes by itself, or with a person's help, becomes `StoreUnavailable`. A mistake in our own statements is raised
as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from sqlalchemy import exc

from tocsin.core.errors import OutcomeUnknown, StoreRefused, StoreUnavailable

ADVICE: Final = {
    "08": "the connection was lost",
    "08001": "start the server, or check store.url",
    # A check constraint: only partitions have one.
    "23514": "the day that a row belongs to was dropped meanwhile; try again",
    "25006": "it takes no writes: is it a standby?",
    "25P03": "a transaction was left open for too long",
    "28": "check the role and its password (store.url, store.password)",
    "3D000": "make the database first: docs/engines.md",
    "40001": "two transactions met; try again",
    "40P01": "two transactions met; try again",
    "42501": "the role lacks a right: docs/engines.md",
    "53100": "its disk is full",
    "53200": "it is out of memory",
    "53300": "it has no connection left: raise max_connections, or run fewer processes",
    "53": "it lacks something it needs",
    "55P03": "another writer held its lock for too long",
    "57014": "a statement took too long",
    "57P": "it is stopping or starting",
    "58": "its disk cannot be read or written",
    "XX001": "its data is damaged",
    "XX002": "its data is damaged",
}
"""Advice for trouble that passes by itself or with a person's help, by SQLSTATE or its beginning."""

# The SQLSTATE behind the server's words, for errors that have no SQLSTATE.
BY_WORDS: Final = {
    "password authentication failed": "28P01",
    "no password supplied": "28P01",
    "no pg_hba.conf entry": "28000",
    "too many clients": "53300",
    '" does not exist': "3D000",
    "Connection refused": "08001",
    "failed to resolve host": "08001",
    "No such file or directory": "08001",
    "connection timeout expired": "08001",
}

REFUSED: Final = ("28", "3D000", "42501")
"""The SQLSTATEs, or beginnings of SQLSTATEs, of trouble that only a person can mend."""

COMMIT_REFUSED: Final = ("23", "40", "44", "53")
"""Beginnings of the SQLSTATEs with which COMMIT says that nothing was kept. Any other error may have come after the COMMIT
had taken effect.
"""


_NAMED_AGAIN: Final = re.compile(
    r"^connection (?:failed|is bad): (?:connection to server .{1,200}? failed: )?(?:FATAL:\s+)?(?=\S)"
)


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Translate the errors of the block. `where` names the server in the message. No message shows a value, a statement or a
    password.
    """
    try:
        yield
    except exc.TimeoutError as error:
        raise StoreUnavailable(
            f"the store {where} cannot be used just now: every connection is in use"
        ) from error
    except exc.DBAPIError as error:
        if isinstance(error.orig, psycopg.Error):
            found = unavailable(where, error.orig, lost=error.connection_invalidated)
            if found is not None:
                raise found from error
        raise
    except psycopg.Error as error:
        found = unavailable(where, error)
        if found is not None:
            raise found from error
        # Bulk rows go past SQLAlchemy.
        if isinstance(error, psycopg.IntegrityError):
            raise exc.IntegrityError("bulk rows", None, error, hide_parameters=True) from error
        raise


def unavailable(where: str, error: psycopg.Error, *, lost: bool = False) -> StoreUnavailable | None:
    """The error as `StoreUnavailable`, or as `StoreRefused` where waiting does not help; None for a mistake of ours."""
    state = error.sqlstate or ""
    # A connection that failed to open has no SQLSTATE: only the server's words tell.
    if not state:
        state = next((known for words, known in BY_WORDS.items() if words in str(error)), "")
    advice = next((ADVICE[state[:n]] for n in (5, 3, 2) if state and state[:n] in ADVICE), None)
    gone = lost or isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    if advice is None and not (gone and not state):
        return None
    words = f"{_words(error)}; {advice}" if advice else _words(error)
    kind = StoreRefused if state.startswith(REFUSED) else StoreUnavailable
    return kind(f"the store {where} cannot be used just now: {words}")


def after_commit(where: str, error: psycopg.Error) -> StoreUnavailable | None:
    """The meaning of a failed COMMIT. A refused COMMIT is an error as any other. Where its answer was lost, the outcome is
    unknown.
    """
    if (error.sqlstate or "").startswith(COMMIT_REFUSED):
        return unavailable(where, error)
    return OutcomeUnknown(
        f"the store {where} was lost while it was writing: whether the last change was kept is not known,"
        f" read before deciding ({_words(error)})"
    )


def _words(error: psycopg.Error) -> str:
    """The first line of the server's message, without the details, which may hold values.

    A message that begins with the server's address loses that beginning: whoever shows the words has named the server.
    """
    lines = (error.diag.message_primary or str(error)).strip().splitlines()
    return (_NAMED_AGAIN.sub("", lines[0]) if lines else type(error).__name__)[:300]
