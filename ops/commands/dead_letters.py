"""`tocsin dead-letters`: look at what could not be taken, mend it, hand it over again; and the stream's fuse."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.commands.common import (
    Config,
    Data,
    StoreUrl,
    StreamUrl,
)
from tocsin.core.text import escaped

if TYPE_CHECKING:  # loaded when a command runs
    from ops.runtime import Runtime
    from tocsin.intake.dead_letters import DeadLetter
    from tocsin.intake.redeliver import Replayed

Source = Annotated[str | None, typer.Option("--source", help="Only those of this source (or topic).")]
Reason = Annotated[str | None, typer.Option("--reason", help="Only those refused for this reason.")]


def register(app: typer.Typer) -> None:
    """Add `dead-letters list|show|replay|fuse`."""
    letters = typer.Typer(
        help="What could not be taken: look at it, mend it, hand it over again.", no_args_is_help=True
    )
    app.add_typer(letters, name="dead-letters", epilog="Example: tocsin dead-letters list")

    @letters.command("list", epilog="Example: tocsin dead-letters list --reason in_future --waiting")
    def list_(
        source: Source = None,
        reason: Reason = None,
        waiting: Annotated[
            bool | None,
            typer.Option("--waiting/--replayed", help="Only those not handed over again yet, or only those."),
        ] = None,
        limit: Annotated[int, typer.Option("--limit", min=1, help="How many, newest first.")] = 50,
        as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
        data: Data = None,
        store: StoreUrl = None,
        config: Config = None,
    ) -> None:
        """List dead letters, newest first: id, time, source, reason, attempts, and how each begins."""
        from ops.runtime import open_runtime
        from tocsin.intake.dead_letters import MAX_LIST, list_dead_letters

        with open_runtime(config, data, store) as runtime:
            left, cursor, shown = limit, None, 0
            while left > 0:
                with runtime.store.read() as conn:
                    page, cursor = list_dead_letters(
                        conn, min(left, MAX_LIST), cursor, source, reason, waiting
                    )
                for one in page:
                    print(_json(_fields(one)) if as_json else _line(one))
                left, shown = left - len(page), shown + len(page)
                if cursor is None:
                    break
        if cursor is not None:
            typer.echo(f"these are the newest {shown}; there are more: --limit", err=True)
        elif not shown:
            typer.echo("no dead letters", err=True)

    @letters.command(epilog="Example: tocsin dead-letters show dl_0123456789abcdef0123 --raw > payload")
    def show(
        id: Annotated[str, typer.Argument(metavar="ID")],
        raw: Annotated[bool, typer.Option("--raw", help="Only the payload, byte for byte.")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
        data: Data = None,
        store: StoreUrl = None,
        config: Config = None,
    ) -> None:
        """Show one dead letter: where it came from, why it was refused, its payload with what could steer a terminal escaped."""
        from ops.runtime import open_runtime
        from tocsin.core.clock import iso
        from tocsin.intake.dead_letters import get_dead_letter

        with open_runtime(config, data, store) as runtime, runtime.store.read() as conn:
            one = get_dead_letter(conn, id)
        if raw:
            sys.stdout.buffer.write(one.payload)
            sys.stdout.buffer.flush()
            return
        if as_json:
            print(_json(_fields(one)))
            return
        print(f"{one.id}  {iso(one.at)}  attempts {one.attempts}")
        print(f"from     {escaped(one.source)}, {escaped(one.origin)}")
        print(f"reason   {escaped(one.reason)}: {escaped(one.message)}")
        if one.replayed_at is not None:
            print(f"replayed {iso(one.replayed_at)}")
        kept = "" if one.whole else f", of which the first {len(one.payload)} were kept"
        print(f"payload  {one.payload_size} bytes{kept}; SHA-256 {one.payload_hash}")
        for line in one.payload.decode("utf-8", "backslashreplace").split("\n"):
            print(f"  | {escaped(line)}")

    @letters.command(epilog="Example: tocsin dead-letters replay dl_0123456789abcdef0123 --with mended.json")
    def replay(
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
        """Hand dead letters over again, as their source would. What is bad again keeps its letter, with one attempt more.

        Exit 1 when not all of them could be handed over. The same letter twice counts once.
        """
        from ops.runtime import open_runtime
        from tocsin.core.errors import WrongInput
        from tocsin.intake import redeliver
        from tocsin.intake.handover import HandOver

        chosen = [bool(ids), bool(source or reason), everything]
        if sum(chosen) != 1:
            raise WrongInput("say which: IDs, or --source and --reason, or --all")
        payload = _read(mended) if mended is not None else None
        if payload is not None and (ids is None or len(ids) != 1):
            raise WrongInput("--with mends one dead letter: name exactly one ID")
        told = _Told(as_json)
        with open_runtime(config, data, store, stream) as runtime:
            settings, now = runtime.settings, runtime.clock.now()
            hand = HandOver(
                runtime.stream,
                partitions=settings.stream.partitions,
                max_mentions=settings.stream.record_max_mentions,
                clock=runtime.clock,
            )
            who = redeliver.Who(_user(), "admin")
            if ids:
                told(
                    redeliver.replay(
                        runtime.store, hand, settings.ingest, ids, now=now, who=who, mended=payload
                    )
                )
            else:
                redeliver.replay_waiting(
                    runtime.store,
                    hand,
                    settings.ingest,
                    now=now,
                    who=who,
                    source=source,
                    reason=reason,
                    told=told,
                )
        typer.echo(f"{told.handed} handed over, {told.others} not", err=True)
        if told.others:
            raise typer.Exit(1)

    @letters.command(epilog="Example: tocsin dead-letters fuse --go-on")
    def fuse(
        go_on: Annotated[
            bool,
            typer.Option(
                "--go-on", help="Let what is on the stream now pass: bad lines become dead letters."
            ),
        ] = False,
        data: Data = None,
        store: StoreUrl = None,
        stream: StreamUrl = None,
        config: Config = None,
    ) -> None:
        """Say whether the processors have stopped before a stream that is nearly all bad; with --go-on let them go on.

        Exit 1 while they stand still.
        """
        from ops.runtime import open_runtime

        with open_runtime(config, data, store, stream) as runtime:
            standing = _go_on(runtime) if go_on else _standing(runtime)
        for one in standing:
            print(f"{one.topic}/{one.partition} at {one.offset}, since {one.at}: {escaped(one.reason)}")
        if go_on:
            typer.echo(f"{len(standing)} fuses mended; running processors go on within seconds", err=True)
        elif standing:
            raise typer.Exit(1)
        else:
            typer.echo("no fuse has blown", err=True)


class _Told:
    """Prints what became of letters and counts them."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self.handed = 0
        self.others = 0

    def __call__(self, replayed: Iterable[Replayed]) -> None:
        for one in replayed:
            if one.outcome == "handed over":
                self.handed += 1
            else:
                self.others += 1
            if self._as_json:
                print(
                    _json(
                        {"id": one.id, "outcome": one.outcome, "reason": one.reason, "message": one.message}
                    )
                )
                continue
            why = f": {escaped(one.reason)}: {escaped(one.message)}" if one.outcome == "bad again" else ""
            why = f": {escaped(one.message)}" if one.outcome == "cannot" else why
            print(f"{one.id}  {one.outcome}{why}")


