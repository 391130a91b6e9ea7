"""A back-test answers from the stored mentions, changes nothing, and says what it covers."""

from __future__ import annotations

import itertools
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api import backtests
from ops.imports.files import import_files
from ops.replay.backtest import backtest, play
from ops.replay.files import replay_files
from ops.run.backtests import Backtester, Cancelled, play_job
from ops.runtime import Runtime
from ops.transfer.export import export
from processors.corrections.models import keep
from processors.understand.brand import BrandModel
from tests.contracts.examples import WIDE
from tests.inside import command
from tests.stores import embedded_at
from tests.story.test_replay import tocsin
from tocsin.core.clock import SimulatedClock, SystemClock
from tocsin.core.errors import NotFound, TocsinError, WrongInput
from tocsin.core.mention import Author, Mention, encode_mentions
from tocsin.definitions import repository
from tocsin.definitions.models import ExpectedEvent, Monitor, Silence
from tocsin.settings import load

EXAMPLES = Path(__file__).parents[2] / "examples"
NOW = datetime(2026, 3, 6, tzinfo=UTC)
UNTIL = "2026-03-05T24" if WIDE else "2026-03-04T15"
"""The end of what is played: when its crisis has been told, and with `make chaos` all of the recording."""
WORDS = ["table", "river", "lamp", "window", "garden", "paper", "summer"]


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    store = embedded_at(tmp_path / "store.db")
    with store.write() as conn:
        repository.save(conn, Monitor(name="acme", query="acme"), now=NOW, actor="test")
    runtime = Runtime(load(environ={"TOCSIN_DATA": str(tmp_path)}), store, SimulatedClock(NOW))
    yield runtime
    runtime.close()


@pytest.mark.slow("plays days of talk")
def test_history_is_taken_in_once_and_alerts_nobody(runtime: Runtime) -> None:
    first = import_files(runtime, [EXAMPLES / "talk.jsonl"], source=None, tz=None)
    again = import_files(runtime, [EXAMPLES / "talk.jsonl"], source=None, tz=None)
    assert (first.stored, first.bad) == (745, 0)
    assert (again.stored, again.duplicates) == (0, 745)
    with runtime.store.read() as conn:
        assert list(export(conn, "alerts")) == list(export(conn, "notices")) == []
        assert sum(1 for _ in export(conn, "mentions")) == 745


@pytest.mark.wide
@pytest.mark.slow("plays and replays a day of talk")
def test_a_backtest_finds_what_a_replay_of_the_same_finds_and_changes_nothing(
    runtime: Runtime, tmp_path: Path
) -> None:
    talk = tmp_path / "talk.jsonl"
    lines = (EXAMPLES / "talk.jsonl").read_bytes().splitlines(keepends=True)
    lines = [one for one in lines if "2026-03-03T12" <= json.loads(one)["created_at"] < UNTIL]
    talk.write_bytes(b"".join(lines))
    import_files(runtime, [talk], source="talk", tz=None)
    with runtime.store.read() as conn:
        before = [b"".join(export(conn, kind)) for kind in ("mentions", "tallies", "alerts", "notices")]
    printed: list[str] = []
    totals, covered = backtest(runtime, "acme", printed.append)
    with runtime.store.read() as conn:
        assert [
            b"".join(export(conn, kind)) for kind in ("mentions", "tallies", "alerts", "notices")
        ] == before
    assert len(totals.fired) == len(printed) >= 1
    assert f"{len(lines)} stored mentions from 2026-03-03 to {UNTIL[:10]}" in covered
    monitors = tmp_path / "monitors.yaml"
    monitors.write_text("monitors:\n  - {name: acme, query: acme}\n")
    replayed = tocsin("replay", "--monitors", str(monitors), str(talk)).stdout.decode().splitlines()
    assert [line.split("  ")[0] for line in replayed] == [line.split("  ")[0] for line in printed]


@pytest.mark.slow("plays hours of talk several times")
def test_silences_and_expected_events_hold_back_what_a_back_test_would_have_fired(runtime: Runtime) -> None:
    """Those of another monitor hold nothing back. The answer says what did."""
    printed: dict[str, list[str]] = {}
    keep_talk(runtime)
    whole = {"starts_at": NOW - timedelta(days=4), "ends_at": NOW}
    for name, held in (
        ("none", None),
        ("another's", Silence(name="theirs", monitor="other", reason="a fair", **whole)),
        ("launch", ExpectedEvent(name="launch", monitor="acme", **whole)),
        ("fair", Silence(name="fair", reason="a fair", **whole)),
    ):
        if held is not None:
            with runtime.store.write() as conn:
                repository.save(conn, held, now=NOW, actor="test")
        printed[name] = []
        _, covered = backtest(runtime, "acme", printed[name].append)
    assert "silences, expected events and holidays hold alerts back" in covered
    [told], [launch], [fair] = printed["none"], printed["launch"], printed["fair"]
    assert printed["another's"] == [told] and "[firing: clearly over" in told
    assert "[firing: expected event: launch" in launch
    assert "[suppressed: silence: fair]" in fair


