"""`tocsin move`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops.commands.common import Config, Data, user_here
from ops.progress import progress_line

if TYPE_CHECKING:
    from ops.runtime import Runtime
    from tocsin.settings import Settings
    from tocsin.store.sqlite.engine import SqliteStore

EXAMPLE = "Example: tocsin move --to-store postgresql://tocsin@db.example/tocsin --to-stream kafka://kafka.example:9092"


def register(app: typer.Typer) -> None:
    """Add `move`."""
    app.command("move", epilog=EXAMPLE)(move)


def move(
    to_store: Annotated[
        str | None,
        typer.Option(
            "--to-store",
            help="postgresql://user@host:port/database, empty; default: store.url of --config.",
        ),
    ] = None,
    to_stream: Annotated[
        str | None,
        typer.Option(
            "--to-stream", help="kafka://host:port; default: stream.url of --config. sqlite: it stays."
        ),
    ] = None,
    undo: Annotated[
        bool, typer.Option("--undo", help="Undo the move for this folder, so that it may run again.")
    ] = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Copy the embedded installation of a data folder to PostgreSQL and Apache Kafka, and verify the copy by export.

    Nothing may run on the installation meanwhile. Nothing of it is deleted. Passwords come from the settings
    (store.password, stream.sasl_password). After an interruption, run it again. Exit 1 where the new store is not equal:
    then the new store cannot be used.
    """
    from contextlib import closing

    from ops.run.locks import own_folder
    from ops.runtime import open_runtime
    from ops.transfer.move import find_engines
    from tocsin.core.errors import WrongInput
    from tocsin.settings import load
    from tocsin.store.sqlite.engine import SqliteStore

    settings = load(config, overrides={"data": data, "store.url": to_store, "stream.url": to_stream}).settings
    store_path, stream_path = find_engines(settings.data)
    with own_folder(settings.data), closing(SqliteStore(store_path)) as old:
        old.migrate()
        if undo:
            _undo(old, settings)
            return
        if settings.store.url == "sqlite":
            raise WrongInput("say where to: --to-store postgresql://user@host:port/database")
        where = _carry(old, stream_path, settings, partial(open_runtime, config, data, to_store))
    typer.echo(f"moved to {where}; nothing was deleted in {settings.data}", err=True)
    if settings.stream.url == "sqlite":
        typer.echo(f"the stream stays in {settings.data}: go on with the same --data", err=True)


def _undo(old: SqliteStore, settings: Settings) -> None:
    from ops.transfer.move import undo
    from tocsin.core.errors import WrongInput

    if not undo(old):
        raise WrongInput(f"{settings.data} has not moved: there is nothing to take back")
    typer.echo(f"{settings.data} may be run on again; what it was moved to must not", err=True)


def _carry(
    old: SqliteStore,
    stream_path: Path | None,
    settings: Settings,
    open_new: Callable[[], AbstractContextManager[Runtime]],
) -> str:
    """Copy the store, and the stream unless it stays, to the engines of the settings. Returns where they are, in words."""
    from contextlib import ExitStack, closing

    from ops.output import tell
    from ops.transfer import move
    from tocsin.stream.sqlite import SqliteStream

    stays = settings.stream.url == "sqlite"
    with ExitStack() as stack:
        stream = None
        if not stays and stream_path is not None:
            stream = stack.enter_context(closing(SqliteStream(stream_path)))
        partitions = move.partitions(stream, settings.stream.partitions)
        runtime = stack.enter_context(open_new())
        new_stream = None
        if not stays:
            new_stream = stack.enter_context(closing(move.open_new_stream(settings, partitions)))
        where = move.address_text(runtime.store.url, new_stream)
        line = stack.enter_context(progress_line())

        def say(text: str) -> None:
            line.clear()
            tell(text)

        move.move(
            old,
            runtime.store,
            stream,
            new_stream,
            now=runtime.clock.now(),
            where=where,
            who=user_here(),
            say=say,
            on_rows=line.rows,
        )
    return where
