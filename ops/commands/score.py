"""`tocsin score`: sentiment of texts, JSON lines in, JSON lines out."""

from __future__ import annotations

import sys

import typer

_EXAMPLE = """Example:

    echo '{"text": "The app keeps crashing, I am furious"}' | tocsin score

A line is an object with `text` and, if you know it, `lang`. The answer has `label` (negative, neutral,
positive, unscored), `score` (-1 to 1), `confidence` (0 to 1), `lang` and `model`, and what was told of `intent`,
`emotion`, `crisis` and `harm`, each a list. Nothing is sent anywhere.
"""
_HELP = "Score the sentiment of texts: JSON lines on stdin to JSON lines on stdout."


def register(app: typer.Typer) -> None:
    """Add `tocsin score`."""
    app.command("score", help=_HELP, epilog=_EXAMPLE)(score)


def score() -> None:
    """Answer each line of stdin on stdout."""
    from ops.lines.score import answer_lines
    from processors.understand import Understander, default_scorers

    if sys.stdin.isatty():
        print('reading lines such as {"text": "..."} from the keyboard; Ctrl-D ends', file=sys.stderr)
    if answer_lines(Understander(default_scorers()), sys.stdin.buffer, sys.stdout.buffer, sys.stderr):
        raise typer.Exit(1)
