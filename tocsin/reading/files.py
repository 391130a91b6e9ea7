"""Reading mentions out of files: JSON lines or CSV, plain or gzip, in memory that does not grow with the
file.

A row is read as far as it can be; what cannot be read is said with its line and its bytes, and the rest goes
on. Two layers: `Rows` reads any open byte stream and knows how far it came (the file source goes on from
there), `iter_mentions` reads a whole file.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple, cast
from zoneinfo import ZoneInfo

from tocsin.core.errors import BadMention, WrongInput
from tocsin.core.mention import Author, Engagement, Mention
from tocsin.reading.mention import MAX_LINE_BYTES, read_json_line, read_mention

Format = Literal["jsonl", "csv"]
OnBad = Callable[[int, bytes, BadMention], None]

GZIP_MAGIC = b"\x1f\x8b"
MAX_PAYLOAD_BYTES = 8 * 1024  # of a bad row, kept to be looked at
MAX_COLUMNS = 256
MAX_OPEN_BYTES = 256 * 1024  # how long a quote in a growing file may wait to be closed
_BLOCK_BYTES = 256 * 1024
_BOM = b"\xef\xbb\xbf"
_KNOWN_ENDINGS = (".gz", ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".txt")
_PARTS = {"author": Author.__struct_fields__, "engagement": Engagement.__struct_fields__}
_BARE = {name: ("author", name) for name in ("handle", "followers", "verified")} | {
    name: ("engagement", name) for name in Engagement.__struct_fields__
}
_REQUIRED = ("id", "text", "created_at")


class Row(NamedTuple):
    """One line or CSV row: either a mention or why there is none. `end` is the offset in the (unpacked) bytes
    after it.
    """

    line: int
    end: int
    mention: Mention | None
    bad: BadMention | None
    payload: bytes


def iter_mentions(
    path: Path | BinaryIO,
    *,
    source: str | None = None,
    zone: ZoneInfo | None = None,
    on_bad: OnBad,
    format: Format | None = None,
) -> Iterator[tuple[int, Mention]]:
    """Each mention of the file with its line, in the order of the file.

    `source` is that of rows which name none; by default the file's name without its extensions. Gzip is known
    by its first bytes, the format by the name's ending or else the first character. What cannot be read goes
    to `on_bad` with its line, the first bytes of it and the reason. Raises `WrongInput` for what is no such
    file at all.
    """
    if isinstance(path, Path):
        with open_regular(path) as stream:
            yield from _iter(stream, path.name, source or source_name(path.name), zone, on_bad, format)
    else:
        given = getattr(path, "name", "")
        name = Path(given).name if isinstance(given, str) and not given.startswith("<") else ""
        yield from _iter(path, name, source or source_name(name) or None, zone, on_bad, format)


def _iter(
    raw: BinaryIO, name: str, source: str | None, zone: ZoneInfo | None, on_bad: OnBad, format: Format | None
) -> Iterator[tuple[int, Mention]]:
    rows = Rows(Unpacked(raw), name, source=source, zone=zone, format=format)
    for line, _end, mention, bad, payload in rows:
        if mention is not None:
            yield line, mention
        elif bad is not None:
            on_bad(line, payload, bad)


def source_name(file_name: str) -> str:
    """The source of a file's mentions: its name without the endings we know, `shop.jsonl.gz` -> `shop`."""
    name = file_name
    while name.lower().endswith(_KNOWN_ENDINGS) and name.rpartition(".")[0]:
        name = name.rpartition(".")[0]
    return name[:256]


def open_regular(path: Path) -> BinaryIO:
    """The file, opened for reading. Raises `WrongInput` for a folder, a device or a pipe, and where it cannot
    be read.
    """
    try:
        if not path.is_file():
            what = "is no regular file" if path.exists() else "does not exist"
            raise WrongInput(f"{path} {what}: give a file of mentions (JSON lines or CSV, also gzip)")
        return path.open("rb")
    except OSError as error:
        raise WrongInput(f"cannot read {path}: {error.strerror}") from None


