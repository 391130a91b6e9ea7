"""Sources and their health: `tocsin sources list`, `tocsin sources test NAME`."""

from __future__ import annotations

import functools

import typer

from ops.commands.common import Config, Data, StoreUrl


def register(app: typer.Typer) -> None:
    """Add the commands."""
    sources = typer.Typer(no_args_is_help=True, help="Where mentions come from.")
    sources.command("list", epilog="Example: tocsin sources list")(list_sources)
    sources.command("test", epilog="Example: tocsin sources test forum")(show_newest)
    app.add_typer(sources, name="sources")


def list_sources(config: Config = None, data: Data = None, store: StoreUrl = None) -> None:
    """List every source with its health, its last mention, and how many mentions it gave."""
    from ops.check import sources
    from ops.runtime import open_runtime

    with open_runtime(config, data, store) as runtime, runtime.store.read() as conn:
        rows = sources.table(conn)
    if not rows:
        typer.echo(
            "no sources yet; define some in a file and: tocsin apply FILE (see docs/sources.md)", err=True
        )
        return
    for line in sources.aligned([sources.HEADER, *rows]):
        print(line)


def show_newest(name: str, config: Config = None, data: Data = None, store: StoreUrl = None) -> None:
    """Fetch from a source without storing anything, and show its newest five posts. Exit 1 where it has no posts to show."""
    from contextlib import closing

    from ingest.kinds import make_source
    from ingest.monitored import MonitoredQueries
    from ops.check import sources
    from ops.runtime import open_runtime
    from tocsin.core.errors import TocsinError
    from tocsin.definitions.models import SourceDef
    from tocsin.definitions.repository import find

    say, queries = functools.partial(typer.echo, err=True), MonitoredQueries()
    with open_runtime(config, data, store) as runtime:
        with runtime.store.read() as conn:
            defined = find(conn, SourceDef, name)
            queries.refresh(conn)
        with closing(make_source(defined.value, runtime.settings.ingest, queries=queries)) as source:
            try:
                newest = sources.newest_posts(runtime, source, defined.name, say)
            except TocsinError as error:
                say(f"source {defined.name!r} cannot be read: {error}")
                raise typer.Exit(1) from None
    for mention in newest:
        print(sources.in_a_line(mention))
    if not newest:
        say(f"source {defined.name!r} has no posts to show")
        raise typer.Exit(1)
