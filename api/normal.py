"""Accepting the new normal, and taking it back: what detection hears and what the alerts' timelines say, in one transaction."""

from __future__ import annotations

from functools import partial
from typing import Final

from alerts.actions import tell
from alerts.apply import apply
from alerts.turn import Turn
from processors import acceptance
from processors.acceptance import Acceptance
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import Defined

LINES: Final = {acceptance.ACCEPT: "accept_normal", acceptance.UNDO: "undo_normal"}
"""The lines in the timelines of the monitor's live alerts."""


def say(turn: Turn, monitor: Defined[Monitor], action: str, seen: int | None = None) -> Acceptance:
    """The present is the new normal of the monitor (`accept`), or is not after all (`undo`). A repeat changes nothing.

    Raises `Conflict` where there is nothing to accept or to take back, or where the acceptance to be taken back is not number
    `seen` (None: any). The transaction must be `alone`.
    """
    do = acceptance.accept if action == acceptance.ACCEPT else partial(acceptance.undo, seen=seen)
    before = acceptance.acceptances(turn.conn, monitor.id, 1)
    said = do(turn.conn, monitor, now=turn.now, actor=turn.actor.name, role=turn.actor.role)
    if [said.seq] != [one.seq for one in before]:
        apply(turn, tell(turn, monitor.id, LINES[action]))
    return said
