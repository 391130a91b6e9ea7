"""What a line costs to read is bounded by what may be kept of it. Calls are counted, not time."""

from __future__ import annotations

import sys
from collections.abc import Callable

import msgspec
import pytest

from tocsin.core.errors import BadMention
from tocsin.reading import read_json_line, require_readable
from tocsin.reading.fields import MAX_EXTRA_BYTES
from tocsin.reading.size import MAX_LEVELS, MAX_LINE_VALUES, holds_more, is_deeper

HEAD = b'{"id": "1", "text": "x", "created_at": "2026-03-01T12:00:00Z", '
FLOODS = {
    "numbers": b'"zz": [' + b"1," * 49_000 + b"1]",
    "objects": b'"zz": [' + b"{}," * 24_000 + b"{}]",
    "texts": b'"zz": [' + b'"",' * 49_000 + b'""]',
    "fields": b",".join(b'"f%d": 1' % n for n in range(12_000)),
    "fields of lists": b",".join(b'"f%d": [%s1]' % (n, b"1," * 480) for n in range(100)),
    "deep lists": b'"zz": [' + b",".join([b"[[[[[[1,1,1,1,1,1,1,1]]]]]]"] * 3400) + b"]",
    "halves of characters": b'"zz": [' + b'"\\ud800",' * 49_000 + b"1]",
}


def calls(work: Callable[[], object]) -> int:
    """How many functions of Python are called."""
    count = 0

    def note(_frame: object, event: str, _arg: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("flood", FLOODS)
def test_unknown_fields_cost_what_may_be_kept_of_them_and_not_what_was_sent(flood: str) -> None:
    line = HEAD + b'"brand": "kettle", ' + FLOODS[flood] + b"}"
    mention = read_json_line(line, source="shop")
    assert mention.extra["_dropped"]
    assert mention.extra.get("brand") == (None if flood == "fields" else "kettle")
    assert len(msgspec.json.encode(mention.extra)) <= MAX_EXTRA_BYTES
    per_field = 4 * FLOODS[flood].count(b'"f')
    assert calls(lambda: read_json_line(line, source="shop")) < 3 * MAX_EXTRA_BYTES + per_field


MANY = MAX_LINE_VALUES + 1
TOO_MANY = {
    "numbers": b"1," * MANY,
    "texts": b'"a,b\\",\\\\",' * MANY,
    "objects": b'{"a":1},' * (MANY // 2),
    "nested lists": b"[[[[1]]]]," * (MANY // 5),
}


@pytest.mark.parametrize("kind", TOO_MANY)
def test_a_line_of_too_many_values_is_refused_before_any_is_read(kind: str) -> None:
    line = HEAD + b'"zz": [' + TOO_MANY[kind] + b"1]}"

    def refused() -> None:
        with pytest.raises(BadMention, match="50,000 values") as bad:
            read_json_line(line, source="shop")
        assert bad.value.reason == "too_large"

    assert calls(refused) < 1000


def test_the_commas_of_a_text_are_no_values() -> None:
    text = 'a,b,\\"' * 30_000
    line = HEAD + f'"zz": "{text}"'.encode() + b"}"
    assert line.count(b",") > MAX_LINE_VALUES
    require_readable(line)
    assert not holds_more(line, 5)
    assert holds_more(line, 4)
    # What is no JSON is counted up to where it goes wrong, and refused when it is read.
    assert not holds_more(b'"' + b"a," * MANY, MAX_LINE_VALUES)


@pytest.mark.parametrize("deep", [b"[", b'{"a":', b'[{"a":', b'{"a\\"]}":'])
def test_a_line_that_is_nested_too_deeply_is_refused_whatever_python_would_follow(deep: bytes) -> None:
    """Also one that ends too early. The brackets of a text are no levels."""
    levels = deep.count(b"[") + deep.count(b"{")
    deepest = deep * (MAX_LEVELS // levels)
    assert not is_deeper(deepest, MAX_LEVELS)
    require_readable(HEAD + b'"zz": "' + b"[{" * MANY + b'"}')
    with pytest.raises(BadMention) as bad:
        read_json_line(deepest + deep, source="shop")
    assert bad.value.reason == "too_deep"


def test_lists_beside_each_other_are_no_levels() -> None:
    line = HEAD + b'"zz": [' + b'[{"a": []}],' * 1000 + b"1]}"
    assert not is_deeper(line, 5)
    assert is_deeper(line, 4)
    assert read_json_line(line, source="shop").text
