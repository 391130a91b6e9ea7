"""Sketches count distinct things: exactly up to K, nearly beyond, and with the same bytes in any order of merging."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contracts.examples import examples
from tocsin.core.sketch import K, distinct, hash64, signed64, sketch, union

_HASHES = st.sets(st.integers(0, 2**64 - 1), max_size=2 * K)


@pytest.mark.slow("many values")
@settings(max_examples=examples(25), deadline=None)
@given(_HASHES, _HASHES)
def test_a_union_of_sketches_is_the_sketch_of_the_union(one: set[int], other: set[int]) -> None:
    merged = union(sketch(one), sketch(other))
    assert merged == union(sketch(other), sketch(one)) == sketch(one | other)
    assert union(merged, sketch(one)) == merged


def test_a_sketch_is_the_smallest_hashes_in_order_eight_bytes_each() -> None:
    assert sketch([3, 1, 1, 2**64 - 1]) == b"".join(n.to_bytes(8, "big") for n in (1, 3, 2**64 - 1))
    assert sketch([]) == union() == b""


def test_up_to_k_things_are_counted_exactly_and_more_nearly() -> None:
    few = [hash64(f"author {n}") for n in range(K - 1)]
    assert distinct(sketch(few)) == K - 1
    many = sketch(hash64(f"author {n}") for n in range(20_000))
    assert abs(distinct(many) - 20_000) < 4 * 20_000 / (K - 2) ** 0.5


@given(st.integers(0, 2**64 - 1))
def test_a_database_keeps_the_same_bits_as_a_signed_number(value: int) -> None:
    assert signed64(value) % 2**64 == value
    assert -(2**63) <= signed64(value) < 2**63
