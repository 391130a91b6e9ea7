"""A file of mentions (JSON lines or CSV, also gzip), read to its end and then followed as it grows.

The cursor holds how far the file was read, and the marks by which the file is known again: its inode and a hash of its
first bytes. A last line without an end waits until it has one. When another file stands in its place, the rest of the
old file is read first, if that one was only renamed beside it (`log` to `log.1`). An emptied file is read from its
beginning.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, BinaryIO, Literal
from zoneinfo import ZoneInfo

import msgspec
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from ingest.source import Bad, Cursor, Fetched, FetchFailed, Natural, SourceContext, read_cursor
from tocsin.core.errors import WrongInput
from tocsin.core.mention import Handed
from tocsin.core.sentences import Sentence
from tocsin.definitions.models import known_zone
from tocsin.reading.files import Rows, open_regular
from tocsin.reading.unpacked import GZIP_MAGIC, Unpacked

# Of one fetch.
MAX_ROWS = 10_000
# Of one fetch, about.
MAX_BYTES = 8 * 1024 * 1024
FINGERPRINT_BYTES = 1024
# Of a path and of each name in it, in bytes: no system that Tocsin runs on takes more.
LONGEST_PATH, LONGEST_NAME = 4095, 255
_SKIP_BYTES = 1024 * 1024
_ENDS_EARLY = "the gzip file is damaged or ends early; what could be unpacked was read"


def _path(value: object) -> object:
    """The path as it was written. Raises ValueError where no file can be there."""
    if not isinstance(value, str | Path):
        raise ValueError(Sentence("a text is needed"))
    path = Path(value)
    if not str(value).strip():
        raise ValueError(Sentence("this may not be empty"))
    if path.name in ("", ".."):
        raise ValueError(Sentence("{value} is a folder: name the file in it", value=repr(str(value)[:40])))
    written = str(path).encode("utf-8", "surrogatepass")
    if len(written) > LONGEST_PATH or any(len(part) > LONGEST_NAME for part in written.split(b"/")):
        raise ValueError(
            Sentence(
                "no file has so long a path: {most} bytes at most, and {n} in one name",
                most=LONGEST_PATH,
                n=LONGEST_NAME,
            )
        )
    return value


class FileSettings(BaseModel):
    """The settings of a file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Annotated[Path, BeforeValidator(_path)] = Field(
        description="The file. Its folder must be there, the file may come later."
    )
    format: Literal["auto", "jsonl", "csv"] = Field(
        "auto",
        description="The format of the file. If it is not set, the name and the first character of the file say it.",
    )
    timezone: str | None = Field(
        None, description="Time zone of times without an offset. If it is not set, such times are refused."
    )
    interval_s: float = Field(1.0, ge=0.1, le=86_400, description="How often to look for more.")

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        return None if value is None else known_zone(value)


