"""`tocsin doctor`."""

from __future__ import annotations

import typer

from ops.commands.common import (
    Config,
    Data,
    StoreUrl,
    StreamUrl,
)


def register(app: typer.Typer) -> None:
    """Add `doctor`."""
    app.command("doctor", epilog="Example: tocsin doctor")(doctor)


def doctor(
    config: Config = None, data: Data = None, store: StoreUrl = None, stream: StreamUrl = None
) -> None:
    """Say in plain words what works and what does not. Exit 1 if something needs a person."""
    from ops.check.doctor import observations
    from ops.output import tell

    bad = False
    for one in observations(config, data, store, stream):
        tell(f"{one.mark}  {one.text}")
        if one.advice:
            tell(f"      {one.advice}")
        bad = bad or one.needs_a_person
    if bad:
        raise typer.Exit(1)
