"""Reading files of mentions: JSON lines and CSV, packed or not; what is wrong is said, and the rest goes on."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.reading.test_mention import AT_NOON, ISTANBUL, obj
from tocsin.core.errors import WrongInput
from tocsin.core.mention import Author, Engagement, Mention
from tocsin.reading import iter_mentions, source_name
from tocsin.reading.files import MAX_PAYLOAD_BYTES


def lines(*objects: dict[str, Any], end: bytes = b"\n") -> bytes:
    return b"".join(json.dumps(one, ensure_ascii=False).encode() + end for one in objects)


def read_all(content: bytes, name: str = "", **options: Any) -> tuple[list[tuple[int, Mention]], list[Any]]:
    stream = io.BytesIO(content)
    if name:
        stream.name = name
    bad: list[Any] = []
    options = {"source": "shop"} | options
    found = list(iter_mentions(stream, on_bad=lambda *what: bad.append(what), **options))
    return found, bad


def test_json_lines_are_read_with_their_line_numbers() -> None:
    found, bad = read_all(
        b"\xef\xbb\xbf" + lines(obj(), obj(id="2"), end=b"\r\n") + b"\r\n" + lines(obj(id="3")).strip()
    )
    assert [(line, mention.id) for line, mention in found] == [(1, "1"), (2, "2"), (4, "3")]
    assert bad == []


def test_a_bad_line_is_said_and_the_rest_goes_on() -> None:
    found, bad = read_all(lines(obj()) + b"{oops\n" + b'{"id":"\xff"}\n' + lines(obj(id="2")))
    assert [mention.id for _, mention in found] == ["1", "2"]
    assert [(line, payload, error.reason) for line, payload, error in bad] == [
        (2, b"{oops\n", "malformed"),
        (3, b'{"id":"\xff"}\n', "encoding"),
    ]


def test_a_line_without_an_end_in_sight_is_passed_over() -> None:
    found, bad = read_all(lines(obj()) + b"{" * 20_000_000 + b"\n" + lines(obj(id="2")))
    assert [(line, mention.id) for line, mention in found] == [(1, "1"), (3, "2")]
    assert [(line, len(payload), error.reason) for line, payload, error in bad] == [
        (2, MAX_PAYLOAD_BYTES, "too_large")
    ]


def test_gzip_is_known_by_its_first_bytes() -> None:
    found, bad = read_all(gzip.compress(lines(obj())) + gzip.compress(lines(obj(id="2"))))
    assert ([mention.id for _, mention in found], bad) == (["1", "2"], [])


@pytest.mark.slow("many cases")
def test_what_a_broken_gzip_file_still_holds_is_kept() -> None:
    many = lines(*(obj(id=str(n), text=f"ketel {n * 7919 % 1000}") for n in range(20_000)))
    packed = gzip.compress(many)
    found, bad = read_all(packed[: len(packed) * 2 // 3])
    assert 1000 < len(found) < 20_000
    assert [mention.id for _, mention in found] == [str(n) for n in range(len(found))]
    assert [error.reason for _, _, error in bad] == ["broken_gzip"]
    found, bad = read_all(gzip.compress(lines(obj())) + b"rubbish")
    assert (len(found), [error.reason for _, _, error in bad]) == (1, ["broken_gzip"])


def test_csv_is_read_by_its_header() -> None:
    content = (
        "\ufeffID;Created_At;Text;Author;author.followers;likes;hashtags;links;Brand\r\n"
        '1;2026-03-01 15:00:00;"Ketel stuk; ""weer""\r\nhelaas";jan;12;3;#ketel stuk;https://a.example;Acme\r\n'
        "\r\n"
        "2;2026-03-01 15:00:00;;;;;;;\r\n"
    ).encode()
    found, bad = read_all(content, zone=ISTANBUL)
    assert bad == []
    assert found == [
        (
            2,
            Mention(
                "shop",
                "1",
                'Ketel stuk; "weer"\r\nhelaas',
                AT_NOON,
                author=Author("jan", followers=12),
                engagement=Engagement(likes=3),
                hashtags=("ketel", "stuk"),
                links=("https://a.example",),
                extra={"Brand": "Acme"},
            ),
        ),
        (5, Mention("shop", "2", "", AT_NOON)),
    ]


def test_bad_csv_rows_are_said_and_the_rest_goes_on() -> None:
    rows = [
        b"id,created_at,text",
        b"1,2026-03-01T12:00:00Z,goed",
        b'2,2026-03-01T12:00:00Z,"open',
        b"3,2026-03-01T12:00:00Z,goed",
        b'4,2026-03-01T12:00:00Z,"dicht"',
        b"5,2026-03-01T12:00:00Z,g\xffed",
        b"6,2026-03-01T12:00:00Z,te,veel",
        b"7",
        b'8,2026-03-01T12:00:00Z,"' + b"b" * 5_000_000 + b'"',
        b'9,2026-03-01T12:00:00Z,"nooit dicht',
        b"10,2026-03-01T12:00:00Z,einde",
    ]
    found, bad = read_all(b"\n".join(rows))
    assert [mention.id for _, mention in found] == ["1", "3", "4", "8", "10"]
    assert found[3][1].truncated
    assert [(line, error.reason) for line, _, error in bad] == [
        (3, "malformed"),
        (6, "encoding"),
        (7, "malformed"),
        (8, "missing_field"),
        (10, "malformed"),
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"id,text\n1,a\n", "no column created_at"),
        (b"id,text,created_at,ID\n", "'id' twice"),
        (b'"id,text', "header cannot be read"),
        (b"[\n{}\n]", "JSON array"),
        ("id,text".encode("utf-16"), "UTF-16"),
        (b"PK\x03\x04rest", "zip"),
    ],
)
def test_what_is_no_file_of_mentions_is_refused_as_a_whole(content: bytes, says: str) -> None:
    with pytest.raises(WrongInput, match=says):
        read_all(content)


def test_a_file_gives_its_name_as_the_source(tmp_path: Path) -> None:
    path = tmp_path / "forum.2026.jsonl.gz"
    path.write_bytes(gzip.compress(lines(obj())))
    assert [mention.source for _, mention in iter_mentions(path, on_bad=print)] == ["forum.2026"]
    assert [source_name(name) for name in ("a.csv", "b", ".jsonl", "c.log")] == ["a", "b", ".jsonl", "c.log"]


def test_an_empty_file_has_no_mentions(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    assert list(iter_mentions(tmp_path / "a.csv", on_bad=print)) == []


def test_a_missing_file_or_a_folder_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(WrongInput, match="does not exist"):
        list(iter_mentions(tmp_path / "none.jsonl", on_bad=print))
    with pytest.raises(WrongInput, match="no regular file"):
        list(iter_mentions(tmp_path, on_bad=print))
