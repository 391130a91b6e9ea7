"""Checks of the models that come with Tocsin: whether each is there, and is the one of its card."""

from __future__ import annotations

from collections.abc import Iterator

from ops.check.observation import Observation
from processors.understand.artefacts import faults
from processors.understand.language import FIRST_CLASS


def models() -> Iterator[Observation]:
    """A line for each file that is missing or damaged, or one that all are whole."""
    found = list(faults(FIRST_CLASS))
    for fault in found:
        yield Observation("bad", *fault.rsplit("; ", 1))
    if not found:
        yield Observation("ok", f"the models of {', '.join(FIRST_CLASS)} are whole")
