"""`tocsin monitors`: what a monitor promises and keeps, and what a person says of its level."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ops.commands.common import Config, Data, StoreUrl, user_here
from ops.commands.definitions import MONITORS, add_endings, add_list

if TYPE_CHECKING:
    from api.backtests import Backtest

Ref = Annotated[str, typer.Argument(help="Name or id of the monitor.")]


def register(app: typer.Typer) -> None:
    """Add `monitors list|promise|accept|undo|proposals|end|restore`."""
    monitors = typer.Typer(
        help="Monitors: the promise and what came of it; accept the new normal; decide proposals; end and restore.",
        no_args_is_help=True,
    )
    app.add_typer(monitors, name="monitors", epilog="Example: tocsin monitors accept united")
    add_list(monitors, MONITORS)
    monitors.command("promise", epilog="Example: tocsin monitors promise united")(promise)
    monitors.command("accept", epilog="Example: tocsin monitors accept united")(accept)
    monitors.command("undo", epilog="Example: tocsin monitors undo united")(undo)
    monitors.command(
        "proposals", epilog="Example: tocsin monitors proposals united --accept bt_0123456789abcdef0123"
    )(proposals)
    add_endings(monitors, MONITORS)


def promise(monitor: Ref, data: Data = None, store: StoreUrl = None, config: Config = None) -> None:
    """Print the promised rate of false alerts beside the actual one, the precision by verdicts, and what is known so far."""
    from api.promise import promise_of
    from ops.runtime import open_runtime
    from tocsin.definitions.models import Monitor
    from tocsin.definitions.repository import find

    with open_runtime(config, data, store) as runtime, runtime.store.read() as conn:
        kept = promise_of(conn, find(conn, Monitor, monitor), runtime.clock.now())
    alerts = "alert" if kept.promised == 1 else "alerts"
    print(f"promised: {kept.promised:g} false {alerts} a week at most")
    rate = "no rate in the first week" if kept.false_a_week is None else f"{kept.false_a_week:.2g} a week"
    print(f"actual: {kept.false} false of {kept.fired} fired ({rate}), {kept.unjudged} not judged")
    for one in kept.signals:
        given = ", ".join(f"{verdict} {n}" for verdict, n in one.given.items() if n)
        print(f"{one.kind}: {one.real} of {one.judged} real ({given})")
    if kept.knowledge.learning:
        print("learning: too little was heard to say what is usual")
    print(f"can: {', '.join(kept.knowledge.can)} ({kept.knowledge.hours:.0f} hours were heard)")
    for ahead in kept.ahead.forecasts:
        held = f"; such an interval held {ahead.held} of {ahead.of} hours" if ahead.of else ""
        print(
            f"next {ahead.hours} h: {ahead.expected:.0f} mentions expected"
            f" ({ahead.lower:.0f}-{ahead.upper:.0f}){held}"
        )
    if (holiday := kept.ahead.holiday) is not None:
        print(
            f"{holiday.day}: {holiday.name} ({holiday.country}), {holiday.factor:.0%} of an average day expected"
        )
    for ability, hours in kept.knowledge.later:
        print(f"in {hours:.0f} hours: {ability}")


def accept(monitor: Ref, data: Data = None, store: StoreUrl = None, config: Config = None) -> None:
    """Accept the present level as the monitor's new normal: from the next window on it is what is expected."""
    _say("accept", monitor, data, store, config)


def undo(monitor: Ref, data: Data = None, store: StoreUrl = None, config: Config = None) -> None:
    """Take the last accepted new normal back. Possible for 48 hours."""
    _say("undo", monitor, data, store, config)


def proposals(
    monitor: Ref,
    accept: Annotated[
        str | None, typer.Option(metavar="ID", help="Accept this proposal: it changes the monitor.")
    ] = None,
    refuse: Annotated[str | None, typer.Option(metavar="ID", help="Refuse this proposal.")] = None,
    data: Data = None,
    store: StoreUrl = None,
    config: Config = None,
) -> None:
    """Print what Tocsin proposes after two verdicts of a kind, with its back-test, or decide a proposal."""
    from api import backtests
    from ops.runtime import open_runtime
    from tocsin.core.errors import NotFound, WrongInput
    from tocsin.definitions.models import Monitor, Role
    from tocsin.definitions.repository import find

    if accept and refuse:
        raise WrongInput("a proposal is accepted or refused: give --accept or --refuse")
    with open_runtime(config, data, store) as runtime:
        with runtime.store.read() as conn:
            one = find(conn, Monitor, monitor)
            waiting = [each for each in backtests.proposals_of(conn, one.id) if each.asks]
        if not (accept or refuse):
            for each in waiting:
                print(_proposal(each))
            if not waiting:
                print(f"{one.value.name}: nothing is proposed")
            return
        wanted, decision = (accept, "accepted") if accept else (refuse or "", "refused")
        with runtime.store.write() as conn:
            if backtests.get(conn, wanted).monitor_id != one.id:
                raise NotFound(f"{wanted} is no proposal for {one.value.name}")
            by = {"actor": user_here(), "role": Role.ADMIN}
            backtests.decide(conn, wanted, decision, now=runtime.clock.now(), **by)
    print(f"{one.value.name}: {wanted} is {decision}")


def _proposal(one: Backtest) -> str:
    """A proposal that waits for a decision, in a line: what, why, and what the back-test says of it."""
    change, because, played = one.change or {}, one.because or {}, one.result or {}
    what = (
        f"listen for {change['query']}"
        if "query" in change
        else f"promise {change['false_alerts_per_week']:g} false alerts a week"
    )
    count = len(because.get("alerts", ()))
    changed = played.get("changed") or {}
    stays = changed.get("stays", min(changed.get("real", 0), played.get("real", 0)))
    return (
        f"{one.id}: {what} ({count} alerts got the verdict {because.get('verdict')});"
        f" on {played.get('mentions', 0):,} mentions {played.get('fired', 0)} alerts fire now, {changed.get('fired', 0)}"
        f" with the change; {stays} of {played.get('real', 0)} real alerts stay"
    )


def _say(action: str, monitor: str, data: Data, store: StoreUrl, config: Config) -> None:
    from alerts.actor import Actor
    from alerts.turn import Turns
    from api.normal import say
    from ops.runtime import open_runtime
    from tocsin.access.links import page_address
    from tocsin.definitions.models import Monitor, Role
    from tocsin.definitions.repository import find

    with open_runtime(config, data, store) as runtime, runtime.store.write() as conn:
        one = find(conn, Monitor, monitor)
        turns = Turns(runtime.store, page_address(runtime.settings))
        actor = Actor("command-line", user_here(), Role.ADMIN)
        said = say(turns.begin(conn, runtime.clock.now(), actor), one, action)
    done = "accepted as the new normal" if action == "accept" else "the new normal is taken back"
    print(f"{one.value.name}: {done} (number {said.seq}); it counts from the next window on")
