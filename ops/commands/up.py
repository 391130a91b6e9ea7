"""`tocsin up` and `tocsin run`."""

from __future__ import annotations

from typing import Annotated

import typer

from ops.commands.common import (
    Config,
    Data,
    StoreUrl,
    StreamUrl,
)


def register(app: typer.Typer) -> None:
    """Add `up` and `run`."""
    app.command("up", epilog="Example: tocsin up --config tocsin.toml")(up)
    app.command("run", epilog="Example: tocsin run ingest processors")(run)


def up(config: Config = None, data: Data = None, store: StoreUrl = None, stream: StreamUrl = None) -> None:
    """Run everything on one machine until Ctrl-C: ingest, processors, alerts, the page, the auditor."""
    from ops.run.up import up as run

    run(config, data, store, stream)


def run(
    roles: Annotated[
        list[str],
        typer.Argument(help="ingest, processors, alerts, api or auditor; several share a process."),
    ],
    config: Config = None,
    data: Data = None,
    store: StoreUrl = None,
    stream: StreamUrl = None,
    parent: Annotated[
        int | None, typer.Option("--parent", hidden=True, help="End when this process is gone.")
    ] = None,
    pulse: Annotated[
        int | None, typer.Option("--pulse", hidden=True, help="An open file: say there that all is well.")
    ] = None,
) -> None:
    """Run one role, or several in one process, until Ctrl-C. It waits for a store or brokers that are away."""
    from ops.run.process import RunOptions, run_process

    run_process(RunOptions(config, data, store, stream), roles, parent, pulse)
