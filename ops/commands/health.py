"""`tocsin health`."""

from __future__ import annotations

from typing import Annotated

import typer

from ops.commands.common import Config, Data, StoreUrl


def register(app: typer.Typer) -> None:
    """Add `health`."""
    app.command("health", epilog="Example: tocsin health processors")(health)


def health(
    roles: Annotated[
        list[str], typer.Argument(help="ingest, processors, alerts, api or auditor; several if wanted.")
    ],
    config: Config = None,
    data: Data = None,
    store: StoreUrl = None,
) -> None:
    """Say whether roles are at work, for whoever supervises them. Exit 1 if one is not; tocsin doctor tells more."""
    from ops.check.probe import check_roles
    from ops.output import tell
    from ops.runtime import open_runtime

    with open_runtime(config, data, store) as runtime, runtime.store.read() as conn:
        reports = list(check_roles(conn, runtime.settings.api, roles, runtime.clock.now()))
    for one in reports:
        tell(f"{'ok  ' if one.well else 'BAD '}  {one.text}")
    if not all(one.well for one in reports):
        raise typer.Exit(1)
