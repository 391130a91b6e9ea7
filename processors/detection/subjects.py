"""What the texts of the last hour tell of that those of the two days before do not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection

from processors.detection.evidence import terms_of
from processors.detection.nearness import half_way_to
from processors.detection.states import JudgedMonitor, Standing
from processors.signals.types import Reading, WindowCounts
from tocsin.core.clock import HOUR


def hear(
    conn: Connection,
    one: JudgedMonitor,
    standing: Standing,  # noqa: ARG001  # every such function gets it
    window: WindowCounts,
    until: datetime,
    before: Sequence[Reading],
) -> WindowCounts:
    """The window with its `heard.subjects`, where anything is over: reading texts costs as much as the evidence of an alert."""
    if window.heard.subjects is not None or not any(reading.over for reading in before):
        return window
    return _heard(conn, one, window, until)


def hear_half_way(
    conn: Connection,
    one: JudgedMonitor,
    standing: Standing,  # noqa: ARG001  # every such function gets it
    window: WindowCounts,
    until: datetime,
    before: Sequence[Reading],
) -> WindowCounts:
    """The window with its `heard.subjects`, where the newest of these readings is over, or half-way to it and the window
    closed: an open window would ask with every look.
    """
    reading = before[-1]
    if not (reading.over or (until == window.end and half_way_to(reading))):
        return window
    return _heard(conn, one, window, until)


def _heard(conn: Connection, one: JudgedMonitor, window: WindowCounts, until: datetime) -> WindowCounts:
    subjects = tuple(terms_of(conn, one.id, one.defined.value, until - HOUR, until))
    if not subjects:
        return window
    return msgspec.structs.replace(window, heard=msgspec.structs.replace(window.heard, subjects=subjects))
