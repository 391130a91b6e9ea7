"""How the work is cut: short transactions where all wait for one lock, large ones where nobody does."""

from __future__ import annotations

from datetime import timedelta

from processors.storing.batch_size import (
    FEWEST,
    FIRST_BYTES,
    HELD_ALONE,
    LEAST_BYTES,
    MOST_ALONE,
    MOST_BESIDE,
    MOST_BYTES,
    POLLED,
    Pace,
)


def test_a_transaction_that_held_the_lock_for_too_long_makes_the_next_ones_shorter() -> None:
    pace = Pace()
    before = pace.rows
    pace.note(before, 4 * HELD_ALONE)
    assert FEWEST <= pace.rows < before
    for _ in range(20):
        pace.note(pace.rows, timedelta(milliseconds=pace.rows))
    assert abs(pace.rows - max(FEWEST, HELD_ALONE / timedelta(milliseconds=1))) <= 1


def test_it_stays_within_its_limits_whatever_is_noted() -> None:
    for alone, most in ((True, MOST_ALONE), (False, MOST_BESIDE)):
        pace = Pace(alone=alone)
        for _ in range(20):
            pace.note(500, timedelta(0))
        assert pace.rows == most
        for _ in range(20):
            pace.note(500, timedelta(hours=1))
        assert pace.rows == FEWEST


def test_where_writers_run_side_by_side_a_transaction_may_take_longer() -> None:
    alone, beside = Pace(alone=True), Pace(alone=False)
    for _ in range(20):
        for pace in (alone, beside):
            pace.note(pace.rows, timedelta(milliseconds=0.25) * pace.rows)
    assert alone.rows == HELD_ALONE / timedelta(milliseconds=0.25)
    assert beside.rows == 1600


def test_a_transaction_of_a_few_rows_says_nothing() -> None:
    pace = Pace()
    before = pace.rows
    pace.note(3, timedelta(seconds=10))
    assert pace.rows == before


def test_a_poll_brings_what_is_stored_within_a_moment() -> None:
    pace = Pace()
    for _ in range(20):
        pace.note_poll(pace.bytes, POLLED * pace.bytes / (5 * 1024 * 1024))
    assert abs(pace.bytes - 5 * 1024 * 1024) < 1024
    for _ in range(20):
        pace.note_poll(pace.bytes, timedelta(0))
    assert pace.bytes == MOST_BYTES
    for _ in range(20):
        pace.note_poll(pace.bytes, timedelta(minutes=1))
    assert pace.bytes == LEAST_BYTES


def test_a_poll_that_brought_little_says_nothing() -> None:
    pace = Pace()
    pace.note_poll(100, timedelta(seconds=10))
    assert pace.bytes == FIRST_BYTES
