"""Bodies of pushes, within bounds: what a sender packs cannot take the memory or the time of everybody else."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from api.bodies import MAX_GZIP_MEMBERS, MAX_ITEMS, MAX_VALUES, items_of, unpacked
from api.problems import Problem

MIB = 1024 * 1024


@contextmanager
def within(most: int) -> Iterator[None]:
    """The block takes at most so many bytes of memory at once."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


def status_of(work: Callable[[], object]) -> int:
    with pytest.raises(Problem) as refused:
        work()
    return refused.value.status


def test_members_set_one_behind_the_other_are_one_body() -> None:
    members = [gzip.compress(b"%d\n" % number * 500) for number in range(MAX_GZIP_MEMBERS)]
    whole = b"".join(b"%d\n" % number * 500 for number in range(MAX_GZIP_MEMBERS))
    assert unpacked(b"".join(members), "gzip", 4 * MIB) == whole


def test_a_body_of_many_members_is_refused_before_they_are_unpacked() -> None:
    body = gzip.compress(b"") * 50_000
    with within(MIB):
        assert status_of(lambda: unpacked(body, "", 32 * MIB)) == 413


def test_a_bomb_takes_no_more_than_a_body_may_have() -> None:
    bomb = gzip.compress(b" " * (16 * MIB), 1)
    with within(3 * MIB):
        assert status_of(lambda: unpacked(bomb, "", MIB)) == 413


@pytest.mark.parametrize("cut", [1, 9, 2000])
def test_a_member_that_ends_early_is_said(cut: int) -> None:
    packed = gzip.compress(json.dumps(list(range(20_000))).encode())
    assert status_of(lambda: unpacked(packed[:-cut], "", MIB)) == 422
    assert status_of(lambda: unpacked(packed + packed[:-cut], "", MIB)) == 422


FLOODS = {
    "array": (b"[" + b"1," * MIB + b"1]", "application/json"),
    "objects": (b"[" + b"{}," * (MIB // 2) + b"{}]", "application/json"),
    "lines": (b"1\n" * MIB, "application/x-ndjson"),
    "lines of an unknown type": (b"1\n" * MIB, ""),
}


@pytest.mark.parametrize("kind", FLOODS)
def test_items_are_counted_while_they_are_cut_not_after(kind: str) -> None:
    body, content_type = FLOODS[kind]
    items_of(b"[1]", "")
    with within(len(body) + 3 * MIB):
        assert status_of(lambda: items_of(body, content_type)) == 413


def test_blank_lines_cost_nothing() -> None:
    body = b"1\n" + b" \n" * MIB + b"\t2 \r\n"
    with within(len(body) + MIB):
        assert items_of(body, "application/x-ndjson") == [b"1", b"2"]


def test_as_many_items_as_a_push_may_have_are_taken_as_they_are() -> None:
    values = [f'{{"n": {number}}}'.encode() for number in range(MAX_ITEMS - 2)] + [b"null", b'"\xc3\xa9"']
    assert items_of(b"[" + b" , ".join(values) + b"]", "application/json") == values
    assert items_of(b"\n\n".join(values), "application/x-ndjson") == values
    assert items_of(b"[]", "") == []


def test_a_body_of_too_many_values_is_refused_before_it_is_cut() -> None:
    line, many = b'{"zz": [' + b"1," * 998 + b"1]}\n", MAX_VALUES // 1000
    with within(2 * (many + 1) * len(line) + MIB):
        assert status_of(lambda: items_of(line * (many + 1), "application/x-ndjson")) == 413
    assert len(items_of(line * (many - 1), "application/x-ndjson")) == many - 1
