"""`tocsin dead-letters`: lists, shows and replays dead letters, as they are or mended; and says how the stream's fuse stands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ops.commands.common import (
    Config,
    Data,
    StoreUrl,
    StreamUrl,
    user_here,
)
from tocsin.core.text import escaped

Source = Annotated[str | None, typer.Option("--source", help="Only those of this source (or topic).")]
Reason = Annotated[str | None, typer.Option("--reason", help="Only those refused for this reason.")]


def register(app: typer.Typer) -> None:
    """Add `dead-letters list|show|replay|fuse`."""
    letters = typer.Typer(
        help="What could not be taken: look at it, mend it, hand it over again.", no_args_is_help=True
    )
    app.add_typer(letters, name="dead-letters", epilog="Example: tocsin dead-letters list")
    letters.command("list", epilog="Example: tocsin dead-letters list --reason in_future --waiting")(
        list_letters
    )
    letters.command(
        "show", epilog="Example: tocsin dead-letters show dl_0123456789abcdef0123 --raw > payload"
    )(show_letter)
    letters.command(
        "replay", epilog="Example: tocsin dead-letters replay dl_0123456789abcdef0123 --with mended.json"
    )(replay_letters)
    letters.command("fuse", epilog="Example: tocsin dead-letters fuse --go-on")(show_fuses)


def list_letters(
    source: Source = None,
    reason: Reason = None,
    waiting: Annotated[
        bool | None,
        typer.Option(
            "--waiting/--replayed", help="Only those not yet handed over again, or only the others."
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many, newest first.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    data: Data = None,
    store: StoreUrl = None,
    config: Config = None,
) -> None:
    """List dead letters, newest first: id, time, source, reason, attempts, and the beginning of each."""
    from itertools import islice

    from ops import dead_letters
    from ops.runtime import open_runtime

    shown = 0
    with open_runtime(config, data, store) as runtime:
        found = dead_letters.newest(runtime, source, reason, waiting, at_once=limit + 1)
        for one in islice(found, limit):
            print(dead_letters.as_json(dead_letters.fields(one)) if as_json else dead_letters.in_a_line(one))
            shown += 1
        more = next(found, None) is not None
        if not shown:
            dead_letters.require_known(runtime, source, reason)
    if more:
        typer.echo(f"these are the newest {shown}; there are more: --limit", err=True)
    elif not shown:
        typer.echo(f"no {dead_letters.which(source, reason, waiting)}", err=True)


def show_letter(
    id: Annotated[str, typer.Argument(metavar="ID", help="Its id, as the list has it.")],
    raw: Annotated[bool, typer.Option("--raw", help="Only the payload, byte for byte.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    data: Data = None,
    store: StoreUrl = None,
    config: Config = None,
) -> None:
    """Show one dead letter: its origin, why it was refused, and its payload. Bytes that could steer a terminal are escaped."""
    from ops import dead_letters
    from ops.runtime import open_runtime
    from tocsin.intake.dead_letters import get_dead_letter

    with open_runtime(config, data, store) as runtime, runtime.store.read() as conn:
        one = get_dead_letter(conn, id)
    if raw:
        sys.stdout.buffer.write(one.payload)
        sys.stdout.buffer.flush()
    elif as_json:
        print(dead_letters.as_json(dead_letters.fields(one)))
    else:
        for line in dead_letters.in_full(one):
            print(line)


def replay_letters(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Which ones.")] = None,
    source: Source = None,
    reason: Reason = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every letter that was not handed over again yet.")
    ] = False,
    mended: Annotated[
        Path | None,
        typer.Option("--with", help="File with the mended mention (one JSON object), for one ID."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    data: Data = None,
    store: StoreUrl = None,
    stream: StreamUrl = None,
    config: Config = None,
) -> None:
    """Hand dead letters over again, as their source would. A letter that is bad again stays, with one attempt more.

    Exit 1 when not all of them could be handed over. The same letter twice counts once.
    """
    from ops import dead_letters
    from ops.output import tell
    from ops.runtime import open_runtime
    from tocsin.core.errors import WrongInput

    if sum([bool(ids), bool(source or reason), everything]) != 1:
        raise WrongInput("say which: IDs, or --source and --reason, or --all")
    payload = dead_letters.read_mended(mended) if mended is not None else None
    if payload is not None and (ids is None or len(ids) != 1):
        raise WrongInput("--with mends one dead letter: name exactly one ID")
    told = dead_letters.ReplayPrinter(tell, as_json)
    with open_runtime(config, data, store, stream) as runtime:
        dead_letters.replay(runtime, user_here(), told, ids=ids, source=source, reason=reason, mended=payload)
        if not (told.handed_over or told.others):
            dead_letters.require_known(runtime, source, reason)
    typer.echo(f"{told.handed_over} handed over, {told.others} not", err=True)
    if told.others:
        raise typer.Exit(1)


def show_fuses(
    go_on: Annotated[
        bool,
        typer.Option("--go-on", help="Let what is on the stream now pass: bad lines become dead letters."),
    ] = False,
    data: Data = None,
    store: StoreUrl = None,
    stream: StreamUrl = None,
    config: Config = None,
) -> None:
    """Say whether the processors have stopped before a stream that is nearly all bad. With --go-on, let them go on.

    Exit 1 while they stand still.
    """
    from ops import dead_letters
    from ops.runtime import open_runtime

    with open_runtime(config, data, store, stream) as runtime:
        blown = dead_letters.mend_fuses(runtime, user_here()) if go_on else dead_letters.blown_fuses(runtime)
    for one in blown:
        print(f"{one.topic}/{one.partition} at {one.offset}, since {one.at}: {escaped(one.reason)}")
    if go_on:
        typer.echo(f"{len(blown)} fuses mended; running processors go on within seconds", err=True)
    elif blown:
        raise typer.Exit(1)
    else:
        typer.echo("no fuse has blown", err=True)