class Unpacked:
    """A byte stream, unpacked where it begins with gzip's magic bytes, read forwards only. Never holds more
    than a block.
    """

    def __init__(self, raw: BinaryIO) -> None:
        self._head = raw.read(2)
        self.packed = self._head == GZIP_MAGIC
        if self.packed:
            self._inner = cast("BinaryIO", gzip.GzipFile(fileobj=cast("BinaryIO", _Joined(self._head, raw))))
            self._head = b""
        else:
            self._inner = raw
        # read1 hands over what is there before it meets the damage; read would lose it
        self._read: Callable[[int], bytes] = getattr(self._inner, "read1", self._inner.read)

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; none at the end. Raises `BadMention('broken_gzip')` where the packed bytes are
        damaged or end.
        """
        head, self._head = self._head, b""
        try:
            return head + self._read(size)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise BadMention("broken_gzip", f"the gzip file is damaged or ends early: {error}") from None


class _Joined:
    """Two bytes already read, then the rest."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head, self._rest = head, rest

    def read(self, size: int = -1) -> bytes:
        head, self._head = self._head, b""
        return head + self._rest.read(size - len(head) if size >= 0 else -1)


class Rows:
    """The rows of a stream of bytes.

    `offset` and `line` say where the stream stands when it does not stand at its beginning; a CSV then needs
    its `header`. With `growing`, a last line without an end is not read yet (somebody is still writing it)
    and `end` stays before it. After the iteration `end` and `line` are where to go on, `broken` is why the
    stream ended early (or None).
    """

    def __init__(
        self,
        stream: Unpacked | BinaryIO,
        name: str,
        *,
        source: str | None,
        zone: ZoneInfo | None = None,
        format: Format | None = None,
        header: Sequence[str] | None = None,
        delimiter: str | None = None,
        offset: int = 0,
        line: int = 0,
        growing: bool = False,
        fix_source: bool = False,
    ) -> None:
        self.name = name or "the input"
        self.format = format or _format_of_name(name)
        self.header = tuple(header) if header is not None else None
        self.delimiter = delimiter
        self._lines = _Lines(stream, offset, line, growing)
        self._read: dict[str, Any] = {"source": source, "zone": zone, "fix_source": fix_source}
        self._growing = growing
        self.end = offset
        self.line = line
        self.open_quote: int | None = (
            None  # the line of a growing CSV where the row begins whose quote is not closed yet
        )

    @property
    def broken(self) -> BadMention | None:
        return self._lines.broken

    def __iter__(self) -> Iterator[Row]:
        if self.format is None or self._lines.offset == 0:
            first = self._lines.peek()
            if first is None:
                return
            _refuse_foreign(first, self.name)
            if self.format is None:
                self.format = "jsonl" if first.lstrip()[:1] == b"{" else "csv"
        yield from self._json() if self.format == "jsonl" else self._csv()
        if self.broken is not None and not self._growing:
            yield Row(self.line + 1, self.end, None, self.broken, b"")

    def _json(self) -> Iterator[Row]:
        lines, read = self._lines, self._read
        source, zone, fix_source = read["source"], read["zone"], read["fix_source"]
        while True:
            try:
                raw = lines.next()
                if raw is None:
                    return
                line = raw.strip()
                mention = (
                    read_json_line(line, source=source, zone=zone, fix_source=fix_source) if line else None
                )
            except BadMention as bad:
                self.end, self.line = lines.offset, lines.line
                yield Row(self.line, self.end, None, bad, lines.current[:MAX_PAYLOAD_BYTES])
                continue
            self.end, self.line = lines.offset, lines.line
            if mention is not None:
                yield Row(self.line, self.end, mention, None, b"")

    def _csv(self) -> Iterator[Row]:
        # The limit is the process's, and its default is less than the largest text we take (and then cut).
        csv.field_size_limit(MAX_LINE_BYTES)
        lines = self._lines
        if self.header is None:
            found = self._header()
            if found is None:
                return
            self.header, self.delimiter = found
        columns = [_column(name) for name in self.header]
        reader = csv.reader(lines, delimiter=self.delimiter or ",", strict=True)
        while True:
            lines.start_row()
            try:
                cells = next(reader)
                mention = (
                    read_mention(_as_object(columns, cells, lines.not_utf8), **self._read)
                    if any(cells)
                    else None
                )
            except StopIteration:
                return
            except (BadMention, csv.Error) as error:
                if isinstance(error, csv.Error):
                    if lines.ended and self._growing and lines.row_bytes <= MAX_OPEN_BYTES:
                        self.open_quote = lines.row_line
                        return  # the quote may still be closed
                    error = BadMention("malformed", f"not CSV: {error}")
                    lines.keep_first()
                self.end, self.line = lines.offset, lines.line
                yield Row(lines.row_line, self.end, None, error, lines.payload())
                continue
            self.end, self.line = lines.offset, lines.line
            if mention is not None:
                yield Row(lines.row_line, self.end, mention, None, b"")

    def _header(self) -> tuple[tuple[str, ...], str] | None:
        lines = self._lines
        try:
            first = next(lines, None)
            while first is not None and not first.strip():
                first = next(lines, None)
            if first is None:
                return None
            delimiter = max(",;\t", key=first.count)  # the first of them where none is there
            names = tuple(
                name.strip() for name in next(csv.reader([first], delimiter=delimiter, strict=True))
            )
        except (BadMention, csv.Error) as error:
            raise WrongInput(f"{self.name}: the header cannot be read: {error}") from None
        lowered = [name.lower() for name in names]
        missing = [name for name in _REQUIRED if name not in lowered]
        if missing:
            raise WrongInput(
                f"{self.name}: the header has no column {', '.join(missing)}; a CSV of mentions begins with a"
                " line such as id,created_at,author,text"
            )
        twice = sorted({name for name in lowered if lowered.count(name) > 1})
        if twice or len(names) > MAX_COLUMNS:
            what = (
                f"names {twice[0]!r} twice"
                if twice
                else f"has {len(names)} columns, at most {MAX_COLUMNS} are read"
            )
            raise WrongInput(f"{self.name}: the header {what}")
        self.end, self.line = lines.offset, lines.line
        return names, delimiter


