"""Hand-over: records are filled by partition, bounded and in order. Also dead letters with their fuse."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.ingest.house import NOON, House
from tocsin.core.errors import NotFound, StreamFull, WrongInput
from tocsin.core.ids import partition_of
from tocsin.core.mention import Mention, decode_mention, decode_mentions
from tocsin.intake.dead_letters import (
    Fuse,
    FuseBlown,
    dead_letter_row,
    get_dead_letter,
    list_dead_letters,
    record_dead_letter,
)
from tocsin.intake.handover import HandOver, line_of, records_of
from tocsin.store.sqlite.engine import SqliteStore
from tocsin.stream.port import MAX_RECORD_BYTES
from tocsin.stream.sqlite import SqliteStream


def mention(n: int, text: str = "De ketel lekt") -> Mention:
    return Mention("forum", str(n), text, NOON)


def test_each_mention_goes_to_the_partition_of_its_identity_in_order() -> None:
    mentions = [mention(n) for n in range(1000)]
    records = records_of(mentions, 4, 100)
    for partition, value in records:
        decoded = decode_mentions(value)
        assert 1 <= len(decoded) <= 100
        assert {partition_of(one.source, one.id, 4) for one in decoded} == {partition}
    for partition in range(4):
        got = [one for p, value in records if p == partition for one in decode_mentions(value)]
        assert got == [one for one in mentions if partition_of(one.source, one.id, 4) == partition]


def test_a_record_never_grows_over_its_limit_and_may_be_limited_to_one_mention() -> None:
    records = records_of([mention(n, "x" * 60_000) for n in range(30)], 1, 500)
    assert all(len(value) <= MAX_RECORD_BYTES for _, value in records)
    assert [len(decode_mentions(value)) for _, value in records] == [8, 8, 8, 6]
    assert len(records_of([mention(n) for n in range(7)], 2, 1)) == 7


def test_a_mention_too_large_for_a_record_is_cut_to_fit() -> None:
    huge = Mention(
        "forum",
        "1",
        "\x01" * 65_000,
        NOON,
        links=tuple("https://a.example/" + "€" * 2000 for _ in range(50)),
        extra={"a": "b" * 16_000},
    )
    line = line_of(huge)
    assert len(line) <= MAX_RECORD_BYTES
    cut = decode_mention(line.strip())
    assert (cut.id, cut.text, cut.links, cut.truncated) == ("1", huge.text, (), True)
    cut = decode_mention(line_of(mention(1, "\x01" * 200_000)).strip())
    assert (len(cut.text), cut.truncated) == (50_000, True)
    with pytest.raises(WrongInput, match="too large for a record"):
        line_of(Mention("forum", "1", "", NOON, title="\x01" * 200_000))


def test_handing_over_makes_the_topic_and_is_refused_when_the_stream_is_full(house: House) -> None:
    hand = HandOver(house.stream, partitions=3, max_mentions=10, clock=house.clock)
    hand.hand_over([])
    hand.hand_over([mention(n) for n in range(25)])
    assert house.ids() == [str(n) for n in range(25)]
    assert house.stream.partitions("mentions") == 3
    small = SqliteStream(house.folder / "small.db", durable=False, max_bytes=10_000)
    hand = HandOver(small, partitions=1, max_mentions=10, clock=house.clock)
    with pytest.raises(StreamFull):
        hand.hand_over([mention(n) for n in range(200)])
    assert small.end_offsets("mentions") == {0: 0}
    small.close()


def keep(store: SqliteStore, payload: bytes, **origin: object) -> str:
    with store.write() as conn:
        options = {"now": NOON, "source": "forum", "reason": "malformed", "message": "not JSON"} | origin
        return record_dead_letter(conn, dead_letter_row(payload=payload, **options))  # type: ignore[arg-type]  # given by each test


def test_a_dead_letter_keeps_its_origin_and_the_first_bytes(house: House) -> None:
    id = keep(house.store, b"\0\xff" * 100_000, position=7, message="a\0b")
    with house.store.read() as conn:
        letter = get_dead_letter(conn, id)
        with pytest.raises(NotFound):
            get_dead_letter(conn, "dl_none")
    assert (letter.payload, letter.payload_size, len(letter.payload_hash)) == (
        b"\0\xff" * 65_536,
        200_000,
        64,
    )
    assert (letter.position, letter.topic, letter.message, letter.at) == (7, None, "a\ufffdb", NOON)


def test_the_same_again_is_one_dead_letter(house: House) -> None:
    first = keep(house.store, b"{", position=3)
    assert keep(house.store, b"{", position=3, now=NOON + timedelta(hours=1)) == first
    others = {
        keep(house.store, b"[", position=3),
        keep(house.store, b"{", position=4),
        keep(house.store, b"{", position=3, source="other"),
        keep(house.store, b"{", topic="mentions", partition=0, offset=5, position=3),
        keep(house.store, b"{", topic="mentions", partition=1, offset=5, position=3),
    }
    assert len(others | {first}) == 6
    assert keep(house.store, b"{", topic="mentions", partition=0, offset=5, position=3) in others
    # Another log of the same name has another line there, such as the topic that an installation has moved to.
    assert keep(house.store, b"else", topic="mentions", partition=0, offset=5, position=3) not in others
    with house.store.read() as conn:
        assert len(list_dead_letters(conn)[0]) == 7


def test_dead_letters_are_listed_newest_first_page_by_page(house: House) -> None:
    for n in range(5):
        keep(house.store, b"{", position=n, now=NOON + timedelta(minutes=n // 2))
    with house.store.read() as conn:
        first, cursor = list_dead_letters(conn, 2)
        second, cursor = list_dead_letters(conn, 2, cursor)
        third, end = list_dead_letters(conn, 2, cursor)
        everything, _ = list_dead_letters(conn, 100)
        assert first + second + third == everything
        assert (len(third), end) == (1, None)
        assert [letter.at for letter in everything] == sorted(
            (letter.at for letter in everything), reverse=True
        )
        assert list_dead_letters(conn, 10, source="nobody") == ([], None)
        with pytest.raises(WrongInput, match="not a cursor of this list"):
            list_dead_letters(conn, 2, "rubbish")


def test_a_fuse_blows_when_nearly_everything_is_bad_and_mends_with_good_ones() -> None:
    fuse = Fuse(window=200, share=0.9)
    # Too few to judge.
    fuse.note(ok=0, bad=199)
    with pytest.raises(FuseBlown, match="200 of the last 200"):
        fuse.note(ok=0, bad=1)
    fuse.note(ok=30, bad=0)
    # Nine tenths do not blow it.
    fuse.note(ok=20, bad=180)
    with pytest.raises(FuseBlown):
        fuse.note(ok=0, bad=100)
