"""`tocsin monitors`: what a person says of a monitor's level."""

from __future__ import annotations

from typing import Annotated

import typer

from ops.commands.common import Config, Data, StoreUrl, user_here

Ref = Annotated[str, typer.Argument(help="Name or id of the monitor.")]


def register(app: typer.Typer) -> None:
    """Add `monitors accept|undo`."""
    monitors = typer.Typer(help="Monitors: accept the new normal, take it back.", no_args_is_help=True)
    app.add_typer(monitors, name="monitors", epilog="Example: tocsin monitors accept united")
    monitors.command("accept", epilog="Example: tocsin monitors accept united")(accept)
    monitors.command("undo", epilog="Example: tocsin monitors undo united")(undo)


def accept(monitor: Ref, data: Data = None, store: StoreUrl = None, config: Config = None) -> None:
    """Accept the present level as the monitor's new normal: from the next window on it is what is expected."""
    _say("accept", monitor, data, store, config)


def undo(monitor: Ref, data: Data = None, store: StoreUrl = None, config: Config = None) -> None:
    """Take the last accepted new normal back. Possible for 48 hours."""
    _say("undo", monitor, data, store, config)


def _say(action: str, monitor: str, data: Data, store: StoreUrl, config: Config) -> None:
    from alerts.actor import Actor
    from alerts.turn import Turns
    from api.normal import say
    from ops.runtime import open_runtime
    from tocsin.access.links import page_address
    from tocsin.definitions.models import Monitor, Role
    from tocsin.definitions.repository import find

    with open_runtime(config, data, store) as runtime, runtime.store.write() as conn:
        one = find(conn, Monitor, monitor)
        turns = Turns(runtime.store, page_address(runtime.settings))
        actor = Actor("command-line", user_here(), Role.ADMIN)
        said = say(turns.begin(conn, runtime.clock.now(), actor), one, action)
    done = "accepted as the new normal" if action == "accept" else "the new normal is taken back"
    print(f"{one.value.name}: {done} (number {said.seq}); it counts from the next window on")
