"""Bad input by every way that a user has, into a running Tocsin: each input gets a clear answer, and nothing else is lost."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import resource
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from ops.run.locks import STOP_WITHIN_S
from tests.story.live import LOOPBACK, Door, Running, Tocsin, a_tocsin, alive, post, until

pytestmark = pytest.mark.live

EMOJI = "\N{POUTING FACE}"
BOMB = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a0 "ha">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    + "]><rss version='2.0'><channel><title>&a9;</title><item><guid>1</guid><title>&a9;</title></item></channel></rss>"
)


def _feed(*titles: str, end: str = "</channel></rss>") -> str:
    items = "".join(f"<item><guid>{t}</guid><title>kvikkado {t}</title></item>" for t in titles)
    return f"<?xml version='1.0'?><rss version='2.0'><channel><title>t</title>{items}{end}"


FEEDS = {
    "/good": _feed("feed-good"),
    "/broken": _feed("feed-broken-1", "feed-broken-2", end="<item><title>kvikkado & <b>half"),
    "/bomb": BOMB,
    "/no-feed": "<html><body>We moved.</body></html>",
}


def lines() -> list[tuple[str | None, bytes]]:
    """Lines of a file or a push, good and bad in turn, each with the reason of its refusal (None: it is taken)."""

    def said(id: str, words: str = "kvikkado", **fields: Any) -> bytes:
        return json.dumps(post(id, words) | fields).encode()

    return [
        (None, said("first")),
        ("malformed", b'{"id": "open", "text": "kvikkado'),
        ("encoding", said("latin").replace(b"kvikkado", "kvikkado \xe9t\xe9".encode("latin-1"))),
        (None, said("huge", "kvikkado " + "x" * 5_000_000)),
        (None, said("flood", "kvikkado " + EMOJI * 20_000)),
        (None, said("nul", "kvikkado \0 done")),
        ("too_old", said("past", created_at="1970-01-01T00:00:00Z")),
        ("in_future", said("future", created_at="2099-01-01T00:00:00Z")),
        ("no_offset", said("zone", created_at="2026-01-01T12:00:00")),
        ("not_object", b"[1, 2]"),
        ("missing_field", b'{"id": "bare"}'),
        ("bad_type", said("listed", text=["kvikkado"])),
        ("out_of_range", said("famous", author={"id": "a", "followers": -1})),
        (None, said("twice", "kvikkado once")),
        (None, said("twice", "kvikkado again, otherwise")),
        (None, said("last")),
    ]


TAKEN = {"first", "huge", "flood", "nul", "twice", "last"}


@pytest.fixture(scope="module")
def feeds() -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = FEEDS[self.path].encode()
            self.send_response(200)
            self.send_header("content-type", "application/rss+xml")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def tocsin(tmp_path_factory: pytest.TempPathFactory, feeds: str) -> Iterator[Tocsin]:
    """A running Tocsin with bad files and feeds of every kind. SIGTERM ends it, and leaves nothing behind."""
    folder = tmp_path_factory.mktemp("bad")
    (folder / "talk.jsonl").write_bytes(b"".join(line + b"\n" for _, line in lines()))
    now = datetime.now(UTC).isoformat()
    quoted = (
        f'c1,{now},kvikkado one\nc2,{now},"kvikkado, two"\nc3,{now},"kvikkado never closed\nc4,{now},gone\n'
    )
    (folder / "talk.csv").write_text("id,created_at,text\n" + quoted)
    sources: list[dict[str, Any]] = [
        {"name": "lines", "kind": "file", "path": str(folder / "talk.jsonl")},
        {"name": "table", "kind": "file", "path": str(folder / "talk.csv")},
        *({"name": path[1:], "kind": "feed", "url": feeds + path} for path in FEEDS),
    ]
    with a_tocsin(folder, ingest__allowed_private_networks=LOOPBACK) as one:
        one.apply({"monitors": [{"name": "Kvikkado", "query": "kvikkado"}], "sources": sources})
        running = one.up()
        yield one
        processes = running.children().values()
        began = time.monotonic()
        assert running.end() == 0
        assert time.monotonic() - began < STOP_WITHIN_S + 4
        assert alive(processes) == []
        assert "Traceback" not in running.said()


@pytest.fixture(scope="module")
def door(tocsin: Tocsin) -> Door:
    return tocsin.key()


def test_of_a_push_each_bad_item_is_named_and_the_rest_is_kept(tocsin: Tocsin, door: Door) -> None:
    answer = door.push(*(line for _, line in lines()))
    assert answer.status_code == 202
    refused = {one["index"]: one["reason"] for one in answer.json()["rejected"]}
    assert refused == {index: reason for index, (reason, _) in enumerate(lines()) if reason}
    stored = until(lambda: _all_of(door, "api"), "the good ones to be stored")
    assert len(stored["huge"]["text"].encode()) <= 64 * 1024
    assert stored["huge"]["truncated"]
    assert stored["nul"]["text"] == "kvikkado \N{REPLACEMENT CHARACTER} done"
    assert stored["twice"]["text"] == "kvikkado again, otherwise"
    letters = [one["reason"] for one in tocsin.export("dead-letters") if one["source"] == "api"]
    assert sorted(letters) == sorted(reason for reason, _ in lines() if reason)


@pytest.mark.parametrize(
    ("body", "kind", "status", "says"),
    [
        (b'[{"id": "1", "text": "kvik', "application/json", 422, "array cannot be read"),
        (b"", "application/json", 422, "empty"),
        (b"\x1f\x8b broken", "application/json", 422, "gzip"),
        (b" " * (9 * 1024 * 1024), "application/json", 413, "bytes"),
    ],
)
def test_a_push_that_is_no_push_is_refused_whole(
    door: Door, body: bytes, kind: str, status: int, says: str
) -> None:
    answer = door.ask("POST", "/v1/mentions", content=body, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert says in answer.text


def test_of_a_file_each_bad_line_is_a_dead_letter_and_the_rest_is_kept(tocsin: Tocsin, door: Door) -> None:
    until(lambda: _all_of(door, "lines"), "the good lines to be stored")
    letters = [one["reason"] for one in tocsin.export("dead-letters") if one["source"] == "lines"]
    assert sorted(letters) == sorted(reason for reason, _ in lines() if reason not in (None, "too_old"))


def test_a_broken_feed_and_an_xml_bomb_are_said_and_the_others_go_on(tocsin: Tocsin, door: Door) -> None:
    until(lambda: "feed-good" in door.mentions(source="good"), "the good feed")
    until(
        lambda: {"feed-broken-1", "feed-broken-2"} <= door.mentions(source="broken").keys(),
        "what can be read",
    )

    def states() -> dict[str, dict[str, Any]]:
        return {one["name"]: one for one in door.get("/v1/status")["sources"]}

    found = until(
        lambda: (lambda s: s if s["bomb"]["last_error"] and s["no-feed"]["last_error"] else None)(states()),
        "both to fail",
    )
    assert "entit" in found["bomb"]["last_error"]
    assert found["bomb"]["received"] == 0
    assert (found["good"]["state"], found["bomb"]["state"], found["no-feed"]["state"]) == (
        "ok",
        "failing",
        "failing",
    )


@pytest.mark.parametrize(
    ("query", "says"),
    [('kvikkado "never closed', "column 10"), ("NOT kvikkado", "NOT"), ("lang:en", "lang")],
)
def test_a_query_that_cannot_be_is_refused(door: Door, query: str, says: str) -> None:
    answer = door.ask("POST", "/v1/monitors", json={"name": "x", "query": query})
    assert answer.status_code == 422
    assert says in answer.text


def test_one_bad_query_in_a_file_and_nothing_of_the_file_is_applied(
    tocsin: Tocsin, door: Door, tmp_path: Path
) -> None:
    path = tmp_path / "monitors.yaml"
    monitors = [{"name": "fine", "query": "fine"}, {"name": "bad", "query": 'kvikkado "never closed'}]
    path.write_text(json.dumps({"monitors": monitors}))
    said = tocsin("apply", path, status=2).stderr.decode()
    assert f"{path}: monitors[1] 'bad': query, line 1, column 10" in said
    assert [one["name"] for one in door.get("/v1/monitors")["items"]] == ["Kvikkado"]


def test_score_and_match_say_which_line_is_bad_and_answer_the_others(tocsin: Tocsin) -> None:
    given = b"\n".join(line for _, line in lines()) + b"\n"
    scored = tocsin("score", input=given, status=1)
    assert len(scored.stdout.splitlines()) == len(lines())
    assert b"line 2" in scored.stderr or b":2:" in scored.stderr
    matched = tocsin("match", "kvikkado", input=given, status=1)
    assert {json.loads(line)["id"] for line in matched.stdout.splitlines()} >= TAKEN
    assert b":2:" in matched.stderr or b"line 2" in matched.stderr
    assert b"Traceback" not in scored.stderr + matched.stderr


@contextlib.contextmanager
def a_small_disk(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)], capture_output=True
    )
    if done.returncode:
        pytest.skip("this user may not mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def _fill(door: Door) -> tuple[set[str], httpx.Response]:
    """Push until a push is refused. Returns what was accepted, and the refusal."""
    accepted: set[str] = set()
    for n in range(400):
        items = [post(f"full-{n}-{i}", f"kvikkado {os.urandom(2000).hex()}") for i in range(25)]
        answer = door.push(*items)
        if answer.status_code != 202:
            return accepted, answer
        accepted |= {one["id"] for one in items}
    raise AssertionError("the disk was never full")


def _goes_on_after(door: Door, running: Running, accepted: set[str]) -> None:
    door.push_until_taken([post("after", "kvikkado is back")])
    until(
        lambda: door.mentions(source="api").keys() >= accepted | {"after"}, "everything accepted to be stored"
    )
    assert door.tallied("Kvikkado") >= len(accepted) + 1
    assert "Traceback" not in running.said()


def test_a_full_disk_is_said_and_with_room_everything_accepted_is_there(tmp_path: Path) -> None:
    with a_small_disk(tmp_path / "data") as disk, a_tocsin(tmp_path) as tocsin:
        tocsin.apply({"monitors": [{"name": "Kvikkado", "query": "kvikkado"}]})
        door, running = tocsin.key(), tocsin.start("run", "api", "processors")
        until(lambda: tocsin.get("/readyz"), "the service")
        subprocess.run(["mount", "-o", "remount,size=2m", str(disk)], check=True)
        accepted, refusal = _fill(door)
        assert refusal.status_code == 503
        assert "retry-after" in refusal.headers
        assert not tocsin.get("/readyz")
        assert "make room" in tocsin("doctor", status=1).stdout.decode()
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        _goes_on_after(door, running, accepted)
        assert running.end() == 0


@pytest.mark.skipif(
    not hasattr(resource, "prlimit"), reason="only Linux can take room from a running process"
)
def test_a_file_that_may_not_grow_is_said_and_when_it_may_again_everything_is_there(tmp_path: Path) -> None:
    with a_tocsin(tmp_path) as tocsin:
        tocsin.apply({"monitors": [{"name": "Kvikkado", "query": "kvikkado"}]})
        door, running = tocsin.key(), tocsin.start("run", "api", "processors")
        until(lambda: tocsin.get("/readyz"), "the service")
        hard = resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (1024 * 1024, hard))
        accepted, refusal = _fill(door)
        assert refusal.status_code == 503
        resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
        _goes_on_after(door, running, accepted)
        assert running.end() == 0


def test_a_folder_that_cannot_be_written_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    said = Tocsin(tmp_path).refused("up", status=1)
    assert str(tmp_path / "data") in said


def test_a_read_only_disk_is_refused_in_one_line(tmp_path: Path) -> None:
    with a_small_disk(tmp_path / "data") as disk:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        assert str(disk) in Tocsin(tmp_path).refused("up", status=1)


def _all_of(door: Door, source: str) -> dict[str, dict[str, Any]] | None:
    """The last versions of the source's mentions, once all that must be taken are stored; None before that."""
    found = door.mentions(source=source)
    return found if found.keys() >= TAKEN and "again" in found["twice"]["text"] else None


def test_a_quote_that_is_never_closed_costs_its_own_row_and_is_said(tocsin: Tocsin, door: Door) -> None:
    """It stands last: what it waits for takes ten seconds, in which the others run."""
    until(lambda: {"c1", "c2"} <= door.mentions(source="table").keys(), "the rows before it")
    until(lambda: "quote" in tocsin.health().get("source:table", ""), "the quote to be said", every=0.5)
