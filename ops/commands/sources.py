"""Sources and their health: `tocsin sources list`, `... test NAME`, `... look QUERY`, `... kinds`, `... end NAME`,
`... restore NAME`.
"""

from __future__ import annotations

import functools
from typing import Annotated

import typer

from ops.commands.common import Config, Data, StoreUrl
from ops.commands.definitions import SOURCES, add_endings


def register(app: typer.Typer) -> None:
    """Add the commands."""
    sources = typer.Typer(no_args_is_help=True, help="Where mentions come from.")
    sources.command("list", epilog="Example: tocsin sources list")(list_sources)
    sources.command(
        "test",
        epilog="Examples: tocsin sources test forum; tocsin sources test --kind feed --set url=https://forum.example/rss",
    )(show_newest)
    sources.command("look", epilog="Example: tocsin sources look '\"baby food\" AND orvane'")(look_around)
    sources.command("kinds", epilog="Example: tocsin sources kinds")(list_kinds)
    add_endings(sources, SOURCES)
    app.add_typer(sources, name="sources")


def list_sources(config: Config = None, data: Data = None, store: StoreUrl = None) -> None:
    """List every source with its health, its last mention, how many mentions it gave, and when it is asked next."""
    from ops.check import sources
    from ops.runtime import open_runtime

    with open_runtime(config, data, store) as runtime, runtime.store.read() as conn:
        rows = sources.table(conn, runtime.clock.now())
    if not rows:
        typer.echo(
            "no sources yet; define some in a file and: tocsin apply FILE (see docs/sources.md)", err=True
        )
        return
    for line in sources.aligned([sources.HEADER, *rows]):
        print(line)


def look_around(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="What to listen for; see docs/queries.md.")],
    config: Config = None,
    data: Data = None,
) -> None:
    """Ask networks without a key what they have for a query, by day; nothing is stored. Exit 1 where none answered."""
    from api.routes.preview import matching
    from ingest.looking import look
    from ops.check import sources
    from tocsin.core.clock import SystemClock
    from tocsin.query import parse_query
    from tocsin.settings import load

    parsed, settings = parse_query(query), load(config, overrides={"data": data}).settings
    found = look(parsed, matching(parsed), settings.ingest, SystemClock().now())
    for line in sources.looked(found):
        print(line)
    raise typer.Exit(int(all(one.error is not None for one in found)))


def list_kinds() -> None:
    """List the kinds of sources, with what each costs and what limits it."""
    from ops.check import sources
    from tocsin.core.text import one_line
    from tocsin.definitions.source_kinds import SOURCE_KINDS

    header = ("KIND", "KEY", "COST", "LIMIT")
    rows = [
        (kind, "yes" if one.needs_key else "no", one_line(one.price, 80), one_line(one.limit, 120))
        for kind, one in sorted(SOURCE_KINDS.items())
    ]
    for line in sources.aligned([header, *rows]):
        print(line)


def show_newest(
    name: Annotated[str | None, typer.Argument(help="A source that is defined.")] = None,
    kind: Annotated[str | None, typer.Option(help="Or a kind, for a source that is not defined yet.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting of that kind, NAME=VALUE; a list is written A,B, or as JSON."),
    ] = None,
    config: Config = None,
    data: Data = None,
    store: StoreUrl = None,
) -> None:
    """Fetch from a source without storing anything, and show its newest five posts. Exit 1 where it has no posts to show."""
    from ingest.kinds import make_source
    from ingest.monitored import MonitoredQueries
    from ingest.shared_budget import SharedBudget
    from ops.check import sources
    from ops.runtime import open_runtime
    from tocsin.core.errors import TocsinError, WrongInput
    from tocsin.definitions.models import SourceDef
    from tocsin.definitions.repository import find

    say, queries = functools.partial(typer.echo, err=True), MonitoredQueries()
    if (name is None) == (kind is None):
        raise WrongInput(
            "name a source that is defined, or a kind with --kind and its settings with --set NAME=VALUE"
        )
    if settings and kind is None:
        raise WrongInput("--set goes with --kind; a defined source has its settings already")
    with open_runtime(config, data, store) as runtime:
        with runtime.store.read() as conn:
            queries.refresh(conn)
            definition = (
                sources.undefined(kind, settings or []) if kind else find(conn, SourceDef, str(name)).value
            )
        source = make_source(
            definition, runtime.settings.ingest, runtime.clock, SharedBudget(runtime.store), queries
        )
        try:
            newest = sources.newest_posts(runtime, source, definition.name, say)
        except TocsinError as error:
            say(f"source {definition.name!r} cannot be read: {error}")
            raise typer.Exit(1) from None
    for mention in newest:
        print(sources.in_a_line(mention))
    if not newest:
        say(f"source {definition.name!r} has no posts to show")
        raise typer.Exit(1)
