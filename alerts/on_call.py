"""Who is on call from when to when, as a schedule says it: turns of the rotation, and the overrides that win over them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

from alerts.directory import on_call
from alerts.words import Words
from tocsin.definitions.models import Schedule
from tocsin.definitions.turns import turn_at, turn_begins


@dataclass(frozen=True, slots=True)
class Shift:
    """One person on call by one schedule, from `starts_at` to `ends_at`. `override`: instead of whose turn it is."""

    schedule: str
    person: str
    starts_at: datetime
    ends_at: datetime
    override: bool


def shifts(schedule: Schedule, start: datetime, end: datetime) -> Iterator[Shift]:
    """The shifts from `start` to `end`, cut there, in their order and without a hole; one person's neighbours are one shift.

    `alerts.directory.on_call` says who it is at each moment, so a calendar cannot say otherwise than a page goes.
    """
    whole: Shift | None = None
    edges = sorted({start, end, *_edges(schedule, start, end)})
    for begins, ends in pairwise(edges):
        override = any(one.starts_at <= begins < one.ends_at for one in schedule.overrides)
        piece = Shift(schedule.name, on_call(schedule, begins), begins, ends, override)
        if whole is not None and (whole.person, whole.override) == (piece.person, piece.override):
            whole = replace(whole, ends_at=ends)
            continue
        if whole is not None:
            yield whole
        whole = piece
    if whole is not None:
        yield whole


def _edges(schedule: Schedule, start: datetime, end: datetime) -> Iterator[datetime]:
    """The moments between `start` and `end` at which the person on call may change."""
    number = turn_at(schedule, start) + 1
    while (begins := turn_begins(schedule, number)) < end:
        yield begins
        number += 1
    for one in schedule.overrides:
        yield from (at for at in (one.starts_at, one.ends_at) if start < at < end)


def calendar_title(words: Words) -> str:
    """What the calendar of who is on call is called, in its reader's language."""
    return words.say("Tocsin: on call")
