"""`tocsin channels`: how people are woken, and the codes that prove a channel."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ops.commands.common import Config, Data, StoreUrl, operator

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from alerts.directory import Someone

PersonName = Annotated[str, typer.Argument(metavar="PERSON", help="Their name or id.")]
Which = Annotated[
    str, typer.Argument(metavar="CHANNEL", help="The channel's key or address, as the list has them.")
]


def register(app: typer.Typer) -> None:
    """Add `channels list|code|prove|take-back`."""
    channels = typer.Typer(help="How people are woken, and the codes that prove it.", no_args_is_help=True)
    app.add_typer(channels, name="channels", epilog="Example: tocsin channels list ada")
    channels.command("list", epilog="Example: tocsin channels list ada")(list_channels)
    channels.command("code", epilog="Example: tocsin channels code ada ada@brand.example")(send_code)
    channels.command("prove", epilog="Example: tocsin channels prove ada ada@brand.example 123456")(prove)
    channels.command("take-back", epilog="Example: tocsin channels take-back ada ada@brand.example")(
        take_back
    )


def list_channels(
    person: Annotated[
        str | None, typer.Argument(metavar="[PERSON]", help="Their name or id; default: everybody.")
    ] = None,
    config: Config = None,
    data: Data = None,
    store: StoreUrl = None,
) -> None:
    """List the channels of a person, or of all: key, kind, address, whether it pages and why, when it was proven.

    proven: by a code. vouched: by whoever runs the machine. unproven: it pages nobody yet. waiting: it becomes the person's once
    its code was typed. silent: it rings nowhere.
    """
    from alerts.directory import Someone
    from alerts.own_channels import channels_of
    from ops.runtime import open_runtime
    from tocsin.core.clock import iso
    from tocsin.core.text import escaped_cell
    from tocsin.definitions.models import Person
    from tocsin.definitions.repository import find, listed

    with open_runtime(config, data, store) as runtime, runtime.store.read() as conn:
        now = runtime.clock.now()
        people = [find(conn, Person, person)] if person is not None else listed(conn, Person)
        found = [
            (one.name, row)
            for one in people
            for row in channels_of(conn, Someone(one.id, one.value)).rows(now)
        ]
    print("\t".join(("person", "key", "kind", "where", "standing", "proven", "code")))
    for name, row in found:
        where = escaped_cell(row["where"]) if row["where"] else "-"
        proven = iso(row["proven_at"]) if row["proven_at"] else "-"
        code = "waits" if row["code_waits"] else "-"
        kind = escaped_cell(row["kind"])
        print("\t".join((escaped_cell(name), row["key"], kind, where, row["standing"], proven, code)))


def send_code(
    person: PersonName,
    channel: Which,
    config: Config = None,
    data: Data = None,
    store: StoreUrl = None,
) -> None:
    """Send a test page with a code there, through the real outbox, and say how the attempt ended. It is good for ten minutes."""
    from alerts.notifiers.registry import notifiers
    from alerts.outbox.test_notice import deliver_once
    from api.proving import send_code_to
    from ops.runtime import open_runtime
    from tocsin.access.links import page_address

    with open_runtime(config, data, store) as runtime:
        made, base = notifiers(runtime.settings), page_address(runtime.settings)
        with runtime.store.write() as conn:
            one, key = _found(conn, person, channel)
            sent = send_code_to(runtime.store, conn, one.id, key, base, runtime.clock.now())
        rang = deliver_once(runtime.store, runtime.clock, made, sent)
    for attempt in rang:
        print(f"{attempt.channel}: {attempt.outcome} ({attempt.detail})")
    if any(attempt.outcome != "sent" for attempt in rang):
        raise typer.Exit(1)


def prove(
    person: PersonName,
    channel: Which,
    code: Annotated[str, typer.Argument(metavar="CODE", help="The code that arrived there.")],
    config: Config = None,
    data: Data = None,
    store: StoreUrl = None,
) -> None:
    """Prove a channel by its code: it pages from now on, and one that waited becomes the person's. Exit 1 for a wrong code."""
    from api.proving import prove_by_code
    from ops.runtime import open_runtime

    with open_runtime(config, data, store) as runtime, runtime.store.write() as conn:
        one, key = _found(conn, person, channel)
        now = runtime.clock.now()
        right = prove_by_code(conn, runtime.settings, operator(), one.id, key, code, now)
    if not right:
        print(
            "that is not the code that was sent, or its ten minutes or five tries are over", file=sys.stderr
        )
        raise typer.Exit(1)
    print(f"proven: {one.name} is paged there")


def take_back(
    person: PersonName,
    channel: Which,
    config: Config = None,
    data: Data = None,
    store: StoreUrl = None,
) -> None:
    """Take the proof of a channel back: it pages nobody before a new code was typed. A channel that waits for its code is
    forgotten.
    """
    from api.proving import take_proof_back
    from ops.runtime import open_runtime

    with open_runtime(config, data, store) as runtime, runtime.store.write() as conn:
        one, key = _found(conn, person, channel)
        take_proof_back(conn, operator(), one.id, key, runtime.clock.now())
    print(f"taken back: {one.name} is not paged there before a new code was typed")


def _found(conn: Connection, person: str, channel: str) -> tuple[Someone, str]:
    """The person, and the key of the channel with this key or address. Raises `NotFound`."""
    from alerts.directory import Someone
    from alerts.own_channels import channels_of
    from tocsin.core.errors import NotFound
    from tocsin.definitions.models import Person
    from tocsin.definitions.repository import find

    theirs = find(conn, Person, person)
    one = Someone(theirs.id, theirs.value)
    own = channels_of(conn, one)
    places = [(each.key, each.where) for each in own.listed]
    places += [(pending.key, where) for pending, where in own.waiting]
    key = next((key for key, where in places if channel and channel in (key, where)), None)
    if key is None:
        known = ", ".join(where or key for key, where in places)
        raise NotFound(f"{one.name} has no channel {channel[:80]!r}; known: {known}")
    return one, key
