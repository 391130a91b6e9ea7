"""`tocsin score`: sentiment of texts, JSON lines in, JSON lines out."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

# A command loads what it needs when it runs.
if TYPE_CHECKING:
    from ops.lines.score import Second

_EXAMPLE = """Example:

    echo '{"text": "The app keeps crashing, I am furious"}' | tocsin score

A line is an object with `text` and, if you know it, `lang`. The answer has `label` (negative, neutral,
positive, unscored), `score` (-1 to 1), `confidence` (0 to 1), `lang` and `model`, and what was told of `intent`,
`emotion`, `crisis` and `harm`, each a list. Nothing is sent anywhere. With --reasons it has the words that counted
most for the label (`weight` above 0) or against it, and where they stand in the text. With --second-opinion label,
score and model are those of the second scorer (the extra `deep`): 25 to 50 ms a text, in any language, and `confidence`
is null. With --both they are those of both scorers together: more are right, at the same cost. Neither has reasons.
"""
_HELP = "Score the sentiment of texts: JSON lines on stdin to JSON lines on stdout."


def register(app: typer.Typer) -> None:
    """Add `tocsin score`."""
    app.command("score", help=_HELP, epilog=_EXAMPLE)(score)


def score(
    reasons: Annotated[
        bool, typer.Option("--reasons", help="With the words that counted, and where.")
    ] = False,
    second_opinion: Annotated[
        bool, typer.Option("--second-opinion", help="By the second scorer: slow; needs the extra deep.")
    ] = False,
    both: Annotated[
        bool, typer.Option("--both", help="By both scorers together: slow, too; needs the extra deep.")
    ] = False,
) -> None:
    """Answer each line of stdin on stdout."""
    from ops.lines.score import answer_lines
    from processors.understand import Understander, default_scorers

    if both and second_opinion:
        raise typer.BadParameter("--both has the second opinion in it: give one of the two")
    if sys.stdin.isatty():
        print('reading lines such as {"text": "..."} from the keyboard; Ctrl-D ends', file=sys.stderr)
    understander = Understander(default_scorers())
    second = None
    if both or second_opinion:
        second = _both() if both else _second_opinion()
    bad = answer_lines(
        understander,
        sys.stdin.buffer,
        sys.stdout.buffer,
        sys.stderr,
        with_reasons=reasons,
        second=second,
    )
    if bad:
        raise typer.Exit(1)


def _second_opinion() -> Second:
    from processors.understand.deep import deep_scorer

    scorer = deep_scorer()
    return lambda text, _: scorer.sentiment(text)


def _both() -> Second:
    from processors.understand import default_scorers
    from processors.understand.both import BothScorers
    from processors.understand.deep import deep_scorer

    return BothScorers(deep_scorer(), default_scorers()).sentiment
