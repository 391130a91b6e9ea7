"""Recorded mentions come in the order in which they were heard, whatever the files are like. Nothing stays on the disk."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ops.replay.order import heard_at, in_order_heard
from tocsin.core.errors import BadMention
from tocsin.core.mention import Mention

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Path]:
    """The folder for temporary files."""
    before, tempfile.tempdir = tempfile.tempdir, str(tmp_path / "room")
    (tmp_path / "room").mkdir()
    yield tmp_path / "room"
    tempfile.tempdir = before


def recorded(folder: Path) -> list[Path]:
    """Two files in disorder: some times occur twice, some mentions are edited later, and one line is no mention."""
    chance = random.Random(5)
    paths = []
    for number in range(2):
        lines = []
        for n in range(130):
            at = NOON + timedelta(minutes=chance.randrange(90))
            one = {"id": f"{number}-{n}", "text": "I love the ondrello", "created_at": at.isoformat()}
            if n % 10 == 0:
                one["edited_at"] = (at + timedelta(minutes=chance.randrange(1, 60))).isoformat()
            lines.append(json.dumps(one))
        paths.append(folder / f"talk-{number}.jsonl")
        paths[-1].write_text("\n".join([*lines, "no mention"]), encoding="utf-8")
    return paths


def played(paths: list[Path], run_mentions: int) -> tuple[list[Mention], list[int]]:
    bad: list[int] = []

    def on_bad(_path: Path, line: int, _payload: bytes, _error: BadMention) -> None:
        bad.append(line)

    found = in_order_heard(paths, source="forum", zone=None, on_bad=on_bad, run_mentions=run_mentions)
    return list(found), bad


def test_sorted_in_runs_they_come_as_if_sorted_at_once(tmp_path: Path) -> None:
    paths = recorded(tmp_path)
    at_once, bad = played(paths, 1000)
    assert len(at_once) == 260 and bad == [131, 131]
    assert [heard_at(one) for one in at_once] == sorted(map(heard_at, at_once))
    assert played(paths, 7) == (at_once, bad)


def test_of_the_runs_nothing_is_left_however_it_ends(tmp_path: Path, room: Path) -> None:
    paths = recorded(tmp_path)
    merged = in_order_heard(paths, source=None, zone=None, on_bad=lambda *_: None, run_mentions=7)
    next(merged)
    # In the middle of the merge: a process killed now leaves nothing.
    assert list(room.iterdir()) == []
    merged.close()  # type: ignore[attr-defined]  # it is a generator
