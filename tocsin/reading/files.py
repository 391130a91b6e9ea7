"""Reading mentions out of files: JSON lines or CSV, plain or gzip, in memory that does not grow with the file.

A row that cannot be read is reported with its line and its bytes, and reading goes on with the next row. There are two layers.
`Rows` reads any open byte stream and knows how far it came, so that the file source can go on from there. `iter_mentions` reads
a whole file.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from dataclasses import field as made_by
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple
from zoneinfo import ZoneInfo

from tocsin.core.errors import BadMention, WrongInput
from tocsin.core.mention import Author, Engagement, Handed, Mention, MentionLine
from tocsin.reading.lines import as_they_are
from tocsin.reading.mention import MAX_LINE_BYTES, read_json_line, read_mention
from tocsin.reading.unpacked import Unpacked, refuse_foreign

Format = Literal["jsonl", "csv"]
OnBad = Callable[[int, bytes, BadMention], None]

# Bytes of a bad row: one more than a dead letter keeps, so that a cut shows.
MAX_PAYLOAD_BYTES = 128 * 1024 + 1
MAX_COLUMNS = 256
# Bytes of a row in a growing file up to which an open quote may wait to be closed.
MAX_OPEN_BYTES = 256 * 1024
_BLOCK_BYTES = 256 * 1024
_BOM = b"\xef\xbb\xbf"
_KNOWN_ENDINGS = (".gz", ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".txt")
_PARTS = {"author": Author.__struct_fields__, "engagement": Engagement.__struct_fields__}
_BARE = {name: ("author", name) for name in ("handle", "followers", "verified")} | {
    name: ("engagement", name) for name in Engagement.__struct_fields__
}
_REQUIRED = ("id", "text", "created_at")


class Row(NamedTuple):
    """One line or CSV row: either a mention, or the reason why there is none. `end` is the offset after the row, in the
    (unpacked) bytes.
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
    """Each mention of the file with its line number, in the order of the file.

    `source` is the source of rows that name none; by default the file's name without its extensions. Gzip is known by its first
    bytes, the format by the ending of the name, or else by the first character. A row that cannot be read goes to `on_bad` with
    its line number, its first bytes and the reason. Raises `WrongInput` for a file that holds no mentions at all.
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
    """The source of a file's mentions: the file's name without the known endings, `shop.jsonl.gz` -> `shop`."""
    name = file_name
    while name.lower().endswith(_KNOWN_ENDINGS) and name.rpartition(".")[0]:
        name = name.rpartition(".")[0]
    return name[:256]


def open_regular(path: Path) -> BinaryIO:
    """The file, opened for reading. Raises `WrongInput` for a folder, a device or a pipe, and for a file that cannot be read."""
    try:
        if not path.is_file():
            what = "is no regular file" if path.exists() else "does not exist"
            raise WrongInput(f"{path} {what}: give a file of mentions (JSON lines or CSV, also gzip)")
        return path.open("rb")
    except OSError as error:
        raise WrongInput(f"cannot read {path}: {error.strerror}") from None


@dataclass(slots=True)
class Taken:
    """The result of `Rows.take`, in the order of the file. `more`: reading stopped before the end."""

    mentions: list[Handed] = made_by(default_factory=list)
    # Line number, first bytes and reason of each bad row.
    bad: list[tuple[int, bytes, BadMention]] = made_by(default_factory=list)
    more: bool = False

    @property
    def count(self) -> int:
        return len(self.mentions) + len(self.bad)

    def note(self, row: Row) -> None:
        if row.mention is not None:
            self.mentions.append(row.mention)
        elif row.bad is not None:
            self.bad.append((row.line, row.payload, row.bad))


class Rows:
    """The rows of a stream of bytes.

    `offset` and `line` give the place of the stream when it does not stand at its beginning; a CSV then needs its `header`.
    With `growing`, a last line without a line end is not read yet, because somebody is still writing it, and `end` stays before
    it. After the iteration, `end` and `line` are the place to go on from, and `broken` is the reason why the stream ended early
    (or None).
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
        self._lines = BoundedLines(stream, offset, line, growing)
        self._read: dict[str, Any] = {"source": source, "zone": zone, "fix_source": fix_source}
        self._growing = growing
        self.end = offset
        self.line = line
        # In a growing CSV, the line at which a row with an open quote begins.
        self.open_quote: int | None = None

    @property
    def broken(self) -> BadMention | None:
        return self._lines.broken

    def __iter__(self) -> Iterator[Row]:
        if (self.format is None or self._lines.offset == 0) and not self._begin():
            return
        yield from self._json() if self.format == "jsonl" else self._csv()
        if self.broken is not None and not self._growing:
            yield Row(self.line + 1, self.end, None, self.broken, b"")

    def _begin(self) -> bool:
        """Tell the format by the first bytes. Returns False where there are no bytes (yet). Raises `WrongInput` for a format that
        is not read.
        """
        first = self._lines.peek()
        if first is None:
            return False
        refuse_foreign(first, self.name)
        if self.format is None:
            self.format = "jsonl" if first.lstrip()[:1] == b"{" else "csv"
        return True

    def take(self, most_rows: int, most_bytes: int) -> Taken:
        """The next rows: at least one where there is one, at most `most_rows`, of about `most_bytes` bytes.

        The rows are those of the iteration, but mentions whose lines need no mending come as `MentionLine`, several times faster.
        """
        taken, start = Taken(), self.end
        if self.format is None or self._lines.offset == 0:
            self._begin()
        while self.format == "jsonl" and not self._read["fix_source"]:
            block = self._lines.block(most_rows - taken.count)
            if not block:
                # The rest is read line by line: the last line, a line that is too long, or damage.
                break
            line = self.line
            for one in as_they_are(block, self._read["source"]):
                line += 1
                if isinstance(one, MentionLine):
                    taken.mentions.append(one)
                elif found := self._patiently(one, line):
                    taken.note(found)
            self.end, self.line = self._lines.offset, self._lines.line
            if taken.count >= most_rows or self.end - start >= most_bytes:
                taken.more = True
                return taken
        for row in self:
            taken.note(row)
            if taken.count >= most_rows or self.end - start >= most_bytes:
                taken.more = True
                break
        return taken

    def _patiently(self, raw: bytes, number: int) -> Row | None:
        """The row of one line of a block, without its `end`; None for a blank line."""
        line = raw.strip()
        try:
            return Row(number, 0, read_json_line(line, **self._read), None, b"") if line else None
        except BadMention as bad:
            return Row(number, 0, None, bad, raw[:MAX_PAYLOAD_BYTES])

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
        # This limit holds for the whole process. Its default is below the longest text that is taken (and then cut).
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
                        # The quote may still be closed.
                        return
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
            # A comma, where none of the three is there.
            delimiter = max(",;\t", key=first.count)
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


