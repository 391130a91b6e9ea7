"""`tocsin match` and `tocsin explain`: try a query on recorded mentions, say a query in plain words, and explain an alert."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from ops.commands.common import Config, Data, StoreUrl

# A command loads what it needs when it runs.
if TYPE_CHECKING:
    from tocsin.query import Query
    from tocsin.query.lint import Lint

_MATCH_EXAMPLE = """Example:

    tocsin match 'united (delay* OR "lost bag") -lang:tr' mentions.jsonl.gz

Lines are JSON objects with a `text`; gzip is recognised by itself; without FILE, or for -, stdin is read.
A query that begins with a dash goes after --. Where the query asks for the language of a line, that is the one that
its words show, else its `lang`, else a guess.
"""
_EXPLAIN_EXAMPLE = """Example:

    tocsin explain 'united OR #united -job'
    tocsin explain --kept 'united OR #united -job'
    tocsin explain al_0123456789abcdef0123
    tocsin explain al_0123456789abcdef0123 --window 2026-03-01T10:05:00Z

What is legal and likely wrong in a query follows, each with its place; with --kept also what shows in the mentions
that are kept.
"""
ALERT = re.compile(r"al_[0-9a-f]{20}")
"""The form of an alert's id: such an argument of `tocsin explain` is no query."""
QueryText = Annotated[str, typer.Argument(metavar="QUERY", help="What to listen for; see docs/queries.md.")]


def register(app: typer.Typer) -> None:
    """Add `tocsin match` and `tocsin explain`."""
    app.command("match", help="Print the mentions that match a query, unchanged.", epilog=_MATCH_EXAMPLE)(
        match
    )
    app.command(
        "explain",
        help="Say how a query was understood, or how an alert was computed: observed, expected, interval, the hours"
        " behind them, the arithmetic step by step, and who and what made it. Figures are computed and counted again;"
        " one that differs is said.",
        epilog=_EXPLAIN_EXAMPLE,
    )(explain)


def match(
    query: QueryText,
    files: Annotated[list[str] | None, typer.Argument(metavar="[FILE]...", help="JSON lines.")] = None,
) -> None:
    """Write the lines that match to stdout."""
    from ops.lines.match import language_detector, match_files
    from processors.match import Matcher
    from tocsin.query import parse_query

    matcher = Matcher.build({"query": parse_query(query)})
    if match_files(matcher, files or ["-"], sys.stdout.buffer, sys.stderr, language_detector()):
        raise typer.Exit(1)


def explain(
    what: Annotated[str, typer.Argument(metavar="QUERY|ALERT", help="A query, or the id of an alert.")],
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for an alert.")] = False,
    kept: Annotated[
        bool, typer.Option("--kept", help="Weigh a query on the mentions that are kept.")
    ] = False,
    window: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="The end of the alert's window to explain; default: its last."),
    ] = None,
    data: Data = None,
    store: StoreUrl = None,
    config: Config = None,
) -> None:
    """Print the query in plain words with its warnings, or the arithmetic of the alert."""
    from tocsin.core.errors import WrongInput
    from tocsin.query import explain, lint, parse_query

    if ALERT.fullmatch(what):
        _explain_alert(what, as_json, window, data, store, config)
        return
    if window is not None:
        raise WrongInput("--window goes with the id of an alert; a query has no windows")
    query = parse_query(what)
    found = _weighed(query, data, store, config) if kept else lint(query)
    print(explain(query))
    for number, one in enumerate(found):
        print(f"{'' if number else chr(10)}warning: {one}")


def _weighed(query: Query, data: Data, store: StoreUrl, config: Config) -> Sequence[Lint]:
    """The warnings about the query: those of its text, and those that the kept mentions of a day give reason for."""
    from datetime import timedelta

    from api.routes.preview import tried
    from ops.runtime import open_runtime

    with open_runtime(config, data, store) as runtime:
        return tried(runtime.store, query, runtime.clock.now() - timedelta(days=1)).warnings


def _explain_alert(
    alert_id: str, as_json: bool, window: str | None, data: Data, store: StoreUrl, config: Config
) -> None:
    import msgspec

    from api import opinions
    from api.explanation import explanation_of
    from ops.runtime import open_runtime
    from ops.times import time_of
    from processors.explanation import lines

    end = time_of("--window", window) if window is not None else None
    with open_runtime(config, data, store) as runtime, runtime.store.read() as conn:
        found = explanation_of(conn, alert_id, end)
    alert, one, opinion = found.alert, found.one, found.opinion
    if as_json:
        told = {
            "alert": alert.id,
            **lines.as_json(one),
            "second_opinion": opinions.as_json(opinion),
            "windows": found.windows,
        }
        print(msgspec.json.encode(told).decode("utf-8", "surrogatepass"))
        return
    print(f"{alert.id}, monitor {alert.monitor}, SEV{alert.severity}")
    if found.windows is not None:
        print(lines.windows_line(found.windows, one.window_end))
    for line in lines.lines(one):
        print(line)
    if opinion is not None:
        print(opinions.line(opinion))
