"""Lines that go to the stream as they are: they carry the same mention as the slow reading of them gives."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contracts.examples import examples
from tests.reading.test_mention import NOON, mention_like, obj
from tocsin.core.errors import BadMention
from tocsin.core.mention import (
    Author,
    Engagement,
    Mention,
    MentionLine,
    decode_mention,
    decode_mentions,
    encode_mentions,
)
from tocsin.reading import as_they_are, read_json_line
from tocsin.reading.files import Rows
from tocsin.reading.unpacked import Unpacked


def passed(value: dict[str, Any] | bytes, source: str | None = "shop") -> MentionLine | None:
    """The line as it goes on to the stream. None where it takes the slow reading."""
    line = value if isinstance(value, bytes) else json.dumps(value).encode() + b"\n"
    (one,) = as_they_are(line, source)
    if isinstance(one, MentionLine):
        return one
    assert one == line
    return None


def agrees(line: bytes, source: str | None) -> bool:
    """Whether the line is passed on. Where it is, it must be the mention that the slow reading gives."""
    one = passed(line, source)
    if one is None:
        return False
    patient = read_json_line(line.strip(), source=source)
    again = decode_mention(one.line)
    assert again == patient
    # Zones and types alike, not only equal.
    assert encode_mentions([again]) == encode_mentions([patient])
    assert (one.source, one.id, one.created_at, one.edited_at) == (
        *patient.key,
        patient.created_at,
        patient.edited_at,
    )
    assert one.line.endswith(b"\n")
    assert len(one.line.splitlines()) == 1
    return True


FULL = Mention(
    source="forum-tr",
    id="7",
    text="Su ısıtıcı yine patladı \N{POUTING FACE}",
    created_at=read_json_line(json.dumps(obj()).encode(), source="shop").created_at,
    network="forum",
    url="https://forum.example/t/1",
    lang="tr",
    title="Isıtıcı",
    country="TR",
    author=Author("7", "Ayşe", "@ayse", 120, True),
    in_reply_to="99",
    repost_of="98",
    thread="97",
    engagement=Engagement(1, 2, 3, 4),
    links=("https://a.example/1",),
    hashtags=("ısıtıcı", "Gebze"),
    media=("https://a.example/1.png",),
    truncated=True,
)


def test_what_we_write_ourselves_goes_on_as_it_is() -> None:
    line = encode_mentions([FULL])
    one = passed(line, None)
    assert one is not None
    assert one.line == line
    assert agrees(line, None)


def test_a_line_that_names_no_source_gets_the_one_given() -> None:
    assert agrees(b'{"id":"1","text":"De ketel lekt","created_at":"2026-03-01T12:00:00Z"}\n', 'a "shop"')
    assert passed(obj(), None) is None
    assert passed(obj(source=None)) is None
    assert passed(b' {"id":"1","text":"","created_at":"2026-03-01T12:00:00Z"}\n') is None


@pytest.mark.parametrize(
    "fields",
    [
        {"id": 1},
        {"id": ""},
        {"created_at": "2026-03-01T15:00:00+03:00"},
        {"created_at": "2026-03-01T15:00:00"},
        {"edited_at": "2026-03-01T15:00:00+03:00"},
        {"text": "\0"},
        {"text": "x" * 20_000},
        {"lang": "tr-TR"},
        {"lang": ""},
        {"lang": "und"},
        {"url": "javascript:alert(1)"},
        {"url": ""},
        {"links": ["https://a.example/ 1"]},
        {"links": ["https://a.example/"] * 51},
        {"links": None},
        {"media": ["file:///etc/passwd"]},
        {"hashtags": ["#ketel"]},
        {"hashtags": ["ketel", "ketel"]},
        {"hashtags": "ketel"},
        {"author": "ayse"},
        {"author": {"handle": "ayse"}},
        {"author": {"id": "1", "name": ""}},
        {"author": {"id": "1", "shoe": 43}},
        {"engagement": {}},
        {"engagement": {"likes": -1}},
        {"engagement": {"likes": "5"}},
        {"source": "a\x01b"},
        {"truncated": None},
        {"extra": {}},
        {"shoe": 43},
    ],
)
def test_what_must_be_mended_or_refused_is_read_with_patience(fields: dict[str, Any]) -> None:
    assert passed(obj(**fields)) is None


def test_a_carriage_return_ends_no_line_and_a_nul_goes_nowhere() -> None:
    good = json.dumps(obj()).encode()
    block = good + b"\n" + good[:-1] + b"\r}\n" + good + b"\r\n" + json.dumps(obj(text="\0")).encode() + b"\n"
    found = as_they_are(block, "shop")
    assert [isinstance(one, MentionLine) for one in found] == [True, False, False, False]
    assert b"".join(one for one in found if isinstance(one, bytes)) == block[len(good) + 1 :]


def test_of_a_name_given_twice_both_ways_take_the_last() -> None:
    assert agrees(
        b'{"id":"1","text":"one","text":"two","source":"a","created_at":"2026-03-01T12:00:00Z","source":"b"}\n',
        "shop",
    )


@pytest.mark.slow("many random lines")
@settings(max_examples=examples(60), deadline=None)
@given(mention_like, st.booleans(), st.sampled_from([None, "shop"]), st.sampled_from([None, (",", ":")]))
def test_what_goes_on_as_it_is_is_what_patience_reads(
    value: dict[str, Any], ascii_only: bool, source: str | None, separators: tuple[str, str] | None
) -> None:
    try:
        line = json.dumps(value, ensure_ascii=ascii_only, allow_nan=False, separators=separators).encode()
    except (ValueError, UnicodeEncodeError):
        # Not JSON, or not UTF-8.
        return
    agrees(line + b"\n", source)


_words = st.text(max_size=12)
_nearly = st.fixed_dictionaries(
    {"id": _words, "text": st.text(max_size=40), "created_at": st.just(NOON)},
    optional={
        "source": _words,
        "lang": st.sampled_from(["tr", "nl", "ro", "en-GB", "und", "", "xx", "iw"]),
        "title": _words,
        "url": st.sampled_from(["https://a.example/", "https://a.example/ b", "", "ftp://a.example"]),
        "hashtags": st.lists(_words, max_size=3),
        "links": st.lists(st.sampled_from(["https://a.example/", "x"]), max_size=2),
        "edited_at": st.sampled_from([NOON, "2026-03-01T12:00:00.1234567Z", "2026-03-01T12:00:00+00:00"]),
        "author": st.fixed_dictionaries({"id": _words}, optional={"name": _words, "handle": _words}),
        "engagement": st.dictionaries(st.sampled_from(["likes", "views"]), st.integers(-1, 5), max_size=2),
        "truncated": st.booleans(),
    },
)


@pytest.mark.slow("many cases")
@settings(max_examples=examples(60), deadline=None)
@given(_nearly, st.booleans())
def test_nearly_plain_lines_too(value: dict[str, Any], ascii_only: bool) -> None:
    try:
        line = json.dumps(value, ensure_ascii=ascii_only).encode() + b"\n"
    except UnicodeEncodeError:
        # No UTF-8.
        return
    try:
        read_json_line(line.strip(), source="shop")
    except BadMention:
        assert passed(line) is None
    else:
        agrees(line, "shop")


# -- files by the block


def rows(content: bytes, **options: Any) -> Rows:
    return Rows(Unpacked(io.BytesIO(content)), "shop.jsonl", source="shop", **options)


def plain(ids: range) -> bytes:
    return b"".join(json.dumps(obj(id=str(n))).encode() + b"\n" for n in ids)


def test_blocks_give_the_rows_that_reading_line_by_line_gives() -> None:
    content = (
        b"\xef\xbb\xbf"
        + plain(range(3))
        + b'{"id": 3, "text": "patience", "created_at": "2026-03-01T12:00:00Z"}\n\n{"id": "4"}\nnot JSON\n'
        + plain(range(5, 2000))
        + b"{" * 30_000
        + b"\n"
        + plain(range(2001, 2003)).rstrip(b"\n")
    )
    one_by_one = rows(content)
    all_rows = list(one_by_one)
    wrong = [(row.line, row.payload, row.bad.reason) for row in all_rows if row.bad is not None]
    assert [(line, reason) for line, _, reason in wrong] == [
        (6, "missing_field"),
        (7, "malformed"),
        (2003, "malformed"),
    ]
    for packed in (content, gzip.compress(content)):
        by_block = rows(packed)
        mentions: list[Mention] = []
        bad: list[tuple[int, bytes, str]] = []
        more = True
        while more:
            taken = by_block.take(700, 100_000)
            assert taken.count <= 700
            more = taken.more
            mentions += [
                decode_mention(one.line) if isinstance(one, MentionLine) else one for one in taken.mentions
            ]
            bad += [(line, payload, error.reason) for line, payload, error in taken.bad]
        assert mentions == [row.mention for row in all_rows if row.mention is not None]
        assert bad == wrong
        assert (by_block.end, by_block.line) == (len(content), one_by_one.line)


def test_blocks_stop_where_they_are_told_and_go_on_from_there(tmp_path: Path) -> None:
    content = plain(range(10)) + b'{"id": "half'
    first = rows(content, growing=True)
    taken = first.take(4, 1 << 20)
    assert [one.id for one in taken.mentions] == ["0", "1", "2", "3"]
    assert (taken.more, first.line, first.end) == (True, 4, len(plain(range(4))))
    rest = Rows(
        io.BytesIO(content[first.end :]),
        "shop.jsonl",
        source="shop",
        format="jsonl",
        offset=first.end,
        line=first.line,
        growing=True,
    )
    taken = rest.take(100, 1 << 20)
    assert [one.id for one in taken.mentions] == ["4", "5", "6", "7", "8", "9"]
    assert (taken.more, rest.line, rest.end) == (False, 10, len(plain(range(10))))
    assert rows(b"", growing=True).take(5, 5).count == 0


def test_lines_of_a_record_are_the_mentions_that_were_read() -> None:
    taken = rows(plain(range(20))).take(100, 1 << 20)
    lines = [one.line for one in taken.mentions if isinstance(one, MentionLine)]
    assert decode_mentions(b"".join(lines)) == [row.mention for row in rows(plain(range(20)))]
