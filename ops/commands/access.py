"""Access: `tocsin signin`, `tocsin key ...`, `tocsin user ...`."""

from __future__ import annotations

import typer

from ops.commands.common import Config, Data, StoreUrl
from tocsin.core.text import escaped_cell

ACTOR = "command line"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("signin", epilog="Example: tocsin signin --person 'Ana Pop'")(signin)
    keys = typer.Typer(no_args_is_help=True, help="API keys.")
    keys.command("create", epilog="Example: tocsin key create --role viewer --name wallboard")(key_create)
    keys.command("list", epilog="Example: tocsin key list")(key_list)
    keys.command("revoke", epilog="Example: tocsin key revoke wallboard")(key_revoke)
    app.add_typer(keys, name="key")
    users = typer.Typer(no_args_is_help=True, help="People who sign in.")
    users.command("create", epilog="Example: tocsin user create 'Ana Pop' --role pr")(user_create)
    users.command("list", epilog="Example: tocsin user list")(user_list)
    users.command("deactivate", epilog="Example: tocsin user deactivate 'Ana Pop'")(user_deactivate)
    users.command("remove-passkeys", epilog="Example: tocsin user remove-passkeys 'Ana Pop'")(
        user_remove_passkeys
    )
    app.add_typer(users, name="user")


def signin(
    person: str | None = typer.Option(None, "--person", help="Name or id; needed when there are several."),
    config: Config = None,
    data: Data = None,
    store: StoreUrl = None,
) -> None:
    """Print a new sign-in link. It works once, within 15 minutes. Where no person is defined yet, this makes an admin."""
    from ops.output import show_once
    from ops.runtime import open_runtime
    from tocsin.access.links import end_signin_link, make_signin_link, page_address, signin_path
    from tocsin.access.signin import person_to_sign_in
    from tocsin.store.meta import replayed_until

    with open_runtime(config, data, store) as runtime:
        now = runtime.clock.now()
        with runtime.store.write() as conn:
            one = person_to_sign_in(conn, person, now)
            # The page of a replay goes by its clock, which may be hours ahead of the last recorded mention.
            token = make_signin_link(conn, one.id, max(now, replayed_until(conn) or now))

        def take_back() -> None:
            with runtime.store.write() as conn:
                end_signin_link(conn, token)

        show_once(
            "sign-in link",
            page_address(runtime.settings) + signin_path(token),
            take_back,
            otherwise="it ends by itself within 15 minutes",
            above=[f"sign-in link for {one.name} ({one.value.role.value}), works once within 15 minutes:"],
        )


def key_create(
    role: str = typer.Option(..., "--role", help="viewer, community_manager, pr, legal or admin."),
    name: str = typer.Option(..., "--name", help="What it is for."),
    scope: list[str] = typer.Option(
        [],
        "--scope",
        help="read, write, push, metrics; may be given again. Default: all. feed, wall: a token for an address.",
    ),
    source: str | None = typer.Option(
        None, "--source", help="A push key: what it pushes belongs to this source."
    ),
    config: Config = None,
    data: Data = None,
    store: StoreUrl = None,
) -> None:
    """Make an API key and print it. It cannot be shown again. A key that cannot be printed is revoked."""
    from api.auth.endings import revoke
    from api.auth.keys import addresses_of, create_key
    from ops.output import show_once
    from ops.runtime import open_runtime
    from tocsin.access.links import page_address
    from tocsin.access.signin import role_named
    from tocsin.store import audit

    checked = role_named(role)
    with open_runtime(config, data, store) as runtime:
        now = runtime.clock.now()
        with runtime.store.write() as conn:
            key_id, token = create_key(conn, name=name, role=checked, now=now, scopes=scope, source=source)
            detail = {"role": checked.value, "scopes": sorted(scope), "source": source}
            audit.append(
                conn, at=now, actor=ACTOR, role="admin", action="key.made", object=key_id, detail=detail
            )

        def take_back() -> None:
            with runtime.store.write() as conn:
                revoke(conn, key_id, runtime.clock.now(), ACTOR, "admin")

        base = page_address(runtime.settings)
        places = [f"read it at {base}{path}" for path in addresses_of(token, sorted(set(scope)))]
        show_once(
            "key",
            token,
            take_back,
            otherwise=f"end it with: tocsin key revoke {key_id}",
            above=[f"key {name} ({checked.value}); it is shown this once:", *places],
        )


def key_list(config: Config = None, data: Data = None, store: StoreUrl = None) -> None:
    """List the keys: name, role, scopes, source, made, last used, revoked, kind."""
    from api.auth.keys import list_keys
    from ops.runtime import open_runtime
    from tocsin.core.clock import iso

    with open_runtime(config, data, store) as runtime, runtime.store.read() as conn:
        found = list_keys(conn)
    print("\t".join(("id", "name", "role", "scopes", "source", "made", "last used", "revoked", "kind")))
    for key in found:
        times = [
            iso(key[name]) if key[name] else "-" for name in ("created_at", "last_used_at", "revoked_at")
        ]
        scopes = ",".join(key["scopes"]) or "all"
        name, of = escaped_cell(key["name"]), escaped_cell(key["source"]) if key["source"] else "-"
        print("\t".join((key["id"], name, key["role"], scopes, of, *times, key["kind"])))


