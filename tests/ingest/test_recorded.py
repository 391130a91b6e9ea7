"""Recorded files of any shape become mentions by a mapping; hostile ones are told within bounds."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from ingest.recorded.folder import Folder
from ingest.recorded.guess import FirstLook, guessed, look
from ingest.recorded.mapping import ColumnMapping, mention_of, time_of
from ingest.recorded.opened import guess_encoding, opened
from ingest.recorded.records import FileRow, Records
from tocsin.core.errors import BadMention, WrongInput
from tocsin.core.mention import Mention
from tocsin.reading.mention import MAX_LINE_BYTES

MOST = 1 << 30

OUTBOX: dict[str, Any] = {
    "@context": ["https://www.w3.org/ns/activitystreams", {"toot": "http://joinmastodon.org/ns#"}],
    "type": "OrderedCollection",
    "orderedItems": [
        {
            "id": "https://pond.example/1/activity",
            "type": "Create",
            "actor": "https://pond.example/users/ada",
            "object": {
                "id": "https://pond.example/1",
                "published": "2026-03-01T10:00:00Z",
                "content": '<p>The acme <a href="https://a.example">bottle</a> leaks</p>',
                "to": ["https://www.w3.org/ns/activitystreams#Public"],
            },
        },
        {"id": "https://pond.example/2/activity", "type": "Announce", "object": "https://pond.example/3"},
    ],
}
TWEET = {
    "tweet": {
        "id_str": "7",
        "full_text": 'acme "] } \\ leaks',
        "created_at": "Sun Mar 01 10:00:00 +0000 2026",
    }
}
FEED = {
    "feed": [
        {
            "post": {
                "uri": "at://did:plc:a/app.bsky.feed.post/1",
                "author": {"handle": "ada.example", "displayName": "Ada"},
                "record": {"text": "acme leaks", "createdAt": "2026-03-01T10:00:00.000Z"},
            }
        }
    ]
}
REPORT = (
    "Report:,Acme\nFrom:,1 March\n\n"
    "Query Id,Date,Title,Full Text,Url,Author,Language,Page Type\n"
    '9,2026-03-01 10:00:00.0,,"acme\n=leaks(1)",https://a.example/1,ada,en,Forum\n'
)
TURKISH = "id;tarih;metin;yazar\n1;01.03.2026 10:00;acme şişesi ığdır'da patladı;ayşe\n2;13.03.2026 10:00;acme;ayşe\n"

FILES: dict[str, bytes] = {
    "outbox.json": json.dumps(OUTBOX).encode(),
    "pretty.json": json.dumps(OUTBOX, indent=2).encode(),
    "tweets.js": b"window.YTD.tweets.part0 = " + json.dumps([TWEET], indent=1).encode(),
    "feed.json.gz": gzip.compress(json.dumps(FEED).encode()),
    "report.csv": REPORT.encode("utf-16"),
    "turkish.csv": TURKISH.encode("cp1254"),
    "bom.csv": b"\xef\xbb\xbf" + b"id,created_at,text\n1,2026-03-01T10:00:00Z,acme\n",
    "lines.jsonl": b'{"id": "1", "text": "acme", "created_at": "2026-03-01T10:00:00Z"}\n',
}


def seen_and_read(folder: Path, name: str) -> tuple[FirstLook, list[Mention], list[BadMention]]:
    """The look at one of `FILES`, and what its guess makes of it."""
    path = folder / name
    path.write_bytes(FILES[name])
    seen = look(path, None, MOST)
    by = ColumnMapping.model_validate(seen.guess)
    good, bad = list[Mention](), list[BadMention]()
    with opened(path, by.encoding, MOST) as text:
        for one in Records(text):
            try:
                if one.bad is not None:
                    raise one.bad
                good.append(mention_of(one.values, by))
            except BadMention as error:
                bad.append(error)
    return seen, good, bad


@pytest.mark.parametrize(
    ("name", "shape", "encoding", "network", "text"),
    [
        ("outbox.json", "document", "utf-8", "mastodon", "The acme bottle leaks"),
        ("pretty.json", "document", "utf-8", "mastodon", "The acme bottle leaks"),
        ("tweets.js", "document", "utf-8", "x", 'acme "] } \\ leaks'),
        ("feed.json.gz", "document", "utf-8", "bluesky", "acme leaks"),
        ("report.csv", "csv", "utf-16-le", "forum", "acme\n=leaks(1)"),
        ("turkish.csv", "csv", "cp1254", None, "acme şişesi ığdır'da patladı"),
        ("bom.csv", "csv", "utf-8", None, "acme"),
        ("lines.jsonl", "lines", "utf-8", None, "acme"),
    ],
)
def test_the_exports_of_networks_and_tools_are_read_by_what_is_guessed(
    tmp_path: Path, name: str, shape: str, encoding: str, network: str | None, text: str
) -> None:
    seen, good, bad = seen_and_read(tmp_path, name)
    assert (seen.shape, seen.encoding, seen.doubt) == (shape, encoding, False)
    first = good[0]
    assert (first.text.strip(), first.network) == (text, network)
    assert first.created_at.isoformat() == "2026-03-01T10:00:00+00:00"
    # A boost has no text of its own.
    assert [one.reason for one in bad] == (
        ["missing_field"] if "ordered" in FILES[name].decode("latin-1") else []
    )


def test_a_column_of_handles_goes_before_one_of_names() -> None:
    both, _ = guessed(["Author", "Handle", "Full Text"], [], "report.csv")
    assert both["columns"] == {"text": "Full Text", "author": "Handle", "author_name": "Author"}
    alone, _ = guessed(["Author", "Full Text"], [], "report.csv")
    assert alone["columns"] == {"text": "Full Text", "author": "Author"}


@pytest.mark.parametrize(
    ("written", "dates", "is_at"),
    [
        ("2026-03-01 10:00", "iso", "2026-03-01T09:00:00+00:00"),
        ("01/03/2026 10:00:30", "dmy", "2026-03-01T09:00:30+00:00"),
        ("3/1/2026 10:00 PM", "mdy", "2026-03-01T21:00:00+00:00"),
        ("1.3.26 12:00 AM", "dmy", "2026-02-28T23:00:00+00:00"),
        ("1772359200", "seconds", "2026-03-01T10:00:00+00:00"),
        ("1772359200000", "milliseconds", "2026-03-01T10:00:00+00:00"),
        ("Sun, 01 Mar 2026 10:00:00 +0000", "mail", "2026-03-01T10:00:00+00:00"),
        ("0001-01-01 00:00", "iso", None),
        ("9999-12-31T23:59:59-23:59", "iso", None),
        ("31/02/2026", "dmy", None),
        ("1e308", "seconds", None),
        ("nan", "seconds", None),
        ("", "iso", None),
        ("\0", "dmy", None),
    ],
)
def test_times_are_read_as_they_are_written_and_impossible_ones_are_said(
    written: str, dates: str, is_at: str | None
) -> None:
    zone = ZoneInfo("Europe/Berlin")
    if is_at is None:
        with pytest.raises(BadMention):
            time_of(written, dates, zone)
    else:
        assert time_of(written, dates, zone).isoformat() == is_at


def test_day_and_month_that_may_be_exchanged_are_a_doubt(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("date,text,author\n01/03/2026 10:00,acme,ada\n")
    assert look(path, None, MOST).doubt
    path.write_text("date,text,author\n01/03/2026 10:00,acme,ada\n13/03/2026 10:00,acme,ada\n")
    assert (look(path, None, MOST).doubt, look(path, None, MOST).guess["dates"]) == (False, "dmy")


def read(path: Path, most: int = MOST) -> list[FileRow]:
    with opened(path, None, most) as text:
        return list(Records(text))


@pytest.mark.slow("unpacks up to the bound")
def test_a_bomb_a_huge_line_nul_and_broken_rows_are_told_within_bounds(tmp_path: Path) -> None:
    path = tmp_path / "hostile"
    path.write_bytes(gzip.compress(b"id,text,created_at\n" + b"\n" * 5_000_000))
    (bomb,) = read(path, most=1_000_000)
    assert bomb.bad is not None and bomb.bad.reason == "too_large"

    path.write_bytes(b'{"text": "' + b"a" * (2 * MAX_LINE_BYTES) + b'"}\n{"text": "acme"}\n')
    huge, good = read(path)
    assert huge.bad is not None and huge.bad.reason == "too_large" and len(huge.payload) < 200_000
    assert good.values == {"text": "acme"}

    path.write_bytes(b'[{"text": "' + b"a" * (2 * MAX_LINE_BYTES) + b'"}, {"text": "acme"}, {"te')
    assert [one.bad.reason if one.bad else one.values for one in read(path)] == [
        "too_large",
        {"text": "acme"},
        "malformed",
    ]

    path.write_bytes(b'id,text,author\n1,a\0b,x\n2,\xff\xfe,x\n3,"open,x\n4,good,x\n')
    texts = [one.values.get("text") for one in read(path)]
    assert texts[0] == "a\0b" and texts[-1] == "good"
    by = ColumnMapping(columns={"text": "text", "created_at": "at"}, source="s")
    assert mention_of({"text": "a\0b", "at": "2026-03-01"}, by).text == "a\ufffdb"

    path.write_bytes(gzip.compress(b"id,text,author\n" + b"1,a,x\n" * 9000)[:-30])
    assert read(path)[-1].bad is not None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"c," * 999_999 + b"c", "columns, at most 256"),
        (b"PK\x03\x04 a sheet", "^x is a zip file"),
        (b"\xd0\xcf\x11\xe0 a sheet", "^x is a spreadsheet or document of an old Office; save it as CSV"),
        (b"%PDF-1.7\n", "^x is a PDF"),
        (b"\xff\xd8\xff\xe0 JFIF", "^x is a picture"),
        (b'{"posts": [], "a": 1}' + b" " * 10, "has no rows|say which column"),
        (b"", "it is empty"),
        (b"[1, 2, 3]", "no list of records"),
    ],
)
def test_what_is_no_file_of_posts_is_said_in_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises((WrongInput, ValidationError), match=said):
        ColumnMapping.model_validate(look(path, None, MOST).guess)
        raise WrongInput("say which column")


def test_encodings_are_told_by_their_bytes() -> None:
    assert guess_encoding("acme şişesi".encode("cp1254")) == "cp1254"
    assert guess_encoding("café brûlé".encode("cp1252")) == "cp1252"
    assert guess_encoding("acme;text".encode("utf-16-le")) == "utf-16-le"
    assert guess_encoding("acme;text".encode("utf-16-be")) == "utf-16-be"


def test_a_row_without_an_id_has_the_same_made_up_one_each_time() -> None:
    by = ColumnMapping(columns={"text": "t", "created_at": "at", "author": "who"}, source="s")
    row = {"t": "acme", "at": "2026-03-01", "who": "@ada"}
    first, again, other = mention_of(row, by), mention_of(row, by), mention_of({**row, "who": "bob"}, by)
    assert first.id == again.id != other.id
    assert first.author is not None and (first.author.handle, first.author.id) == ("ada", "ada")


def test_only_files_of_the_one_folder_are_named_and_an_upload_that_breaks_off_leaves_nothing(
    tmp_path: Path,
) -> None:
    folder = Folder(tmp_path / "imports")
    assert folder.names() == []
    with folder.new("../../etc/pass wd.csv") as (name, file):
        file.write(b"id")
    assert folder.names() == [name] == ["uploaded-pass-wd.csv"]
    assert folder.file(name).stat().st_mode & 0o777 == 0o600
    with pytest.raises(RuntimeError), folder.new("broken.csv"):
        raise RuntimeError
    (folder.path / "link.csv").symlink_to("/etc/passwd")
    for wrong in ("link.csv", "../store.db", "/etc/passwd", "", ".", "a\0b", "none.csv"):
        with pytest.raises(WrongInput, match="there is no file"):
            folder.file(wrong)
    assert sorted(one.name for one in folder.path.iterdir()) == ["link.csv", name]
    folder.forget(name)
    assert folder.names() == []
