"""What the sources share that hold a connection open: one thread that reads, a bounded queue, and a cursor of what was drained.

A `fetch` drains what came since the last one and makes mentions of it; the thread only reads. The cursor is the place of the
last message that was drained, so nothing is lost when the process dies: the connection is made again at the cursor. A full
queue stops the reading, and the network waits or breaks off; nothing is dropped. A connection that has ended is made again once
everything that came before is drained: at once, or, where that happens often, after waits that grow.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

import msgspec
import structlog

from ingest.source import Bad, Cursor, Fetched, FetchFailed, Gap, Removed, SourceContext, read_cursor
from ingest.wires import Wire, WireEnded, WireMessage
from tocsin.core.errors import BadMention
from tocsin.core.mention import Mention

log = structlog.get_logger("ingest")

Place = TypeVar("Place", bound=msgspec.Struct)

# Of the queue. A message larger than all of it still fits into an empty queue.
MOST_WAITING, MOST_WAITING_BYTES = 20_000, 16 * 1024 * 1024
# Of one fetch.
MOST_DRAINED, MOST_DRAINED_BYTES = 2_000, 4 * 1024 * 1024
# A connection that nobody drains for so long is given up: the source has passed on to another worker.
ABANDONED_AFTER = timedelta(minutes=2)
# Between two fetches.
INTERVAL = timedelta(milliseconds=500)
# The first fetch on a new connection waits so long for a message, and then until so long nothing more came.
FIRST_WAIT, SETTLED = timedelta(seconds=1), timedelta(milliseconds=100)
# A connection that has ended is made again without a wait, but no more often than this.
AT_ONCE_EVERY = timedelta(seconds=30)
# So many connections in a row must end with a message too large, before it is passed over.
TOO_LARGE = 3
# The waits after connections that ended before they brought anything; the last one repeats.
WAITS = tuple(timedelta(seconds=s) for s in (1, 2, 4, 8, 15, 30, 60))


class Inbox:
    """The messages that came and are not drained yet: bounded in number and bytes. One thread puts, another takes."""

    def __init__(
        self,
        most: int = MOST_WAITING,
        most_bytes: int = MOST_WAITING_BYTES,
        abandoned_after: timedelta = ABANDONED_AFTER,
    ) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._abandoned_after = abandoned_after.total_seconds()
        self._messages: deque[WireMessage] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._closed = False
        self._taken_at = time.monotonic()
        # Why nothing more comes, once it is so.
        self.end: WireEnded | None = None
        # All messages that ever came.
        self.heard = 0

    def put(self, message: WireMessage) -> bool:
        """Add a message, after waiting while the queue is full. False: nobody wants more."""
        with self._changed:
            while self._is_full(len(message.data)) and not self._is_over():
                self._changed.wait(min(1.0, self._abandoned_after))
            if self._is_over():
                return False
            self._messages.append(message)
            self._bytes += len(message.data)
            self.heard += 1
            self._changed.notify_all()
            return True

    def finish(self, end: WireEnded) -> None:
        """Nothing more comes."""
        with self._changed:
            self.end = self.end or end
            self._changed.notify_all()

    def close(self) -> None:
        """Want nothing more: a `put` that waits returns."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def take(self, most: int = MOST_DRAINED, most_bytes: int = MOST_DRAINED_BYTES) -> list[WireMessage]:
        """The oldest messages, at least one where there is one. Does not wait."""
        taken: list[WireMessage] = []
        size = 0
        with self._changed:
            self._taken_at = time.monotonic()
            while self._messages and len(taken) < most and size < most_bytes:
                message = self._messages.popleft()
                size += len(message.data)
                taken.append(message)
            self._bytes -= size
            self._changed.notify_all()
        return taken

    def settle(self, quiet: timedelta, within: timedelta) -> None:
        """Wait for a message, then until nothing came for `quiet`; not beyond the end, and each `within` at most."""
        with self._changed:
            self._changed.wait_for(lambda: self._messages or self.end, within.total_seconds())
            ends = time.monotonic() + within.total_seconds()
            while self.end is None and not self._is_full(0) and (left := ends - time.monotonic()) > 0:
                if not self._changed.wait(min(left, quiet.total_seconds())):
                    return

    def __len__(self) -> int:
        return len(self._messages)

    def _is_full(self, size: int) -> bool:
        return bool(self._messages) and (
            len(self._messages) >= self._most or self._bytes + size > self._most_bytes
        )

    def _is_over(self) -> bool:
        return self._closed or time.monotonic() - self._taken_at > self._abandoned_after


