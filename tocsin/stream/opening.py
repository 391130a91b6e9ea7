"""Opening a stream: from a URL to the engine that it names. A process loads the engine that it uses and no other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from tocsin.core.errors import WrongInput
from tocsin.settings import StreamSettings
from tocsin.stream.port import Stream


def open_stream(
    url: str,
    data: Path,
    *,
    durable: bool = True,
    max_bytes: int | None = None,
    settings: StreamSettings | None = None,
    prefix: str | None = None,
    topics: Mapping[str, int] | None = None,
    read_so_far: Callable[[str, str], Mapping[int, int]] | None = None,
) -> Stream:
    """The stream at `url`.

    `sqlite` is `stream.db` in the folder `data`, which keeps `max_bytes` (default: the engine's).
    `kafka://host:port[,host:port]` is Apache Kafka; the connection is made at its first use.

    `topics` (name: partitions) are made. `settings` say how Kafka is reached and how topics are made. With `prefix` the log is
    the caller's alone: records before the offsets given to `trim` go at once. `read_so_far` (cluster, topic) says where reading
    stands, for an engine that is not told by `trim` in every process.

    Raises `StreamUnavailable` where the embedded stream cannot be used and `WrongInput` where the URL names none of the
    engines or the settings do not go together.
    """
    if url == "sqlite":
        from tocsin.stream.sqlite import DEFAULT_MAX_BYTES, SqliteStream

        embedded = SqliteStream(data / "stream.db", durable=durable, max_bytes=max_bytes or DEFAULT_MAX_BYTES)
        for topic, partitions in (topics or {}).items():
            embedded.ensure_topic(topic, partitions)
        return embedded
    if url.startswith("kafka://"):
        from tocsin.stream.kafka.engine import KafkaStream

        return KafkaStream(
            url,
            settings or StreamSettings(),
            prefix=prefix,
            own=prefix is not None,
            topics=topics,
            read_so_far=read_so_far,
        )
    raise WrongInput(f"unknown stream {url.split('://')[0]!r}; known: sqlite, kafka://host:port[,host:port]")
