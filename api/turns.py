"""Turns for requests: who asks becomes the actor of what is decided about alerts and escalations."""

from __future__ import annotations

from sqlalchemy import Connection

from alerts.actor import Actor
from alerts.turn import Turn, Turns
from api.auth.principal import Principal
from api.state import AppState
from tocsin.access.links import page_address


def actor_of(who: Principal) -> Actor:
    """The one who asks, as timelines name them."""
    return Actor(who.id, who.label, who.role.value)


def turn_of(state: AppState, conn: Connection, who: Principal | Actor) -> Turn:
    """A turn in the request's transaction, at the service's time."""
    actor = who if isinstance(who, Actor) else actor_of(who)
    return Turns(state.store, page_address(state.settings)).begin(conn, state.now(), actor)