class Line:
    """An open wire with the thread that reads it into an inbox."""

    def __init__(self, name: str, wire: Wire, inbox: Inbox | None = None) -> None:
        # An empty inbox counts as false.
        self.inbox = Inbox() if inbox is None else inbox
        self._wire = wire
        self._thread = threading.Thread(target=self._read, name=f"line-{name}"[:60], daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the connection and the thread, at once."""
        self.inbox.close()
        self._wire.cut()
        self._thread.join(5.0)

    def _read(self) -> None:
        try:
            while self.inbox.put(self._wire.receive()):
                pass
            end = WireEnded("nobody wanted to hear more")
        except WireEnded as error:
            end = error
        except Exception as error:  # a thread that dies in silence would leave the source deaf
            log.exception("a connection failed")
            end = WireEnded(f"an unexpected {type(error).__name__} on the connection")
        self.inbox.finish(end)
        self._wire.close()


@dataclass(slots=True)
class Heard:
    """What the messages of one fetch said. `now` is the time of the fetch."""

    now: datetime
    versions: dict[str, list[Mention]] = field(default_factory=dict)
    bad: list[Bad] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    removed: list[Removed] = field(default_factory=list)
    warning: str | None = None
    # More was asked for, and has not come yet.
    awaits_more: bool = False

    def add(self, mention: Mention) -> None:
        """Keep this version of a mention. An edit within one fetch counts too; only the same version again does not."""
        versions = self.versions.setdefault(mention.id, [])
        if all(one.version_rank != mention.version_rank for one in versions):
            versions.append(mention)

    def remove(self, *, id: str | None = None, author: str | None = None) -> None:
        """Note a deletion. Posts that came earlier in the same fetch are not handed over."""
        if id is not None:
            self.versions.pop(id, None)
        else:
            self.versions = {
                key: kept
                for key, kept in self.versions.items()
                if kept[0].author is None or kept[0].author.id != author
            }
        self.removed.append(Removed(id=id, author=author))

    @property
    def mentions(self) -> list[Mention]:
        """In the order in which they came."""
        return [one for versions in self.versions.values() for one in versions]

    def refuse(self, message: WireMessage, error: BadMention) -> None:
        """Note a message that is no mention and should be one."""
        self.bad.append(Bad(len(self.bad), message.data[: 64 * 1024] or b"(nothing)", error))


class Elsewhere(Exception):  # not an error: the connection goes on at another place
    """The connection must be made again, at another place (`at`), or at the same one after a failure (`failure`)."""

    def __init__(self, at: msgspec.Struct | None = None, failure: FetchFailed | None = None) -> None:
        super().__init__(str(failure or "elsewhere"))
        self.at, self.failure = at, failure


class Dialect(Protocol[Place]):
    """How one network speaks. The values of `form` are places in its stream; `form()` is the beginning.

    The place after a message that brought something differs from the place before, because a fetch is recognised by its
    place.
    """

    form: type[Place]

    def open(self, at: Place, now: datetime) -> Wire:
        """Connect so that everything after `at` comes, as far as the network still has it. Raises `FetchFailed`."""
        ...

    def read(self, message: WireMessage, at: Place, heard: Heard) -> Place:
        """Add what the message says to `heard`, and return the place after it. Raises `Elsewhere`."""
        ...

    def skip(self, at: Place, heard: Heard) -> Place:
        """The place to go on at, where a message too large to be held stands after `at`; what is skipped is a gap."""
        ...


class Streaming(Generic[Place]):
    """The fetches of a source that holds a connection open, in the dialect of its network."""

    def __init__(
        self,
        context: SourceContext,
        dialect: Dialect[Place],
        settle: Callable[[Inbox, bool], None] | None = None,
        inbox: Callable[[], Inbox] = Inbox,
    ) -> None:
        """`settle` is called before each draining, with whether something must come at once, and waits for it. Tests know when
        everything has come.
        """
        self._name, self._dialect = context.name, dialect
        self._settle, self._inbox = settle or _settled, inbox
        self._line: Line | None = None
        # The place after everything that was drained from the line.
        self._at: Place | None = None
        # The last fetch that moved the place, and where it began: the stream may not have taken it.
        self._last: tuple[Place, Fetched] | None = None
        self._failure: FetchFailed | None = None
        # The connections in a row that brought nothing, and the ones that ended with a message too large.
        self._barren = self._too_large = 0
        # More was asked for in the last fetch.
        self._awaits_more = False
        # When a connection that had ended was last made again at once, by the monotonic clock.
        self._again_at = -math.inf

    def fetch(self, cursor: Cursor | None, now: datetime) -> Fetched:
        """What came since `cursor`, as `Source.fetch`."""
        at = read_cursor(cursor, self._dialect.form)
        if self._last is not None and at == self._last[0] != self._at:
            return self._last[1]
        self._last = None
        if self._failure is not None and at == self._at:
            failure, self._failure = self._failure, None
            raise failure
        heard = Heard(now)
        if self._too_large >= TOO_LARGE:
            self._too_large = 0
            at = self._dialect.skip(at, heard)
        line = self._line_at(at, now)
        messages = line.inbox.take()
        if not messages and line.inbox.end is not None:
            line = self._anew(at, now, line.inbox.end)
            messages = line.inbox.take()
        return self._drain(at, messages, line, heard)

    def close(self) -> None:
        """End the connection and its thread. A later fetch makes a new one."""
        if self._line is not None:
            self._line.close()
        self._line = self._last = None

    def _line_at(self, at: Place, now: datetime) -> Line:
        """The connection that goes on at this place."""
        fresh = self._line is None or at != self._at
        if self._line is None or fresh:
            self.close()
            wire = self._dialect.open(at, now)
            self._line, self._at, self._failure = Line(self._name, wire, self._inbox()), at, None
        self._settle(self._line.inbox, fresh or self._awaits_more)
        return self._line

    def _anew(self, at: Place, now: datetime, end: WireEnded) -> Line:
        """A new connection after one that has ended. Raises `FetchFailed` where that one was new itself."""
        failure = self._ended(end)
        if time.monotonic() - self._again_at < AT_ONCE_EVERY.total_seconds():
            raise failure
        self._again_at = time.monotonic()
        log.info("a connection has ended and is made again", source=self._name, reason=str(end))
        line = self._line_at(at, now)
        if line.inbox.end is not None and not len(line.inbox):
            raise self._ended(line.inbox.end)
        return line

    def _drain(self, at: Place, messages: list[WireMessage], line: Line, heard: Heard) -> Fetched:
        began, again = read_cursor(None, self._dialect.form) if self._at is None else self._at, False
        try:
            for message in messages:
                at = self._read(message, at, heard)
        except Elsewhere as elsewhere:
            again = True
            self.close()
            at = elsewhere.at if isinstance(elsewhere.at, self._dialect.form) else at
            self._failure = elsewhere.failure
        if at != began:
            self._barren = self._too_large = 0
        if self._failure is not None and self._failure.retry_after is None:
            self._failure.retry_after = self.wait()
        self._at, self._awaits_more = at, heard.awaits_more
        fetched = Fetched(
            heard.mentions,
            heard.bad,
            msgspec.to_builtins(at),
            # The end of the connection is news too: the next fetch makes a new one.
            more=again or heard.awaits_more or len(line.inbox) > 0 or line.inbox.end is not None,
            warning=heard.warning,
            gaps=heard.gaps,
            removed=heard.removed,
        )
        if at != began:
            self._last = (began, fetched)
        return fetched

    def _read(self, message: WireMessage, at: Place, heard: Heard) -> Place:
        try:
            return self._dialect.read(message, at, heard)
        except BadMention as error:
            heard.refuse(message, error)
        except Elsewhere:
            raise
        except Exception as error:  # one odd message must not lose those that were drained with it
            log.exception("a message could not be read", source=self._name)
            heard.refuse(message, BadMention("malformed", f"an unexpected {type(error).__name__}"))
        return at

    def _ended(self, end: WireEnded) -> FetchFailed:
        self.close()
        self._too_large += end.too_large
        return FetchFailed(str(end), self.wait())

    def wait(self) -> timedelta:
        """The wait before the next connection. The wait grows while connections bring nothing."""
        self._barren += 1
        return WAITS[min(self._barren, len(WAITS)) - 1]


def _settled(inbox: Inbox, fresh: bool) -> None:
    if fresh:
        inbox.settle(SETTLED, FIRST_WAIT)
