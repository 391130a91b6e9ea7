"""Logs: events with fields, on stderr. They are readable text on a terminal and JSON lines elsewhere.

At INFO no log holds the text or the author of a mention.
"""

from __future__ import annotations

import logging
import os
import sys

import structlog

from tocsin.core.errors import WrongInput

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
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(
        level=max(LEVELS[name], logging.WARNING), stream=sys.stderr, format="%(name)s: %(message)s"
    )
