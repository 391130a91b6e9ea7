"""The port of ingest: where mentions come from. One connector per file in `ingest/sources/`.

A source is asked with the cursor that was stored last and says what came since; it keeps nothing that it
could not lose. The worker hands over what it brought and only then stores the new cursor, so the same
mentions may be brought twice, never lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeVar

import msgspec
import structlog

from tocsin.core.errors import BadMention, TocsinError
from tocsin.core.mention import Handed

if TYPE_CHECKING:  # the process that only parses feeds need not load it
    from tocsin.settings import Ingest

log = structlog.get_logger()

Cursor = Mapping[str, Any]  # JSON values
C = TypeVar("C", bound=msgspec.Struct)
Natural = Annotated[int, msgspec.Meta(ge=0)]


@dataclass(frozen=True, slots=True)
class Bad:
    """What was there and is no mention: the file's line or the entry's index, the first bytes of it, and why."""

    position: int
    payload: bytes
    error: BadMention


@dataclass(frozen=True, slots=True)
class Fetched:
    """What one fetch brought. `cursor` is to be stored after the hand-over; `more` means that there is more
    to be had now.
    """

    mentions: Sequence[Handed] = ()
    bad: Sequence[Bad] = ()
    cursor: Cursor | None = None
    more: bool = False
    retry_after: timedelta | None = None  # when to ask again, where the source says so itself
    answered: bool = True  # it was reached, whether or not it had something new
    warning: str | None = None  # it answered, but not as it should


class Source(Protocol):
    """A configured source. Used by one thread at a time; `fetch` ends within the fetch timeout and holds bounded memory.

    What others must know of a kind stands in `tocsin/definitions/source_kinds.py`. `tests/contracts/sources.py` holds every
    kind to this.
    """

    kind: str
    target: str  # the file, the address: a stored cursor is for this one only
    interval: timedelta  # how often to ask when there is nothing more
    remote: bool  # it waits on a network: the worker gives it a thread

    def fetch(self, cursor: Cursor | None, now: datetime) -> Fetched:
        """What came since `cursor` (None: from the beginning). A cursor that it cannot read counts as none. Raises
        `FetchFailed` and `WrongInput`, nothing else."""
        ...

    def close(self) -> None:
        """Give back what it holds. It may be closed twice, and asked again afterwards."""
        ...


class FetchFailed(TocsinError):
    """The source did not answer, or not usably; ask again later (not before `retry_after`, where it said so)."""

    def __init__(self, message: str, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


def read_cursor(cursor: Cursor | None, form: type[C]) -> C:
    """The cursor in the source's own form; all defaults where there is none. One that cannot be read (another version's, or
    mended by hand) counts as none: what is brought twice counts once, what is skipped is lost.
    """
    if cursor is None:
        return form()
    try:
        return msgspec.convert(dict(cursor), form)
    except msgspec.ValidationError as error:
        log.warning("a cursor cannot be read: the source is read from its beginning", reason=str(error)[:200])
        return form()


@dataclass(frozen=True, slots=True)
class SourceContext:
    """What every factory is given besides the source's own settings."""

    name: str  # of the source: that of mentions which name none
    ingest: Ingest
