"""The set-up: four steps from an empty home to a page that rang. Where it stands follows from what is defined, so that it can be
left and taken up again at any moment, on any device.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection

from alerts.directory import someone
from alerts.notifiers.registry import LAST_RESORT
from api.pages.flash import flash_of
from api.pages.render import PageContext, page_context, render
from api.pages.terms import TRIGGERS
from api.state import state_of
from ingest.heard import deaf
from processors.detection.knowledge import ABILITIES, knowledge
from processors.detection.tallies import first_minutes
from tocsin.core.clock import minute_start
from tocsin.definitions.models import Monitor, Person
from tocsin.definitions.repository import Defined, find, listed
from tocsin.store import meta

TAPS: Final = 16
"""From the sign-in link to "It rang", with one brand, one network and one address; typing is not counted. A test in a browser
counts them."""

router = APIRouter(include_in_schema=False)

StepName = Literal["brand", "listen", "wake", "ring"]
RANG = "setup:rang"
"""The key of `meta` with the time at which somebody said that a test page rang."""

FIRST_SIGHT = timedelta(hours=dict(ABILITIES)["bursts"])
"""How long a monitor must have heard before it sees bursts."""


@dataclass(frozen=True, slots=True)
class SetupStep:
    """One step: whether it is done."""

    name: StepName
    done: bool


@dataclass(frozen=True, slots=True)
class Learning:
    """A monitor that knows too little to see a burst: it does from `until` on, if it hears from now on."""

    monitor: str
    until: datetime


def steps(ctx: PageContext, conn: Connection) -> list[SetupStep]:
    """The four steps as they stand. Somebody is woken where each policy in use leads to a channel that may page, and who asks has
    one too: the last step rings them.
    """
    return [
        SetupStep("brand", bool(watched(conn))),
        SetupStep("listen", deaf(conn, ctx.fmt.now) is None),
        SetupStep("wake", not ctx.banner.not_ready.policies and _is_reached(ctx, conn)),
        SetupStep("ring", meta.get(conn, RANG) is not None),
    ]


def _is_reached(ctx: PageContext, conn: Connection) -> bool:
    """Whether who asks has a channel that rings and may page; a key has none to have."""
    who = ctx.who
    if who is None or who.kind != "person":
        return True
    one = someone(conn, who.id, find(conn, Person, who.id).value)
    return any(channel.kind != LAST_RESORT for channel in one.paged_on)


def watched(conn: Connection) -> list[Defined[Monitor]]:
    """The monitors that are on."""
    return [one for one in listed(conn, Monitor) if one.value.enabled]


def learning(conn: Connection, now: datetime) -> list[Learning]:
    """The monitors that learn, with the moment from which they see bursts."""
    found = []
    for one in watched(conn):
        known = knowledge(conn, one.id, one.value.series)
        if known.learning:
            left = FIRST_SIGHT - timedelta(hours=known.hours)
            found.append(Learning(one.name, max(now, now + left)))
    return found


def first_heard(conn: Connection) -> datetime | None:
    """When the first mention that a monitor heard was written, to the minute; None: nothing was heard yet."""
    found = first_minutes(conn, [one.id for one in watched(conn)])
    return minute_start(min(found.values())) if found else None


def trigger_words(ctx: PageContext) -> list[str]:
    """What a single post rings for from the first hour on, in the reader's language."""
    return list(dict.fromkeys(ctx.fmt.term("trigger", one) for one in TRIGGERS))


@router.get("/setup")
def set_up(request: Request) -> Response:
    """The steps, which of them are done, and what happens then."""
    state = state_of(request)
    with state.store.read() as conn:
        ctx = page_context(request, conn)
        found = steps(ctx, conn)
        learns = learning(conn, state.now())
        came = first_heard(conn)
    upcoming = next((one.name for one in found if not one.done), None)
    return render(
        ctx,
        "setup.html",
        taps=TAPS,
        steps=found,
        upcoming=upcoming,
        learns=learns,
        heard=came,
        triggers=trigger_words(ctx),
        flash=flash_of(request, ctx.fmt)[0],
    )
