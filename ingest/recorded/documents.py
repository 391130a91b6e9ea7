"""The records of one large JSON document, cut out while it is read: the elements of its first list of objects.

So a Mastodon outbox, the `tweets.js` of an X archive (which begins with a line of JavaScript) and a plain JSON array are read in
memory that holds one record. Nothing is parsed here but brackets and quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Protocol

from tocsin.core.errors import BadMention
from tocsin.reading.mention import MAX_LINE_BYTES

_SIGNS: Final = re.compile(rb'["\\{}\[\]]')
_BLOCK: Final = 64 * 1024
_DEEPEST_LIST: Final = 4
"""The list of records lies at most so deep. Everything deeper belongs to a record."""


class Readable(Protocol):
    def read(self, size: int) -> bytes: ...


def records_of(stream: Readable) -> Iterator[bytes | BadMention]:
    """Each record as JSON, or the reason why there is none: it is too large, or the document ends within it."""
    scan = _Scan()
    while block := stream.read(_BLOCK):
        yield from scan.feed(block)
        if scan.over:
            return
    if scan.inside:
        yield BadMention("malformed", "the document ends within a record")


class _Scan:
    """Where the reading stands. `depth` counts open brackets, `inside` says that a record is being collected."""

    def __init__(self) -> None:
        self.over = self.inside = False
        self._open = bytearray()
        self._in_text = self._escaped = False
        # The depth within the list of records, once it was found.
        self._list: int | None = None
        self._record, self._too_large = bytearray(), False

    def feed(self, block: bytes) -> Iterator[bytes | BadMention]:
        """The records that end in this block."""
        start, at = (0 if self.inside else -1), 0
        if self._escaped:
            self._escaped, at = False, 1
        for sign in _SIGNS.finditer(block, at):
            place = sign.start()
            if place < at:
                continue
            what = block[place]
            if self._in_text:
                if what == 0x5C:
                    at = place + 2
                    self._escaped = at > len(block)
                elif what == 0x22:
                    self._in_text = False
                continue
            if what == 0x22:
                self._in_text = True
                self._no_list_here()
            elif what in b"{[":
                self._open.append(what)
                if self._begins_a_record():
                    start, self.inside = place, True
            elif what in b"}]" and self._open:
                self._open.pop()
                if self.inside and len(self._open) == self._list:
                    self._collect(block[start : place + 1])
                    yield self._ended()
                    start = -1
                elif self._list is not None and len(self._open) < self._list:
                    self.over = True
                    return
        if start >= 0:
            self._collect(block[start:])

    def _begins_a_record(self) -> bool:
        """Whether the bracket that was opened now begins a record. The first list whose first element is an object is taken."""
        opened = self._open
        if opened[-1:] != b"{":
            return False
        if (
            self._list is None
            and len(opened) >= 2
            and opened[-2:-1] == b"["
            and len(opened) - 1 <= _DEEPEST_LIST
        ):
            self._list = len(opened) - 1
        return self._list is not None and len(opened) == self._list + 1

    def _no_list_here(self) -> None:
        """A list that begins with a text is no list of records: its bracket counts as a plain one from now on."""
        if self._list is None and self._open[-1:] == b"[":
            self._open[-1] = ord("(")

    def _collect(self, part: bytes) -> None:
        if len(self._record) + len(part) > MAX_LINE_BYTES:
            self._record.clear()
            self._too_large = True
        if not self._too_large:
            self._record += part

    def _ended(self) -> bytes | BadMention:
        record, large = bytes(self._record), self._too_large
        self._record.clear()
        self.inside = self._too_large = False
        return BadMention("too_large", f"a record of over {MAX_LINE_BYTES} bytes") if large else record
