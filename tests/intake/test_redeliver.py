"""Dead letters handed over again: they are read as their source would read them, once each, and shown safely."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from tests.engines.postgres import Postgres
from tests.ingest.house import NOON, House, Site, line
from tests.inside import inside
from tocsin.core.clock import iso
from tocsin.core.errors import NotFound, TocsinError, WrongInput
from tocsin.core.mention import Mention, encode_mentions
from tocsin.intake.dead_letters import dead_letter_row, list_dead_letters, record_dead_letter
from tocsin.intake.handover import HandOver
from tocsin.intake.redeliver import (
    Replayed,
    Who,
    replay,
    replay_waiting,
)
from tocsin.store import meta
from tocsin.store import schema as s
from tocsin.store.opening import open_store
from tocsin.stream.port import MENTIONS

ME = Who("ada", "admin")


def keep(house: House, payload: bytes, **origin: Any) -> str:
    given: dict[str, Any] = {"source": "wall", "reason": "malformed", "message": "not JSON"} | origin
    with house.store.write() as conn:
        return record_dead_letter(conn, dead_letter_row(now=house.clock.now(), payload=payload, **given))


def hand(house: House) -> HandOver:
    return HandOver(house.stream, partitions=2, max_mentions=10, clock=house.clock)


def again(house: House, *ids: str, mended: bytes | None = None) -> list[Replayed]:
    return replay(
        house.store,
        hand(house),
        house.settings.ingest,
        ids,
        now=house.clock.now(),
        who=ME,
        mended=mended,
    )


def outcome(house: House, *ids: str, mended: bytes | None = None) -> tuple[str, str]:
    (one,) = again(house, *ids, mended=mended)
    return one.outcome, one.reason


def nothing_handed_over(house: House) -> bool:
    house.stream.ensure_topic(MENTIONS, 1)
    return not any(house.stream.end_offsets(MENTIONS).values())


def letters(house: House) -> list[tuple[str, int, bool]]:
    found = sorted(house.rows(s.dead_letters), key=lambda one: one.at)
    return [(one.reason, one.attempts, one.replayed_at is not None) for one in found]


def test_what_was_too_early_is_taken_when_its_time_has_come(house: House) -> None:
    (house.folder / "wall.jsonl").write_bytes(line(1, at="2026-03-01T15:00:00Z"))
    house.define("wall", "file", path=str(house.folder / "wall.jsonl"))
    house.worker().collect_once()
    (letter,) = house.rows(s.dead_letters)
    assert outcome(house, letter.id) == ("bad again", "in_future")
    assert letters(house) == [("in_future", 2, False)]
    house.clock.advance(timedelta(hours=4))
    assert outcome(house, letter.id) == ("handed over", "")
    assert outcome(house, letter.id) == ("handed over", "")
    assert letters(house) == [("in_future", 4, True)]
    assert {one.key for one in house.streamed()} == {("wall", "1")}
    actions = [row.action for row in house.rows(s.audit)]
    assert actions.count("dead_letters.replayed") == 2


def test_what_is_bad_again_keeps_its_letter_and_gets_the_new_reason(house: House) -> None:
    id = keep(house, b"{")
    assert outcome(house, id, mended=b'{"id": "1", "text": "x"}') == ("bad again", "missing_field")
    assert letters(house) == [("missing_field", 2, False)]
    assert nothing_handed_over(house)


def test_a_row_of_csv_is_read_under_the_header_of_its_file(house: House) -> None:
    path = house.folder / "wall.csv"
    path.write_bytes(b"id;created_at;text\n1;2026-03-01 11:00;De ketel lekt\n")
    house.define("wall", "file", path=str(path))
    house.worker().collect_once()
    (letter,) = house.rows(s.dead_letters)
    assert letter.reason == "no_offset"
    house.define("wall", "file", path=str(path), timezone="Europe/Amsterdam")
    assert outcome(house, letter.id) == ("handed over", "")
    (mention,) = house.streamed()
    assert (mention.id, mention.text, iso(mention.created_at)) == (
        "1",
        "De ketel lekt",
        "2026-03-01T10:00:00Z",
    )
    unknown = keep(house, b"2;2026-03-01T11:00:00Z;Weer lek\n", source="gone")
    assert outcome(house, unknown)[0] == "bad again"
    house.define("gone", "file", path=str(house.folder / "gone.csv"))
    (one,) = again(house, unknown)
    assert (one.outcome, "no header" in one.message) == ("cannot", True)


@pytest.mark.live
def test_an_entry_of_a_feed_is_kept_as_json_and_can_be_mended(house: House, site: Site) -> None:
    entry = "<item><guid>e1</guid><title>Nieuwe ketel</title><pubDate>Sun, 01 Mar 2037 11:00:00 GMT</pubDate></item>"
    site.body = f"<rss version='2.0'><channel><title>t</title>{entry}</channel></rss>".encode()
    house.define("news", "feed", url=site.url)
    house.worker().collect_once()
    (letter,) = house.rows(s.dead_letters)
    fields = json.loads(letter.payload)
    fields |= {"created_at": iso(NOON), "source": "somebody else's"}
    assert outcome(house, letter.id, mended=json.dumps(fields).encode()) == ("handed over", "")
    assert [one.key for one in house.streamed()] == [("news", "e1")]


def test_what_a_push_key_sent_belongs_to_its_source_whatever_it_says(house: House) -> None:
    payload = line(1, source="not mine")
    free, fixed = keep(house, payload, source="api"), keep(house, payload, source="shop")
    with house.store.write() as conn:
        conn.execute(
            insert(s.api_keys).values(
                id="k", token_hash="h", name="shop", role="viewer", scopes=[], source="shop", created_at=NOON
            )
        )
    again(house, free, fixed)
    assert {one.source for one in house.streamed()} == {"not mine", "shop"}


def test_a_line_of_the_stream_is_read_again_without_inventing_a_source(house: House) -> None:
    place = {"source": "mentions", "topic": "mentions", "partition": 1, "offset": 5}
    wire = encode_mentions([Mention("forum", "1", "De ketel lekt", NOON)])
    known, nameless = keep(house, wire, position=0, **place), keep(house, line(2), position=1, **place)
    assert [one.reason for one in again(house, known, nameless)] == ["", "missing_field"]
    assert [one.key for one in house.streamed()] == [("forum", "1")]


def test_a_letter_that_was_cut_needs_a_mended_mention(house: House) -> None:
    id = keep(house, b"{" + b"x" * 200_000)
    (one,) = again(house, id)
    assert (one.outcome, "--with FILE" in one.message) == ("cannot", True)
    assert letters(house) == [("malformed", 1, False)]
    assert outcome(house, id, mended=line(1)) == ("handed over", "")


def test_a_line_too_long_to_be_kept_whole_is_known_to_be_cut(house: House) -> None:
    (house.folder / "wall.jsonl").write_bytes(b'{"id": "' + b"x" * 200_000 + b'"\n')
    house.define("wall", "file", path=str(house.folder / "wall.jsonl"))
    house.worker().collect_once()
    (letter,) = house.rows(s.dead_letters)
    assert outcome(house, letter.id)[0] == "cannot"


@pytest.mark.slow("fills a stream")
def test_everything_that_waits_is_tried_once_the_oldest_first(house: House) -> None:
    for n in range(120):
        keep(house, line(n) if n % 2 else b"{", position=n)
        house.clock.advance(timedelta(milliseconds=n % 3))
    told: list[Replayed] = []
    replay_waiting(
        house.store,
        hand(house),
        house.settings.ingest,
        now=house.clock.now(),
        who=ME,
        told=told.extend,
    )
    assert len(told) == len({one.id for one in told}) == 120
    assert sum(one.outcome == "handed over" for one in told) == 60
    assert {attempts for _, attempts, _ in letters(house)} == {2}
    told.clear()
    replay_waiting(
        house.store, hand(house), house.settings.ingest, now=NOON, who=ME, reason="none", told=told.extend
    )
    assert told == []


def test_nothing_is_done_where_one_is_unknown_or_the_data_is_a_recordings(house: House) -> None:
    id = keep(house, line(1))
    with pytest.raises(NotFound, match="dl_none"):
        again(house, id, "dl_none")
    with pytest.raises(WrongInput, match="exactly one"):
        again(house, id, keep(house, b"{"), mended=line(1))
    with house.store.write() as conn:
        meta.claim_mode(conn, "replay")
    with pytest.raises(WrongInput, match="replay run"):
        again(house, id)
    assert nothing_handed_over(house)


def test_the_real_store_lists_and_replays_the_same(house: House, postgres: Postgres) -> None:
    real = open_store(postgres.database(), house.folder, durable=False)
    both = []
    for store in (house.store, real):
        with store.write() as conn:
            for n in range(4):
                payload = line(n) if n % 2 else b"\xff" * 5000
                record_dead_letter(
                    conn,
                    dead_letter_row(
                        now=NOON, source="wall", reason="r", message="m", payload=payload, position=n
                    ),
                )
        told: list[Replayed] = []
        replay_waiting(store, hand(house), house.settings.ingest, now=NOON, who=ME, told=told.extend)
        with store.read() as conn:
            pages = [list_dead_letters(conn, 3)]
            pages.append(list_dead_letters(conn, 3, pages[0][1]))
            waiting = list_dead_letters(conn, waiting=True)
        both.append((told, pages, waiting))
    real.close()
    assert both[0] == both[1]
    assert [len(page) for page, _ in both[0][1]] == [3, 1]
    assert max(len(one.payload) for one in both[0][1][0][0]) == 2048


# -- the command line ------------------------------------------------------------------------------------


Tocsin = Callable[..., tuple[bytes, bytes]]


@pytest.fixture
def tocsin(house: House, capsysbinary: pytest.CaptureFixture[bytes]) -> Tocsin:
    """A function that runs `tocsin dead-letters ...` on this house in this process. It returns stdout and stderr."""

    def run(*args: str, status: int = 0) -> tuple[bytes, bytes]:
        capsysbinary.readouterr()
        said = b""
        try:
            ended = inside("dead-letters", *args, "--data", house.folder)
        except TocsinError as error:
            ended, said = error.exit_code, f"{error}\n".encode()
        printed = capsysbinary.readouterr()
        assert ended == status, printed.err
        return printed.out, printed.err + said

    return run


HOSTILE = b'{"id": "\x1b]0;owned\x07", "text": "\xe2\x80\xae\xff"\n'


@pytest.mark.slow("fills a stream")
def test_hostile_bytes_are_shown_safely_and_given_raw_on_demand(house: House, tocsin: Tocsin) -> None:
    id = keep(house, HOSTILE, source="wall\x1b[2J", message="bad \x07")
    for args in (("list",), ("list", "--json"), ("show", id), ("show", id, "--json")):
        said = tocsin(*args)[0]
        steering = {c for c in said.decode() if unicodedata.category(c).startswith("C")} - {"\n"}
        assert steering == set(), args
    assert b"\\x1b]0;owned\\x07" in tocsin("show", id)[0]
    assert tocsin("show", id, "--raw")[0] == HOSTILE
    assert tocsin("show", "dl_none", status=2)[1].count(b"\n") == 1


@pytest.mark.slow("fills a stream")
def test_replay_says_what_became_of_each_and_ends_1_where_any_is_left(house: House, tocsin: Tocsin) -> None:
    now = iso(datetime.now(UTC))
    bad, good = keep(house, b"{"), keep(house, line(1, at=now), position=1)
    said = tocsin("replay", "--all", status=1)[0].decode()
    assert f"{good}  handed over" in said
    assert f"{bad}  bad again: malformed" in said
    (house.folder / "mended.json").write_bytes(line(2, at=now))
    tocsin("replay", bad, "--with", str(house.folder / "mended.json"))
    assert house.ids() == ["1", "2"]
    assert tocsin("list", "--waiting") == (b"", b"no dead letters that wait\n")
    for wrong in ((), ("--all", "--source", "wall"), ("--all", "--with", str(house.folder / "mended.json"))):
        assert tocsin("replay", *wrong, status=2)[1].count(b"\n") == 1
    assert b"no fuse has blown" in tocsin("fuse")[1]
    with house.store.read() as conn:
        assert conn.execute(select(s.dead_letters.c.replayed_at)).scalars().all().count(None) == 0


def test_a_mistyped_source_or_reason_is_told_from_one_without_letters(house: House, tocsin: Tocsin) -> None:
    assert tocsin("list") == (b"", b"no dead letters\n")
    house.define("forum", "push")
    keep(house, b"{", source="wall", reason="malformed")
    for action in ("list", "replay"):
        said = tocsin(action, "--source", "forrum", status=2)[1]
        assert said.endswith(
            b"unknown source 'forrum'; did you mean 'forum'? known: forum, mentions, wall\n"
        ), said
        said = tocsin(action, "--source", "wall", "--reason", "in_futur", status=2)[1]
        assert b"unknown reason 'in_futur'; did you mean 'in_future'? known: bad_time, " in said
    said = tocsin("list", "--source", "forum", "--reason", "in_future", "--replayed")[1]
    assert said == b"no dead letters of 'forum' refused for 'in_future' that were handed over again\n"
