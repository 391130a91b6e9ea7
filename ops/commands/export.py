"""`tocsin export` and `tocsin import`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ops.commands.common import Config, Data, StoreUrl
from ops.progress import progress_line

EXAMPLE = "Example: tocsin export alerts --data ./history | head"


def register(app: typer.Typer) -> None:
    """Add `export` and `import`."""
    app.command("export", epilog=EXAMPLE)(export)
    app.command("import", epilog="Example: tocsin import --data ./history mentions.jsonl.gz")(import_mentions)


def export(
    kind: Annotated[str, typer.Argument(help="mentions, tallies, alerts, notices, dead-letters or audit.")],
    data: Data = None,
    store: StoreUrl = None,
    config: Config = None,
) -> None:
    """Print everything of one kind as JSON lines, in a canonical order, so that two runs can be compared."""
    from ops.runtime import open_runtime
    from ops.transfer.export import KINDS
    from ops.transfer.export import export as lines
    from tocsin.core.errors import WrongInput

    if kind not in KINDS:
        raise WrongInput(f"cannot export {kind!r}; known: {', '.join(KINDS)}")
    with open_runtime(config, data, store) as runtime, runtime.store.read() as conn:
        for line in lines(conn, kind):
            sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()


def import_mentions(
    files: Annotated[list[Path], typer.Argument(help="Recorded mentions: JSONL or CSV, also gzip.")],
    data: Data = None,
    store: StoreUrl = None,
    stream: str | None = typer.Option(
        None, "--stream", help="The stream: sqlite, or kafka://host:port[,host:port]."
    ),
    config: Config = None,
    source: str | None = typer.Option(
        None, "--source", help="Name of the source (default: the file's name)."
    ),
    tz: str | None = typer.Option(None, "--tz", help="Time zone of times without an offset."),
) -> None:
    """Store recorded mentions as history. The present monitors match, understand and tally them. Nobody is alerted."""
    from ops.replay.imports import import_files
    from ops.runtime import open_runtime

    with open_runtime(config, data, store, stream) as runtime, progress_line() as line:
        totals = import_files(
            runtime,
            files,
            source=source,
            tz=tz,
            on_progress=lambda totals: line.update(f"{totals.mentions:,} mentions, {totals.stored:,} new"),
        )
    typer.echo(
        f"{totals.mentions} mentions read, {totals.stored} new, {totals.duplicates} known, {totals.bad} refused",
        err=True,
    )
    if totals.bad:
        raise typer.Exit(1)
