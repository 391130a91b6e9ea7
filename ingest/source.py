"""The port of ingest: the sources that mentions come from. Each connector is one file in `ingest/sources/`.

The worker asks a source with the cursor that was stored last, and the source answers with what came since. A source
keeps nothing that it could not lose. The worker hands over the mentions and only then stores the new cursor, so a
source may bring the same mentions twice and never loses one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeVar

import msgspec

from ingest.budget import HostBudget
from tocsin.core.clock import Clock, SystemClock
from tocsin.core.errors import BadMention, TocsinError
from tocsin.core.mention import Handed

# The process that only parses feeds need not load the settings.
# A process that reads strangers' bytes imports this module, and needs no settings.
if TYPE_CHECKING:
    from tocsin.settings import Ingest

# Holds JSON values.
Cursor = Mapping[str, Any]
C = TypeVar("C", bound=msgspec.Struct)
Natural = Annotated[int, msgspec.Meta(ge=0)]


@dataclass(frozen=True, slots=True)
class Bad:
    """A part of the source that is no mention: the file's line or the entry's index, its first bytes, and the reason."""

    position: int
    payload: bytes
    error: BadMention


@dataclass(frozen=True, slots=True)
class Gap:
    """A time that the source knows it could not hear, and will not hear any more: from `start` to `end`.

    `reason` ends the sentence "blind on NAME from 10:02 to 10:09: ...", such as "the cursor is too old".
    """

    start: datetime
    end: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Removed:
    """The network says that a post is deleted (`id`), or an author with all their posts (`author`, as in `Author.id`).

    Exactly one of the two is given. `source` is the source of the mentions, where it is not the configured one.
    """

    id: str | None = None
    author: str | None = None
    source: str | None = None

    def __post_init__(self) -> None:
        if (self.id is None) == (self.author is None):
            raise ValueError("name a post or an author")


@dataclass(frozen=True, slots=True)
class Fetched:
    """The result of one fetch. The worker stores `cursor` after the hand-over. `more` means that the source has more to
    give now.
    """

    mentions: Sequence[Handed] = ()
    bad: Sequence[Bad] = ()
    cursor: Cursor | None = None
    more: bool = False
    # The wait before the next fetch, where the source itself names one.
    retry_after: timedelta | None = None
    # Whether the source was reached, with or without news.
    answered: bool = True
    # The fault of an answer that came, but not as it should.
    warning: str | None = None
    # The times that could not be heard, each told once.
    gaps: Sequence[Gap] = ()
    # The posts and authors that the network has deleted. A removal may come again, and may name a post that never came.
    removed: Sequence[Removed] = ()


class Source(Protocol):
    """A configured source. One thread at a time uses it; `fetch` ends within the fetch timeout and holds bounded
    memory.

    The facts of a kind that others must know stand in `tocsin/definitions/source_kinds.py`.
    `tests/contracts/sources.py` tests every kind against this port.
    """

    kind: str
    # The file or the address. A stored cursor is for this target only.
    target: str
    # The time between two fetches when there is nothing more.
    interval: timedelta
    # Whether the source waits on a network: the worker then gives it a thread.
    remote: bool

    def fetch(self, cursor: Cursor | None, now: datetime) -> Fetched:
        """The mentions that came since `cursor` (None: from the beginning). A cursor that the source cannot read counts
        as none. Raises `FetchFailed` and `WrongInput`, nothing else.
        """
        ...

    def close(self) -> None:
        """Give back everything that the source holds. The worker may close a source twice, and may ask a closed source
        again.
        """
        ...


class FetchFailed(TocsinError):
    """The source did not answer, or not usably. Ask again later (not before `retry_after`, where the source named it)."""

    def __init__(
        self, message: str, retry_after: timedelta | None = None, *, status: int | None = None
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        # The status of the answer over HTTP, where there was one.
        self.status = status


class BudgetSpent(FetchFailed):
    """The host takes no more requests of ours before `retry_after`. That is waiting, not failing: nobody did anything wrong."""

    def __init__(self, message: str, retry_after: timedelta) -> None:
        super().__init__(message, retry_after)


def read_cursor(cursor: Cursor | None, form: type[C]) -> C:
    """The cursor in the source's own form, with all defaults where there is none. A cursor that cannot be read (another
    version's, or mended by hand) counts as none: a mention brought twice counts once, a skipped one is lost.
    """
    if cursor is None:
        return form()
    try:
        return msgspec.convert(dict(cursor), form)
    except msgspec.ValidationError as error:
        # Imported here: it is half of what a process that reads strangers' bytes would import.
        import structlog

        log = structlog.get_logger()
        log.warning("a cursor cannot be read: the source is read from its beginning", reason=str(error)[:200])
        return form()


@dataclass(frozen=True, slots=True)
class SourceContext:
    """The values that every factory gets besides the source's own settings."""

    # The source's name, which is also the source of mentions that name none.
    name: str
    ingest: Ingest
    clock: Clock = field(default_factory=SystemClock)
    # Shared by all sources of the process.
    budget: HostBudget = field(default_factory=HostBudget)
    # The queries of the enabled monitors, as they are now.
    queries: Callable[[], Sequence[str]] = tuple
