"""The rows of a recorded file, whatever its shape: CSV, JSON lines, or one JSON document. A row is a flat set of named values."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

import msgspec

from ingest.recorded.documents import records_of
from ingest.recorded.opened import PlainBytes
from tocsin.core.errors import BadMention, WrongInput
from tocsin.core.sentences import Sentence
from tocsin.reading.files import MAX_COLUMNS, MAX_PAYLOAD_BYTES, BoundedLines
from tocsin.reading.mention import MAX_LINE_BYTES, require_readable

Shape = Literal["csv", "lines", "document"]

DEEPEST: Final = 5
# Reports begin with a few lines about themselves before the header.
_PREAMBLE_ROWS: Final = 20
_HEADER_CELLS: Final = 3


class FileRow(NamedTuple):
    """One row. `number` is its line, or in a document its place. Either `values` or `bad` says something."""

    number: int
    values: Mapping[str, Any]
    bad: BadMention | None
    payload: bytes


class Records:
    """The rows of a text, in its order. `header` has the names of the columns of a CSV once the first row was read."""

    def __init__(self, text: PlainBytes) -> None:
        self._text = text
        self._lines = BoundedLines(text, 0, 0, False)  # type: ignore[arg-type]  # it only reads
        self.header: tuple[str, ...] = ()
        self.shape: Shape = _shape_of(self._lines.peek() or b"")

    def __iter__(self) -> Iterator[FileRow]:
        ways = {"csv": self._csv, "lines": self._json_lines, "document": self._document}
        yield from ways[self.shape]()
        if self._lines.broken is not None:
            yield FileRow(self._lines.line + 1, {}, self._lines.broken, b"")

    def _json_lines(self) -> Iterator[FileRow]:
        lines = self._lines
        while True:
            try:
                raw = lines.next()
                if raw is None:
                    return
                if line := raw.strip():
                    yield FileRow(lines.line, _flat_object(line), None, raw[:MAX_PAYLOAD_BYTES])
            except BadMention as bad:
                yield FileRow(lines.line, {}, bad, lines.current[:MAX_PAYLOAD_BYTES])

    def _document(self) -> Iterator[FileRow]:
        number = 0
        for number, one in enumerate(records_of(_Rest(self._lines)), start=1):
            if isinstance(one, BadMention):
                yield FileRow(number, {}, one, b"")
                continue
            try:
                yield FileRow(number, _flat_object(one), None, one[:MAX_PAYLOAD_BYTES])
            except BadMention as bad:
                yield FileRow(number, {}, bad, one[:MAX_PAYLOAD_BYTES])
        if not number and self._lines.broken is None:
            raise WrongInput(
                Sentence("there is no list of records in this JSON: give the export of posts itself")
            )

    def _csv(self) -> Iterator[FileRow]:
        csv.field_size_limit(MAX_LINE_BYTES)
        reader, waiting = self._begin()
        if reader is None:
            return
        for line, cells in waiting:
            yield FileRow(line, self._named(cells), None, b"")
        lines = self._lines
        while True:
            lines.start_row()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except (BadMention, csv.Error) as error:
                if isinstance(error, csv.Error):
                    error = BadMention("malformed", f"not CSV: {error}")
                    lines.keep_first()
                yield FileRow(lines.row_line, {}, error, lines.payload())
                continue
            if len(cells) > MAX_COLUMNS:
                bad = BadMention("malformed", f"{len(cells)} cells in a row, at most {MAX_COLUMNS} are read")
                yield FileRow(lines.row_line, {}, bad, lines.payload())
            elif any(cells):
                yield FileRow(lines.row_line, self._named(cells), None, lines.payload())

    def _begin(self) -> tuple[Any, list[tuple[int, list[str]]]]:
        """The reader behind the header, and the rows that were read to find it and follow it."""
        lines, found = self._lines, list[tuple[int, list[str]]]()
        first = lines.peek()
        if first is None:
            return None, []
        delimiter = max(",;\t", key=first.decode("utf-8", "replace").count)
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        try:
            while len(found) < _PREAMBLE_ROWS:
                lines.start_row()
                cells = next(reader, None)
                if cells is None:
                    break
                found.append((lines.row_line, [cell.strip() for cell in cells]))
        except (BadMention, csv.Error) as error:
            if not found:
                raise WrongInput(Sentence("the header cannot be read: {error}", error=str(error))) from None
            lines.keep_first()
        at = _header_at([cells for _, cells in found])
        names = [name.strip() for name in found[at][1]]
        if len(names) > MAX_COLUMNS:
            raise WrongInput(
                Sentence(
                    "the header has {n} columns, at most {most} are read",
                    n=len(names),
                    most=MAX_COLUMNS,
                )
            )
        self.header = _distinct(names)
        return reader, [one for one in found[at + 1 :] if any(one[1])]

    def _named(self, cells: Sequence[str]) -> dict[str, Any]:
        return {name: cell for name, cell in zip(self.header, cells, strict=False) if cell != ""}


class _Rest:
    """The rest of the lines, as a stream."""

    def __init__(self, lines: BoundedLines) -> None:
        self._lines = lines

    def read(self, size: int) -> bytes:  # noqa: ARG002  # as much as there is
        return self._lines.some()


# The lists of well-known exports: Mastodon, Bluesky, GoToSocial, and what many tools call it.
_LISTS: Final = re.compile(rb'"(orderedItems|feed|posts|statuses|records)"\s*:\s*\[\s*\{')


def _shape_of(head: bytes) -> Shape:
    """The shape of a file that begins with these bytes. JSON lines have a whole object on the first line, and it is no list."""
    if head.startswith((b"[", b"window.")):
        return "document"
    if not head.startswith(b"{"):
        return "csv"
    line, ended, _ = head.partition(b"\n")
    if not ended:
        return "document" if _LISTS.search(head) else "lines"
    try:
        obj = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "lines" if len(line) > _PRETTY and not _LISTS.search(line) else "document"
    lists = (value for value in obj.values() if isinstance(value, list) and len(value) > 1)
    return "document" if _LISTS.search(line) and any(isinstance(one[0], dict) for one in lists) else "lines"


# A document that was written to be read begins with a short line.
_PRETTY: Final = 200


def _header_at(rows: Sequence[Sequence[str]]) -> int:
    """The place of the header: the first row with as many named columns as the widest of these rows."""
    widest = max((len([cell for cell in cells if cell]) for cells in rows), default=0)
    if widest < _HEADER_CELLS:
        return next((at for at, cells in enumerate(rows) if any(cells)), 0)
    full = (at for at, cells in enumerate(rows) if len([cell for cell in cells if cell]) * 2 > widest)
    return next(full, 0)


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """The names of the columns, each once: a second `Date` is `Date (2)`, one without a name is `column 4`."""
    found: dict[str, None] = {}
    for place, name in enumerate(names, start=1):
        plain = name[:128] or f"column {place}"
        again, count = plain, 1
        while again in found:
            count += 1
            again = f"{plain} ({count})"
        found[again] = None
    return tuple(found)


def _flat_object(raw: bytes) -> dict[str, Any]:
    require_readable(raw)
    try:
        obj = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadMention("malformed", f"not JSON: {error}") from None
    if not isinstance(obj, dict):
        raise BadMention("not_object", "a record is a JSON object")
    found: dict[str, Any] = {}
    _flatten(obj, "", found, DEEPEST)
    return found


def _flatten(obj: Mapping[str, Any], prefix: str, found: dict[str, Any], deep: int) -> None:
    for key, value in obj.items():
        name = f"{prefix}{key}"[:256]
        if len(found) >= MAX_COLUMNS:
            return
        if isinstance(value, dict):
            if deep:
                _flatten(value, f"{name}.", found, deep - 1)
        elif isinstance(value, str | int | float) and not isinstance(value, bool) and value != "":
            found[name] = value
        elif isinstance(value, list) and value and isinstance(value[0], str):
            found[name] = value[0]
