"""People and roles that the command line names: the person to sign in, and the role that is meant."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from tocsin.core.errors import WrongInput
from tocsin.definitions.models import Person, Role
from tocsin.definitions.repository import Defined, find, listed, save

ACTOR: Final = "command line"


def person_to_sign_in(conn: Connection, name: str | None, now: datetime) -> Defined[Person]:
    """The person of this name or id. Without a name: the only active person, else the only active admin.

    Where nobody is defined yet, a new admin is made. Raises `NotFound` and `WrongInput` with the known names.
    """
    if name is not None:
        return active_person(find(conn, Person, name))
    everybody = listed(conn, Person)
    if not everybody:
        return save(conn, Person(name="admin", role=Role.ADMIN), now=now, actor=ACTOR)
    active = [one for one in everybody if one.value.active]
    admins = [one for one in active if one.value.role is Role.ADMIN]
    for choice in (active, admins):
        if len(choice) == 1:
            return choice[0]
    names = ", ".join(one.name for one in active[:20]) or "nobody is active"
    raise WrongInput(f"who signs in? Choose with --person: {names}")


def active_person(one: Defined[Person]) -> Defined[Person]:
    """The person, if active. Raises `WrongInput` with what makes them so."""
    if not one.value.active:
        raise WrongInput(
            f"{one.name} is not active; activate with: tocsin user create {one.name!r} --role {one.value.role.value}"
        )
    return one


def role_named(name: str) -> Role:
    """The role of this name. Raises `WrongInput` with the known roles."""
    try:
        return Role(name)
    except ValueError:
        raise WrongInput(f"unknown role {name!r}; known: {', '.join(Role)}") from None
