"""`tocsin match`: prints the lines whose mentions match a query, byte for byte as they came.

A line needs less here than in ingest: only a `text`. A line that cannot be read is named on stderr and left out.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final, TextIO

import msgspec

from ops.lines.pieces import MAX_LINE_BYTES, pieces, unpacked_chunks
from processors.match import Matcher
from processors.understand import mention_facets
from tocsin.core.errors import BadMention, WrongInput
from tocsin.core.mention import MAX_TEXT_BYTES, Author, Mention
from tocsin.query.evaluate import DetectLanguage
from tocsin.reading import decoded, read_mention, source_name

MOST_NOTES: Final = 100

_STDIN = "stdin"
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)
_FIELDS = ("text", "title", "source", "network", "url", "lang", "author", "links", "hashtags")


def match_files(
    matcher: Matcher,
    names: Sequence[str],
    sink: BinaryIO,
    notes: TextIO,
    detect: DetectLanguage | None = None,
) -> int:
    """Write the matching lines of the files `names` (`-` is stdin) to `sink`. Returns how many lines or files were bad.

    Raises `WrongInput` for a file that cannot be opened, before anything is read.
    """
    for name in names:
        if name != "-":
            _opened(name).close()
    count = _Notes(notes)
    out = _Lines(sink)
    for name in names:
        if name == "-":
            if sys.stdin.isatty():
                print('reading lines such as {"text": "..."} from the keyboard; Ctrl-D ends', file=notes)
            match_stream(matcher, sys.stdin.buffer, _STDIN, _STDIN, out, count, detect)
        else:
            with _opened(name) as stream:
                match_stream(matcher, stream, name, source_name(Path(name).name), out, count, detect)
    count.finish()
    return count.bad


def match_stream(
    matcher: Matcher,
    stream: BinaryIO,
    name: str,
    source: str,
    out: _Lines,
    notes: _Notes,
    detect: DetectLanguage | None,
) -> None:
    """Write the matching lines of one file. Notes call the file `name`. Mentions that name no source get `source`."""
    number = 0
    unread = pieces(unpacked_chunks(stream))
    while True:
        try:
            lines = next(unread, None)
        except (OSError, zlib.error, EOFError) as error:
            reason = (
                "the gzip data are damaged or end early" if not isinstance(error, OSError) else error.strerror
            )
            notes.bad_file(f"{name}:{number + 1}: {reason}; what came before was read")
            return
        if lines is None:
            return
        kept: list[bytes] = []
        mentions: list[Mention] = []
        for line in lines:
            number += 1
            if line is not None and not line.strip():
                continue
            try:
                mentions.append(_mention(line, source))
            except BadMention as error:
                notes.bad_line(f"{name}:{number}: {error}")
            else:
                kept.append(line or b"")
        found = matcher.match_many(mentions, detect, mention_facets)
        out.write([line for line, ids in zip(kept, found, strict=True) if ids])


class _Lines:
    """Writes lines as they came. A last line without a line break stays without one, unless another line follows."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self._open = False

    def write(self, lines: list[bytes]) -> None:
        """Write `lines` and flush, so that a line that was found does not wait for the lines still to come."""
        if lines:
            self._sink.write((b"\n" if self._open else b"") + b"".join(lines))
            self._open = not lines[-1].endswith(b"\n")
            self._sink.flush()


class _Notes:
    """Prints what was wrong, line by line, up to a bound: a file of another kind must not flood the screen."""

    def __init__(self, to: TextIO) -> None:
        self._to = to
        self.bad = 0

    def bad_line(self, note: str) -> None:
        self.bad += 1
        if self.bad <= MOST_NOTES:
            print(note, file=self._to)

    def bad_file(self, note: str) -> None:
        """Print why the rest of a file was not read, however many lines were named before."""
        self.bad += 1
        print(note, file=self._to)

    def finish(self) -> None:
        if self.bad > MOST_NOTES:
            print(
                f"{self.bad} lines could not be read; the first {MOST_NOTES} are named above", file=self._to
            )


class _Author(msgspec.Struct):
    id: str | None = None
    name: str | None = None
    handle: str | None = None
    followers: int | None = None


class _Line(msgspec.Struct):
    """The fields that a query can ask about, in their exact types. A line with anything else is left to `tocsin.reading`."""

    text: str
    title: str | None = None
    source: str | None = None
    network: str | None = None
    url: str | None = None
    lang: str | None = None
    author: _Author | str | None = None
    links: list[str] | None = None
    hashtags: list[str] | None = None


_decode = msgspec.json.Decoder(_Line).decode


def _mention(line: bytes | None, source: str) -> Mention:
    """The line as a mention, with the fields that queries read. Raises `BadMention`."""
    if line is None:
        raise BadMention("too_large", f"the line is longer than {MAX_LINE_BYTES // 1024 // 1024} MB")
    try:
        plain = _decode(line.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _patiently(line, source)
    if len(plain.text) > MAX_TEXT_BYTES // 4:
        return _patiently(line, source)
    author = plain.author
    author_read = Author(author) if isinstance(author, str) else None
    if isinstance(author, _Author):
        author_read = Author(author.id or "", author.name, author.handle, author.followers)
    return Mention(
        source=plain.source or source,
        id="",
        text=plain.text,
        created_at=_NO_TIME,
        network=plain.network,
        url=plain.url,
        lang=plain.lang,
        title=plain.title,
        author=author_read,
        links=tuple(plain.links or ()),
        hashtags=tuple(plain.hashtags or ()),
    )


def _patiently(line: bytes, source: str) -> Mention:
    """The line read by the reader of ingest, which mends what it can and names what it cannot mend. Raises `BadMention`."""
    value = decoded(line)
    if not isinstance(value, dict):
        raise BadMention("not_object", 'not an object such as {"text": "..."}')
    asked = {name: value[name] for name in _FIELDS if name in value}
    return read_mention({**asked, "id": "-", "created_at": _NO_TIME}, source=source)


def _opened(name: str) -> BinaryIO:
    try:
        return Path(name).open("rb")
    except OSError as error:
        raise WrongInput(f"cannot read {name!r}: {error.strerror}") from None


def language_detector() -> DetectLanguage | None:
    """The function by which the pipeline guesses a language. None where its model is not installed."""
    try:
        from processors.understand.language import mention_language
    except ImportError:
        return None
    return mention_language
