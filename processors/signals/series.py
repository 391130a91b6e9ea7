"""A series of counts judged row by row, for `tocsin detect`: the same detectors, one monitor, no store.

`judge_lines` reads CSV and gives CSV. `SeriesJudge` holds the two detectors and the only rule of its own: an alert is one row,
not every row of a crisis.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo

import msgspec

from processors.signals.due import DueSeries
from processors.signals.negativity import Negativity
from processors.signals.types import Sensitivity, WindowCounts
from processors.signals.volume import Volume
from tocsin.core.errors import WrongInput
from tocsin.core.promise import CLEARLY_OVER

HEADERS = (["timestamp", "value"], ["timestamp", "value", "negative"])
SHORTEST, LONGEST = timedelta(seconds=1), timedelta(days=7)
MOST = 10**12
# Digits of which none make a number above `MOST`.
SURELY_A_COUNT = 12
LONGEST_LINE = 1000
# Bytes that are read at once.
AT_ONCE = 1 << 16
JUST_BELOW = 0.999


class SeriesJudge:
    """The judge of one series; it takes the windows in order. `with_negative` says whether negatives are known. If so, many
    mentions alone alert nobody, because a benign peak has many mentions, too.
    """

    def __init__(
        self, length: timedelta, with_negative: bool, sensitivity: Sensitivity, zone: tzinfo = UTC
    ) -> None:
        self._sensitivity = sensitivity
        self._just_below = JUST_BELOW * sensitivity.threshold
        self._volume = Volume(zone, length)
        self._volume_state = self._volume.initial()
        self._due = DueSeries(zone, length)
        self._negativity = Negativity(zone, length)
        self._negativity_state = self._negativity.initial()
        self._with_negative = with_negative

    def row(self, window: WindowCounts) -> tuple[float, bool]:
        """The score of this row, 0..1, and whether the row raises an alert."""
        promise = self._sensitivity
        if self._with_negative:
            window = msgspec.structs.replace(window, due=self._due.due(window))
            before = self._negativity_state.story
            self._negativity_state, score = self._negativity.step(self._negativity_state, window, promise)
            told = self._negativity_state.story
        else:
            before = self._volume_state.story
            self._volume_state, score, _ = self._volume.step(self._volume_state, window, promise)
            told = self._volume_state.story
        raises = told is not before and told.alerted != before.alerted
        # One crisis, one row: the other rows of a story stay below the threshold.
        if not raises and score > self._just_below:
            score = self._just_below
        return score / (score + CLEARLY_OVER), raises


def lines_of(stream: io.BufferedIOBase, before_waiting: Callable[[], object]) -> Iterator[bytes]:
    """The lines of a stream, as they come. `before_waiting` is called whenever all that has come was given. A line that is too
    long is given in part, so input without line breaks fills no memory.
    """
    rest = b""
    while True:
        before_waiting()
        come = stream.read1(AT_ONCE)
        if not come:
            break
        lines = (rest + come).split(b"\n")
        rest = lines.pop()
        yield from lines
        if len(rest) > LONGEST_LINE:
            yield rest
            rest = b""
    if rest:
        yield rest


def judge_lines(lines: Iterable[bytes], sensitivity: Sensitivity, zone: tzinfo = UTC) -> Iterator[str]:
    """CSV lines for CSV lines, each as soon as it can be judged. The first row waits for the second, because two rows tell the
    spacing. Raises `WrongInput` with the number of the line.
    """
    numbered = enumerate(lines, start=1)
    with_negative = _header(numbered)
    yield "timestamp,score,is_alert\n"
    rows = (_row(number, line, with_negative, zone) for number, line in numbered if line.strip())
    first, second = next(rows, None), next(rows, None)
    if first is None:
        return
    length = _spacing(first, second)
    judge = SeriesJudge(length, with_negative, sensitivity, zone)
    due = first.start
    for row in itertools.chain([first], [second] if second else [], rows):
        due = _on_the_grid(row, due, length) + length
        window = WindowCounts(
            start=row.start,
            length=length,
            count=row.value or 0,
            negative=row.negative or 0,
            scored=(row.value or 0) if with_negative and row.negative is not None else 0,
            complete=row.value is not None,
        )
        score, alert = judge.row(window)
        yield f"{row.stamp},{score:.6f},{alert:d}\n"


class _Row(msgspec.Struct, frozen=True, gc=False):
    line: int
    stamp: str
    start: datetime
    value: int | None
    negative: int | None


def _header(numbered: Iterator[tuple[int, bytes]]) -> bool:
    """Read the header. Return whether there is a third column."""
    cells = next((_cells(number, line) for number, line in numbered), [])
    names = [cell.strip().lower().lstrip("\ufeff") for cell in cells]
    if names not in HEADERS:
        raise WrongInput(
            f"line 1: the header is {','.join(cells)[:80]!r};"
            " it must be timestamp,value or timestamp,value,negative"
        )
    return len(names) == 3


def _row(number: int, line: bytes, with_negative: bool, zone: tzinfo) -> _Row:
    cells = [cell.strip() for cell in _cells(number, line)]
    if len(cells) != 2 + with_negative:
        raise WrongInput(f"line {number}: {len(cells)} columns where the header has {2 + with_negative}")
    value = _count(number, "value", cells[1])
    negative = _count(number, "negative", cells[2]) if with_negative else None
    if value is not None and negative is not None and negative > value:
        raise WrongInput(f"line {number}: negative {negative} is more than value {value}")
    return _Row(number, cells[0], _time(number, cells[0], zone), value, negative)


def _cells(number: int, line: bytes) -> list[str]:
    if len(line) > LONGEST_LINE:
        raise WrongInput(
            f"line {number}: longer than {LONGEST_LINE} bytes; a row is timestamp,value[,negative]"
        )
    try:
        text = line.decode("utf-8").rstrip("\r\n")
        if '"' in text or "\r" in text or "\n" in text:
            return next(csv.reader([text]), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise WrongInput(f"line {number}: not CSV in UTF-8 ({error})") from error
    # A line without quotes has its cells between commas. A csv reader for each line would cost as much as a judgement.
    return text.split(",") if text else []


def _count(number: int, name: str, text: str) -> int | None:
    if text.isdecimal() and text.isascii() and len(text) <= SURELY_A_COUNT:
        return int(text)
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= MOST or value != int(value):
        raise WrongInput(
            f"line {number}: {name} {text[:40]!r} is not a count; give a whole number, or nothing if unknown"
        )
    return int(value)


def _time(number: int, text: str, zone: tzinfo) -> datetime:
    try:
        at = datetime.fromisoformat(text)
        at = at if at.tzinfo else at.replace(tzinfo=zone)
        return at if at.tzinfo is UTC else at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise WrongInput(
            f"line {number}: timestamp {text[:40]!r} is not ISO 8601, such as 2026-03-01T10:05:00Z"
        ) from error


def _spacing(first: _Row, second: _Row | None) -> timedelta:
    if second is None:
        return timedelta(minutes=5)
    length = second.start - first.start
    if not SHORTEST <= length <= LONGEST:
        raise WrongInput(
            f"line {second.line}: {length.total_seconds():g} s after the row before;"
            " the spacing must be from 1 s to 7 days"
        )
    return length


def _on_the_grid(row: _Row, due: datetime, length: timedelta) -> datetime:
    if row.start != due and (row.start < due or (row.start - due) % length):
        raise WrongInput(
            f"line {row.line}: timestamp {row.stamp!r} is off the grid; the next row was due at {due.isoformat()}"
            f" or a multiple of {length.total_seconds():g} s later"
        )
    return row.start
