"""The processor's fuse: the processor stops before a stream that is nearly all bad, and a person says how to go on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from processors.worker import EXAMPLES, StreamProcessor
from tests.inside import inside
from tests.stores import embedded_at
from tocsin.core.clock import SimulatedClock
from tocsin.core.mention import Mention, decode_mention, encode_mentions
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import save
from tocsin.intake import fuse
from tocsin.intake.dead_letters import FuseBlown
from tocsin.settings import Settings
from tocsin.store import offsets
from tocsin.store import schema as s
from tocsin.stream.port import MENTIONS
from tocsin.stream.sqlite import SqliteStream

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
RUBBISH = b'{"source": 5}\n' * 250


class Line:
    """A stream of one partition, a store, and a processor between them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = embedded_at(folder / "store.db")
        self.stream = SqliteStream(folder / "stream.db", durable=False)
        self.stream.ensure_topic(MENTIONS, 1)
        self.settings = Settings.model_validate({"data": folder})
        self.clock = SimulatedClock(NOON)
        self.processor = self.new_processor()

    def new_processor(self) -> StreamProcessor:
        return StreamProcessor(self.store, self.stream, self.settings, self.clock)

    def append(self, *values: bytes) -> None:
        self.stream.append(MENTIONS, [(0, value) for value in values], NOON)

    def turn(self) -> None:
        for _ in range(3):
            self.processor.once(timedelta(0))

    def at(self) -> int:
        with self.store.read() as conn:
            return offsets.stored(conn, self.stream.cluster, MENTIONS).get(0, 0)

    def standing(self) -> list[fuse.Blown]:
        with self.store.read() as conn:
            return fuse.standing(conn)

    def letters(self) -> int:
        with self.store.read() as conn:
            return conn.execute(select(func.count()).select_from(s.dead_letters)).scalar_one()

    def health(self) -> Any:
        with self.store.read() as conn:
            return conn.execute(select(s.health).where(s.health.c.component == "processors")).one_or_none()


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    made = Line(tmp_path)
    yield made
    made.processor.close()
    made.stream.close()
    made.store.close()


def good(*ids: int) -> bytes:
    return encode_mentions([Mention("forum", str(id), "De ketel lekt", NOON) for id in ids])


def test_some_bad_lines_among_good_ones_stop_nothing(line: Line) -> None:
    line.append(*(good(n) + b"{\n" for n in range(300)))
    line.turn()
    assert (line.at(), line.letters(), line.standing()) == (300, 300, [])


def test_when_nearly_everything_is_bad_nothing_is_passed_and_it_is_said(line: Line) -> None:
    line.append(good(1))
    line.turn()
    line.append(RUBBISH, good(2))
    with pytest.raises(FuseBlown, match="fuse has blown"):
        line.turn()
    line.processor.read_again()
    with pytest.raises(FuseBlown):
        line.turn()
    assert line.at() == 1
    assert line.letters() == EXAMPLES
    assert [(one.partition, one.offset) for one in line.standing()] == [(0, 1)]
    assert line.health().state == "failed"
    assert "--go-on" in line.health().detail["reason"]


def test_a_person_lets_it_pass_once_and_every_line_becomes_a_dead_letter(line: Line) -> None:
    line.append(RUBBISH, good(2))
    with pytest.raises(FuseBlown):
        line.turn()
    with line.store.write() as conn:
        ends = line.stream.end_offsets(MENTIONS)
        assert len(fuse.let_pass(conn, ends, line.stream.cluster, MENTIONS)) == 1
    line.processor.read_again()
    line.turn()
    assert (line.at(), line.letters(), line.standing()) == (2, 250, [])
    # The release does not cover records that come after it.
    line.append(RUBBISH)
    with pytest.raises(FuseBlown):
        line.turn()
    assert (line.at(), line.letters()) == (2, 250 + EXAMPLES)
    assert [one.offset for one in line.standing()] == [2]


def tocsin(line: Line, *args: str) -> int:
    """The exit status of a command on this folder."""
    return inside(*args, "--data", line.folder)


