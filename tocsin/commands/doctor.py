"""`tocsin doctor` and `tocsin backup`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tocsin.commands.common import Config, Data, StoreUrl, StreamUrl


def register(app: typer.Typer) -> None:
    """Add `doctor` and `backup`."""

    @app.command(epilog="Example: tocsin doctor")
    def doctor(
        config: Config = None, data: Data = None, store: StoreUrl = None, stream: StreamUrl = None
    ) -> None:
        """Say in plain words what works and what does not. Exit 1 if something needs a person."""
        from tocsin.doctor import findings

        bad = False
        for one in findings(config, data, store, stream):
            typer.echo(f"{one.mark}  {one.text}")
            if one.advice:
                typer.echo(f"      {one.advice}")
            bad = bad or one.needs_a_person
        if bad:
            raise typer.Exit(1)

    @app.command(epilog="Example: tocsin backup tocsin-monday.db")
    def backup(
        file: Annotated[Path, typer.Argument(help="A new file.")],
        config: Config = None,
        data: Data = None,
        store: StoreUrl = None,
    ) -> None:
        """Copy the store into a new file, consistently, while everything runs. It holds everything: keep it safe."""
        from tocsin.wiring import open_runtime

        with open_runtime(config, data, store) as runtime:
            runtime.store.backup(str(file))
        typer.echo(f"backed up to {file}", err=True)