class _Cursor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The point up to which the file was read. `offset` counts unpacked bytes."""

    inode: Natural = 0
    head_bytes: Annotated[int, msgspec.Meta(ge=0, le=FINGERPRINT_BYTES)] = 0
    head_hash: str = ""
    offset: Natural = 0
    line: Natural = 0
    format: Literal["jsonl", "csv"] | None = None
    header: tuple[str, ...] | None = None
    delimiter: Annotated[str, msgspec.Meta(min_length=1, max_length=1)] | None = None
    # The size of a gzip file that was read to its end. Nothing more comes until the file has another size.
    packed_size: int = 0
    # Whether that gzip file ended early.
    broken: bool = False


@dataclass(slots=True)
class _Held:
    """A gzip file kept open between fetches: going on from its middle would mean unpacking it again from the start."""

    inode: int
    rows: Rows
    raw: BinaryIO


class FileSource:
    """A file as a source; the module's docstring describes how it is read."""

    kind = "file"
    remote = False

    def __init__(self, context: SourceContext, settings: FileSettings) -> None:
        self._name = context.name
        self._settings = settings
        self._path = settings.path
        self.target = str(settings.path)
        self._zone = ZoneInfo(settings.timezone) if settings.timezone else None
        self._held: _Held | None = None
        self.interval = timedelta(seconds=settings.interval_s)

    def fetch(self, cursor: Cursor | None, now: datetime) -> Fetched:  # noqa: ARG002  # a file needs no clock
        try:
            return self._fetch(cursor)
        except OSError as error:
            raise FetchFailed(f"cannot read {self._path}: {error.strerror}") from None

    def _fetch(self, cursor: Cursor | None) -> Fetched:
        at = read_cursor(cursor, _Cursor)
        if not self._path.exists():
            old = self._renamed(at)
            if old is None:
                raise FetchFailed(f"{self._path} is not there (yet)")
            return self._read(old, at, growing=True)
        with open_regular(self._path) as raw:
            stat = os.fstat(raw.fileno())
            same = at.inode in (0, stat.st_ino) and self._is_known(raw, at)
        if not same:
            old = self._renamed(at)
            if old is not None:
                fetched = self._read(old, at, growing=False)
                if fetched.mentions or fetched.bad:
                    return Fetched(fetched.mentions, fetched.bad, fetched.cursor, more=True)
            self.close()
            at = _Cursor()
        return self._read(self._path, at, growing=True)

    def close(self) -> None:
        if self._held is not None:
            self._held.raw.close()
            self._held = None

    def _read(self, path: Path, at: _Cursor, *, growing: bool) -> Fetched:
        raw = open_regular(path)
        keep = False
        try:
            stat = os.fstat(raw.fileno())
            head = raw.read(FINGERPRINT_BYTES)
            raw.seek(0)
            unpacked = Unpacked(raw)
            if unpacked.packed and at.packed_size == stat.st_size:
                return Fetched(cursor=msgspec.to_builtins(at), warning=_ENDS_EARLY if at.broken else None)
            held = self._held
            if unpacked.packed and held and (held.inode, held.rows.end) == (stat.st_ino, at.offset):
                rows = held.rows
            else:
                self.close()
                rows = self._rows(raw, unpacked, path, at, growing)
                if unpacked.packed:
                    self._held = _Held(stat.st_ino, rows, raw)
                    keep = True
            mentions, bad, more = _taken(rows)
        finally:
            if not keep:
                raw.close()
        broken = rows.broken is not None
        warning = _ENDS_EARLY if broken else None
        if rows.open_quote is not None:
            warning = (
                f"line {rows.open_quote} opens a quote that is not closed yet; what follows waits for it"
            )
        if unpacked.packed and not more:
            self.close()
        known = min(len(head), FINGERPRINT_BYTES)
        after = _Cursor(
            inode=stat.st_ino,
            head_bytes=known,
            head_hash=_hash(head[:known]),
            offset=rows.end,
            line=rows.line,
            format=rows.format if rows.end else None,
            header=rows.header,
            delimiter=rows.delimiter,
            packed_size=stat.st_size if unpacked.packed and not more else 0,
            broken=broken,
        )
        return Fetched(mentions, bad, msgspec.to_builtins(after), more=more, warning=warning)

    def _rows(self, raw: BinaryIO, unpacked: Unpacked, path: Path, at: _Cursor, growing: bool) -> Rows:
        if unpacked.packed:
            left = at.offset
            while left:
                skipped = len(unpacked.read(min(left, _SKIP_BYTES)))
                if not skipped:
                    raise WrongInput(
                        f"{path} unpacks to less than was read of it before; give it another name"
                    )
                left -= skipped
        else:
            raw.seek(at.offset)
        return Rows(
            unpacked if unpacked.packed else raw,
            self._path.name,
            source=self._name,
            zone=self._zone,
            format=at.format
            if at.offset
            else None
            if self._settings.format == "auto"
            else self._settings.format,
            header=at.header if at.offset else None,
            delimiter=at.delimiter,
            offset=at.offset,
            line=at.line,
            # A packed file ends with its last line, whole. The last line of a plain file may be only half written.
            growing=growing and not unpacked.packed,
        )

    def _is_known(self, raw: BinaryIO, at: _Cursor) -> bool:
        """Whether this is the file of the cursor: it begins as that one did, and is no shorter than the part that was read."""
        head = raw.read(at.head_bytes)
        if _hash(head) != at.head_hash and at.head_bytes:
            return False
        return head.startswith(GZIP_MAGIC) or os.fstat(raw.fileno()).st_size >= at.offset

    def _renamed(self, at: _Cursor) -> Path | None:
        """The file of the cursor, where it was renamed and now stands beside the file that took its place."""
        if not at.inode:
            return None
        with os.scandir(self._path.parent) as entries:
            for entry in entries:
                if (
                    entry.name != self._path.name
                    and entry.name.startswith(self._path.stem)
                    and entry.inode() == at.inode
                    and entry.is_file(follow_symlinks=False)
                ):
                    with open_regular(Path(entry.path)) as raw:
                        return Path(entry.path) if self._is_known(raw, at) else None
        return None


def _taken(rows: Rows) -> tuple[Sequence[Handed], Sequence[Bad], bool]:
    """At most one fetch's worth of rows, and whether that limit stopped the reading."""
    taken = rows.take(MAX_ROWS, MAX_BYTES)
    bad = [Bad(line, payload, error) for line, payload, error in taken.bad if error.reason != "broken_gzip"]
    return taken.mentions, bad, taken.more


def _hash(head: bytes) -> str:
    return hashlib.blake2b(head, digest_size=16).hexdigest()
