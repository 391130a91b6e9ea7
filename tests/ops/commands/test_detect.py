"""`tocsin detect`, as its users run it: CSV in, CSV out."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from ops.commands import detect
from processors.signals.series import judge_lines, lines_of
from processors.signals.types import Sensitivity
from tests.contracts.examples import examples
from tests.contracts.worlds import (
    FIVE,
    MONDAY,
    PROMISE,
    background,
    noisy,
)
from tocsin.core.errors import WrongInput

HEADER = b"timestamp,value\n"


def csv_of(counts: list[int], negatives: list[int] | None = None, spacing: timedelta = FIVE) -> list[bytes]:
    lines = [b"timestamp,value,negative\n" if negatives is not None else HEADER]
    for i, count in enumerate(counts):
        cells = [(MONDAY + i * spacing).isoformat(), str(count)]
        cells += [str(negatives[i])] if negatives is not None else []
        lines.append(",".join(cells).encode() + b"\n")
    return lines


def judged(lines: list[bytes], promise: Sensitivity = PROMISE) -> list[tuple[str, float, int]]:
    rows = [line.rstrip("\n").split(",") for line in judge_lines(lines, promise)]
    assert rows[0] == ["timestamp", "score", "is_alert"]
    return [(stamp, float(score), int(alert)) for stamp, score, alert in rows[1:]]


@pytest.fixture(scope="module")
def ten_days() -> list[int]:
    return background(21, 10, 60)


def test_every_row_is_answered_with_its_own_timestamp(ten_days: list[int]) -> None:
    lines = csv_of(ten_days[:600])
    rows = judged(lines)
    assert [r[0].encode() for r in rows] == [line.split(b",")[0] for line in lines[1:]]
    assert all(0.0 <= r[1] < 1.0 for r in rows)


@pytest.mark.slow("many runs of a command")
def test_a_burst_is_one_alert_and_not_one_per_row(ten_days: list[int]) -> None:
    rng = random.Random(22)
    rows = judged(csv_of(ten_days + [noisy(rng, 60, 0.05) for _ in range(36)]))
    assert sum(r[2] for r in rows[len(ten_days) :]) == 1
    assert 1 in [r[2] for r in rows[len(ten_days) :][:2]]
    assert all((r[1] >= 0.5) == (r[2] == 1) for r in rows)


@pytest.mark.slow("judges weeks of windows twice")
def test_a_benign_peak_alerts_nobody_once_negatives_are_given(ten_days: list[int]) -> None:
    rng = random.Random(23)
    usual = [sum(rng.random() < 0.12 for _ in range(n)) for n in ten_days]
    peak = [noisy(rng, 60, 0.05) for _ in range(36)]
    benign = judged(csv_of(ten_days + peak, usual + [round(n * 0.06) for n in peak]))
    angry = judged(csv_of(ten_days + peak, usual + [round(n * 0.6) for n in peak]))
    assert sum(r[2] for r in benign[len(ten_days) :]) == 0
    assert sum(r[2] for r in angry[len(ten_days) :]) == 1


def test_no_row_depends_on_what_comes_after(ten_days: list[int]) -> None:
    lines = csv_of([*ten_days[:700], 400, 400, 3, 2])
    assert judged(lines)[:650] == judged(lines[:651])


def test_an_answer_does_not_wait_for_the_end_of_the_input() -> None:
    asked: list[bytes] = []

    def typed() -> Iterator[bytes]:
        for line in csv_of([3, 4, 5, 6]):
            asked.append(line)
            yield line

    answers = judge_lines(typed(), PROMISE)
    assert next(answers).startswith("timestamp")
    assert (next(answers)[:4], len(asked)) == ("2026", 3)
    assert (next(answers)[:4], len(asked)) == ("2026", 3)
    assert (next(answers)[:4], len(asked)) == ("2026", 4)


def test_lines_come_whole_however_the_stream_is_cut() -> None:
    """And whatever has come is answered before more is waited for."""
    came, waits = io.BytesIO(b"a,1\nb,2\r\n\n" + b"c" * 3000 + b"\nd"), list[int]()

    class Dripping(io.BytesIO):
        def read1(self, size: int | None = -1, /) -> bytes:
            return came.read1(7)

    given_so_far: list[bytes] = []
    for line in lines_of(Dripping(), lambda: waits.append(len(given_so_far))):
        given_so_far.append(line)
    assert given_so_far[:3] == [b"a,1", b"b,2\r", b""]
    assert given_so_far[-1] == b"d"
    # A line that never ends is given in parts.
    assert b"".join(given_so_far[3:-1]) == b"c" * 3000
    assert max(map(len, given_so_far)) < 1010
    assert waits[:3] == [0, 1, 3]


def test_an_empty_value_is_unknown_and_not_zero(ten_days: list[int]) -> None:
    lines = csv_of(ten_days[:600])
    blind = [line if i < 500 else line.split(b",")[0] + b",\n" for i, line in enumerate(lines)]
    assert all(r[2] == 0 for r in judged(blind)[500:])


@pytest.mark.parametrize("spacing", [timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)])
def test_any_regular_spacing_is_taken(spacing: timedelta) -> None:
    rng, rows_before = random.Random(24), 2000 if spacing < FIVE else 400
    rows = judged(csv_of([noisy(rng, 20, 0.05) for _ in range(rows_before)] + [400] * 6, spacing=spacing))
    assert any(r[2] for r in rows[-6:])
    assert sum(r[2] for r in rows[:-6]) <= max(1, rows_before * spacing / timedelta(weeks=1))


def test_times_without_an_offset_are_read_in_the_zone() -> None:
    lines = [HEADER, b"2026-03-01 10:00:00,1\n", b"2026-03-01 10:05:00,2\n"]
    assert len(list(judge_lines(lines, PROMISE, ZoneInfo("Europe/Bucharest")))) == 3


def test_nothing_but_a_header_is_no_error() -> None:
    assert list(judge_lines([HEADER], PROMISE)) == ["timestamp,score,is_alert\n"]
    assert len(list(judge_lines([HEADER, b"2026-03-01T10:00:00Z,1\n"], PROMISE))) == 2


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "line 1: the header is ''"),
        ([b"time,count\n"], "line 1: the header is 'time,count'"),
        ([HEADER, b"2026-03-01T10:00:00Z\n"], "line 2: 1 columns where the header has 2"),
        ([HEADER, b"2026-03-01T10:00:00Z,1,1\n"], "line 2: 3 columns where the header has 2"),
        ([HEADER, b"yesterday,1\n"], "line 2: timestamp 'yesterday' is not ISO 8601"),
        # Its answer is CSV as well: what would be a formula in it is no time.
        ([HEADER, b"=1+1,1\n"], "line 2: timestamp '=1+1' is not ISO 8601"),
        ([HEADER, b"2026-03-01T10:00:00Z,-1\n"], "line 2: value '-1' is not a count"),
        ([HEADER, b"2026-03-01T10:00:00Z,1.5\n"], "line 2: value '1.5' is not a count"),
        ([HEADER, b"2026-03-01T10:00:00Z,nan\n"], "line 2: value 'nan' is not a count"),
        ([HEADER, b"2026-03-01T10:00:00Z,inf\n"], "line 2: value 'inf' is not a count"),
        ([HEADER, b"\xff\xfe,1\n"], "line 2: not CSV in UTF-8"),
        ([HEADER, b"2" * 2000 + b"\n"], "line 2: longer than 1000 bytes"),
        (
            [HEADER, b"2026-03-01T10:00:00Z,1\n", b"2026-03-01T10:00:00Z,1\n"],
            "line 3: 0 s after the row before; the spacing must be",
        ),
        (
            [HEADER, b"2026-03-01T10:00:00Z,1\n", b"2026-03-01T10:05:00Z,1\n", b"2026-03-01T10:07:00Z,1\n"],
            "line 4: timestamp '2026-03-01T10:07:00Z' is off the grid; the next row was due at",
        ),
        (
            [b"timestamp,value,negative\n", b"2026-03-01T10:00:00Z,1,2\n"],
            "line 2: negative 2 is more than value 1",
        ),
    ],
)
def test_wrong_input_is_one_line_that_names_its_place(lines: list[bytes], message: str) -> None:
    with pytest.raises(WrongInput) as wrong:
        list(judge_lines(lines, PROMISE))
    assert str(wrong.value).startswith(message)
    assert "\n" not in str(wrong.value)
    assert wrong.value.exit_code == 2


@pytest.mark.slow("many runs of a command")
@settings(max_examples=examples(15), deadline=None)
@given(lines=st.lists(st.binary(max_size=60), max_size=6))
def test_no_input_ends_in_anything_but_an_answer_or_a_refusal(lines: list[bytes]) -> None:
    try:
        assert list(judge_lines([HEADER, *lines], PROMISE))
    except WrongInput as wrong:
        assert str(wrong).startswith("line ")


def test_the_command_reads_stdin_and_writes_stdout() -> None:
    app = typer.Typer()
    detect.register(app)
    asked = b"".join(csv_of([4, 5, 6]))
    answer = CliRunner().invoke(
        app, ["--false-alerts-per-week", "2", "--tz", "Europe/Amsterdam"], input=asked
    )
    assert answer.exit_code == 0, answer.output
    assert answer.stdout.splitlines()[0] == "timestamp,score,is_alert"
    assert len(answer.stdout.splitlines()) == 4


def test_a_promise_that_no_monitor_may_make_is_refused() -> None:
    app = typer.Typer()
    detect.register(app)
    answer = CliRunner().invoke(app, ["--false-alerts-per-week", "1000"], input=HEADER)
    assert (answer.exit_code, "Invalid value" in answer.output) == (2, True)


def test_an_unknown_zone_is_refused_by_name() -> None:
    app = typer.Typer()
    detect.register(app)
    answer = CliRunner().invoke(app, ["--tz", "Mars/Olympus"], input=HEADER)
    assert isinstance(answer.exception, WrongInput)
    assert "Mars/Olympus" in str(answer.exception)
