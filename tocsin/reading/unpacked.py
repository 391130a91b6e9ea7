"""Unpacking of gzip files, and refusal of files that cannot be unpacked or read here."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Mapping
from typing import BinaryIO, cast

from tocsin.core.errors import BadMention, WrongInput
from tocsin.core.sentences import Sentence

GZIP_MAGIC = b"\x1f\x8b"


class Unpacked:
    """A byte stream, unpacked where it begins with gzip's magic bytes. It is read forwards only and never holds more than a
    block.
    """

    def __init__(self, raw: BinaryIO) -> None:
        self._head = raw.read(2)
        self.packed = self._head == GZIP_MAGIC
        if self.packed:
            self._inner = cast("BinaryIO", gzip.GzipFile(fileobj=cast("BinaryIO", _Joined(self._head, raw))))
            self._head = b""
        else:
            self._inner = raw
        # `read1` hands over the bytes that come before the damage; `read` would lose them.
        self._read: Callable[[int], bytes] = getattr(self._inner, "read1", self._inner.read)

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; none at the end. Raises `BadMention('broken_gzip')` where the packed bytes are damaged or end
        early.
        """
        head, self._head = self._head, b""
        try:
            return head + self._read(size)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise BadMention("broken_gzip", f"the gzip file is damaged or ends early: {error}") from None


class _Joined:
    """A stream of two bytes that were read before, and then the rest."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head, self._rest = head, rest

    def read(self, size: int = -1) -> bytes:
        head, self._head = self._head, b""
        return head + self._rest.read(size - len(head) if size >= 0 else -1)


_UTF_16 = "{name} is UTF-16; save it as UTF-8 (iconv -f UTF-16 -t UTF-8)"
_ARRAY = "{name} is a JSON array; write one object a line (jq -c '.[]' does that)"
_PICTURE = "{name} is a picture; give a file of rows, CSV or JSON lines"
FOREIGN: Mapping[bytes, str] = {
    b"\xff\xfe": _UTF_16,
    b"\xfe\xff": _UTF_16,
    b"PK\x03\x04": "{name} is a zip file (or a spreadsheet); unpack it, or save it as CSV",
    b"\xd0\xcf\x11\xe0": "{name} is a spreadsheet or document of an old Office; save it as CSV",
    b"%PDF-": "{name} is a PDF; give a file of rows, CSV or JSON lines",
    b"\x89PNG": _PICTURE,
    b"\xff\xd8\xff": _PICTURE,
    b"GIF8": _PICTURE,
    b"\x28\xb5\x2f\xfd": "{name} is packed by zstd; unpack it first",
    b"BZh": "{name} is packed by bzip2; unpack it first",
    b"\xfd7zXZ": "{name} is packed by xz; unpack it first",
    b"PAR1": "{name} is a Parquet file; write it out as CSV or JSON lines",
    b"[{": _ARRAY,
    b"[\n": _ARRAY,
    b"[\r\n": _ARRAY,
}
"""What a file is that begins with these bytes, and what to do with it: patterns of sentences."""


def refuse_foreign(first: bytes, name: str) -> None:
    """Raise `WrongInput` where a file that begins with these bytes has a format that Tocsin does not read."""
    for magic, what in FOREIGN.items():
        if first.startswith(magic):
            raise WrongInput(Sentence(what, name=name))
