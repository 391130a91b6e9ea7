"""`tocsin retention`."""

from __future__ import annotations

from typing import Annotated

import typer

from ops.commands.common import Config, Data, StoreUrl, user_here
from ops.progress import progress_line


def register(app: typer.Typer) -> None:
    """Add `retention`."""
    app.command("retention", epilog="Example: tocsin retention --run")(retention)


def retention(
    config: Config = None,
    data: Data = None,
    store: StoreUrl = None,
    run: Annotated[
        bool, typer.Option("--run", help="Take out now what is past its time, and wait for the end.")
    ] = False,
) -> None:
    """Say what is kept for how long, when the next run begins, and what the last ones took out.

    It may run beside tocsin up.
    """
    from ops.retention import run_now, told
    from ops.runtime import open_runtime

    with open_runtime(config, data, store) as runtime:
        if run:
            with progress_line() as line:
                run_now(runtime, user_here(), lambda so_far: line.update(f"{so_far.progress}%"))
        for one in told(runtime):
            typer.echo(one)