def key_revoke(
    key: str = typer.Argument(..., help="Its name or id."),
    config: Config = None,
    data: Data = None,
    store: StoreUrl = None,
) -> None:
    """End a key at once."""
    from api.auth.endings import revoke
    from ops.runtime import open_runtime

    with open_runtime(config, data, store) as runtime:
        now = runtime.clock.now()
        with runtime.store.write() as conn:
            name = revoke(conn, key, now, ACTOR, "admin")
    print(f"revoked {name}")


def user_create(
    name: str = typer.Argument(..., help="The person's name."),
    role: str = typer.Option("viewer", "--role", help="viewer, community_manager, pr, legal or admin."),
    email: str | None = typer.Option(None, "--email", help="Where mail reaches them."),
    timezone: str = typer.Option("UTC", "--timezone", help="Such as Europe/Istanbul."),
    config: Config = None,
    data: Data = None,
    store: StoreUrl = None,
) -> None:
    """Make a person. A person who has this name already gets this role and is activated."""
    from pydantic import ValidationError

    from alerts.notifiers.channels import require_usable
    from alerts.proofs import vouch
    from ops.runtime import open_runtime
    from tocsin.access.signin import role_named
    from tocsin.core.errors import WrongInput
    from tocsin.core.faults import fault_of
    from tocsin.definitions.changes import note_saved
    from tocsin.definitions.models import Person
    from tocsin.definitions.repository import listed, save

    checked = role_named(role)
    with open_runtime(config, data, store) as runtime, runtime.store.write() as conn:
        present = next((one.value for one in listed(conn, Person) if one.name == name), None)
        given = {"name": name, "role": checked, "active": True}
        given |= {"email": email} if email else {}
        given |= {"timezone": timezone} if present is None or timezone != "UTC" else {}
        try:
            kept = present.model_dump() if present else {}
            person = Person.model_validate(kept | given)
        except ValidationError as error:
            first = error.errors()[0]
            raise WrongInput(f"{first['loc'][0]} = {first['input']!r}: {fault_of(first)}") from None
        require_usable(person)
        saved = save(conn, person, now=runtime.clock.now(), actor=ACTOR)
        # Whoever may run this command may apply a file, too.
        vouch(conn, saved.id, saved.value)
        note_saved(conn, saved, present, at=runtime.clock.now(), actor=ACTOR, role="admin")
    print(
        f"{'changed' if present else 'made'} {name} ({checked.value}); sign in with: tocsin signin --person {name!r}"
    )


def user_list(config: Config = None, data: Data = None, store: StoreUrl = None) -> None:
    """List the people: name, role, zone, channels, active or not."""
    from alerts.directory import Someone
    from ops.runtime import open_runtime
    from tocsin.definitions.models import Person
    from tocsin.definitions.repository import listed

    with open_runtime(config, data, store) as runtime, runtime.store.read() as conn:
        found = listed(conn, Person)
    print("\t".join(("name", "role", "timezone", "channels", "state")))
    for one in found:
        person = one.value
        ways = Someone(one.id, person).channels if person.channels or person.email else ()
        channels = ",".join(escaped_cell(way.kind) for way in ways) or "-"
        state = "active" if person.active else "inactive"
        print("\t".join((escaped_cell(person.name), person.role.value, person.timezone, channels, state)))


def user_deactivate(
    name: str = typer.Argument(..., help="Name or id."),
    config: Config = None,
    data: Data = None,
    store: StoreUrl = None,
) -> None:
    """Deactivate a person: nobody pages them, they cannot sign in, and their sessions end at once."""
    from ops.runtime import open_runtime
    from tocsin.definitions.changes import note_saved
    from tocsin.definitions.models import Person
    from tocsin.definitions.repository import find, save

    with open_runtime(config, data, store) as runtime, runtime.store.write() as conn:
        one = find(conn, Person, name)
        changed = one.value.model_copy(update={"active": False})
        saved = save(conn, changed, now=runtime.clock.now(), actor=ACTOR, id=one.id)
        note_saved(conn, saved, one.value, at=runtime.clock.now(), actor=ACTOR, role="admin")
    print(f"{one.name} is no longer active")


def user_remove_passkeys(
    name: str = typer.Argument(..., help="Name or id."),
    config: Config = None,
    data: Data = None,
    store: StoreUrl = None,
) -> None:
    """Take all passkeys of a person out, as where a device was lost. A sign-in link still signs them in."""
    from api.auth.endings import end_passkeys
    from api.auth.passkeys import passkeys_of
    from ops.runtime import open_runtime
    from tocsin.definitions.models import Person
    from tocsin.definitions.repository import find

    with open_runtime(config, data, store) as runtime, runtime.store.write() as conn:
        one, now = find(conn, Person, name), runtime.clock.now()
        count = end_passkeys(conn, passkeys_of(conn, one.id), now, ACTOR, "admin")
    print(f"{one.name} has no passkey any more; taken out: {count}")
