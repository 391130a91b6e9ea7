"""The rows of an import, one after the other: a mention each, or the reason why the row makes none. The order is that of the
file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast
from zoneinfo import ZoneInfo

from ingest.recorded.mapping import ColumnMapping, mention_of
from ingest.recorded.opened import PlainBytes, opened
from ingest.recorded.records import Records
from tocsin.core.errors import BadMention
from tocsin.core.mention import Mention
from tocsin.reading.files import Rows


class ReadRow(NamedTuple):
    """A row: its line (in a JSON document, its place), its mention or why there is none, and its first bytes."""

    line: int
    mention: Mention | None
    bad: BadMention | None
    payload: bytes


@contextmanager
def rows_of(
    path: Path, by: ColumnMapping, most: int
) -> Iterator[tuple[Iterator[ReadRow], Callable[[], int]]]:
    """The rows of the file, and a function that says how many of its bytes were read."""
    with opened(path, by.encoding, most) as text:
        yield (_rows(Records(text), by) if by.columns else _own(text, path.name, by)), text.place


def _own(text: PlainBytes, name: str, by: ColumnMapping) -> Iterator[ReadRow]:
    """The rows of a file of Tocsin's own form."""
    zone = ZoneInfo(by.zone) if by.zone else None
    # A `PlainBytes` is read as an unpacked stream is.
    for row in Rows(cast("BinaryIO", text), name, source=by.source, zone=zone):
        yield ReadRow(row.line, row.mention, row.bad, row.payload)


def _rows(records: Records, by: ColumnMapping) -> Iterator[ReadRow]:
    for one in records:
        if one.bad is not None:
            yield ReadRow(one.number, None, one.bad, one.payload)
            continue
        try:
            yield ReadRow(one.number, mention_of(one.values, by), None, b"")
        except BadMention as bad:
            yield ReadRow(one.number, None, bad, one.payload)
