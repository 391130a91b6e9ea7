"""The mentions and monitors that the benchmarks work on. They are made up, and the same in every run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from benchmarks.synthetic import synthetic_mentions, synthetic_queries
from ops.runtime import Runtime, open_runtime
from tocsin.core.mention import Mention, encode_mentions
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import save

START = datetime(2026, 3, 1, tzinfo=UTC)
PER_SECOND = 500.0
SEED = 7


def made_up(
    mentions: int, share: float, monitors: int, per_second: float = PER_SECOND, start: datetime = START
) -> Iterator[Mention]:
    """Mentions of which a share names a brand. They tell no language, as with many networks, so it must be found out."""
    for mention in synthetic_mentions(
        mentions,
        start=start,
        rate_per_second=per_second,
        match_share=share,
        monitors=monitors,
        seed=SEED,
    ):
        yield msgspec.structs.replace(mention, lang=None)


def write_file(path: Path, mentions: Iterator[Mention]) -> Path:
    """Write the mentions as JSON lines, as `tocsin replay` and the file source read them."""
    with path.open("wb") as file:
        for mention in mentions:
            file.write(encode_mentions([mention]))
    return path


@contextmanager
def runtime(
    folder: Path, monitors: int, *, durable: bool = True, store: str | None = None
) -> Iterator[Runtime]:
    """The embedded engines in this folder, or this store beside the embedded stream, with so many monitors.

    With `durable` the disk confirms each commit, as in live use.
    """
    with open_runtime(data=folder, store=store, durable=durable) as made:
        with made.store.write() as conn:
            for name, query in synthetic_queries(monitors).items():
                save(conn, Monitor(name=name, query=query), now=START, actor="benchmark")
        yield made
