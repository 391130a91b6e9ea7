"""The body of a push: unpacked within bounds, then cut into items while they are counted.

Whoever sends a body chooses its shape. So no step takes more bytes, gzip members or items than the bounds allow.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from functools import cache
from itertools import islice

import msgspec

from api.problems import Problem, field_error
from tocsin.core.sentences import Sentence
from tocsin.core.text import one_line
from tocsin.reading.size import holds_more
from tocsin.reading.unpacked import GZIP_MAGIC

MAX_ITEMS = 10_000
# Values in all items together. Eight million bytes of real posts have fewer.
MAX_VALUES = 1_000_000
# How much larger than the largest body an unpacked one may be.
UNPACKED_TIMES = 4
# Gzip files set one behind the other are one gzip file. Senders join a few; a body of many is an attack.
MAX_GZIP_MEMBERS = 1000
# What follows a member is copied by zlib, so only as much is given to it at once.
_STEP_BYTES = 16 * 1024
# A line that is not blank, from its first visible byte on.
_LINE = re.compile(rb"[^\s][^\n]*")
# A list of objects.
_OBJECTS = re.compile(rb"\s*\[\s*\{")
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LINES = ("application/x-ndjson", "application/jsonl", "application/jsonlines")


def is_gzip(body: bytes) -> bool:
    """Whether the body begins as gzip does."""
    return body.startswith(GZIP_MAGIC)


def unpacked(body: bytes, encoding: str, most: int) -> bytes:
    """The body unpacked, of at most `most` bytes. Gzip is recognised by its magic bytes, whatever the header says.

    Raises 413 for a body that would grow beyond (a bomb is never unpacked whole) or has too many gzip members, 415 for another
    encoding, 422 for damaged gzip.
    """
    said = encoding.strip().lower()
    if said not in ("", "identity", "gzip", "x-gzip"):
        raise Problem(
            415,
            "unknown-encoding",
            Sentence("unknown Content-Encoding {said}; known: gzip, identity", said=repr(said[:40])),
        )
    if is_gzip(body):
        return _gunzipped(body, most)
    if said.endswith("gzip"):
        raise Problem(422, "wrong-input", Sentence("Content-Encoding says gzip, but the body is not"))
    return body


def _gunzipped(body: bytes, most: int) -> bytes:
    out, at = bytearray(), 0
    for _ in range(MAX_GZIP_MEMBERS):
        at = _one_member(body, at, out, most)
        if at == len(body):
            return bytes(out)
    raise Problem(
        413,
        "too-large",
        Sentence(
            "a body may have {n} gzip members; pack it as one",
            n=MAX_GZIP_MEMBERS,
        ),
    )


def _one_member(body: bytes, at: int, out: bytearray, most: int) -> int:
    """Unpack the gzip member that begins at `at` to the end of `out`; return where it ends."""
    decoder, given = zlib.decompressobj(16 + zlib.MAX_WBITS), b""
    while not decoder.eof:
        if not given:
            given = body[at : at + _STEP_BYTES]
            at += len(given)
        if not given:
            raise Problem(422, "wrong-input", Sentence("the gzip body ends early"))
        try:
            out += decoder.decompress(given, most + 1 - len(out))
        except zlib.error:
            raise Problem(422, "wrong-input", Sentence("the gzip body is damaged")) from None
        if len(out) > most:
            raise Problem(413, "too-large", Sentence("unpacked, a body may have {most} bytes", most=most))
        given = decoder.unconsumed_tail
    return at - len(decoder.unused_data)


def items_of(body: bytes, content_type: str) -> list[bytes]:
    """The items of a body: one JSON object, the elements of a JSON array, or the lines of NDJSON that are not blank.

    Raises 413 for too many items, or too many values in them, and 422 for a body that cannot be cut into items. No more items
    are made than a push may have.
    """
    body = body.removeprefix(b"\xef\xbb\xbf").strip()
    kind = content_type.partition(";")[0].strip().lower()
    if not body:
        raise _malformed(Sentence("the body is empty; send a JSON object, an array, or one object a line"))
    if holds_more(body, MAX_VALUES):
        raise Problem(
            413,
            "too-large",
            Sentence(
                "a push may hold {n} values in all; send fewer mentions at once",
                n=MAX_VALUES,
            ),
        )
    if kind not in _LINES:
        if body.startswith(b"["):
            return _counted(_elements(body))
        if b"\n" not in body or _is_one_value(body):
            return [_not_wrapped(body)]
    lines = _counted(found[0] for found in _LINE.finditer(body))
    return [_not_wrapped(lines[0])] if len(lines) == 1 else lines


def _not_wrapped(body: bytes) -> bytes:
    """The only item of a body. Raises 422 where it is no mention but holds a list of them, such as `{"mentions": [...]}`."""
    try:
        fields = _FIELDS.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body
    if "id" not in fields and "text" not in fields:
        for name, value in fields.items():
            if _OBJECTS.match(bytes(value)):
                raise _malformed(
                    Sentence(
                        "the body is an object with a list under {name}; send the list itself, a single mention, or one mention"
                        " a line",
                        name=repr(one_line(name, 40)),
                    )
                )
    return body


@cache
def _array() -> msgspec.json.Decoder[msgspec.Struct]:
    """Reads an array of up to one item too many, and passes over the rest without keeping it. A list would hold them all."""
    fields = [(f"i{index}", msgspec.Raw, None) for index in range(MAX_ITEMS + 1)]
    return msgspec.json.Decoder(msgspec.defstruct("Items", fields, array_like=True))


def _elements(body: bytes) -> Iterator[bytes]:
    try:
        found = _array().decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _malformed(
            Sentence(
                "the JSON array cannot be read: {error}; as one object a line, one bad item does not spoil the rest",
                error=str(error),
            )
        ) from None
    except RecursionError:
        raise _malformed(Sentence("the JSON is nested too deeply")) from None
    for name in found.__struct_fields__:
        raw = getattr(found, name)
        if raw is None:
            return
        yield bytes(raw)


def _is_one_value(body: bytes) -> bool:
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _counted(items: Iterator[bytes]) -> list[bytes]:
    counted = list(islice(items, MAX_ITEMS + 1))
    if len(counted) > MAX_ITEMS:
        raise Problem(
            413,
            "too-large",
            Sentence("a push may have {n} mentions, this one has more", n=MAX_ITEMS),
        )
    return counted


def _malformed(message: str) -> Problem:
    return Problem(422, "malformed", message, errors=[field_error("", message)])
