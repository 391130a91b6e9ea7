"""`tocsin detect`: reads counts and prints scores, by the detectors that judge monitors.

The input is CSV on stdin with the header `timestamp,value[,negative]`, a row for each window, in order. `value` is the number of
mentions in the window that begins at `timestamp`, and `negative` is how many of them are negative. An empty value says that
nothing is known of this window, which is not zero.

The output is CSV on stdout, `timestamp,score,is_alert`, a row for each row of the input. Lines that have come are answered
before the command waits for more. The first row waits for the second, because the spacing is known from the two.

`score` is s / (s + 3) of the reading's score s: 0 as expected, 0.5 where the like is expected once a week, 0.57 once in ten
weeks. Some rows are not over for another reason: learning, too few mentions, less than twice the expectation, or, with a third
column, no more negative than usual. The score of such a row stays below the one that raises an alert.

`is_alert` is 1 on the row on which a person would be alerted: the first row that is over since the last alert has calmed. The
next alert can only come after two hours of calm.
"""

from __future__ import annotations

from typing import Annotated

import typer

from tocsin.core.promise import LEAST_A_WEEK, MOST_A_WEEK


def register(app: typer.Typer) -> None:
    """Add `tocsin detect`."""
    app.command(
        "detect", epilog="Example: tocsin detect --false-alerts-per-week 2 < counts.csv > scores.csv"
    )(detect)


def detect(
    false_alerts_per_week: Annotated[
        float,
        typer.Option(
            min=LEAST_A_WEEK, max=MOST_A_WEEK, help="The promise: at most so many false alerts a week."
        ),
    ] = 1.0,
    tz: Annotated[
        str,
        typer.Option(help="Zone of times without an offset, and what day and night mean."),
    ] = "UTC",
) -> None:
    """Judge a series of mention counts: CSV `timestamp,value[,negative]` in, `timestamp,score,is_alert` out."""
    import io
    import sys
    from datetime import UTC
    from typing import cast
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    from processors.signals.series import judge_lines, lines_of
    from processors.signals.types import Sensitivity
    from tocsin.core.errors import WrongInput

    try:
        zone = UTC if tz == "UTC" else ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise WrongInput(f"--tz {tz!r} is no time zone; give a name such as Europe/Istanbul") from error
    promise = Sensitivity(false_alerts_per_week=false_alerts_per_week)
    asked = lines_of(cast("io.BufferedIOBase", sys.stdin.buffer), sys.stdout.flush)
    try:
        for line in judge_lines(asked, promise, zone):
            sys.stdout.write(line)
    finally:
        sys.stdout.flush()
