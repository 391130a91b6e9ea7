"""The one tree of errors. Each message names the value, the place and the next move; none holds a secret."""

from __future__ import annotations


class TocsinError(Exception):
    """Anything we raise on purpose. On the command line it is one line and exit status `exit_code`, never a traceback."""

    exit_code = 1


class WrongInput(TocsinError):
    """What was given cannot be used: a wrong option, file, field or value. Says where, and what would be right."""

    exit_code = 2


class BadMention(WrongInput):
    """One mention that cannot be taken; `field` is the offending one (or None) and `reason` a short, stable slug."""

    def __init__(self, reason: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.field = field


class StreamUnavailable(TocsinError):
    """The stream cannot be reached or written just now; nothing was lost, try again later."""


class StreamFull(StreamUnavailable):
    """Too much of the retained stream is still unread: refuse what comes, so that nothing unread is dropped."""


class StoreUnavailable(TocsinError):
    """The store cannot be reached or written just now (locked, away, disk full, read-only): nothing was half done."""


class StoreRefused(StoreUnavailable):
    """The store's server is there and does not take us as we come: password, role, rights, database. A person must mend it."""


class OutcomeUnknown(StoreUnavailable):
    """The store was lost while it answered a COMMIT: all of the transaction was kept or nothing. Read before deciding."""


class Fenced(TocsinError):
    """Somebody else has taken this over since: drop what was being done and read again."""


class IllegalTransition(TocsinError):
    """The state machine has no such arrow; the message names the state, the action and what is possible from there."""


class Conflict(TocsinError):
    """The thing changed since you looked (`If-Match`), or already exists."""


class NotFound(TocsinError):
    """There is no such thing; the message says what was looked for."""


class NotAllowed(TocsinError):
    """This role or key may not do that."""
