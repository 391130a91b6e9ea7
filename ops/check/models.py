"""Checks of the models that come with Tocsin: whether each is there and is that of its card, and has read what is stored."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from ops.check.observation import Observation
from processors.rescoring import Walk, under_way
from processors.understand.artefacts import faults
from processors.understand.language import SCORED
from tocsin.core.clock import iso


def models(conn: Connection) -> Iterator[Observation]:
    """A line for each file that is missing or damaged, or one that all are whole, and how far they have read what is stored."""
    found = list(faults(SCORED))
    for fault in found:
        yield Observation("bad", *fault.rsplit("; ", 1))
    if not found:
        yield Observation("ok", f"the models of {', '.join(SCORED)} are whole")
        yield from _reading_anew(under_way(conn))


def _reading_anew(walk: Walk | None) -> Iterator[Observation]:
    if walk is None:
        return
    so_far = f"{walk.looked_at} so far, back to {iso(walk.at)}" if walk.at else "none so far"
    yield Observation(
        "note",
        f"stored mentions that these models have read anew: {so_far}; changed: {walk.changed}",
        "it goes on by itself while the role processors runs",
    )
