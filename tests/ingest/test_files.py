"""Files: read to their end, followed as they grow, through rotation, emptying and damage."""

from __future__ import annotations

import gzip
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ingest.source import Cursor, FetchFailed, SourceContext
from ingest.sources.file import MAX_ROWS, FileSettings, FileSource
from tests.ingest.house import NOON, line
from tocsin.core.errors import WrongInput
from tocsin.settings import Ingest


class Reader:
    """A file source. Its cursor is kept as the worker keeps it."""

    def __init__(self, path: Path, **settings: Any) -> None:
        self.settings = FileSettings(path=path, **settings)
        self.source = FileSource(SourceContext("shop", Ingest.model_validate({})), self.settings)
        self.cursor: Cursor | None = None
        self.bad: list[tuple[int, str]] = []
        self.warning: str | None = None
        self.fetches = 0

    def restart(self) -> None:
        self.source.close()
        self.source = FileSource(SourceContext("shop", Ingest.model_validate({})), self.settings)

    def read(self) -> list[str]:
        """Read everything that there is now."""
        ids: list[str] = []
        more = True
        while more:
            fetched = self.source.fetch(self.cursor, NOON)
            self.fetches += 1
            self.cursor, self.warning, more = fetched.cursor, fetched.warning, fetched.more
            ids += [mention.id for mention in fetched.mentions]
            self.bad += [(bad.position, bad.error.reason) for bad in fetched.bad]
        return ids


def test_a_growing_file_is_followed_and_a_partial_line_waits(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_bytes(line(1) + line(2)[:20])
    reader = Reader(path)
    assert reader.read() == ["1"]
    assert reader.read() == []
    path.write_bytes(line(1) + line(2) + b"oops\n" + line(3))
    reader.restart()
    assert reader.read() == ["2", "3"]
    assert reader.bad == [(3, "malformed")]


def test_a_growing_csv_keeps_its_header_and_waits_for_the_closing_quote(tmp_path: Path) -> None:
    path = tmp_path / "posts.csv"
    path.write_bytes(b"id;created_at;te")
    reader = Reader(path, timezone="Europe/Bucharest")
    assert reader.read() == []
    path.write_bytes(b'id;created_at;text\n1;2026-03-01 10:00;a\n2;2026-03-01 10:00;"two\n')
    assert reader.read() == ["1"]
    with path.open("ab") as file:
        file.write(b'lines"\n3;2026-03-01 10:00;c\n')
    reader.restart()
    assert reader.read() == ["2", "3"]
    assert reader.bad == []


@pytest.mark.slow("many fetches")
def test_a_quote_that_nobody_closes_is_said_and_holds_up_a_growing_csv_only_so_long(tmp_path: Path) -> None:
    path = tmp_path / "posts.csv"
    rows = b'id,created_at,text\n1,2026-03-01T10:00Z,"open\n2,2026-03-01T10:00Z,b\n'
    path.write_bytes(rows)
    reader = Reader(path)
    assert reader.read() == []
    assert reader.warning == "line 2 opens a quote that is not closed yet; what follows waits for it"
    path.write_bytes(rows + b"3,2026-03-01T10:00Z,cc\n" * 15_000)
    assert set(reader.read()) == {"2", "3"}
    assert reader.bad == [(2, "malformed")]
    assert not reader.warning


def test_a_long_file_is_read_in_bounded_pieces(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_bytes(b"".join(line(n) for n in range(2 * MAX_ROWS + 1)))
    reader = Reader(path)
    assert len(reader.source.fetch(None, NOON).mentions) == MAX_ROWS
    assert reader.read() == [str(n) for n in range(2 * MAX_ROWS + 1)]
    assert reader.fetches == 3


def test_a_renamed_file_is_read_to_its_end_before_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_bytes(line(1))
    reader = Reader(path)
    assert reader.read() == ["1"]
    with path.open("ab") as file:
        file.write(line(2) + line(3).strip())
    path.rename(tmp_path / "posts.jsonl.1")
    path.write_bytes(line(4))
    assert reader.read() == ["2", "3", "4"]
    assert reader.read() == []


def test_a_renamed_file_is_read_while_the_new_one_is_not_there_yet(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_bytes(line(1))
    reader = Reader(path)
    reader.read()
    path.rename(tmp_path / "posts.jsonl.1")
    with (tmp_path / "posts.jsonl.1").open("ab") as file:
        file.write(line(2))
    assert reader.read() == ["2"]


def test_a_file_that_was_emptied_or_written_anew_is_read_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_bytes(line(1) + line(2))
    reader = Reader(path)
    assert reader.read() == ["1", "2"]
    path.write_bytes(line(3))
    assert reader.read() == ["3"]
    path.write_bytes(line(4) + line(5) + line(6))
    assert reader.read() == ["4", "5", "6"]
    path.write_bytes(b"")
    assert reader.read() == []
    path.write_bytes(line(7))
    assert reader.read() == ["7"]


def test_a_gzip_file_is_gone_on_with_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl.gz"
    path.write_bytes(gzip.compress(b"".join(line(n) for n in range(MAX_ROWS + 500)) + line("last").strip()))
    reader = Reader(path)
    first = reader.source.fetch(None, NOON)
    reader.cursor = first.cursor
    reader.restart()
    rest = reader.read()
    assert [m.id for m in first.mentions] + rest == [str(n) for n in range(MAX_ROWS + 500)] + ["last"]
    assert reader.read() == []
    assert reader.warning is None


def test_a_gzip_file_that_ends_early_gives_what_it_has_and_goes_on_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl.gz"
    whole = gzip.compress(b"".join(line(n, text=f"ketel {n * 7919 % 997}") for n in range(500)))
    path.write_bytes(whole[: len(whole) // 2])
    reader = Reader(path)
    got = reader.read()
    assert 0 < len(got) < 500
    assert reader.warning is not None
    assert "ends early" in reader.warning
    assert reader.read() == []
    path.write_bytes(whole)
    assert got + reader.read() == [str(n) for n in range(500)]
    assert reader.bad == []
    assert not reader.warning


def test_a_missing_file_is_waited_for(tmp_path: Path) -> None:
    reader = Reader(tmp_path / "later.jsonl")
    with pytest.raises(FetchFailed, match="not there"):
        reader.read()
    (tmp_path / "later.jsonl").write_bytes(line(1))
    assert reader.read() == ["1"]


def test_what_is_no_file_of_mentions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongInput, match="no regular file"):
        Reader(tmp_path).read()
    (tmp_path / "a.json").write_bytes(b'[{"id": 1}]')
    with pytest.raises(WrongInput, match="JSON array"):
        Reader(tmp_path / "a.json").read()


def test_a_file_is_looked_at_as_often_as_it_is_said(tmp_path: Path) -> None:
    assert Reader(tmp_path / "a", interval_s=60).source.interval == timedelta(minutes=1)
