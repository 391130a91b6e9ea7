"""`tocsin match` and `tocsin explain`, as people type them."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from ops.commands import match as command
from ops.lines import match as lines
from ops.lines.pieces import MAX_LINE_BYTES
from processors.match import Matcher
from tocsin.core.errors import WrongInput
from tocsin.query import QueryError, parse_query


def run(*arguments: str, stdin: bytes = b"") -> Result:
    app = typer.Typer()
    command.register(app)
    return CliRunner().invoke(app, list(arguments), input=stdin)


def line(text: str, **fields: Any) -> bytes:
    return json.dumps({"text": text, **fields}, ensure_ascii=False).encode() + b"\n"


def test_matching_lines_come_out_byte_for_byte() -> None:
    odd = b'  {"text" :"T\\u006fcsin rings",  "x":[1, 2]}\r\n'
    last = b'{"text": "the tocsin"}'
    found = run("match", "tocsin", stdin=odd + line("nothing here") + b"\n" + last)
    assert found.exit_code == 0
    assert found.stdout_bytes == odd + last
    assert found.stderr == ""


def test_several_files_also_packed_ones_are_read_in_order(tmp_path: Path) -> None:
    plain, packed, members = tmp_path / "one.jsonl", tmp_path / "two", tmp_path / "three.gz"
    plain.write_bytes(line("tocsin 1").rstrip() + b"\n" + line("tocsin 2").rstrip())
    packed.write_bytes(gzip.compress(line("tocsin 3") + line("bell")))
    members.write_bytes(gzip.compress(line("tocsin 4")) + gzip.compress(line("tocsin 5")) + b"\0" * 100)
    found = run("match", "tocsin", str(plain), str(packed), "-", str(members), stdin=line("tocsin stdin"))
    assert found.exit_code == 0
    texts = [json.loads(one)["text"] for one in found.stdout.splitlines()]
    assert texts == ["tocsin 1", "tocsin 2", "tocsin 3", "tocsin stdin", "tocsin 4", "tocsin 5"]


def test_a_file_without_a_single_line_is_no_error(tmp_path: Path) -> None:
    for name, content in (
        ("empty", b""),
        ("packed", gzip.compress(b"")),
        ("blank", b"\n\n"),
        ("one", b"\x1f"),
    ):
        (tmp_path / name).write_bytes(content)
    assert (
        run("match", "tocsin", *(str(tmp_path / name) for name in ("empty", "packed", "blank"))).exit_code
        == 0
    )
    assert run("match", "tocsin", str(tmp_path / "one")).exit_code == 1


def test_bad_lines_are_named_and_left_out_and_the_rest_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "mixed.jsonl"
    bad = [
        b"{nonsense\n",
        b"[1]\n",
        b'{"id": "1"}\n',
        b'{"text": 5}\n',
        b'{"text": "\xff"}\n',
        b"[" * 100_000 + b"\n",
    ]
    file.write_bytes(line("tocsin a") + b"".join(bad) + line("tocsin b"))
    found = run("match", "tocsin", str(file))
    assert found.exit_code == 1
    assert found.stdout_bytes == line("tocsin a") + line("tocsin b")
    notes = found.stderr.splitlines()
    assert [note.split(": ")[0] for note in notes] == [f"{file}:{number}" for number in range(2, 8)]
    for note, words in zip(
        notes, ("not JSON", "not an object", "text", "text must be a string", "not UTF-8", ""), strict=True
    ):
        assert words in note


def test_a_flood_of_bad_lines_is_counted_not_printed() -> None:
    found = run("match", "tocsin", stdin=b"?\n" * 5000 + line("tocsin"))
    assert found.exit_code == 1
    assert found.stdout_bytes == line("tocsin")
    assert len(found.stderr.splitlines()) == lines.MOST_NOTES + 1
    assert found.stderr.splitlines()[-1].startswith("5000 lines could not be read")


def test_damaged_gzip_is_named_after_however_many_bad_lines(tmp_path: Path) -> None:
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"?\n" * 200 + line("tocsin"))[:-8])
    found = run("match", "tocsin", str(tmp_path / "cut.gz"))
    assert found.exit_code == 1 and found.stdout_bytes == line("tocsin")
    assert len(found.stderr.splitlines()) == lines.MOST_NOTES + 2
    assert "cut.gz:202: the gzip data are damaged or end early" in found.stderr


@pytest.mark.slow("reads a large file")
def test_damaged_gzip_is_named_and_what_came_before_was_matched(tmp_path: Path) -> None:
    words = random.Random(7)
    whole = gzip.compress(b"".join(line(f"tocsin {words.randbytes(30).hex()}") for _ in range(20_000)))
    for name, content in (("cut.gz", whole[: len(whole) // 2]), ("bad.gz", whole[:-5000] + b"\xff" * 5000)):
        (tmp_path / name).write_bytes(content)
        found = run("match", "tocsin", str(tmp_path / name))
        assert found.exit_code == 1
        assert "the gzip data are damaged or end early" in found.stderr
        assert found.stdout.count("\n") > 1000


@pytest.mark.slow("many runs of a command")
def test_an_overlong_line_is_refused_without_being_kept_and_a_5_mb_text_is_cut_and_matched() -> None:
    long = line("x" * (MAX_LINE_BYTES + 10))
    large = line("tocsin " + "é" * 2_500_000)
    beyond = line("é" * 2_500_000 + " tocsin")
    found = run("match", "tocsin", stdin=long + large + beyond + line("tocsin"))
    assert found.exit_code == 1
    assert found.stderr == "stdin:1: the line is longer than 16 MB\n"
    assert found.stdout_bytes == large + line("tocsin")


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("tocsin source:news", {"source": "news"}),
        ("tocsin network:forum", {"network": "forum"}),
        ("tocsin author:jane", {"author": "jane"}),
        ("tocsin author:jane followers>10", {"author": {"id": "1", "handle": "Jane", "followers": 11}}),
        (
            "tocsin author:jane followers>10",
            {"author": {"id": 1, "handle": "Jane", "followers": 11}, "id": 7},
        ),
        ("tocsin #bell", {"hashtags": ["bell"]}),
        ("tocsin url:bell.example", {"links": ["https://bell.example"]}),
        ("tocsin url:bell.example", {"url": "https://bell.example/1"}),
        ("tocsin bell", {"title": "bell"}),
        ("tocsin lang:tr", {"lang": "tr"}),
        ("tocsin", {"lang": None, "author": None, "links": None, "title": None, "url": None}),
    ],
)
def test_a_query_asks_the_fields_of_a_line(query: str, fields: dict[str, Any]) -> None:
    assert run("match", query, stdin=line("tocsin", **fields)).stdout_bytes == line("tocsin", **fields)
    if len(query.split()) > 1:
        assert run("match", query, stdin=line("tocsin")).stdout_bytes == b""


def test_a_mention_that_names_no_source_has_that_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "forum.jsonl").write_bytes(line("tocsin"))
    assert run("match", "tocsin source:forum", str(tmp_path / "forum.jsonl")).stdout_bytes == line("tocsin")


def test_a_language_that_a_line_does_not_say_is_guessed() -> None:
    dutch = line("Tocsin reageert al drie dagen niet op mijn klacht en niemand neemt de telefoon op")
    english = line("Tocsin has not answered my complaint for three days and nobody picks up the phone")
    assert run("match", "tocsin lang:nl", stdin=dutch + english).stdout_bytes == dutch
    assert run("match", "tocsin -lang:nl", stdin=dutch + english).stdout_bytes == english


def test_a_bad_query_ends_with_the_place_before_anything_is_read() -> None:
    for name in ("match", "explain"):
        found = run(name, "tocsin OR lang:tr")
        assert isinstance(found.exception, QueryError)
        assert str(found.exception).startswith("query, line 1, column 11: lang alone")
        assert found.stdout == ""


def test_a_file_that_cannot_be_read_ends_before_anything_is_printed(tmp_path: Path) -> None:
    good = tmp_path / "good"
    good.write_bytes(line("tocsin"))
    for bad in (str(tmp_path / "missing"), str(tmp_path)):
        found = run("match", "tocsin", str(good), bad)
        assert isinstance(found.exception, WrongInput)
        assert bad in str(found.exception)
        assert found.stdout == ""


def test_explain_prints_the_tree_and_the_help_shows_an_example() -> None:
    assert 'the word "tocsin"' in run("explain", "tocsin OR #bell").stdout
    assert run("explain", "tocsin or bell").stdout.endswith(
        '\n\nwarning: line 1, column 8: "or" is looked for as a word; the operator is written OR\n'
    )
    for name in ("match", "explain"):
        assert f"tocsin {name} '" in run(name, "--help").stdout


def test_an_answer_does_not_wait_for_the_end_of_the_input() -> None:
    reader, writer = os.pipe()
    sink_reader, sink_writer = os.pipe()
    matcher = Matcher.build({"query": parse_query("tocsin")})
    with os.fdopen(reader, "rb") as stream, os.fdopen(sink_writer, "wb") as sink:
        out, notes = lines._Lines(sink), lines._Notes(io.StringIO())
        work = threading.Thread(
            target=lines.match_stream, args=(matcher, stream, "pipe", "pipe", out, notes, None)
        )
        work.start()
        os.write(writer, line("nothing") + line("tocsin 1") + line("tocsin 2")[:9])
        assert os.read(sink_reader, 1000) == line("tocsin 1")
        os.write(writer, line("tocsin 2")[9:])
        assert os.read(sink_reader, 1000) == line("tocsin 2")
        os.close(writer)
        work.join()
    os.close(sink_reader)


@pytest.mark.live
def test_naming_the_commands_does_not_load_what_they_need() -> None:
    code = (
        "import sys, ops.commands.match; print({'lark', 'ahocorasick_rs', 'processors'} & set(sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
