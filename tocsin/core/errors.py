"""The one tree of errors. Each message names the value, the place and the next step. No message holds a secret."""

from __future__ import annotations


class TocsinError(Exception):
    """An error raised on purpose. On the command line it is one line and exit status `exit_code`, never a traceback."""

    exit_code = 1

    @property
    def said(self) -> str:
        """The message, which can be said in other languages where it is a `Sentence`."""
        return self.args[0] if self.args and isinstance(self.args[0], str) else str(self)


class WrongInput(TocsinError):
    """An input that cannot be used: a wrong option, file, field or value. The message says where, and what would be right."""

    exit_code = 2


class BadMention(WrongInput):
    """One mention that cannot be taken. `field` names the bad field (or None), and `reason` is a short, stable slug."""

    def __init__(self, reason: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.field = field


class StreamUnavailable(TocsinError):
    """The stream cannot be reached or written just now. Nothing was lost; try again later."""


class StreamFull(StreamUnavailable):
    """Too much of the retained stream is still unread. Refuse new mentions, so that nothing unread is dropped."""


class StoreUnavailable(TocsinError):
    """The store cannot be reached or written just now (locked, away, disk full, read-only). Nothing was half done."""


class StoreRefused(StoreUnavailable):
    """The store's server is there and refuses us: password, role, rights or database. A person must mend that."""


class UpgradeStopped(StoreUnavailable):
    """The store is of an older schema, and the copy that comes before an upgrade cannot be kept. A person must mend that."""


class OutcomeUnknown(StoreUnavailable):
    """The store was lost while it answered a COMMIT: either all of the transaction was kept, or nothing. Read before deciding."""


class Fenced(TocsinError):
    """Another worker has taken the partition or the task over since. Drop the work in progress and read again."""


class IllegalTransition(TocsinError):
    """The state machine has no such arrow. The message names the state, the action, and the actions possible from there."""


class Conflict(TocsinError):
    """The thing changed since the caller read it (`If-Match`), or already exists."""


class NotFound(TocsinError):
    """There is no such thing. The message says what was looked for. On the command line it is wrong input."""

    exit_code = 2


class NotAllowed(TocsinError):
    """This role or key may not do that."""
