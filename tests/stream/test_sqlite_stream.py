"""The embedded stream keeps the contract of the port, and a few promises of its own."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.contracts.stream import *  # noqa: F403  # the contract's tests are collected here
from tests.contracts.stream import NOW, read
from tocsin.core.errors import StreamFull, StreamUnavailable
from tocsin.stream.sqlite import SESSION_TIMEOUT_S, SqliteConsumer, SqliteStream


@pytest.fixture
def make_stream(tmp_path: Path) -> Iterator[Callable[[], SqliteStream]]:
    made: list[SqliteStream] = []

    def make() -> SqliteStream:
        made.append(SqliteStream(tmp_path / "stream.db"))
        return made[-1]

    yield make
    for stream in made:
        stream.close()


def test_what_was_appended_outlives_the_process(make_stream: Callable[[], SqliteStream]) -> None:
    first = make_stream()
    first.ensure_topic("talk", 1)
    first.append("talk", [(0, b"x")], NOW)
    again = make_stream()
    assert again.end_offsets("talk") == {0: 1}


def test_appends_are_refused_when_half_of_what_is_kept_is_unread(tmp_path: Path) -> None:
    stream = SqliteStream(tmp_path / "small.db", max_bytes=1000)
    stream.ensure_topic("talk", 1)
    stream.append("talk", [(0, b"x" * 400)], NOW)
    with pytest.raises(StreamFull, match="try again"):
        stream.append("talk", [(0, b"x" * 200)], NOW)
    stream.trim("talk", {0: 1})
    stream.append("talk", [(0, b"x" * 200)], NOW)
    assert stream.end_offsets("talk") == {0: 2}
    stream.close()


def test_reading_before_what_was_trimmed_is_a_gap(make_stream: Callable[[], SqliteStream]) -> None:
    stream = make_stream()
    stream.ensure_topic("talk", 1)
    stream.append("talk", [(0, b"a"), (0, b"b"), (0, b"c")], NOW)
    stream.trim("talk", {0: 2})
    consumer = stream.consumer("talk", "readers", "one")
    consumer.poll(timedelta(seconds=1))
    consumer.seek(0, 0)
    (gap,) = consumer.poll(timedelta(seconds=1)).gaps
    assert (gap.wanted, gap.available) == (0, 2)
    consumer.seek(0, gap.available)
    assert [r.value for r in read(consumer, 1)] == [b"c"]


def test_a_member_that_died_is_forgotten_after_its_time(
    make_stream: Callable[[], SqliteStream], tmp_path: Path
) -> None:
    stream = make_stream()
    stream.ensure_topic("talk", 2)
    stream.consumer("talk", "readers", "dead").poll(timedelta(0))
    with sqlite3.connect(tmp_path / "stream.db") as db:
        db.execute("UPDATE members SET expires = 0")
    living = stream.consumer("talk", "readers", "living")
    assert living.poll(timedelta(seconds=1)).assigned == {0, 1}


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StreamUnavailable, match="cannot use"):
        SqliteStream(tmp_path / "file" / "stream.db")


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    (tmp_path / "stream.db").write_bytes(b"this is no database, it is a poem of some length " * 40)
    with pytest.raises(StreamUnavailable, match="not a database; move the file away"):
        SqliteStream(tmp_path / "stream.db")


def test_a_member_that_died_before_the_machine_began_anew_keeps_no_partition(tmp_path: Path) -> None:
    stream = SqliteStream(tmp_path / "s.db")
    stream.ensure_topic("talk", 2)
    uptime = 900_000.0
    dead = SqliteConsumer(stream, "talk", "readers", "dead", elapsed=lambda: uptime)
    assert dead.poll(timedelta(0)).assigned == {0, 1}
    after_the_start = SqliteConsumer(stream, "talk", "readers", "new", elapsed=lambda: 30.0)
    assert after_the_start.poll(timedelta(0)).assigned == {0, 1}
    stream.close()


def test_nobody_who_sets_the_clock_ends_or_prolongs_a_membership(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = SqliteStream(tmp_path / "s.db")
    stream.ensure_topic("talk", 2)
    # It is not read at all: no other argument says so.
    monkeypatch.setattr(time, "time", lambda: 1e12)
    seconds = 100.0
    one, two = (SqliteConsumer(stream, "talk", "readers", name, elapsed=lambda: seconds) for name in "ab")
    one.poll(timedelta(0))
    assert two.poll(timedelta(0)).assigned == {1}
    monkeypatch.setattr(time, "time", lambda: 0.0)
    # "a" was killed
    seconds += SESSION_TIMEOUT_S + 1
    two._beat_at = float("-inf")
    assert two.poll(timedelta(0)).assigned == {0, 1}
    stream.close()
