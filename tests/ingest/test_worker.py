"""The worker: hand-over comes before progress, trouble of one source stays with it, and missing data is never calm."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import pytest

from ingest.kinds import KINDS, make_source
from tests.ingest.house import NOON, House, Site, line
from tocsin.core.errors import StreamFull, WrongInput
from tocsin.core.mention import Mention
from tocsin.definitions.models import SourceDef
from tocsin.health.sources import component_of
from tocsin.intake.handover import note_received
from tocsin.settings import Ingest
from tocsin.store import schema as s
from tocsin.store.sqlite.engine import SqliteStore
from tocsin.stream.sqlite import SqliteStream

MINUTE = timedelta(minutes=1)


def health(house: House, component: str) -> tuple[str, str]:
    row = house.row(s.health, component=component)
    return row.state, row.detail["reason"]


def until(true: Callable[[], bool]) -> None:
    """Wait until another thread makes this true. Fails where it takes too long."""
    for _ in range(1000):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen within 10 s")


class Power(Exception):
    """The power failed."""


class FailingStore(SqliteStore):
    """A store in which the next write of a cursor fails."""

    fail = False

    def put(self, conn, table, rows, columns=None) -> None:  # type: ignore[no-untyped-def]  # the signature of its base
        if self.fail and table is s.source_state:
            self.fail = False
            raise Power
        super().put(conn, table, rows, columns)


class FullStream(SqliteStream):
    """A stream that refuses everything while `full`."""

    full = True

    def append(self, topic: str, records: Sequence[tuple[int, bytes]], at: datetime) -> None:
        if self.full:
            raise StreamFull("half of the stream is unread")
        super().append(topic, records, at)


def test_what_a_file_holds_is_on_the_stream_and_counted(house: House) -> None:
    (house.folder / "a.jsonl").write_bytes(line(1) + b"oops\n" + line(2, at="2026-03-01T11:30:00Z"))
    house.define("forum", "file", path=str(house.folder / "a.jsonl"))
    worker = house.worker()
    assert worker.collect_once() == 2
    assert house.ids() == ["1", "2"]
    assert {mention.source for mention in house.streamed()} == {"forum"}
    state = house.row(s.source_state, name="forum")
    assert (state.received, state.rejected, state.failures) == (2, 1, 0)
    assert (state.first_event_at, state.last_event_at) == (NOON - 30 * MINUTE, NOON - MINUTE)
    assert state.last_success_at == NOON
    assert state.next_fetch_at == NOON + timedelta(seconds=1)
    (letter,) = house.rows(s.dead_letters)
    assert (letter.source, letter.position, letter.reason, letter.payload) == (
        "forum",
        2,
        "malformed",
        b"oops\n",
    )


def test_a_death_between_hand_over_and_cursor_loses_nothing(house: House) -> None:
    store = FailingStore(house.folder / "store.db", durable=False)
    house.store.close()
    house.store = store
    (house.folder / "a.jsonl").write_bytes(line(1) + b"oops\n" + line(2))
    house.define("forum", "file", path=str(house.folder / "a.jsonl"))
    store.fail = True
    with pytest.raises(Power):
        house.worker().collect_once()
    assert house.ids() == ["1", "2"]
    assert house.row(s.source_state, name="forum") is None
    assert house.worker().collect_once() == 2
    # Repeats, which count once by (source, id).
    assert house.ids() == ["1", "1", "2", "2"]
    assert house.row(s.source_state, name="forum").received == 2
    assert len(house.rows(s.dead_letters)) == 1
    house.clock.advance(MINUTE)
    assert house.worker().collect_once() == 0


def test_a_stream_that_is_full_moves_no_cursor(house: House) -> None:
    stream = FullStream(house.folder / "full.db", durable=False)
    house.stream.close()
    house.stream = stream
    (house.folder / "a.jsonl").write_bytes(line(1))
    house.define("forum", "file", path=str(house.folder / "a.jsonl"))
    with pytest.raises(StreamFull):
        house.worker().collect_once()
    assert house.row(s.source_state, name="forum") is None
    stream.full = False
    assert house.worker().collect_once() == 1
    assert house.ids() == ["1"]


def test_times_that_cannot_be_are_refused_and_only_the_future_is_a_dead_letter(house: House) -> None:
    (house.folder / "a.jsonl").write_bytes(
        line(1, at="1970-01-01T00:00:00Z")
        + line(2, at="2099-01-01T00:00:00Z")
        + line(3, at="2026-03-01T11:00:00")
        + line(4)
    )
    house.define("forum", "file", path=str(house.folder / "a.jsonl"))
    assert house.worker().collect_once() == 1
    assert house.ids() == ["4"]
    assert sorted(letter.reason for letter in house.rows(s.dead_letters)) == ["in_future", "no_offset"]
    state = house.row(s.source_state, name="forum")
    assert (state.received, state.rejected) == (1, 3)


def test_a_failing_source_waits_longer_each_time_and_stops_nobody(house: House, site: Site) -> None:
    site.status = 500
    (house.folder / "a.jsonl").write_bytes(line(1))
    house.define("a-feed", "feed", url=site.url)
    house.define("b-file", "file", path=str(house.folder / "a.jsonl"))
    worker = house.worker()
    assert worker.collect_once() == 1
    for failures, wait_s in ((1, 30), (2, 60), (3, 120)):
        state = house.row(s.source_state, name="a-feed")
        assert (state.failures, state.next_fetch_at - house.clock.now()) == (
            failures,
            timedelta(seconds=wait_s),
        )
        assert state.last_error == "the feed answered 500 Internal Server Error"
        assert health(house, "source:a-feed")[0] == "degraded"
        house.clock.set(state.next_fetch_at)
        worker.collect_once()
    house.clock.advance(15 * MINUTE)
    worker.collect_once()
    assert health(house, "source:a-feed")[0] == "blind"
    assert health(house, "source:b-file") == ("ok", "as expected")
    assert house.row(s.health, component="ingest").detail["troubled"] == ["a-feed"]


def test_a_source_that_says_when_is_asked_then(house: House, site: Site) -> None:
    site.status = 429
    site.headers["retry-after"] = "3600"
    house.define("forum", "feed", url=site.url)
    house.worker().collect_once()
    assert house.row(s.source_state, name="forum").next_fetch_at == NOON + timedelta(hours=1)
    house.clock.advance(timedelta(minutes=59))
    # Also after a restart.
    house.worker().collect_once()
    assert len(site.requests) == 1


def test_a_source_whose_host_takes_no_more_waits_and_has_not_failed(house: House, site: Site) -> None:
    site.status = 429
    site.headers["retry-after"] = "3600"
    house.define("a", "feed", url=site.url)
    house.define("b", "feed", url=f"{site.url}/other")
    house.worker().collect_once()
    assert len(site.requests) == 1
    waiting = house.row(s.source_state, name="b")
    assert (waiting.failures, waiting.next_fetch_at) == (0, NOON + timedelta(hours=1))
    assert waiting.last_error == "the feed takes no more requests of ours for 60 min"


def test_a_silent_source_is_blind_after_three_times_what_is_expected(house: House) -> None:
    house.define("shop", "push", expected_every_minutes=10)
    worker = house.worker()
    house.clock.advance(30 * MINUTE)
    worker.collect_once()
    assert health(house, "source:shop") == ("degraded", "nothing has come yet")
    house.clock.advance(MINUTE)
    worker.collect_once()
    assert health(house, "source:shop") == ("blind", "silent for 31 min, expected every 10 min")
    pushed = Mention("shop", "1", "alo", house.clock.now())
    with house.store.write() as conn:
        note_received(conn, "shop", now=house.clock.now(), mentions=[pushed], rejected=1)
    worker.collect_once()
    assert health(house, "source:shop")[0] == "ok"
    assert house.row(s.source_state, name="shop").rejected == 1


def test_nearly_everything_bad_blows_the_fuse_and_takes_nothing(house: House) -> None:
    path = house.folder / "a.jsonl"
    path.write_bytes(b"id: 1, text: a\n" * 300 + line(1))
    house.define("forum", "file", path=str(path))
    worker = house.worker()
    assert worker.collect_once() == 0
    state = house.row(s.source_state, name="forum")
    assert state.last_error.startswith("300 of the last 301 could not be read")
    assert state.cursor is None
    assert len(house.rows(s.dead_letters)) == 20
    path.write_bytes(b"".join(line(n) for n in range(300)))
    house.clock.advance(MINUTE)
    assert worker.collect_once() == 300


def test_changes_of_the_definitions_are_picked_up(house: House) -> None:
    (house.folder / "a.jsonl").write_bytes(line(1))
    (house.folder / "b.jsonl").write_bytes(line(2))
    worker = house.worker()
    assert worker.collect_once() == 0
    house.define("forum", "file", path=str(house.folder / "a.jsonl"))
    assert worker.collect_once() == 1
    house.define("forum", "file", path=str(house.folder / "b.jsonl"))
    assert worker.collect_once() == 1
    house.define("forum", "file", path=str(house.folder / "b.jsonl"), enabled=False)
    house.clock.advance(MINUTE)
    assert worker.collect_once() == 0
    assert house.row(s.health, component="source:forum") is None
    house.remove("forum")
    assert worker.collect_once() == 0
    assert house.ids() == ["1", "2"]


def test_a_definition_that_cannot_be_used_is_shown_as_such(house: House) -> None:
    house.define("forum", "fax")
    house.worker().collect_once()
    state, why = health(house, "source:forum")
    assert (state, why) == (
        "degraded",
        f"source 'forum': unknown kind 'fax'; known: {', '.join(sorted(KINDS))}",
    )


@pytest.mark.slow("many fetches")
def test_the_loop_reads_all_sources_and_a_slow_one_holds_up_none(house: House, site: Site) -> None:
    site.body, site.drip_s = b"<rss>" * 1000, 0.05
    path = house.folder / "a.jsonl"
    path.write_bytes(b"".join(line(n) for n in range(5000)))
    house.define("a-feed", "feed", url=site.url)
    house.define("b-file", "file", path=str(path))
    stop = threading.Event()
    worker = house.worker()
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    try:

        def received(wanted: int) -> bool:
            row = house.row(s.source_state, name="b-file")
            return row is not None and row.received == wanted

        until(lambda: received(5000))
        # Still dripping.
        assert house.row(s.source_state, name="a-feed") is None
        with path.open("ab") as file:
            file.write(line("more"))
        house.clock.advance(MINUTE)
        until(lambda: received(5001))
    finally:
        stop.set()
        thread.join(5)
    assert not thread.is_alive()
    assert len(house.ids()) == 5001


class Noted:
    """A hand-over that notes the sources of the mentions, batch by batch."""

    def __init__(self) -> None:
        self.sources: list[str] = []

    def hand_over(self, mentions: Sequence[Mention], now: datetime | None = None) -> None:
        self.sources += [mentions[0].source] if mentions else []


@pytest.mark.slow("many fetches")
def test_two_sources_that_always_have_more_do_not_starve_a_third(house: House) -> None:
    for name in ("a", "b"):
        (house.folder / name).write_bytes(b"".join(line(n) for n in range(20_000)))
        house.define(name, "file", path=str(house.folder / name))
    (house.folder / "c").write_bytes(line(1))
    house.define("c", "file", path=str(house.folder / "c"))
    noted, stop = Noted(), threading.Event()
    thread = threading.Thread(target=house.worker(hand_over=noted).run, args=(stop,))
    thread.start()
    try:
        until(lambda: "c" in noted.sources)
    finally:
        stop.set()
        thread.join(5)
    assert noted.sources.index("c") < 6


@pytest.mark.slow("many fetches")
def test_what_was_read_ahead_of_a_refused_hand_over_is_read_again(house: House) -> None:
    class Refusing(Noted):
        """Takes the first batch and refuses the second, once. By then the third batch has been read ahead."""

        calls = 0

        def hand_over(self, mentions: Sequence[Mention], now: datetime | None = None) -> None:
            self.calls += 1
            if self.calls == 2:
                raise StreamFull("half of the stream is unread")
            self.sources += [mention.id for mention in mentions]

    (house.folder / "long").write_bytes(b"".join(line(n) for n in range(45_000)))
    house.define("long", "file", path=str(house.folder / "long"))
    noted, stop = Refusing(), threading.Event()
    thread = threading.Thread(target=house.worker(hand_over=noted).run, args=(stop,))
    thread.start()
    try:
        until(lambda: noted.calls >= 2)
        house.clock.advance(MINUTE)
        until(lambda: len(noted.sources) >= 45_000)
    finally:
        stop.set()
        thread.join(5)
    assert noted.sources == [str(n) for n in range(45_000)]


class TripsOver(Noted):
    """A hand-over that raises an unexpected error for mentions of the source `odd`."""

    def hand_over(self, mentions: Sequence[Mention], now: datetime | None = None) -> None:
        if any(one.source == "odd" for one in mentions):
            raise ValueError("a mistake of ours")
        super().hand_over(mentions, now)


@pytest.mark.slow("many fetches")
def test_an_unexpected_error_with_one_source_stops_no_other(house: House) -> None:
    for name in ("odd", "sound"):
        (house.folder / f"{name}.jsonl").write_bytes(line(1))
        house.define(name, "file", path=str(house.folder / f"{name}.jsonl"))
    worker = house.worker(hand_over=TripsOver())
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    try:
        until(lambda: bool(house.rows(s.source_state)) and len(house.rows(s.source_state)) == 2)
        assert house.row(s.source_state, name="sound").last_error is None
        odd = house.row(s.source_state, name="odd")
        assert (odd.cursor, odd.failures) == (None, 1)
        assert "an unexpected ValueError" in odd.last_error
    finally:
        stop.set()
        thread.join(5)
    assert worker._loop.unexpected == 0


def test_a_source_with_a_very_long_name_has_health_too(house: House) -> None:
    name = "x" * 256
    house.define(name, "push")
    house.worker().collect_once()
    (row,) = [one for one in house.rows(s.health) if one.component != "ingest"]
    assert row.component == component_of(name)
    assert len(row.component) <= 128


def test_the_loop_outlives_a_full_stream_and_says_so(house: House) -> None:
    stream = FullStream(house.folder / "full.db", durable=False)
    house.stream.close()
    house.stream = stream
    (house.folder / "a.jsonl").write_bytes(line(1))
    house.define("forum", "file", path=str(house.folder / "a.jsonl"))
    stop = threading.Event()
    thread = threading.Thread(target=house.worker().run, args=(stop,))
    thread.start()
    try:
        until(lambda: bool(house.row(s.health, component="ingest")))
        until(lambda: health(house, "ingest") == ("degraded", "half of the stream is unread"))
        stream.full = False
        house.clock.advance(MINUTE)
        until(lambda: house.row(s.source_state, name="forum") is not None)
        until(lambda: health(house, "ingest") == ("ok", "as expected"))
    finally:
        stop.set()
        thread.join(5)
    assert house.ids() == ["1"]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"kind": "rss"}, f"source 'x': unknown kind 'rss'; known: {', '.join(sorted(KINDS))}"),
        (
            {"kind": "feed"},
            "source 'x': the setting 'url' is missing; a feed knows: interval_s, lang, network, url",
        ),
        (
            {"kind": "feed", "url": "ftp://a"},
            "source 'x': url = 'ftp://a': 'ftp://a' must begin with http:// or https://",
        ),
        (
            {"kind": "feed", "url": "https://a.example", "intervall_s": 5},
            "unknown setting 'intervall_s'; a feed knows",
        ),
        (
            {"kind": "file", "path": "a", "timezone": "Turkey time"},
            "unknown time zone 'Turkey time'; use a name such as",
        ),
        ({"kind": "push", "key": "a"}, "unknown setting 'key'; a push knows: secret"),
    ],
)
def test_a_wrong_definition_names_the_setting_and_the_choices(settings: dict[str, str], says: str) -> None:
    with pytest.raises(WrongInput) as caught:
        make_source(SourceDef.model_validate({"name": "x"} | settings), Ingest.model_validate({}))
    assert says in str(caught.value)
