"""Who acts on the command line: the person whom `--as` names, within their role, or whoever sits here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from ops.commands.common import Config, Data, StoreUrl, user_here

if TYPE_CHECKING:
    from alerts.turn import Turn

As = Annotated[str | None, typer.Option("--as", help="The person who does it; default: who you are here.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, in a sentence; it stands in the record.")]


@contextmanager
def turn_by(person: str | None, route: str, data: Data, store: StoreUrl, config: Config) -> Iterator[Turn]:
    """A turn in a transaction of its own, by that person or by whoever sits here.

    `route` is the path of what is done: a person may do here what their role may do there. Raises `NotAllowed`.
    """
    from alerts.actor import Actor
    from alerts.turn import Turns
    from api.auth.rules import RULES, not_for
    from ops.runtime import open_runtime
    from tocsin.access.links import page_address
    from tocsin.access.signin import active_person
    from tocsin.core.errors import NotAllowed
    from tocsin.definitions.models import Person, Role
    from tocsin.definitions.repository import find

    with open_runtime(config, data, store) as runtime, runtime.store.write() as conn:
        if person is None:
            actor = Actor("command-line", user_here(), Role.ADMIN)
        else:
            one = active_person(find(conn, Person, person))
            rule = RULES["POST", route]
            if one.value.role not in rule.roles:
                raise NotAllowed(f"{one.name}: {not_for(one.value.role, rule)}")
            actor = Actor(one.id, one.name, one.value.role)
        turns = Turns(runtime.store, page_address(runtime.settings))
        yield turns.begin(conn, runtime.clock.now(), actor)
