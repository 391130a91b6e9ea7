"""`tocsin replay` and `tocsin backtest`: recorded or stored mentions through the real pipeline on a simulated clock."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ops.commands.common import (
    Config,
    Data,
    StoreUrl,
    StreamUrl,
)

HeardSince = Annotated[
    str | None,
    typer.Option(
        "--heard-since",
        help="Time from which the sources were heard, though silent until the first mention (ISO 8601).",
    ),
]


def register(app: typer.Typer) -> None:
    """Add `replay` and `backtest`."""
    app.command("replay", epilog="Example: tocsin replay --monitors monitors.yaml mentions.jsonl.gz")(replay)
    app.command("backtest", epilog="Example: tocsin backtest acme --curve")(backtest)


def replay(
    files: Annotated[list[Path], typer.Argument(help="Recorded mentions: JSONL or CSV, also gzip.")],
    monitors: Annotated[
        Path, typer.Option("--monitors", help="YAML file with the monitors (see tocsin apply).")
    ],
    data: Data = None,
    json_lines: Annotated[bool, typer.Option("--json", help="One JSON object per alert.")] = False,
    source: Annotated[
        str | None,
        typer.Option("--source", help="Source of mentions that name none (default: the file's name)."),
    ] = None,
    tz: Annotated[str | None, typer.Option("--tz", help="Time zone of times without an offset.")] = None,
    heard_since: HeardSince = None,
    config: Config = None,
    store: StoreUrl = None,
    stream: StreamUrl = None,
) -> None:
    """Play recorded mentions and print each alert with the event time at which it would have fired. Notifies nobody.

    With --data everything is kept there, and an interrupted replay can be started again and goes on where it was.
    """
    from ops.output import tell
    from ops.replay.files import replay_files

    problems = replay_files(
        files,
        monitors,
        data=data,
        config=config,
        store_url=store,
        stream_url=stream,
        source=source,
        tz=tz,
        heard_since=heard_since,
        as_json=json_lines,
        # What is kept must be whole. Else whoever reads no more needs no more.
        out=tell if data or store or stream else typer.echo,
    )
    if problems:
        raise typer.Exit(1)


def backtest(
    monitor: Annotated[str, typer.Argument(help="Name or id of the monitor.")],
    heard_since: HeardSince = None,
    curve: Annotated[
        bool, typer.Option("--curve", help="Also print the alerts a week by the promise of false alerts.")
    ] = False,
    by_time: Annotated[
        bool,
        typer.Option("--by-time", help="Also print the mentions and alerts by time, as the page draws them."),
    ] = False,
    data: Data = None,
    config: Config = None,
    store: StoreUrl = None,
) -> None:
    """Print when a monitor would have fired on the stored mentions. Notifies nobody and changes nothing."""
    from ops.replay.backtest import backtest as run
    from ops.runtime import open_runtime

    with open_runtime(config, data, store) as runtime:
        if curve or by_time:
            _print_figures(runtime, monitor, heard_since, curve=curve, by_time=by_time)
            return
        totals, covered = run(runtime, monitor, typer.echo, heard_since)
    typer.echo(f"{len(totals.fired)} alerts over {covered}", err=True)


def _print_figures(
    runtime: Any, monitor: str, heard_since: str | None, *, curve: bool, by_time: bool
) -> None:
    """The alerts of the monitor as it is, then a line for each step of time, and for each promise."""
    from alerts.severity import CLOCKS
    from api.backtests import by_step
    from ops.replay.curve import with_curve
    from ops.replay.fired import claim_of
    from ops.times import time_of
    from tocsin.core.clock import EPOCH
    from tocsin.core.signal_kinds import SIGNAL_KINDS
    from tocsin.definitions.models import Monitor
    from tocsin.definitions.repository import find

    with runtime.store.read() as conn:
        one = find(conn, Monitor, monitor)
    heard = time_of("--heard-since", heard_since) if heard_since else None
    result = with_curve(runtime, one, since=EPOCH, heard_since=heard)
    for alert in result["alerts"]:
        said = f", {alert['verdict']}" if alert["verdict"] else ""
        claim = claim_of(SIGNAL_KINDS.of(alert["kind"]), alert["observed"], alert["expected"])
        level = f"SEV{alert['severity']} {CLOCKS[alert['severity']].name}"
        typer.echo(f"{alert['at']}  {level}  {alert['kind']}: {claim}  [{alert['status']}{said}]")
    for step in by_step(result) if by_time else ():
        typer.echo(f"from {step.at:%Y-%m-%dT%H:%MZ}: {step.count} mentions, {len(step.alerts)} alerts")
    for point in result["curve"] if curve else ():
        rate = "less than a week" if point["a_week"] is None else f"{point['a_week']:g} a week"
        judged = f"{point['real']} real of {point['judged']} judged"
        typer.echo(f"promise {point['promise']:g}: {point['fired']} alerts, {rate}, {judged}")
