"""`tocsin erase`."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from ops.commands.common import Config, Data, StoreUrl, user_here


def register(app: typer.Typer) -> None:
    """Add `erase`."""
    app.command("erase", epilog="Example: tocsin erase author @ada --network mastodon")(erase)


def erase(
    what: Annotated[Literal["author", "post"], typer.Argument(help="author or post.")],
    value: Annotated[str, typer.Argument(help="Of an author the handle or id, of a post its address or id.")],
    config: Config = None,
    data: Data = None,
    store: StoreUrl = None,
    network: Annotated[str | None, typer.Option(help="Only on this network.")] = None,
    typed: Annotated[
        bool, typer.Option("--typed", help="Take the name out of what people typed, too. Read it first.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Erase what is counted. Nothing brings it back.")
    ] = False,
) -> None:
    """Count what is kept of an author or a post, and with --yes erase it. It may run beside tocsin up."""
    from api import erasures
    from ops.output import tell
    from ops.run.erasures import carry_out
    from ops.runtime import open_runtime

    with open_runtime(config, data, store) as runtime:
        subject = erasures.subject_of(what, value, network, typed=typed)
        with runtime.store.read() as conn:
            found = erasures.preview(conn, subject)
        for name, count in found.counts.items():
            tell(f"{name}: {count}")
        for name, count in sorted(found.affected.networks.items()):
            tell(f"on {name}: {count}")
        for one in found.typed:
            tell(f"typed in {one.kind} {one.id}: {one.count}")
        if not yes:
            typer.echo("nothing was erased: say --yes to erase it", err=True)
            return
        asked = erasures.ask(
            runtime.store,
            subject,
            found.counts["posts"],
            now=runtime.clock.now(),
            actor=user_here(),
            role="admin",
        )
        # A worker of tocsin up may have taken it already; then that one does it.
        if erasures.claim(runtime.store, runtime.clock.now(), asked.id) is not None:
            carry_out(runtime, asked.id)
        with runtime.store.read() as conn:
            job = erasures.get(conn, asked.id)
    typer.echo(f"{job.id} is {job.state}" + (f": {job.message}" if job.message else ""), err=True)
    if job.state == "failed":
        raise typer.Exit(1)
