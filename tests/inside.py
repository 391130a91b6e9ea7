"""Commands in the test's own process. They do the same as in a process of their own, without the start of another Python.

Tests about processes (signals, a stream that is read while it is written, the start itself) use real processes, which
`tests.story.live` and others start.
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
    """Run `tocsin ARGS` and return its exit status. Raises the `TocsinError` that would be its one line."""
    with _kept_logging():
        typed = [str(one) for one in args]
        return build_app(typed)(typed, standalone_mode=False) or 0


def command(
    *args: str | Path, input: bytes = b"", environment: Mapping[str, str] | None = None
) -> CompletedProcess[bytes]:
    """Run `tocsin ARGS` and return what its caller sees: stdout, stderr and the exit status.

    `environment` is the whole environment of the command. Call this from the main thread.
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
    """Keep the process's logging: a command would set it to a stream that is gone when the test has ended."""
    handlers = list(logging.root.handlers)
    try:
        yield
    finally:
        structlog.reset_defaults()
        logging.root.handlers[:] = handlers
