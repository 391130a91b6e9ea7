"""Commands run in the test's own process: quicker than one of their own, and what they refuse is raised."""

from __future__ import annotations

import logging
from pathlib import Path

import structlog

from ops.program import build_app


def inside(*args: str | Path) -> int:
    """`tocsin ARGS`; its exit status. Raises the `TocsinError` that would be its one line."""
    handlers = list(logging.root.handlers)
    try:
        return build_app()([str(one) for one in args], standalone_mode=False) or 0
    finally:
        # A command makes the process's logging its own, on a stream that is gone when the test has ended.
        structlog.reset_defaults()
        logging.root.handlers[:] = handlers
