"""A file as UTF-8 bytes: unpacked where it is gzip, told from UTF-16 and the old code pages, and never larger than allowed."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tocsin.core.errors import BadMention, WrongInput
from tocsin.core.sentences import Sentence
from tocsin.reading.files import open_regular
from tocsin.reading.unpacked import Unpacked, refuse_foreign

ENCODINGS: Final = (
    "utf-8",
    "utf-16-le",
    "utf-16-be",
    "cp1254",
    "cp1252",
    "cp1250",
    "iso-8859-9",
)
"""What a file may be written in; one that begins with a mark of its encoding says so itself."""
HEAD_BYTES: Final = 64 * 1024
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# The bytes of ğ, ı, ş, Ğ, İ and Ş, which stand for Icelandic letters in the western code page.
_TURKISH: Final = frozenset(b"\xf0\xfd\xfe\xd0\xdd\xde")


class PlainBytes:
    """A stream of UTF-8 bytes. Bytes that are no character of the encoding become U+FFFD."""

    def __init__(
        self, raw: Unpacked, name: str, encoding: str | None, most: int, place: Callable[[], int] = lambda: 0
    ) -> None:
        self._raw, self._most, self._taken = raw, most, 0
        # How many bytes of the file were read.
        self.place = place
        self._head = _first(raw)
        # UTF-16 and JSON arrays are read here.
        if not _mark(self._head) and not self._head.startswith(b"["):
            refuse_foreign(self._head[:8], name)
        self.encoding = encoding or guess_encoding(self._head)
        if self.encoding not in ENCODINGS:
            raise WrongInput(
                Sentence(
                    "unknown encoding {encoding}; known: {choices}",
                    encoding=repr(self.encoding),
                    choices=", ".join(ENCODINGS),
                )
            )
        mark = _mark(self._head)
        self._head = self._head[len(mark[0]) :] if mark else self._head
        self._decoder = codecs.getincrementaldecoder(self.encoding)("replace")

    def read(self, size: int) -> bytes:
        """Up to about `size` bytes; none at the end. Raises `BadMention` where the packed bytes are damaged, or where more comes
        out of them than is allowed.
        """
        while True:
            raw, self._head = (self._head, b"") if self._head else (self._raw.read(size), b"")
            self._taken += len(raw)
            if self._taken > self._most:
                raise BadMention(
                    "too_large",
                    f"more than {self._most} bytes come out of it; set imports.max_bytes, or split it",
                )
            text = self._decoder.decode(raw, final=not raw).encode("utf-8", "replace")
            if text or not raw:
                return text


def guess_encoding(head: bytes) -> str:
    """The encoding of a file that begins with these bytes, as far as they tell."""
    mark = _mark(head)
    if mark:
        return mark[1]
    for encoding, at in (("utf-16-le", 1), ("utf-16-be", 0)):
        # Latin letters have a NUL in every other byte there.
        if len(head) >= 4 and head[at::2].count(0) > len(head) // 4 > head[1 - at :: 2].count(0):
            return encoding
    try:
        codecs.getincrementaldecoder("utf-8")("strict").decode(head)
    except UnicodeDecodeError:
        high = [byte for byte in head if byte >= 0xC0]
        turkish = sum(byte in _TURKISH for byte in high)
        return "cp1254" if turkish * 5 > len(high) else "cp1252"
    return "utf-8"


@contextmanager
def opened(path: Path, encoding: str | None, most: int) -> Iterator[PlainBytes]:
    """The file, opened. Raises `WrongInput` for a folder, a device, a zip, a picture and the like."""
    with open_regular(path) as file:
        yield PlainBytes(Unpacked(file), path.name, encoding, most, file.tell)


def _first(raw: Unpacked) -> bytes:
    head = b""
    while len(head) < HEAD_BYTES:
        try:
            block = raw.read(HEAD_BYTES - len(head))
        except BadMention as error:
            if head:
                # The bytes before the damage are read; the read that comes after them meets the damage again.
                return head
            raise WrongInput(error.said) from None
        if not block:
            break
        head += block
    return head


def _mark(head: bytes) -> tuple[bytes, str] | None:
    return next((one for one in _MARKS if head.startswith(one[0])), None)
