"""`tocsin backup` and `tocsin restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ops.commands.common import (
    Config,
    Data,
    StoreUrl,
    StreamUrl,
)
from ops.progress import progress_line


def register(app: typer.Typer) -> None:
    """Add `backup` and `restore`."""
    app.command("backup", epilog="Example: tocsin backup tocsin-monday.db")(backup)
    app.command("restore", epilog="Example: tocsin restore tocsin-monday.db --data ./restored")(restore)


def backup(
    file: Annotated[Path, typer.Argument(help="A new file.")],
    config: Config = None,
    data: Data = None,
    store: StoreUrl = None,
    stream: StreamUrl = None,
) -> None:
    """Copy the store into a new file, consistently, while everything runs. The file holds everything: keep it safe.

    The file is the same for both engines, and can be restored into either.
    """
    from ops.runtime import open_runtime
    from ops.transfer.backup import make_backup

    with open_runtime(config, data, store, stream) as runtime, progress_line() as line:
        make_backup(runtime, file, line.rows)
    typer.echo(f"backed up to {file}", err=True)


def restore(
    file: Annotated[Path, typer.Argument(help="A file that tocsin backup made.")],
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Keep the embedded store that is there aside, under another name."),
    ] = False,
    config: Config = None,
    data: Data = None,
    store: StoreUrl = None,
    stream: StreamUrl = None,
) -> None:
    """Put a backup into an empty store. Its notices are held until somebody says: tocsin notify release.

    Nothing may run on the store meanwhile. Everybody has to sign in anew.
    """
    from contextlib import nullcontext

    from ops.run.locks import own_folder
    from ops.runtime import open_runtime
    from ops.transfer import backup
    from tocsin.core.clock import SystemClock
    from tocsin.core.errors import WrongInput
    from tocsin.settings import load

    if not file.is_file():
        raise WrongInput(f"{file} is no file: give one that tocsin backup made")
    settings = load(config, overrides={"data": data, "store.url": store}).settings
    embedded, now = settings.store.url == "sqlite", SystemClock().now()
    if replace and not embedded:
        raise WrongInput("--replace is for the embedded store: give an empty database instead")
    aside = backup.set_aside(settings.data, now) if replace else nullcontext()
    here = own_folder(settings.data) if embedded and not replace else nullcontext()
    with here, aside as kept, open_runtime(config, data, store, stream) as runtime, progress_line() as line:
        done = backup.restore(runtime, file, now, line.rows)
    typer.echo(f"restored what was backed up at {done.made_at}", err=True)
    if kept is not None:
        typer.echo(f"what was there before is kept as {kept}", err=True)
    if done.lost:
        typer.echo(
            f"{done.lost} records had been handed over and not processed then, and are not on this stream: a gap",
            err=True,
        )
    typer.echo(
        f"no notice leaves ({done.waiting} wait) until you say: tocsin notify release, or take them back with --discard",
        err=True,
    )
