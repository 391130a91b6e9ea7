"""History is brought in once, beside live processors, fills baselines, pages nobody, and can be taken out again."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select

from api import imports
from api.imports import CHECK, IMPORT, Import
from ingest.recorded.mapping import ColumnMapping
from ops.imports.carrying_out import carry_out, folder_of
from ops.runtime import Runtime
from ops.transfer.export import export
from processors.detection.knowledge import knowledge
from processors.storing.batch import Batch, MentionVersion
from processors.storing.writer import Writer
from processors.ticker import DetectionTicker
from processors.understand import Understander, default_scorers
from tests.stores import embedded_at
from tocsin.core.clock import SimulatedClock
from tocsin.core.errors import Conflict, Fenced, IllegalTransition
from tocsin.core.mention import Mention
from tocsin.definitions import repository
from tocsin.definitions.models import Monitor
from tocsin.settings import load
from tocsin.store import schema as s

NOW = datetime(2026, 3, 6, 12, 2, tzinfo=UTC)
MAPPING = ColumnMapping(
    columns={"text": "Full Text", "created_at": "Date", "id": "Nr", "author": "Who"},
    source="report",
    dates="dmy",
    zone="Europe/Berlin",
)
DAYS = 3
WORDS = ["table", "river", "lamp", "window", "garden", "paper", "summer", "winter", "kettle"]


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    store = embedded_at(tmp_path / "store.db")
    with store.write() as conn:
        repository.save(conn, Monitor(name="acme", query="acme"), now=NOW, actor="test")
    runtime = Runtime(load(environ={"TOCSIN_DATA": str(tmp_path)}), store, SimulatedClock(NOW))
    yield runtime
    runtime.close()


def report(runtime: Runtime, name: str = "report.csv") -> str:
    """Three days of two posts an hour until just now, a burst of sixty an hour ago, and rows that are wrong."""
    folder = folder_of(runtime).path
    folder.mkdir(exist_ok=True)
    start = NOW + timedelta(hours=1) - timedelta(days=DAYS)
    posts = [(start + timedelta(minutes=30 * n), f"acme opens {n}") for n in range(48 * DAYS)]
    burst = NOW + timedelta(hours=1) - timedelta(minutes=40)
    posts += [
        (burst + timedelta(seconds=20 * n), f"acme explosion {WORDS[n % 9]} {WORDS[n % 7]} {n * 7919}")
        for n in range(60)
    ]
    with (folder / name).open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["Nr", "Date", "Full Text", "Who"])
        for n, (at, text) in enumerate(posts):
            # Written by the clock of Berlin, an hour ahead.
            rows.writerow([n, at.strftime("%d/%m/%Y %H:%M:%S"), text, f"person {n}"])
        rows.writerow([0, "05/03/2026 10:00", "acme opens 0", "again"])
        rows.writerow([900, "05/03/2026 10:00", "nothing of ours", "x"])
        rows.writerow([901, "05/03/2016 10:00", "acme of long ago", "x"])
        rows.writerow([902, "99/99/2026 10:00", "acme at no time", "x"])
    return name


STORED = 48 * DAYS + 60
COUNTS = {"read": STORED + 4, "stored": STORED, "known": 1, "unmatched": 1, "too_old": 1, "bad": 1}


def asked(runtime: Runtime, kind: str, file: str, *, teach: bool = True) -> Import:
    with runtime.store.write() as conn:
        job = imports.ask(conn, kind, file, MAPPING, now=NOW, actor="ada", role="admin", teach=teach)
    assert imports.claim(runtime.store, NOW) is not None
    return job


def done(runtime: Runtime, kind: str, file: str) -> Import:
    job = asked(runtime, kind, file)
    carry_out(runtime, job.id)
    return found(runtime, job.id)


def found(runtime: Runtime, id: str) -> Import:
    with runtime.store.read() as conn:
        return imports.get(conn, id)


def exported(runtime: Runtime, *kinds: str) -> list[bytes]:
    with runtime.store.read() as conn:
        return [b"".join(export(conn, kind)) for kind in kinds]


def known_hours(runtime: Runtime) -> float:
    with runtime.store.read() as conn:
        monitor = repository.find(conn, Monitor, "acme")
        return knowledge(conn, monitor.id, monitor.value.series).hours


def count(conn: Connection, table: str) -> int:
    return len(conn.execute(select(s.metadata.tables[table])).all())


def test_a_check_says_what_an_import_then_does_and_stores_nothing(runtime: Runtime) -> None:
    file = report(runtime)
    checked = done(runtime, CHECK, file)
    assert (checked.state, dict(checked.counts)) == ("done", COUNTS)
    assert [(one["line"], one["reason"]) for one in checked.reasons] == [
        (STORED + 4, "too_old"),
        (STORED + 5, "bad_time"),
    ]
    assert exported(runtime, "mentions", "tallies", "dead-letters") == [b"", b"", b""]

    brought = done(runtime, IMPORT, file)
    assert (brought.state, dict(brought.counts), brought.progress) == ("done", COUNTS, 100)
    again = done(runtime, IMPORT, file)
    assert (again.counts["stored"], again.counts["known"]) == (0, STORED + 1)
    assert len(exported(runtime, "mentions")[0].splitlines()) == STORED
    # The first rows that are bad can be mended, as any dead letter.
    assert len(exported(runtime, "dead-letters")[0].splitlines()) == 2


def test_history_fills_the_baseline_of_a_cold_monitor_and_its_burst_and_triggers_alert_nobody(
    runtime: Runtime,
) -> None:
    ticker = DetectionTicker(runtime.store, runtime.stream, runtime.settings, runtime.clock)
    done(runtime, IMPORT, report(runtime))
    assert known_hours(runtime) > 24 * DAYS - 2
    assert isinstance(runtime.clock, SimulatedClock)
    for _ in range(12):
        runtime.clock.advance(timedelta(minutes=1))
        assert ticker.once() == 0
    with runtime.store.read() as conn:
        assert (count(conn, "signals"), count(conn, "alerts"), count(conn, "notices")) == (0, 0, 0)
        # What is judged from now on is judged by what history taught.
        readings = conn.execute(select(s.readings)).all()
    lead = [row for row in readings if row.kind == "volume"]
    assert lead and {row.state for row in lead} == {"warm"}
    assert all(row._mapping["count"] == 0 and row.expected > 0.1 for row in lead)


def test_a_monitor_that_is_at_work_keeps_what_it_heard_beside_what_history_teaches(runtime: Runtime) -> None:
    heard = [
        Mention(source="wall", id=str(n), text=f"acme {n}", created_at=NOW - timedelta(minutes=30 - n))
        for n in range(20)
    ]
    live(runtime, heard)
    ticker = DetectionTicker(runtime.store, runtime.stream, runtime.settings, runtime.clock)
    ticker.once()
    before = exported(runtime, "alerts")
    with runtime.store.read() as conn:
        readings = conn.execute(select(s.readings)).all()
        assert readings
    assert known_hours(runtime) < 1
    done(runtime, IMPORT, report(runtime))
    assert known_hours(runtime) > 24 * DAYS - 2
    ticker.once()
    assert known_hours(runtime) > 24 * DAYS - 2
    with runtime.store.read() as conn:
        assert conn.execute(select(s.readings)).all()[: len(readings)] == readings
    assert exported(runtime, "alerts") == before


def live(runtime: Runtime, mentions: list[Mention]) -> None:
    """Store the mentions as a processor does."""
    writer = Writer(runtime.store, Understander(default_scorers()), 0.0)
    with runtime.store.read() as conn:
        id = repository.find(conn, Monitor, "acme").id
    prepared = writer.understand(Batch(versions=[MentionVersion(one, 0, (id,)) for one in mentions]))
    with runtime.store.write() as conn:
        writer.write(conn, prepared, NOW)


def test_what_a_processor_and_an_import_store_at_one_moment_counts_once(runtime: Runtime) -> None:
    job = asked(runtime, IMPORT, report(runtime))
    writer = Writer(runtime.store, Understander(default_scorers()), 0.0)
    with runtime.store.read() as conn:
        id = repository.find(conn, Monitor, "acme").id
    same = Mention(source="report", id="7", text="acme heard live", created_at=NOW - timedelta(days=1))
    prepared = writer.understand(Batch(versions=[MentionVersion(same, 0, (id,))]))
    carry_out(runtime, job.id)
    # The processor read before the import stored, and stores after it: it has to read again.
    with pytest.raises(Fenced), runtime.store.write() as conn:
        writer.write(conn, prepared, NOW)
    with runtime.store.read() as conn:
        assert sum(conn.execute(select(s.tallies.c["count"])).scalars()) == STORED


def test_an_import_that_is_killed_goes_on_behind_its_last_piece_without_doubles(runtime: Runtime) -> None:
    file = report(runtime)
    job = asked(runtime, IMPORT, file)

    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        carry_out(runtime, job.id, None, kill)
    half = found(runtime, job.id)
    assert half.state == "running" and 0 < half.position < STORED
    # Nobody takes it over before its worker is known to be gone.
    assert imports.claim(runtime.store, NOW + timedelta(seconds=30)) is None
    assert imports.claim(runtime.store, NOW + timedelta(minutes=3)) is not None
    carry_out(runtime, job.id)
    assert (found(runtime, job.id).state, dict(found(runtime, job.id).counts)) == ("done", COUNTS)
    with runtime.store.read() as conn:
        assert sum(conn.execute(select(s.tallies.c["count"])).scalars()) == STORED


def test_a_cancelled_import_stops_and_one_whose_file_is_gone_says_so(runtime: Runtime) -> None:
    job = asked(runtime, IMPORT, report(runtime))
    with runtime.store.write() as conn:
        imports.cancel(conn, job.id, NOW)
    carry_out(runtime, job.id)
    assert (found(runtime, job.id).state, found(runtime, job.id).counts["stored"]) == ("cancelled", 0)
    gone = done(runtime, IMPORT, "gone.csv")
    assert gone.state == "failed" and "there is no file 'gone.csv'" in (gone.message or "")


@pytest.mark.slow("imports, and exports what is there before and after")
def test_an_import_is_taken_out_with_all_that_it_brought_unless_something_hangs_on_it(
    runtime: Runtime,
) -> None:
    live(runtime, [Mention(source="wall", id="1", text="acme", created_at=NOW - timedelta(minutes=50))])
    before = exported(runtime, "mentions", "tallies")
    job = done(runtime, IMPORT, report(runtime))
    with runtime.store.write() as conn:
        monitor = repository.find(conn, Monitor, "acme").id
        label = {"monitor_id": monitor, "source": "report", "id": "7", "label": "negative", "was": "neutral"}
        conn.execute(insert(s.corrections).values(**label, at=NOW, actor="ada"))
    with pytest.raises(Conflict, match="people gave 1 labels to"), runtime.store.write() as conn:
        imports.ask_undo(conn, job.id, now=NOW, actor="ada", role="admin")
    with runtime.store.write() as conn:
        conn.execute(s.corrections.delete())
        undo = imports.ask_undo(conn, job.id, now=NOW, actor="ada", role="admin")
    assert imports.claim(runtime.store, NOW) is not None
    carry_out(runtime, undo.id)
    assert (found(runtime, undo.id).state, found(runtime, job.id).state) == ("done", "undone")
    assert exported(runtime, "mentions", "tallies") == before
    assert known_hours(runtime) < 2
    with runtime.store.read() as conn:
        assert (count(conn, "matches"), count(conn, "seen")) == (1, 1)
    with pytest.raises(IllegalTransition), runtime.store.write() as conn:
        imports.ask_undo(conn, job.id, now=NOW, actor="ada", role="admin")
    # What was taken out can be brought in again.
    assert done(runtime, IMPORT, report(runtime)).counts["stored"] == STORED