class BoundedLines:
    """Lines of bytes of bounded length, with the offset after each. The object is also an iterator of text for the module csv."""

    def __init__(self, stream: Unpacked | BinaryIO, offset: int, line: int, growing: bool) -> None:
        self._stream = stream
        self._growing = growing
        self._buffer = b""
        # The place in the buffer at which the next line begins.
        self._at = 0
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
        """The beginning of the first line that is not blank; None where there is none (yet). The line will come again."""
        while not self._buffer.removeprefix(_BOM).strip() and len(self._buffer) <= MAX_LINE_BYTES:
            if not self._fill():
                break
        if self.offset == 0 and self._buffer.startswith(_BOM):
            self._at = self.offset = len(_BOM)
        return self._buffer[self._at :].lstrip()[:4096] or None

    def next(self) -> bytes | None:
        """The next line with its line end; None at the end of the stream. Raises `BadMention('too_large')` for a line that was
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

    def some(self) -> bytes:
        """The next bytes, for who does not read by lines; none at the end."""
        if self._at == len(self._buffer) and not self._fill():
            return b""
        rest = self._buffer[self._at :]
        self._buffer, self._at = b"", 0
        self.offset += len(rest)
        return rest

    def block(self, most: int) -> bytes:
        """At most `most` whole lines, each with its line feed; empty where the next line does not end within the buffer."""
        end = self._buffer.rfind(b"\n", self._at)
        if end < 0:
            if len(self._buffer) - self._at > MAX_LINE_BYTES or not self._fill():
                return b""
            end = self._buffer.rfind(b"\n")
            if end < 0:
                return b""
        block = self._buffer[self._at : end + 1]
        count = block.count(b"\n")
        if count > most:
            block, count = block[: len(block) - len(block.split(b"\n", most)[most])], most
        self._at += len(block)
        self.offset += len(block)
        self.line += count
        return block

    def start_row(self) -> None:
        """Begin a new CSV row."""
        self._row, self.row_bytes, self.not_utf8, self.row_line = [], 0, False, self.line + 1

    def keep_first(self) -> None:
        """Keep only the first line of the present row, and read the others again: an open quote had taken them in."""
        again = b"".join(self._row[1:])
        self._buffer, self._at = again + self._buffer[self._at :], 0
        self.offset -= len(again)
        self.line -= len(self._row[1:])
        self.ended = False
        del self._row[1:]

    def payload(self) -> bytes:
        """The first bytes of the present CSV row."""
        return (b"".join(self._row) or self.current)[:MAX_PAYLOAD_BYTES]

    def __iter__(self) -> BoundedLines:
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
        """The bytes after the last line end, as the last line. They are no line while somebody may still be writing them, or
        where the stream broke off.
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


def _format_of_name(name: str) -> Format | None:
    endings = {ending.lower() for ending in Path(name).suffixes[-2:]}
    if endings & {".csv", ".tsv"}:
        return "csv"
    return "jsonl" if endings & {".jsonl", ".ndjson"} else None


def _column(name: str) -> tuple[str, str | None]:
    """The place for the cells of a column: a field of the mention, and for author and engagement the field inside it."""
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
