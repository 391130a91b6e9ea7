"""`tocsin import`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ops.commands.common import Config, Data, StoreUrl
from ops.progress import progress_line

Files = Annotated[
    list[Path] | None,
    typer.Argument(help="CSV, JSON lines, or a network's own export, also gzip."),
]
Maps = Annotated[
    list[str] | None,
    typer.Option("--map", help="FIELD=COLUMN, where the guess is wrong; FIELD= for none. Repeat it."),
]


def register(app: typer.Typer) -> None:
    """Add `import`."""
    app.command("import", epilog="Example: tocsin import --check --map text='Full Text' report.csv")(
        import_mentions
    )


def import_mentions(
    files: Files = None,
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
    look: Annotated[
        bool,
        typer.Option("--look", help="Print the columns, the first rows and the guess, and store nothing."),
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Read everything and say what would come of it. Store nothing.")
    ] = False,
    maps: Maps = None,
    dates: Annotated[
        str | None,
        typer.Option(help="How times are written: iso, dmy, mdy, seconds, milliseconds, x or mail."),
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(help="utf-8, utf-16-le, utf-16-be, cp1254, cp1252, cp1250 or iso-8859-9.")
    ] = None,
    network: Annotated[str | None, typer.Option(help="Network of rows that name none.")] = None,
    lang: Annotated[str | None, typer.Option(help="Language of rows that name none.")] = None,
    baselines: Annotated[
        bool, typer.Option("--baselines/--no-baselines", help="Let it fill baselines, or not.")
    ] = True,
    undo: Annotated[
        str | None, typer.Option("--undo", metavar="ID", help="Take this import out again.")
    ] = None,
) -> None:
    """Store recorded mentions as history. The present monitors match, understand and tally them. Nobody is alerted.

    The columns are guessed, and the guess is printed by --look. It may run beside tocsin up.
    """
    from ops.imports import files as imports
    from ops.runtime import open_runtime
    from tocsin.core.errors import WrongInput

    if (undo is None) == (not files):
        raise WrongInput("give files, or --undo with the id of an import")
    said: dict[str, Any] = {"columns": _columns(maps or []), "dates": dates, "encoding": encoding}
    said |= {"network": network, "lang": lang}
    with open_runtime(config, data, store, stream) as runtime, progress_line() as line:
        if undo is not None:
            imports.undo(runtime, undo)
            typer.echo(f"{undo} was taken out", err=True)
            return
        if look:
            for path in files or []:
                typer.echo(imports.looked(runtime, path, said | {"source": source, "zone": tz}))
            return
        totals = imports.import_files(
            runtime,
            files or [],
            source=source,
            tz=tz,
            given=said,
            check=check,
            teach=baselines,
            on_progress=lambda totals: line.update(f"{totals.mentions:,} mentions, {totals.stored:,} new"),
            on_job=lambda job: typer.echo(imports.told(job), err=True),
        )
    typer.echo(
        f"{totals.mentions} mentions read, {totals.stored} new, {totals.duplicates} known, {totals.bad} refused",
        err=True,
    )
    if totals.bad:
        raise typer.Exit(1)


def _columns(maps: list[str]) -> dict[str, str]:
    from tocsin.core.errors import WrongInput

    wrong = next((one for one in maps if "=" not in one), None)
    if wrong is not None:
        raise WrongInput(f"--map {wrong[:60]!r}: write FIELD=COLUMN, such as text='Full Text'")
    return {field.strip(): column for field, _, column in (one.partition("=") for one in maps)}
