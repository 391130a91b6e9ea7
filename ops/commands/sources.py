"""What is heard, and whether it is: `tocsin sources list`, `tocsin sources test NAME`."""

from __future__ import annotations

import time
import unicodedata
from typing import TYPE_CHECKING

import typer

from ops.commands.common import Config, Data, StoreUrl

if TYPE_CHECKING:
    from datetime import datetime

    from ingest.source import Source
    from ops.runtime import Runtime
    from tocsin.core.mention import Handed, Mention

SHOWN = 5
LONGEST_TEST_S = 30.0
_JOINER = "\u200d"  # part of many emoji


def register(app: typer.Typer) -> None:
    """Add the commands."""
    sources = typer.Typer(no_args_is_help=True, help="Where mentions come from.")
    sources.command("list", epilog="Example: tocsin sources list")(list_sources)
    sources.command("test", epilog="Example: tocsin sources test forum")(test)
    app.add_typer(sources, name="sources")


def list_sources(config: Config = None, data: Data = None, store: StoreUrl = None) -> None:
    """Every source with its health, its last mention and what came through it."""
    from sqlalchemy import select

    from ops.runtime import open_runtime
    from tocsin.definitions.models import SourceDef
    from tocsin.definitions.repository import listed
    from tocsin.health.sources import component_of
    from tocsin.store import schema as s

    with open_runtime(config, data, store) as runtime:
        with runtime.store.read() as conn:
            defined = listed(conn, SourceDef)
            states = {row.name: row for row in conn.execute(select(s.source_state))}
            health = {row.component: row for row in conn.execute(select(s.health))}
        rows = [("SOURCE", "KIND", "STATE", "LAST MENTION", "RECEIVED", "REJECTED", "WHY")]
        for one in defined:
            state, said = states.get(one.name), health.get(component_of(one.name))
            if not one.value.enabled:
                shown, why = "off", ""
            elif said is None:
                shown, why = "unknown", "ingest has not looked at it yet"
            else:
                shown, why = said.state, "" if said.state == "ok" else str(said.detail.get("reason", ""))
            rows.append(
                (
                    terminal_safe(one.name, 40),
                    terminal_safe(one.value.kind, 16),
                    shown,
                    _time(state.last_event_at if state else None),
                    str(state.received if state else 0),
                    str(state.rejected if state else 0),
                    terminal_safe(why, 200),
                )
            )
    if not defined:
        typer.echo(
            "no sources yet; define some in a file and: tocsin apply FILE (see docs/sources.md)", err=True
        )
        return
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def test(name: str, config: Config = None, data: Data = None, store: StoreUrl = None) -> None:
    """Fetch from a source without storing anything, and show its newest five posts. Exit 1 when it has none to show."""
    from ingest.kinds import make_source
    from ops.runtime import open_runtime
    from tocsin.core.errors import TocsinError
    from tocsin.definitions.models import SourceDef
    from tocsin.definitions.repository import find

    with open_runtime(config, data, store) as runtime:
        with runtime.store.read() as conn:
            defined = find(conn, SourceDef, name)
        source = make_source(defined.value, runtime.settings.ingest)
        try:
            newest = (
                _pushed(runtime, defined.name)
                if source.kind == "push"
                else _fetched(source, runtime.clock.now())
            )
        except TocsinError as error:
            typer.echo(f"source {defined.name!r} cannot be read: {error}", err=True)
            raise typer.Exit(1) from None
        finally:
            source.close()
    for mention in newest:
        author = mention.author
        who = (author.handle or author.name or author.id) if author else "-"
        print(
            f"{_time(mention.created_at)}  {terminal_safe(who, 24)}  {terminal_safe(mention.full_text, 100)}"
        )
    if not newest:
        typer.echo(f"source {defined.name!r} has no posts to show", err=True)
        raise typer.Exit(1)


def terminal_safe(text: str, longest: int) -> str:
    """One line of at most `longest` characters, without what could steer a terminal or turn the reading direction."""
    plain = "".join(
        " " if char.isspace() else char
        for char in text[: 4 * longest]
        if char.isspace() or char == _JOINER or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co")
    )
    one_line = " ".join(plain.split())
    return one_line if len(one_line) <= longest else one_line[: longest - 1] + "…"


def _posted(mention: Handed) -> datetime:
    return mention.created_at


def _fetched(source: Source, now: datetime) -> list[Mention]:
    """The newest posts that the source has now; said on stderr: what could not be read, and whether that was all."""
    from tocsin.core.mention import whole

    newest: list[Mention] = []
    cursor, count, bad, more = None, 0, 0, True
    ends = time.monotonic() + LONGEST_TEST_S
    while more and time.monotonic() < ends:
        fetched = source.fetch(cursor, now)
        cursor, more = fetched.cursor, fetched.more
        count += len(fetched.mentions)
        newest = [*newest, *map(whole, sorted(fetched.mentions, key=_posted, reverse=True)[:SHOWN])]
        newest = sorted(newest, key=_posted, reverse=True)[:SHOWN]
        for one in fetched.bad[: max(0, 3 - bad)]:
            typer.echo(f"cannot read {one.position}: {terminal_safe(str(one.error), 200)}", err=True)
        bad += len(fetched.bad)
        if fetched.warning:
            typer.echo(f"warning: {terminal_safe(fetched.warning, 300)}", err=True)
    typer.echo(f"{count} posts read, {bad} could not be{', and there are more' if more else ''}", err=True)
    return newest


def _pushed(runtime: Runtime, name: str) -> list[Mention]:
    """A pushed source cannot be asked; the newest that matched a monitor are in the store."""
    from sqlalchemy import select

    from tocsin.core.mention import Author, Mention
    from tocsin.store import schema as s

    typer.echo("others push to this source (POST /v1/mentions); its newest stored posts are these:", err=True)
    m = s.mentions
    with runtime.store.read() as conn:
        found = conn.execute(
            select(m).where(m.c.source == name).order_by(m.c.created_at.desc()).limit(SHOWN)
        ).all()
    return [
        Mention(
            row.source,
            row.id,
            row.text,
            row.created_at,
            title=row.title,
            author=Author(row.author_id, row.author_name, row.author_handle) if row.author_id else None,
        )
        for row in found
    ]


def _time(at: datetime | None) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%SZ") if at else "-"
