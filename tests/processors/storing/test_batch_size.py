"""The size of batches: short transactions where all wait for one lock, large ones where nobody waits."""

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
    BatchSize,
)


def test_a_transaction_that_held_the_lock_for_too_long_makes_the_next_ones_shorter() -> None:
    size = BatchSize()
    before = size.rows
    size.note(before, 4 * HELD_ALONE)
    assert FEWEST <= size.rows < before
    for _ in range(20):
        size.note(size.rows, timedelta(milliseconds=size.rows))
    assert abs(size.rows - max(FEWEST, HELD_ALONE / timedelta(milliseconds=1))) <= 1


def test_it_stays_within_its_limits_whatever_is_noted() -> None:
    for alone, most in ((True, MOST_ALONE), (False, MOST_BESIDE)):
        size = BatchSize(alone=alone)
        for _ in range(20):
            size.note(500, timedelta(0))
        assert size.rows == most
        for _ in range(20):
            size.note(500, timedelta(hours=1))
        assert size.rows == FEWEST


def test_where_writers_run_side_by_side_a_transaction_may_take_longer() -> None:
    alone, beside = BatchSize(alone=True), BatchSize(alone=False)
    for _ in range(20):
        for size in (alone, beside):
            size.note(size.rows, timedelta(milliseconds=0.25) * size.rows)
    assert alone.rows == HELD_ALONE / timedelta(milliseconds=0.25)
    assert beside.rows == 1600


def test_a_transaction_of_a_few_rows_says_nothing() -> None:
    size = BatchSize()
    before = size.rows
    size.note(3, timedelta(seconds=10))
    assert size.rows == before


def test_a_poll_brings_what_is_stored_within_a_moment() -> None:
    size = BatchSize()
    for _ in range(20):
        size.note_poll(size.bytes, POLLED * size.bytes / (5 * 1024 * 1024))
    assert abs(size.bytes - 5 * 1024 * 1024) < 1024
    for _ in range(20):
        size.note_poll(size.bytes, timedelta(0))
    assert size.bytes == MOST_BYTES
    for _ in range(20):
        size.note_poll(size.bytes, timedelta(minutes=1))
    assert size.bytes == LEAST_BYTES


def test_a_poll_that_brought_little_says_nothing() -> None:
    size = BatchSize()
    size.note_poll(100, timedelta(seconds=10))
    assert size.bytes == FIRST_BYTES