def _line(one: DeadLetter) -> str:
    from ops.commands.sources import terminal_safe

    state = "replayed" if one.replayed_at is not None else "waiting"
    begins = terminal_safe(one.payload[:400].decode("utf-8", "replace"), 60)
    source = terminal_safe(one.source, 24)
    return f"{one.id}  {one.at:%Y-%m-%d %H:%M:%SZ}  {source}  {escaped(one.reason)}  {one.attempts}  {state}  {begins}"


def _fields(one: DeadLetter) -> dict[str, Any]:
    fields = {name: getattr(one, name) for name in one.__slots__}
    return fields | {"payload": one.payload.decode("utf-8", "replace")}


def _json(value: object) -> str:
    import json

    # In ASCII: whatever is in a payload, nothing of it reaches the terminal as it is.
    return json.dumps(value, default=str)


def _read(path: Path) -> bytes:
    from tocsin.core.errors import WrongInput
    from tocsin.reading import MAX_LINE_BYTES
    from tocsin.reading.files import open_regular

    with open_regular(path) as file:
        payload = file.read(MAX_LINE_BYTES + 1)
    if len(payload) > MAX_LINE_BYTES:
        raise WrongInput(f"{path}: more than {MAX_LINE_BYTES} bytes; a mended payload is one mention")
    return payload


def _user() -> str:
    import getpass

    return f"{getpass.getuser()} (command line)"


def _standing(runtime: Runtime) -> list[Any]:
    from tocsin.intake import fuse

    with runtime.store.read() as conn:
        return list(fuse.standing(conn))


def _go_on(runtime: Runtime) -> list[Any]:
    from tocsin.intake import fuse
    from tocsin.store import audit
    from tocsin.stream.port import MENTIONS

    ends = runtime.stream.end_offsets(MENTIONS)
    with runtime.store.write() as conn:
        passed = fuse.let_pass(conn, ends, runtime.stream.cluster, MENTIONS)
        for one in passed:
            audit.append(
                conn,
                at=runtime.clock.now(),
                actor=_user(),
                role="admin",
                action="fuse.passed",
                object=f"{one.topic}/{one.partition}",
                detail={"offset": one.offset},
            )
    return passed
