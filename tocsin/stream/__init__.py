"""The stream: port and engines. `open_stream(url)` makes one."""

from __future__ import annotations

from pathlib import Path

from tocsin.core.errors import WrongInput
from tocsin.stream.port import Stream

__all__ = ["Stream", "open_stream"]


def open_stream(url: str, data: Path, *, durable: bool = True) -> Stream:
    """The stream at `url`: `sqlite` is `stream.db` in the folder `data`.

    Raises `StreamUnavailable` where it cannot be used and `WrongInput` where the URL names none of the engines.
    """
    if url == "sqlite":
        from tocsin.stream.sqlite import SqliteStream

        return SqliteStream(data / "stream.db", durable=durable)
    raise WrongInput(f"unknown stream {url.split('://')[0]!r}; known: sqlite")
