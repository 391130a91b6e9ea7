"""Ids: the same parts make the same id, and other parts another, whatever they contain."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from tocsin.core.ids import stable_id

PARTS = st.lists(st.text("a\x1e\x1f", max_size=3), min_size=1, max_size=3)


@given(PARTS, PARTS)
@example(["a\x1f", "b"], ["a", "\x1fb"])
@example(["a\x1e", "b"], ["a\x1e\x1fb"])
def test_other_parts_make_another_id_also_with_separators_in_them(one: list[str], other: list[str]) -> None:
    assert (stable_id("x", *one) == stable_id("x", *other)) == (one == other)