class _Lines:
    """Lines of bytes of bounded length, with the offset after them; also an iterator of text for the csv
    module.
    """

    def __init__(self, stream: Unpacked | BinaryIO, offset: int, line: int, growing: bool) -> None:
        self._stream = stream
        self._growing = growing
        self._buffer = b""
        self._at = 0  # where in the buffer the next line begins
        self._row: list[bytes] = []
        self.row_bytes = 0
        self.offset = offset
        self.line = line
        self.row_line = line + 1
        self.current = b""
        self.not_utf8 = False
        self.ended = False
        self.broken: BadMention | None = None

    def peek(self) -> bytes | None:
        """The beginning of the first line that is not blank; it will come again. None where there is none
        (yet).
        """
        while not self._buffer.removeprefix(_BOM).strip() and len(self._buffer) <= MAX_LINE_BYTES:
            if not self._fill():
                break
        if self.offset == 0 and self._buffer.startswith(_BOM):
            self._at = self.offset = len(_BOM)
        return self._buffer[self._at :].lstrip()[:4096] or None

    def next(self) -> bytes | None:
        """The next line with its end; None at the end. Raises `BadMention('too_large')` for one that was
        passed over.
        """
        found = self._buffer.find(b"\n", self._at)
        while found < 0:
            waiting = len(self._buffer) - self._at
            if waiting > MAX_LINE_BYTES:
                self._pass_over()
            if not self._fill():
                return self._last()
            found = self._buffer.find(b"\n", waiting)
        self.current = self._buffer[self._at : found + 1]
        self._at = found + 1
        self.offset += len(self.current)
        self.line += 1
        return self.current

    def start_row(self) -> None:
        """What comes now is a new CSV row."""
        self._row, self.row_bytes, self.not_utf8, self.row_line = [], 0, False, self.line + 1

    def keep_first(self) -> None:
        """Only the first line of the present row was the bad one (a quote left open takes in the rest): read
        those again.
        """
        again = b"".join(self._row[1:])
        self._buffer, self._at = again + self._buffer[self._at :], 0
        self.offset -= len(again)
        self.line -= len(self._row[1:])
        self.ended = False
        del self._row[1:]

    def payload(self) -> bytes:
        """The first bytes of the present CSV row."""
        return (b"".join(self._row) or self.current)[:MAX_PAYLOAD_BYTES]

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        raw = self.next()
        if raw is None:
            raise StopIteration
        self._row.append(raw)
        self.row_bytes += len(raw)
        if self.row_bytes > MAX_LINE_BYTES:
            self.keep_first()
            raise BadMention("too_large", f"a row of over {MAX_LINE_BYTES} bytes; is a quote left open?")
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            self.not_utf8 = True
            return raw.decode("utf-8", "surrogateescape")

    def _fill(self) -> bool:
        try:
            block = self._stream.read(_BLOCK_BYTES)
        except BadMention as bad:
            self.broken = bad
            return False
        self._buffer, self._at = self._buffer[self._at :] + block, 0
        return bool(block)

    def _last(self) -> bytes | None:
        """What stands after the last line end. It is no line while somebody may still be writing it, or where
        it was cut.
        """
        self.ended = True
        rest = self._buffer[self._at :]
        if not rest or self._growing or self.broken is not None:
            return None
        self.current, self._buffer, self._at = rest, b"", 0
        self.offset += len(rest)
        self.line += 1
        return rest

    def _pass_over(self) -> None:
        self.current = self._buffer[self._at : self._at + MAX_PAYLOAD_BYTES]
        end = -1
        while end < 0:
            self.offset += len(self._buffer) - self._at
            self._buffer, self._at = b"", 0
            if not self._fill():
                break
            end = self._buffer.find(b"\n")
        self.offset += end + 1
        self._at = end + 1
        self.line += 1
        raise BadMention("too_large", f"a line of over {MAX_LINE_BYTES} bytes")


