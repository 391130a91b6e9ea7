"""The stream: port and engines. `open_stream(url)` makes one."""

from __future__ import annotations

from pathlib import Path

from tocsin.core.errors import WrongInput
from tocsin.stream.port import Stream

__all__ = ["Stream", "open_stream"]


def open_stream(url: str, data: Path, *, durable: bool = True, max_bytes: int | None = None) -> Stream:
    """The stream at `url`: `sqlite` is `stream.db` in the folder `data`, which keeps `max_bytes` (default: the engine's).

    Raises `StreamUnavailable` where it cannot be used and `WrongInput` where the URL names none of the engines.
    """
    if url == "sqlite":
        from tocsin.stream.sqlite import DEFAULT_MAX_BYTES, SqliteStream

        return SqliteStream(data / "stream.db", durable=durable, max_bytes=max_bytes or DEFAULT_MAX_BYTES)
    raise WrongInput(f"unknown stream {url.split('://')[0]!r}; known: sqlite")
