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
    import os
    from contextlib import nullcontext

    import structlog

    from ops.run.locks import share_folder
    from ops.run.roles import Hung, retry_until_there, run_roles
    from ops.runtime import open_runtime
    from tocsin.core.pulse import Pulse
    from tocsin.logs import set_up

    retry = retry_until_there(structlog.get_logger().warning, parent, pulse)
    with open_runtime(config, data, store, stream, retry=retry) as runtime:
        settings = runtime.settings
        set_up(settings.log_level)
        embedded = "sqlite" in (settings.store.url, settings.stream.url)
        with share_folder(settings.data) if embedded else nullcontext():
            try:
                run_roles(runtime, roles, Pulse(), parent, pulse)
            except Hung:
                # A thread that hangs could hold up an orderly end. All that counts is in the store, and the log has the reason.
                os._exit(Hung.exit_code)