_FOREIGN: Mapping[bytes, str] = {
    b"\xff\xfe": "UTF-16; save it as UTF-8 (iconv -f UTF-16 -t UTF-8)",
    b"\xfe\xff": "UTF-16; save it as UTF-8 (iconv -f UTF-16 -t UTF-8)",
    b"PK\x03\x04": "a zip file (or a spreadsheet); unpack it, or save it as CSV",
    b"\x28\xb5\x2f\xfd": "packed by zstd; unpack it first",
    b"BZh": "packed by bzip2; unpack it first",
    b"\xfd7zXZ": "packed by xz; unpack it first",
    b"PAR1": "a Parquet file; write it out as CSV or JSON lines",
    b"[{": "a JSON array; write one object a line (jq -c '.[]' does that)",
    b"[\n": "a JSON array; write one object a line (jq -c '.[]' does that)",
    b"[\r\n": "a JSON array; write one object a line (jq -c '.[]' does that)",
}


def _refuse_foreign(first: bytes, name: str) -> None:
    for magic, what in _FOREIGN.items():
        if first.startswith(magic):
            raise WrongInput(f"{name} is {what}")


def _format_of_name(name: str) -> Format | None:
    endings = {ending.lower() for ending in Path(name).suffixes[-2:]}
    if endings & {".csv", ".tsv"}:
        return "csv"
    return "jsonl" if endings & {".jsonl", ".ndjson"} else None


def _column(name: str) -> tuple[str, str | None]:
    """Where a column's cells go: a field of the mention, and for author and engagement the field inside."""
    lowered = name.lower()
    if lowered in Mention.__struct_fields__:
        return lowered, None
    for field, inner in _PARTS.items():
        if lowered[: len(field) + 1] in (f"{field}.", f"{field}_") and lowered[len(field) + 1 :] in inner:
            return field, lowered[len(field) + 1 :]
    return _BARE.get(lowered, (name, None))


def _as_object(
    columns: Sequence[tuple[str, str | None]], cells: Sequence[str], not_utf8: bool
) -> dict[str, Any]:
    if not_utf8:
        raise BadMention("encoding", "the row is not UTF-8")
    if len(cells) > len(columns) and any(cells[len(columns) :]):
        raise BadMention("malformed", f"{len(cells)} cells under {len(columns)} columns; is a quote missing?")
    found: dict[str, Any] = {}
    parts: dict[str, dict[str, Any]] = {}
    for (field, inner), cell in zip(columns, cells, strict=False):
        if inner is not None:
            if cell:
                parts.setdefault(field, {})[inner] = cell
        elif cell or field == "text":
            found[field] = cell
    if "author" in parts and "author" in found:
        parts["author"]["id"] = found["author"]
    return found | parts
