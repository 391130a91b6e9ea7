"""Commands run in the test's own process: they do the same, and spare the start of another Python.

What is said of processes (signals, a stream that is read while it is written, the start itself) is tested on real ones:
`tests.story.live` and others start them.
"""

from __future__ import annotations

import io
import logging
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess

import structlog

from ops.program import build_app, main


def inside(*args: str | Path) -> int:
    """`tocsin ARGS`; its exit status. Raises the `TocsinError` that would be its one line."""
    with _kept_logging():
        return build_app()([str(one) for one in args], standalone_mode=False) or 0


def command(
    *args: str | Path, input: bytes = b"", environment: Mapping[str, str] | None = None
) -> CompletedProcess[bytes]:
    """`tocsin ARGS` as its caller sees it: what it printed and said, and its exit status.

    `environment` is the whole of it. Call it from the main thread.
    """
    typed = [str(one) for one in args]
    said = {name: io.TextIOWrapper(io.BytesIO(given), encoding="utf-8") for name, given in _streams(input)}
    status = 0
    with _kept_logging(), _in_place_of_this_process(typed, said, environment):
        try:
            main()
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    printed, noted = (_written(said[name]) for name in ("stdout", "stderr"))
    return CompletedProcess(["tocsin", *typed], status, printed, noted)


def _streams(input: bytes) -> list[tuple[str, bytes]]:
    return [("stdin", input), ("stdout", b""), ("stderr", b"")]


def _written(stream: io.TextIOWrapper) -> bytes:
    stream.flush()
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue()


@contextmanager
def _in_place_of_this_process(
    typed: list[str], streams: Mapping[str, io.TextIOWrapper], environment: Mapping[str, str] | None
) -> Iterator[None]:
    before = {name: getattr(sys, name) for name in (*streams, "argv")}
    variables, on_term = dict(os.environ), signal.getsignal(signal.SIGTERM)
    for name, value in {**streams, "argv": ["tocsin", *typed]}.items():
        setattr(sys, name, value)
    try:
        if environment is not None:
            _set_environment(environment)
        yield
    finally:
        _set_environment(variables)
        signal.signal(signal.SIGTERM, on_term)
        for name, value in before.items():
            setattr(sys, name, value)


def _set_environment(variables: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(variables)


@contextmanager
def _kept_logging() -> Iterator[None]:
    """A command makes the process's logging its own, on a stream that is gone when the test has ended."""
    handlers = list(logging.root.handlers)
    try:
        yield
    finally:
        structlog.reset_defaults()
        logging.root.handlers[:] = handlers