@pytest.mark.slow("plays hours of talk several times")
def test_a_silence_that_ends_while_the_story_goes_on_does_not_hide_that_it_rings_then(
    runtime: Runtime,
) -> None:
    keep_talk(runtime)
    crowd = NOW - timedelta(hours=12)
    held = {"starts_at": NOW - timedelta(days=4), "ends_at": crowd + timedelta(minutes=9)}
    with runtime.store.write() as conn:
        repository.save(conn, Silence(name="fair", reason="a fair", **held), now=NOW, actor="test")
    printed: list[str] = []
    backtest(runtime, "acme", printed.append)
    [told] = printed
    assert "[firing: clearly over" in told
    assert crowd + timedelta(minutes=9) <= datetime.fromisoformat(told.split("  ")[0].replace("Z", "+00:00"))


def keep_talk(runtime: Runtime) -> None:
    """A crowd that comes after a day and a half of four mentions an hour, in the store."""
    first = NOW - timedelta(days=2)
    at = [first + timedelta(minutes=15 * n) for n in range(4 * 36)]
    at += [first + timedelta(hours=36, seconds=20 * n) for n in range(60)]
    words = itertools.cycle(itertools.permutations(WORDS, 4))
    talk = runtime.settings.data / "talk.jsonl"
    talk.write_bytes(
        encode_mentions(
            Mention(
                source="forum",
                id=str(i),
                text=f"acme {' '.join(said)}",
                created_at=when,
                author=Author(id=str(i)),
            )
            for i, (when, said) in enumerate(zip(at, words, strict=False))
        )
    )
    import_files(runtime, [talk], source=None, tz=None)


def test_an_unknown_monitor_and_an_empty_store_are_said(runtime: Runtime) -> None:
    with pytest.raises(NotFound, match="known: acme"):
        backtest(runtime, "acm", print)
    with pytest.raises(TocsinError, match="tocsin import") as said:
        backtest(runtime, "acme", print)
    assert said.value.exit_code == 1


def test_history_that_is_too_old_or_of_the_future_is_refused_and_counted(
    runtime: Runtime, tmp_path: Path
) -> None:
    path = tmp_path / "odd.jsonl"
    days = itertools.chain(["1970-01-01", "2099-01-01"], [f"2026-03-0{n}" for n in range(1, 4)])
    path.write_text(
        "".join(f'{{"id": "{day}", "text": "acme", "created_at": "{day}T10:00:00Z"}}\n' for day in days)
    )
    totals = import_files(runtime, [path], source=None, tz=None)
    assert (totals.stored, totals.bad) == (3, 2)
    with runtime.store.read() as conn:
        assert sum(1 for _ in export(conn, "dead-letters")) == 2


@pytest.mark.slow("a whole story")
def test_silence_that_was_heard_makes_the_first_crowd_news(tmp_path: Path) -> None:
    first = datetime(2026, 3, 2, 9, tzinfo=UTC)
    talk, monitors = tmp_path / "talk.jsonl", tmp_path / "monitors.yaml"
    crowd = [
        Mention(
            source="forum",
            id=str(i),
            text=f"acme {WORDS[i % 7]} {WORDS[i % 5]} {WORDS[i % 3]} {WORDS[i // 4]} today",
            created_at=first + timedelta(seconds=20 * i),
            author=Author(id=str(i)),
        )
        for i in range(28)
    ]
    talk.write_bytes(encode_mentions(crowd))
    monitors.write_text("monitors:\n  - {name: acme, query: acme}\n")
    printed: dict[str | None, list[str]] = {}
    for since in (None, "2026-03-01T00:00:00Z"):
        printed[since] = []
        replay_files([talk], monitors, out=printed[since].append, heard_since=since)
    assert printed[None] == []
    assert [line[:17] for line in printed["2026-03-01T00:00:00Z"]] == ["2026-03-02T09:06:"]
    with pytest.raises(WrongInput, match="--heard-since: 'yesterday' is no time; give ISO 8601"):
        replay_files([talk], monitors, out=print, heard_since="yesterday")
    with pytest.raises(
        WrongInput, match="2026-03-02T09:01:00Z is after the first mention, which came at 2026"
    ):
        replay_files([talk], monitors, out=print, heard_since="2026-03-02T09:01:00Z")


