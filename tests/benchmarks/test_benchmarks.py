"""Every benchmark runs and prints its table, in a size that says nothing about speed.

Two run as in `make bench`, with processes of their own, on each kind of engines. The others run in this process.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from benchmarks import (
    acknowledge,
    bluesky,
    child,
    dashboards,
    days,
    ears,
    firehose,
    judging,
    line,
    matching,
    memory,
    naive,
    notice,
    queue,
    scale,
    soak,
    ticking,
    understanding,
)
from benchmarks.__main__ import BENCHMARKS, main
from benchmarks.jetstream import FAULTS, Day, planned, streaming
from benchmarks.load import made_up, write_file
from benchmarks.place import Engines
from benchmarks.table import Table, machine
from ingest.source import FetchFailed, SourceContext
from ingest.sources.bluesky import BlueskySettings, BlueskySource
from tests.benchmarks.here import EnginesHere, EnginesOfCopies
from tests.engines.kafka import Cluster
from tests.engines.postgres import Postgres
from tocsin.core.signal_kinds import SIGNAL_KINDS
from tocsin.settings import Ingest


@pytest.fixture
def here() -> Iterator[None]:
    with child.in_this_process():
        yield


def test_judging_has_a_row_of_each_kind_and_says_what_ten_thousand_monitors_cost() -> None:
    table = judging.run(mentions=30)
    assert [row[0] for row in table.rows] == [*(one.kind for one in SIGNAL_KINDS.judged), "all"]
    assert "10,000 monitors" in table.notes[0]


@pytest.mark.slow("a benchmark in small")
@pytest.mark.usefixtures("here")
def test_a_day_of_bluesky_is_heard_stored_and_counted() -> None:
    table = bluesky.run(mentions=400, monitors=5, rounds=0, here=True)
    ((events, posts, handed, again, lost, stored, expected, tallied, *_),) = table.rows
    assert (events, posts, handed, again, lost) == (400, 400, 400, 0, 0)
    assert stored == expected == tallied


@pytest.mark.slow("a day in small: a thousand posts through every fault")
def test_a_short_day_of_bluesky_loses_nothing_through_every_fault() -> None:
    now = datetime.now(UTC)
    day = Day(1000, now - timedelta(days=1), monitors=5)
    came: set[int] = set()
    failures: list[str] = []
    with streaming(day, planned(day.posts, 1)) as instances:
        settings = {"instances": (f"{instances.url}/a", f"{instances.url}/b"), "first_minutes": 2160}
        source = BlueskySource(
            SourceContext("sky", Ingest.model_validate({"allowed_private_networks": ["127.0.0.0/8"]})),
            BlueskySettings.model_validate(settings),
            settle=lambda inbox, fresh: inbox.settle(timedelta(milliseconds=5), timedelta(milliseconds=5)),
        )
        cursor = None
        ends = time.monotonic() + 20
        while len(came) < day.posts and time.monotonic() < ends:
            try:
                fetched = source.fetch(cursor, now)
            except FetchFailed as failure:
                failures.append(str(failure))
                continue
            cursor = fetched.cursor
            came |= {int(one.id[-13:]) for one in fetched.mentions}
            assert fetched.gaps == []
        source.close()
        assert sorted(came) == list(range(day.posts))
        assert sorted(instances.done) == sorted(FAULTS)
    assert any("ConsumerTooSlow" in one for one in failures)


@pytest.mark.slow("a benchmark in small")
@pytest.mark.usefixtures("here")
def test_the_line_and_the_naive_loop_are_measured_over_the_same_mentions() -> None:
    table = line.run(mentions=300, matched=200, naive=100, monitors=20, loops=line.LOOPS[:1])
    shown = {(row[0], row[1]): row for row in table.rows}
    assert list(shown) == [
        ("1 in 50 matches", "the line"),
        ("1 in 50 matches", "naive: score and INSERT each"),
        ("all match", "the line"),
        ("all match", "naive: score and INSERT each"),
    ]
    assert shown["all match", "the line"][2:4] == (200, 200)
    assert shown["all match", "naive: score and INSERT each"][2:4] == (100, 100)
    assert 0 < int(shown["1 in 50 matches", "the line"][3]) < 50
    assert "of the line's time" in str(table)


@pytest.mark.slow("a benchmark in small")
def test_the_naive_loops_store_what_they_say(tmp_path: Path) -> None:
    file = write_file(tmp_path / "mentions.jsonl", made_up(400, 0.1, monitors=5))
    stored = [naive.work(str(file), 5, 300, **options)["stored"] for _, options in line.LOOPS]
    assert stored[0] == stored[2] == 300
    assert 10 < stored[1] < 60


@pytest.mark.live
# Those who acknowledge are in this process, and the stream is not.
@pytest.mark.usefixtures("here")
def test_alerts_are_acknowledged_beside_a_stream_at_rest_and_flat_out() -> None:
    table = acknowledge.run(acknowledgements=3, backlog=600)
    assert [(row[0], row[1], row[2]) for row in table.rows] == [
        ("at rest", "in a transaction", 3),
        ("at rest", "over HTTP", 3),
        ("flat out", "in a transaction", 3),
        ("flat out", "over HTTP", 3),
    ]
    assert re.search(r"stored [\d,]+ mentions/s in [\d,]+ transactions", str(table))


@pytest.mark.slow("a benchmark in small")
@pytest.mark.usefixtures("here")
def test_the_queue_is_read_and_answered_among_many_alerts() -> None:
    table = queue.run(mentions=20, times=2, stores=("SQLite",))
    assert [row[1:3] for row in table.rows] == [("acknowledge", 2), *((what, 2) for what in queue.READS)]
    assert table.title.startswith("20 open and 200 resolved alerts")


@pytest.mark.slow("a benchmark in small")
@pytest.mark.usefixtures("here")
def test_the_ticker_looks_at_monitors_that_know_their_past(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticking, "KNOWN", timedelta(hours=5))
    table = ticking.run(mentions=9, stores=("SQLite",))
    assert [row[1] for row in table.rows] == [ticking.FIRST, ticking.CLOSES, ticking.BETWEEN]
    first, closes, between = ((row[2], row[3]) for row in table.rows)
    assert (first, closes[0], between) == ((1, 0), 2, (27, 0))
    # One of each monitor's volume at least.
    assert int(closes[1]) >= 9


@pytest.mark.slow("a benchmark in small")
def test_dashboards_ask_while_mentions_are_pushed_and_alerts_acknowledged() -> None:
    table = dashboards.run(mentions=6000, dashboards=2, readers=1, where=EnginesHere())
    asked = {what: times for what, times, *_ in table.rows}
    assert asked["push"] == 12 and asked["acknowledge"] >= 1 and asked["poll"] >= 1
    answers, accepted = table.notes[:2]
    assert "push: 202 12" in answers and "Error" not in answers
    assert accepted.startswith("Mentions accepted: 6,000;")


@pytest.mark.slow("a benchmark in small")
@pytest.mark.usefixtures("here")
def test_days_are_lived_through_minute_by_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(days, "crisis_at", lambda _day: 0)
    table = days.run(mentions=10 * days.PER_MINUTE)
    begun, ended = table.rows
    assert begun[:1] == (0,) and ended[table.columns.index("rings")] == 1
    assert ended[table.columns.index("unanswered")] > 0
    assert [ended[table.columns.index(name)] for name in ("rung twice", "without a time")] == [0, 0]
    told = re.search(r"of a brand: ([\d,]+); stored and tallied: ([\d,]+)", str(table))
    assert told is not None and told[1] == told[2] != "0"


@pytest.mark.slow("a benchmark in small")
@pytest.mark.usefixtures("here")
def test_memory_is_sampled_along_a_replay_and_of_a_file_out_of_order() -> None:
    table = memory.run(mentions=600)
    assert [row[0] for row in table.rows] == [0, *range(30, 601, 30)]
    assert all(float(row[1]) > 1 for row in table.rows)
    stored = re.search(r"([\d,]+) stored \(from the generator: ([\d,]+)\)", str(table))
    assert stored is not None
    assert stored[1] == stored[2] != "0"


@pytest.mark.slow("a benchmark in small")
@pytest.mark.usefixtures("here")
def test_understanding_is_measured_by_part_and_kind_beside_the_plain_libraries() -> None:
    table = understanding.run(mentions=40)
    assert [row[0] for row in table.rows][:6] == [
        "four languages",
        "English",
        "Turkish",
        "Dutch",
        "Romanian",
        "dressed",
    ]
    assert all(float(cell) > 0 for row in table.rows for cell in row[1:])
    assert len({len(row) for row in table.rows}) == 1


@pytest.fixture
def where(kafka: Cluster, postgres: Postgres) -> Engines:
    return EnginesOfCopies(kafka, postgres)


@pytest.mark.usefixtures(
    "here"
)  # what begins and ends there is in this process; the naive loop and the roles are not
def test_real_roles_and_the_naive_pipeline_store_the_same_mentions_on_the_real_engines(
    where: Engines,
) -> None:
    load = firehose.Load("1 in 2 matches", 0.5, 400, 1000.0, naive=200, processors=(1,))
    table = firehose.run(where=where, loads=[load], monitors=20)
    assert [row[1] for row in table.rows] == [
        "naive, its producer beside it",
        "naive, on a backlog",
        "1 ingest, 1 processor",
    ]
    fed, alone, ours = table.rows
    assert fed[3] == alone[3]
    assert 50 < int(alone[3]) < 150
    assert 150 < int(ours[3]) < 250
    assert "the naive loop commits every 100 rows" in str(table)


@pytest.mark.slow("a benchmark in small")
def test_notices_are_timed_from_the_post_and_a_storm_rings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_HOOK_SECRET", notice.SECRET)
    table = notice.run(250, where=EnginesHere(), asked=2, storm_s=1.0, per_second=100, monitors=20)
    assert [(row[0], row[2]) for row in table.rows] == [
        ("three people say it is on fire", 2),
        ("a storm about one brand, 1 s", 1),
    ]


@pytest.mark.slow("two processors work off a backlog")
def test_a_second_processor_takes_its_share_of_a_backlog() -> None:
    table = scale.run(1000, where=EnginesHere(), measure_s=0.2, monitors=20)
    assert [row[0] for row in table.rows] == [1, 2]
    assert "The second had its partitions" in str(table)


def test_matching_is_measured_against_different_numbers_of_monitors() -> None:
    table = matching.run(100, counts=(10, 20))
    assert [row[0] for row in table.rows] == [10, 20]
    assert "20 monitors cost" in str(table)


@pytest.mark.live
def test_a_child_gives_its_figures_and_its_own_memory_and_one_that_fails_gives_none(tmp_path: Path) -> None:
    file = tmp_path / "one"
    file.write_bytes(b"four")
    got = child.measured("tests.benchmarks.small", file=str(file))
    assert got["bytes"] == 4 and 5 < got["peak_mib"] < 50
    with pytest.raises(RuntimeError, match=r"tests\.benchmarks\.small ended with 1"):
        child.measured("tests.benchmarks.small", file="no such file")


@pytest.mark.live
def test_the_result_of_a_child_is_there_when_its_first_line_is_read_after_its_end() -> None:
    with child.start("tests.benchmarks.talking", said="begun") as process:
        process.wait(60)
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        assert child.ended(process, "tests.benchmarks.talking", b"enough\n")["letters"] == 5


def test_an_unknown_benchmark_is_refused_with_those_that_there_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["benchmarks", "speed"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert f"unknown benchmark 'speed'; known: {', '.join(BENCHMARKS)}" in capsys.readouterr().err


@pytest.mark.slow("asks every network twice")
@pytest.mark.usefixtures("here")
def test_the_week_of_ears_hears_every_network() -> None:
    assert ears.run(2, a_day=1).rows[-1][2] > 20


def test_a_table_lines_up_words_to_the_left_and_numbers_to_the_right() -> None:
    table = Table("Title", ("what", "how many"), [("a", 12345), ("long name", 1.25)], ["A note."])
    assert str(table).splitlines() == [
        "Title",
        "",
        "what       how many",
        "a            12,345",
        "long name       1.2",
        "",
        "A note.",
    ]
    assert "cores" in machine()


@pytest.mark.slow("a benchmark in small")
def test_a_soak_samples_every_process_along_the_way() -> None:
    table = soak.run(mentions=100, where=EnginesHere())
    assert len(table.rows) == soak.SAMPLES + 1
    assert "push: 202 2" in table.notes[0]
    assert table.notes[1].startswith("Mentions accepted: 100;")
    assert (table.columns[-1], table.rows[-1][-1]) == ("errors", 0)


def test_a_soak_lasts_as_long_as_it_is_told_to() -> None:
    assert soak.pace(None, None) == (600, 50)
    assert soak.pace(100, None) == (2, 50)
    assert soak.pace(None, 1.5) == (90, 50)
    assert soak.pace(74_400, 62) == (3720, 20)
