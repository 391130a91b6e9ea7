"""Every registered kind of source keeps the contract of its port, each in a world of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from ingest.kinds import KINDS, make_source
from ingest.source import Source, SourceContext
from ingest.sources.feed import FeedSettings, FeedSource
from ingest.sources.feed_parsing import parse_feed
from tests.contracts.sources import *  # noqa: F403  # the contract's tests are collected here
from tests.contracts.sources import NAME, Bench
from tests.ingest.house import Site, line
from tocsin.definitions.models import SourceDef
from tocsin.definitions.source_kinds import SOURCE_KINDS, source_kind
from tocsin.settings import Ingest

INGEST = Ingest.model_validate({"allowed_private_networks": ["127.0.0.0/8"], "fetch_timeout_s": 5})
ITEM = (
    "<item><guid isPermaLink='false'>{id}</guid><title>De ketel lekt</title>"
    "<pubDate>Sun, 01 Mar 2026 10:00:00 +0000</pubDate></item>"
)


def maker(kind: str, **settings: Any) -> Callable[[], Source]:
    """A function that makes the source from its definition."""
    return lambda: make_source(SourceDef.model_validate({"name": NAME, "kind": kind} | settings), INGEST)


def nothing(*_: object) -> None:
    pass


def file_bench(tmp_path: Path, _site: Site) -> Bench:
    path = tmp_path / "posts.jsonl"

    def leave() -> None:
        path.unlink()

    def offer(posts: Sequence[str]) -> None:
        path.write_bytes(b"".join(map(line, posts)))

    odd = (
        {"inode": 7, "offset": 5, "head_bytes": 3, "head_hash": "0"},
        {"inode": 0, "offset": 10**9},
        {"delimiter": "::", "header": ["id"], "format": "csv"},
        {"head_bytes": -1, "head_hash": "x"},
    )
    return Bench(maker("file", path=str(path)), offer, path.write_bytes, leave, odd)


def feed_bench(_tmp_path: Path, site: Site) -> Bench:
    def spoil(body: bytes) -> None:
        site.status, site.body = 200, body

    def offer(posts: Sequence[str]) -> None:
        items = "".join(ITEM.format(id=id) for id in reversed(posts))
        spoil(f"<rss version='2.0'><channel><title>Forum</title>{items}</channel></rss>".encode())

    def leave() -> None:
        site.status, site.body = 503, b"away"

    def make() -> Source:
        # Feeds are parsed here, not in a process of their own, which `test_feeds.py` tests.
        return FeedSource(SourceContext(NAME, INGEST), FeedSettings(url=site.url), parse_feed)

    odd = ({"seen": ["0" * 16]}, {"etag": "other", "modified": "never"}, {"body": "0"})
    return Bench(make, offer, spoil, leave, odd)


def push_bench(_tmp_path: Path, _site: Site) -> Bench:
    return Bench(maker("push"), nothing, nothing, nothing)


BENCHES: dict[str, Callable[[Path, Site], Bench]] = {
    "feed": feed_bench,
    "file": file_bench,
    "push": push_bench,
}


@pytest.fixture(params=BENCHES)
def bench(request: pytest.FixtureRequest, tmp_path: Path, site: Site) -> Iterator[Bench]:
    made: Bench = BENCHES[request.param](tmp_path, site)
    sources: list[Source] = []

    def make() -> Source:
        sources.append(made.make())
        return sources[-1]

    with contextlib.ExitStack() as ends:
        ends.callback(lambda: [one.close() for one in sources])
        yield Bench(make, made.offer, made.spoil, made.leave, made.odd_cursors)


def test_every_kind_is_held_to_the_contract() -> None:
    assert set(BENCHES) == set(KINDS) == set(SOURCE_KINDS)


def test_a_kind_that_nobody_registered_is_a_plain_one() -> None:
    gone = source_kind("mailbox")
    assert (gone.kind, gone.asked, gone.fixes_source, gone.reads_files) == ("mailbox", True, False, False)
