"""`tocsin demo`."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add `demo`."""
    app.command("demo", epilog="Example: tocsin demo --until-alert")(demo)


def demo(
    until_alert: Annotated[
        bool, typer.Option("--until-alert", help="End when the alert has arrived.")
    ] = False,
    port: Annotated[int | None, typer.Option("--port", help="Port of the page.")] = None,
    store: Annotated[
        str, typer.Option("--store", help="sqlite, or postgresql://... of a new, empty database.")
    ] = "sqlite",
    stream: Annotated[str, typer.Option("--stream", help="sqlite, or kafka://host:port.")] = "sqlite",
) -> None:
    """Play a made-up brand's crisis through the real pipeline, with the page to watch it on. Notifies nobody.

    Its data is removed at the end; what it wrote to a PostgreSQL store stays there.
    """
    from ops.demo.player import run_demo
    from tocsin.logs import set_up

    set_up("error")
    try:
        run_demo(port, until_alert=until_alert, store=store, stream=stream)
    except KeyboardInterrupt:
        # Whoever watches ends it so: nothing is undone then, and make would call any other status an error.
        if until_alert:
            raise
