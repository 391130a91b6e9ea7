"""The contract of every store for the values that it keeps: text, numbers and times, few at a time and many.

A test module of an engine gives the fixture `make_store` and imports `*` from here.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import delete, func, select

from tests.contracts.store import NOW, MakeStore, tally
from tocsin.store import schema as s

STRANGE = (
    "a\0b",
    "\ud800",
    "\\N",
    "tab\tline\nreturn\r",
    "\U0001f525 ş",
    "",
    "\x7f\x01",
    "'; --",
    "%s {0}",
    "x" * 5000,
)


@pytest.mark.parametrize("many", [0, 200])
@pytest.mark.parametrize("text", STRANGE, ids=ascii)
def test_text_is_kept_whatever_it_is(make_store: MakeStore, text: str, many: int) -> None:
    store = make_store()
    kept = text.replace("\0", "\ufffd").replace("\ud800", "\ufffd")
    with store.write() as conn:
        rows = [{"key": f"k{n:04d}", "value": text} for n in range(many + 1)]
        store.insert_new(conn, s.meta, rows)
        assert store.fetch(conn, s.meta, [("k0000",)], ["value"]) == {("k0000",): (kept,)}
        assert conn.execute(select(func.count()).where(s.meta.c.value == text)).scalar_one() == many + 1
        store.put(
            conn,
            s.health,
            [{"component": text[:200] or "-", "at": NOW, "state": "ok", "detail": {"t": kept}}],
        )
        assert conn.execute(select(s.health.c.detail)).scalar_one() == {"t": kept}


def test_text_longer_than_its_column_says_is_kept(make_store: MakeStore) -> None:
    store = make_store()
    with store.write() as conn:
        store.put(conn, s.health, [{"component": "x", "at": NOW, "state": "y" * 500, "detail": {}}])
        assert conn.execute(select(s.health.c.state)).scalar_one() == "y" * 500


def test_text_is_compared_and_ordered_by_its_bytes(make_store: MakeStore) -> None:
    store = make_store()
    texts = [
        "a",
        "B",
        "b",
        "_",
        "é",
        "z",
        "Ä",
        "a b",
        "a-b",
        "ab",
        "I",
        "ı",
        "\U0001f525",
        "\uffee",
        "10",
        "9",
    ]
    with store.write() as conn:
        conn.execute(delete(s.meta))
        store.put(conn, s.meta, [{"key": text, "value": text} for text in texts])
        for column in (s.meta.c.key, s.meta.c.value):
            found = list(conn.execute(select(column).order_by(column)).scalars())
            assert found == sorted(texts, key=lambda text: text.encode())
            least, most = conn.execute(select(func.min(column), func.max(column))).one()
            assert (least, most) == ("10", "\U0001f525")
            assert (
                list(conn.execute(select(column).where(column > "z").order_by(column)).scalars())
                == found[-5:]
            )


@pytest.mark.parametrize("many", [0, 200])
def test_whole_numbers_have_64_bits_and_their_sums_are_whole(make_store: MakeStore, many: int) -> None:
    store = make_store()
    with store.write() as conn:
        rows = [tally(n, 2**40 + n, partition=2**31 + n) for n in range(many + 2)]
        store.add(conn, s.tallies, rows, ["count"])
        t = s.tallies.c
        total, least = conn.execute(select(func.sum(t.count), func.min(t.partition))).one()
        assert (type(total), total) == (int, sum(int(str(row["count"])) for row in rows))
        assert least == 2**31
        state = {
            "monitor_id": "m",
            "series": "s",
            "version": "1",
            "next_window": NOW,
            "next_tick": NOW,
            "state": {},
        }
        store.put(conn, s.detector_state, [state | {"kind": "volume"}])
    with pytest.raises(Exception, match=r"(?i)large|range|overflow"), store.write() as conn:
        store.put(conn, s.tallies, [tally(1, 2**63)] * (many + 1))


@pytest.mark.parametrize("value", [0.1 + 0.2, 1e-300, 12345678901234567.0, 3.0, float("inf"), float("-inf")])
def test_fractions_come_back_bit_for_bit(make_store: MakeStore, value: float) -> None:
    store = make_store()
    sample = {"source": "s", "created_at": NOW, "rate": value, "mention": {}}
    for many in (1, 200):
        with store.write() as conn:
            conn.execute(delete(s.samples))
            store.insert_new(conn, s.samples, [sample | {"id": str(n)} for n in range(many)])
            found = conn.execute(select(s.samples.c.rate).limit(1)).scalar_one()
        assert (found.hex(), type(found)) == (value.hex(), float)


def test_zero_has_no_sign_and_what_is_no_number_is_refused(make_store: MakeStore) -> None:
    store = make_store()
    sample = {"source": "s", "id": "1", "created_at": NOW, "rate": -0.0, "mention": {}}
    with store.write() as conn:
        store.insert_new(conn, s.samples, [sample])
        assert str(conn.execute(select(s.samples.c.rate)).scalar_one()) == "0.0"
    with pytest.raises(Exception, match="NaN"), store.write() as conn:
        store.insert_new(conn, s.samples, [sample | {"id": "2", "rate": float("nan")}])


def test_times_before_1970_and_far_ahead_come_back(make_store: MakeStore) -> None:
    store = make_store()
    for at in (datetime(1, 1, 3, tzinfo=UTC), datetime(9999, 12, 28, 23, 59, 59, 999999, tzinfo=UTC)):
        with store.write() as conn:
            store.put(conn, s.health, [{"component": "x", "at": at, "state": "ok", "detail": {}}])
            assert store.fetch(conn, s.health, [("x",)], ["at"]) == {("x",): (at,)}