@pytest.mark.slow("fills a stream")
def test_an_operator_sees_it_and_says_the_word_on_the_command_line(
    line: Line, capsys: pytest.CaptureFixture[str]
) -> None:
    line.append(RUBBISH)
    with pytest.raises(FuseBlown):
        line.turn()
    assert tocsin(line, "dead-letters", "fuse") == 1
    assert "mentions/0 at 0, since" in capsys.readouterr().out
    assert tocsin(line, "doctor") == 1
    assert "the fuse has blown" in capsys.readouterr().out
    assert tocsin(line, "dead-letters", "fuse", "--go-on") == 0
    assert "1 fuses mended" in capsys.readouterr().err
    assert tocsin(line, "dead-letters", "fuse") == 0
    with line.store.read() as conn:
        assert conn.execute(select(s.audit.c.action)).scalars().all() == ["fuse.passed"]
    line.processor.read_again()
    line.turn()
    assert (line.at(), line.letters()) == (1, 250)


def test_another_stream_is_not_let_pass(line: Line) -> None:
    line.append(RUBBISH)
    with pytest.raises(FuseBlown):
        line.turn()
    with line.store.write() as conn:
        assert fuse.let_pass(conn, {0: 9}, "another cluster", MENTIONS) == []
    assert len(line.standing()) == 1


def test_the_running_processor_waits_for_the_word_and_goes_on_by_itself(line: Line) -> None:
    line.append(RUBBISH, good(2))
    stop = threading.Event()
    passed = threading.Event()

    def on_batch(_outcome: object) -> None:
        passed.set()
        stop.set()

    line.processor.on_batch = on_batch
    thread = threading.Thread(target=line.processor.run, args=(stop,))
    thread.start()
    while not line.standing():
        assert thread.is_alive()
        stop.wait(0.02)
    assert not passed.is_set()
    with line.store.write() as conn:
        fuse.let_pass(conn, line.stream.end_offsets(MENTIONS), line.stream.cluster, MENTIONS)
    thread.join(30)
    assert passed.is_set()
    assert line.at() == 2


def test_what_a_stranger_dates_to_another_century_is_a_dead_letter_and_the_rest_is_stored(line: Line) -> None:
    with line.store.write() as conn:
        save(conn, Monitor(name="Kvikkado", query="kvikkado"), now=NOON, actor="test")
    keeps_all = Settings.model_validate({"data": line.folder, "retention": {"sample_rate": 1.0}})
    line.processor = StreamProcessor(line.store, line.stream, keeps_all, line.clock, heeds_times=True)
    said = [
        Mention("shop", "now", "kvikkado", NOON),
        # A mention that waited in the stream for some days.
        Mention("shop", "waited", "kvikkado", NOON - timedelta(days=100)),
        Mention("shop", "1970", "kvikkado", datetime(1970, 1, 1, tzinfo=UTC)),
        Mention("shop", "2099", "kvikkado", datetime(2099, 1, 1, tzinfo=UTC)),
        Mention("shop", "edit", "kvikkado", NOON, edited_at=datetime(2099, 1, 1, tzinfo=UTC)),
        Mention("shop", "else", "nothing of ours", datetime(2099, 1, 1, tzinfo=UTC)),
    ]
    line.append(encode_mentions(said))
    line.turn()
    with line.store.read() as conn:
        kept = sorted(conn.execute(select(s.mentions.c.id)).scalars())
        letters = conn.execute(
            select(s.dead_letters.c.position, s.dead_letters.c.reason, s.dead_letters.c.payload)
        ).all()
        sampled = conn.execute(select(s.samples.c.id)).scalars().all()
    assert kept == ["now", "waited"]
    assert sorted((row.position, row.reason) for row in letters) == [
        (2, "too_old"),
        (3, "in_future"),
        (4, "in_future"),
        (5, "in_future"),
    ]
    assert {decode_mention(row.payload).id for row in letters} == {"1970", "2099", "edit", "else"}
    assert sampled == []
