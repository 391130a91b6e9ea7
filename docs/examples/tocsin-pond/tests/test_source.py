"""The source keeps the contract of sources, at a pond that a test fills, spoils and dries up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pytest
from tocsin.contracts.plugins import plug_in
from tocsin.contracts.sources import *  # noqa: F403  # the contract's tests are collected here
from tocsin.contracts.sources import NAME, NOW, Bench
from tocsin_pond import PLUGIN, PondSettings, PondSource

from tocsin.plugin import SourceContext
from tocsin.settings import Ingest

plug_in(PLUGIN)
FIRST = int(NOW.timestamp()) // 60 - 100


class FilledPond:
    """Each post is said by a frog of its name, a minute after the one before."""

    said: bytes | None = b""

    def listen(self, now: datetime) -> bytes:
        if self.said is None:
            raise OSError("dry")
        return self.said

    def offer(self, posts: Sequence[str]) -> None:
        self.said = "".join(f"{post} {FIRST + n} kva\n" for n, post in enumerate(posts)).encode()

    def spoil(self, rubbish: bytes) -> None:
        self.said = rubbish

    def leave(self) -> None:
        self.said = None


def id_of(post: str) -> str:
    return f"{post}-{FIRST + ord(post) - ord('a')}"


@pytest.fixture
def bench() -> Bench:
    pond = FilledPond()
    return Bench(
        make=lambda: PondSource(SourceContext(NAME, Ingest()), PondSettings(), pond),
        offer=pond.offer,
        spoil=pond.spoil,
        leave=pond.leave,
        odd_cursors=({"minute": -1}, {"minute": "noon"}, {"minute": 10**12}),
        id_of=id_of,
    )
