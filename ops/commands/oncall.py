"""`tocsin import-oncall EXPORT`: what another tool knows, as a file for `tocsin apply`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("import-oncall", epilog="Example: tocsin import-oncall export.json > team.yaml")(
        import_oncall
    )


def import_oncall(
    export: Annotated[
        Path,
        typer.Argument(help="A JSON file with the lists of Grafana OnCall, or a folder with one file each."),
    ],
) -> None:
    """Print people, schedules and policies of a Grafana OnCall as a file for tocsin apply. Changes nothing.

    A rule that Tocsin cannot express is named on stderr, a line each; the exit status is 1 then.
    """
    from ops.transfer.definitions_file import written
    from ops.transfer.oncall import read_export, translated
    from tocsin.core.clock import SystemClock

    team = translated(read_export(export), SystemClock().now())
    typer.echo(written(team.sections), nl=False)
    for sentence in team.left:
        typer.echo(f"not the same: {sentence}", err=True)
    if team.left:
        raise typer.Exit(1)
