"""Logs: events with fields, on stderr. They are readable text on a terminal and JSON lines elsewhere.

A log that cannot be written ends no work: its disk may be full, or its reader gone, and somebody must be woken all the same.

At INFO no log holds the text or the author of a mention.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading

import structlog

from tocsin.core.errors import WrongInput

# Threads of one process take turns, or their lines would be mixed.
_ONE_AT_A_TIME = threading.Lock()

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def set_up(level: str | None = None) -> None:
    """Log at `level` (default: TOCSIN_LOG_LEVEL, else warning, for commands). Raises `WrongInput` for an unknown level."""
    name = (level or os.environ.get("TOCSIN_LOG_LEVEL") or "warning").lower()
    if name not in LEVELS:
        raise WrongInput(f"unknown log level {name!r}; known: {', '.join(LEVELS)}")
    terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[name]),
        logger_factory=lambda *_named: _Printer(),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(
        level=max(LEVELS[name], logging.WARNING), stream=sys.stderr, format="%(name)s: %(message)s"
    )


def say(message: str) -> None:
    """Print one line for the person who typed the command, on stderr."""
    _print(f"tocsin: {message}")


class _Printer:
    """Prints each event on a line of its own."""

    def msg(self, line: str) -> None:
        _print(line)

    log = debug = info = warn = warning = msg
    fatal = failure = err = error = critical = exception = msg


def _print(line: str) -> None:
    """Print the line on stderr, where it can be written. Lines that were lost are not told later."""
    with contextlib.suppress(OSError, ValueError), _ONE_AT_A_TIME:
        print(line, file=sys.stderr, flush=True)  # noqa: T201  # the one place that writes to the operator's terminal