def talked(runtime: Runtime, folder: Path) -> None:
    """Half a day of a mention an hour, then a burst of sixty within ten minutes."""
    start = NOW - timedelta(hours=13)
    posts = [(start + timedelta(hours=n), f"acme opens at {n}") for n in range(12)]
    burst = NOW - timedelta(minutes=50)
    posts += [(burst + timedelta(seconds=10 * n), f"acme is late {n * 7919}") for n in range(60)]
    path = folder / "talk.jsonl"
    lines = [{"id": str(n), "text": text, "created_at": at.isoformat()} for n, (at, text) in enumerate(posts)]
    path.write_text("".join(json.dumps(one) + "\n" for one in lines))
    import_files(runtime, [path], source="wall", tz=None)


@pytest.mark.slow("plays hours at seven promises")
def test_one_play_gives_the_alerts_their_verdicts_and_the_curve_and_can_be_cancelled(
    runtime: Runtime, tmp_path: Path
) -> None:
    talked(runtime, tmp_path)
    with runtime.store.write() as conn:
        monitor = repository.find(conn, Monitor, "acme")
        change = {"query": 'acme NOT "late"'}
        job = backtests.ask(conn, monitor, now=NOW, actor="ada", change=change, because={})
    assert backtests.claim(runtime.store, NOW) is not None
    play_job(runtime, job.id)
    with runtime.store.read() as conn:
        done = backtests.get(conn, job.id)
    assert (done.state, done.progress, done.message) == ("done", 100, None)
    result = done.result
    assert result is not None and result["mentions"] == 72
    assert [one["kind"] for one in result["alerts"]][:1] == ["volume"]
    assert result["changed"]["fired"] == result["changed"]["stays"] == 0 < result["fired"]
    assert [one["promise"] for one in result["curve"]] == [0.1, 0.25, 0.5, 1.0, 2.0, 5.0]
    fired = [one["fired"] for one in result["curve"]]
    assert fired == sorted(fired) and fired[-1] > 0
    # A rate over less than a week would be made up.
    assert result["a_week"] is None
    assert sum(result["volume"]["counts"]) == 72 and len(result["volume"]["counts"]) <= 170
    printed = command("backtest", "acme", "--curve", "--by-time", "--data", tmp_path).stdout.decode()
    by_time = re.findall(r"^from \S+Z: (\d+) mentions, (\d+) alerts$", printed, re.MULTILINE)
    assert sum(int(count) for count, _ in by_time) == 72
    assert sum(int(alerts) for _, alerts in by_time) == result["fired"]
    assert re.search(r"Z  SEV\d [a-z]+  volume: \d+ mentions, [\d.]+ expected  \[firing\]$", printed, re.M), (
        printed
    )
    assert "promise 0.1: " in printed and "less than a week, 0 real of 0 judged" in printed
    played: list[float] = []

    def cancel(part: float) -> None:
        played.append(part)
        raise Cancelled

    with pytest.raises(Cancelled):
        play(runtime, [monitor.value], of=monitor, on_progress=cancel)
    assert len(played) == 1
    # The monitor's own model labels what is played, as it does what comes now.
    said: list[str] = []
    with runtime.store.write() as conn:
        sweet = BrandModel(0, bias=(0.0, 0.0, 20.0))
        keep(conn, monitor.id, sweet, {}, now=NOW, actor="ada", role="admin")
    backtest(runtime, "acme", said.append)
    assert len(said) == 1 and " 0% negative" in said[0], said
    with runtime.store.write() as conn:
        paused = monitor.value.model_copy(update={"enabled": False})
        repository.save(conn, paused, now=NOW, actor="test", id=monitor.id)
    before_it_is_enabled: list[str] = []
    backtest(runtime, "acme", before_it_is_enabled.append)
    assert before_it_is_enabled == said


@pytest.mark.live
def test_a_worker_plays_what_was_asked_for_in_a_process_of_its_own(tmp_path: Path) -> None:
    store = embedded_at(tmp_path / "store.db")
    with store.write() as conn:
        repository.save(conn, Monitor(name="acme", query="acme"), now=NOW, actor="test")
    runtime = Runtime(load(environ={"TOCSIN_DATA": str(tmp_path)}), store, SystemClock())
    with store.write() as conn:
        job = backtests.ask(
            conn, repository.find(conn, Monitor, "acme"), now=runtime.clock.now(), actor="ada"
        )
    stop = threading.Event()
    worker = threading.Thread(target=Backtester(runtime).run, args=(stop,))
    worker.start()
    try:
        # Nothing is stored: the play fails, and says what to do.
        assert within(150, lambda: _state(runtime, job.id) == "failed")
    finally:
        stop.set()
        worker.join(30)
        with store.read() as conn:
            message = backtests.get(conn, job.id).message
        runtime.close()
    assert message is not None and "tocsin import" in message


def _state(runtime: Runtime, id: str) -> str:
    with runtime.store.read() as conn:
        return backtests.get(conn, id).state


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    """Whether it comes to hold within so many seconds."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True
