"""An external sort: recorded mentions in the order in which they were heard, in bounded memory. It merges sorted runs on disk.

A mention is heard when it is posted, and an edit when it is edited. Ties go by file and line, so the order depends on nothing
else.
"""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import IO, Any, TypeAlias
from zoneinfo import ZoneInfo

from tocsin.core.errors import BadMention
from tocsin.core.mention import Mention, decode_mention, encode_mentions
from tocsin.reading import iter_mentions

RUN_MENTIONS = 50_000
OnBad: TypeAlias = Callable[[Path, int, bytes, BadMention], None]
# The time at which it was heard, the number of the file, the number of the line.
_Place: TypeAlias = tuple[datetime, int, int]


def heard_at(mention: Mention) -> datetime:
    """The time at which this version could first be heard: the time of its edit, else of its post."""
    if mention.edited_at is not None and mention.edited_at > mention.created_at:
        return mention.edited_at
    return mention.created_at


def in_order_heard(
    paths: Sequence[Path],
    *,
    source: str | None,
    zone: ZoneInfo | None,
    on_bad: OnBad,
    run_mentions: int = RUN_MENTIONS,
) -> Iterator[Mention]:
    """The mentions of these files, merged by the time they were heard. A line that is no mention goes to `on_bad`.

    The runs lie in the temporary folder in files without a name. Nothing is left of them, however this process ends.
    """
    with ExitStack() as spilled:
        runs: list[IO[bytes] | list[tuple[_Place, Mention]]] = []
        run: list[tuple[_Place, Mention]] = []
        for place, mention in _placed(paths, source, zone, on_bad):
            run.append((place, mention))
            if len(run) >= run_mentions:
                runs.append(_spill(run, spilled.enter_context(tempfile.TemporaryFile())))
                run = []
        run.sort(key=_place)
        runs.append(run)
        for _, mention in heapq.merge(*(_read(one) for one in runs), key=_place):
            yield mention


def _placed(
    paths: Sequence[Path], source: str | None, zone: ZoneInfo | None, on_bad: OnBad
) -> Iterator[tuple[_Place, Mention]]:
    for number, path in enumerate(paths):

        def bad(line: int, payload: bytes, error: BadMention, path: Path = path) -> None:
            on_bad(path, line, payload, error)

        for line, mention in iter_mentions(path, source=source, zone=zone, on_bad=bad):
            yield (heard_at(mention), number, line), mention


def _spill(run: list[tuple[_Place, Mention]], file: IO[bytes]) -> IO[bytes]:
    run.sort(key=_place)
    for start in range(0, len(run), 1000):
        part = run[start : start + 1000]
        for ((_, number, line), _mention), encoded in zip(
            part, encode_mentions([mention for _, mention in part]).splitlines(), strict=True
        ):
            file.write(b"%d %d %s\n" % (number, line, encoded))
    file.seek(0)
    return file


def _read(run: IO[bytes] | list[tuple[_Place, Mention]]) -> Iterator[tuple[_Place, Mention]]:
    if isinstance(run, list):
        yield from run
        return
    for row in run:
        number, line, encoded = row.split(b" ", 2)
        mention = decode_mention(encoded)
        yield (heard_at(mention), int(number), int(line)), mention


def _place(one: tuple[_Place, Any]) -> _Place:
    return one[0]
