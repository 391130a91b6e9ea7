"""The lines of a byte stream as they arrive: those of each read together, so that an answer need not wait for the end."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final

from tocsin.reading.unpacked import GZIP_MAGIC

READ_BYTES: Final = 256 * 1024
MAX_LINE_BYTES: Final = 16 * 1024 * 1024


def pieces(chunks: Iterable[bytes]) -> Iterator[list[bytes | None]]:
    """The lines of each chunk, with their line breaks. A line over `MAX_LINE_BYTES` comes as None and is not kept."""
    kept: list[bytes] = []
    size = 0
    for chunk in chunks:
        lines: list[bytes | None] = []
        for piece in _split(chunk):
            size += len(piece)
            if size <= MAX_LINE_BYTES:
                kept.append(piece)
            else:
                kept.clear()
            if piece.endswith(b"\n"):
                lines.append(b"".join(kept) if size <= MAX_LINE_BYTES else None)
                kept.clear()
                size = 0
        if lines:
            yield lines
    if size:
        yield [b"".join(kept) if size <= MAX_LINE_BYTES else None]


def read_chunks(stream: BinaryIO) -> Iterator[bytes]:
    """The bytes of `stream` as they arrive."""
    while chunk := stream.read1(READ_BYTES):  # type: ignore[attr-defined]  # BinaryIO lacks it; what is opened here has it
        yield chunk


def unpacked_chunks(stream: BinaryIO) -> Iterator[bytes]:
    """The bytes of `stream` as they arrive, unpacked where they begin like gzip. Raises `zlib.error` and `EOFError`."""
    chunks = read_chunks(stream)
    first = next(chunks, b"")
    while len(first) < len(GZIP_MAGIC) and first == GZIP_MAGIC[: len(first)]:
        more = next(chunks, b"")
        if not more:
            break
        first += more
    if first.startswith(GZIP_MAGIC):
        yield from _gunzipped(first, chunks)
    elif first:
        yield first
        yield from chunks


def _split(chunk: bytes) -> list[bytes]:
    """The lines of `chunk` with their line breaks. Only a line feed ends a line, as in JSON lines."""
    *whole, rest = chunk.split(b"\n")
    return [line + b"\n" for line in whole] + ([rest] if rest else [])


def _gunzipped(first: bytes, more: Iterator[bytes]) -> Iterator[bytes]:
    """The bytes of one or many gzip members, in pieces of bounded size, however well they were packed."""
    member = zlib.decompressobj(zlib.MAX_WBITS | 16)
    fed = False
    data = first
    while True:
        while data:
            fed = True
            piece = member.decompress(data, READ_BYTES)
            if piece:
                yield piece
            data = member.unconsumed_tail
            if member.eof:
                data = member.unused_data.lstrip(b"\0")
                member, fed = zlib.decompressobj(zlib.MAX_WBITS | 16), bool(data)
            elif not piece and not data:
                break
        following = next(more, None)
        if following is None:
            break
        data = following if fed else following.lstrip(b"\0")
    if fed:
        raise EOFError
