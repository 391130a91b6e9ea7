"""The composition root: the one place that makes stream, store and clock from the settings."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tocsin.access.address import chosen, laid_under
from tocsin.access.mail import chosen_mail, mail_laid_under
from tocsin.core.clock import Clock, SystemClock
from tocsin.core.retry import Retry
from tocsin.logs import say
from tocsin.settings import Loaded, Settings, load, reveal
from tocsin.store.offsets import stored
from tocsin.store.opening import open_store
from tocsin.store.port import Store
from tocsin.stream.opening import open_stream
from tocsin.stream.port import ALERT_EVENTS, MENTIONS, SIGNALS, Stream

LIES_HERE = "tocsin.toml"
"""The name that the README gives to a file of settings."""


class Runtime:
    """Settings, store, stream and clock of one process. The stream is opened on first use: many commands need none."""

    def __init__(self, loaded: Loaded, store: Store, clock: Clock, *, durable: bool = True) -> None:
        self.loaded = loaded
        self.store = store
        self.clock = clock
        self.retry = Retry()
        """Retries while the store is away, for the beginning of a long run. Nothing waits for an embedded store."""
        self.own_prefix: str | None = None
        """The prefix of the topics where they belong to this process alone, as in a replay. Set it before the stream is used."""
        self._durable = durable
        self._stream: Stream | None = None
        self._lock = threading.Lock()

    @property
    def settings(self) -> Settings:
        return self.loaded.settings

    @property
    def origins(self) -> Mapping[str, str]:
        return self.loaded.origins

    @property
    def stream(self) -> Stream:
        """The stream; its topics are made.

        Raises `StreamUnavailable` where an embedded stream cannot be used. Apache Kafka is reached on first use.
        """
        with self._lock:
            if self._stream is None:
                settings = self.settings.stream
                self._stream = open_stream(
                    settings.url,
                    self.settings.data,
                    durable=self._durable,
                    max_bytes=settings.max_bytes,
                    settings=settings,
                    prefix=self.own_prefix,
                    topics={MENTIONS: settings.partitions, SIGNALS: 1, ALERT_EVENTS: 1},
                    read_so_far=self._read_so_far,
                )
            return self._stream

    def _read_so_far(self, cluster: str, topic: str) -> dict[int, int]:
        with self.store.read() as conn:
            return stored(conn, cluster, topic)

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
        self.store.close()


@contextmanager
def open_runtime(
    config: Path | None = None,
    data: Path | None = None,
    store: str | None = None,
    stream: str | None = None,
    *,
    clock: Clock | None = None,
    durable: bool = True,
    port: int | None = None,
    retry: Retry | None = None,
) -> Iterator[Runtime]:
    """A runtime with settings from file, environment and these overrides, and the engines they name. It closes with the block.

    `retry` waits for a store's server that is away, here and later as `Runtime.retry`. Raises `WrongInput` for wrong settings
    and `StoreUnavailable` where the store cannot be used.
    """
    loaded = load(
        config, overrides={"data": data, "store.url": store, "stream.url": stream, "api.port": port}
    )
    settings = loaded.settings
    if config is None and not os.environ.get("TOCSIN_CONFIG") and Path(LIES_HERE).is_file():
        _say_that_it_is_not_read()
    retrying = retry if retry is not None and settings.store.url != "sqlite" else Retry()
    opened = retrying(lambda: store_of(settings, durable=durable))
    runtime = Runtime(loaded, opened, clock or SystemClock(), durable=durable)
    runtime.retry = retrying
    try:
        runtime.loaded = retrying(lambda: _with_the_page(loaded, opened))
        yield runtime
    finally:
        runtime.close()


def store_of(settings: Settings, *, durable: bool = True) -> Store:
    """The store that the settings name, opened as they say."""
    store = settings.store
    return open_store(
        store.url,
        settings.data,
        durable=durable,
        password=reveal(store.password) if store.password else None,
        copy_first=not store.upgrade_without_copy,
        copies=store.copies_folder,
    )


def _with_the_page(loaded: Loaded, store: Store) -> Loaded:
    """The settings with what was set on the page beneath them."""
    with store.read() as conn:
        return mail_laid_under(laid_under(loaded, chosen(conn)), chosen_mail(conn))


def _say_that_it_is_not_read() -> None:
    """A file of settings lies where the command was typed. Only the file that is named is read."""
    say(f"the {LIES_HERE} in this folder is not read; to use it: --config {LIES_HERE}")
