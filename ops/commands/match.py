"""`tocsin match` and `tocsin explain`: try a query on recorded mentions, and say a query in plain words."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

_MATCH_EXAMPLE = """Example:

    tocsin match 'united (delay* OR "lost bag") -lang:tr' mentions.jsonl.gz

Lines are JSON objects with a `text`; gzip is recognised by itself; without FILE, or for -, stdin is read.
A query that begins with a dash goes after --. The language of a line without `lang` is guessed where the
query asks for it.
"""
_EXPLAIN_EXAMPLE = """Example:

    tocsin explain 'united OR #united -job'
"""
Query = Annotated[str, typer.Argument(metavar="QUERY", help="What to listen for; see docs/queries.md.")]


def register(app: typer.Typer) -> None:
    """Add `tocsin match` and `tocsin explain`."""
    app.command("match", help="Print the mentions that match a query, unchanged.", epilog=_MATCH_EXAMPLE)(
        match
    )
    app.command("explain", help="Say how a query was understood.", epilog=_EXPLAIN_EXAMPLE)(explain)


def match(
    query: Query,
    files: Annotated[list[str] | None, typer.Argument(metavar="[FILE]...", help="JSON lines.")] = None,
) -> None:
    """Write the lines that match to stdout."""
    from ops.lines.match import language_detector, match_files
    from processors.match import Matcher
    from tocsin.query import parse_query

    matcher = Matcher.build({"query": parse_query(query)})
    if match_files(matcher, files or ["-"], sys.stdout.buffer, sys.stderr, language_detector()):
        raise typer.Exit(1)


def explain(query: Query) -> None:
    """Print the query in plain words."""
    from tocsin.query import explain, parse_query

    print(explain(parse_query(query)))
