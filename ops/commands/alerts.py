"""`tocsin alerts` and `tocsin notify`."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from ops.commands.common import Config, Data, StoreUrl, user_here

AlertId = Annotated[str, typer.Argument(help="Its id, as the list and the page's address have it.")]


def register(app: typer.Typer) -> None:
    """Add `alerts list|show|ack|verdict` and `notify test|release`."""
    alerts = typer.Typer(help="Alerts: list, show, acknowledge, say what it was.", no_args_is_help=True)
    notify = typer.Typer(help="Try how people are reached; release a held outbox.", no_args_is_help=True)
    app.add_typer(alerts, name="alerts", epilog="Example: tocsin alerts list")
    app.add_typer(notify, name="notify", epilog="Example: tocsin notify test ada")
    alerts.command("list", epilog="Example: tocsin alerts list --status open --json")(list_alerts)
    alerts.command("show", epilog="Example: tocsin alerts show al_0123456789abcdef0123")(show_alert)
    alerts.command("ack", epilog="Example: tocsin alerts ack al_0123456789abcdef0123 --as ada")(acknowledge)
    alerts.command("verdict", epilog="Example: tocsin alerts verdict al_0123456789abcdef0123 noise")(
        give_verdict
    )
    notify.command("test", epilog="Example: tocsin notify test ada")(page_person)
    notify.command("release", epilog="Example: tocsin notify release --discard")(release_outbox)


def list_alerts(
    status: Annotated[
        list[str] | None, typer.Option("--status", help="A status, or open, unanswered, any. Repeatable.")
    ] = None,
    monitor: Annotated[str | None, typer.Option("--monitor", help="A monitor's name or id.")] = None,
    limit: Annotated[int, typer.Option("--limit", help="How many, newest first.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    data: Data = None,
    store: StoreUrl = None,
    config: Config = None,
) -> None:
    """List alerts, newest first. Without --status, the open ones."""
    from alerts import views
    from ops.runtime import open_runtime

    with open_runtime(config, data, store) as runtime, runtime.store.read() as conn:
        page = views.list_alerts(conn, status=status or ["open"], monitor=monitor, limit=limit)
    for one in page.items:
        print(_json(one) if as_json else _line(one))
    if not page.items and not as_json:
        print("no alerts", file=sys.stderr)


def show_alert(
    alert_id: AlertId,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    data: Data = None,
    store: StoreUrl = None,
    config: Config = None,
) -> None:
    """Show one alert: its figures, what happened, and who was told how."""
    from alerts import alert as alerts
    from alerts import views
    from alerts.message import MOST_TERMS, facets_line
    from ops.runtime import open_runtime

    with open_runtime(config, data, store) as runtime, runtime.store.read() as conn:
        alert = views.get_alert(conn, alert_id)
        read = alerts.get(conn, alert_id).readable_evidence
        evidence = views.evidence(conn, alert_id)
        timeline = views.timeline(conn, alert_id)
        notices = views.notices(conn, alert_id)
    if as_json:
        print(_json({"alert": alert, "evidence": evidence, "timeline": timeline, "notices": notices}))
        return
    print(_line(alert))
    print(_plain(alert["headline"]))
    print(f"observed {evidence['observed']:g}, expected {evidence['expected']:g}", end=" ")
    print(f"({evidence['lower']:g} to {evidence['upper']:g}); why: {'; '.join(alert['reasons'])}")
    if read is not None and (tone := facets_line(read)):
        print(f"tone: {tone}")
    if read is not None and read.terms:
        print(f"mostly: {', '.join(_plain(term) for term, _ in read.terms[:MOST_TERMS])}")
    for post in evidence["top"]:
        print(f"  [reach {post['reach'] or 'unknown'}] {_plain(post['text'])}")
    for entry in timeline:
        reason = f": {_plain(entry['reason'])}" if entry["reason"] else ""
        print(f"{entry['at']:%Y-%m-%d %H:%M:%SZ} {entry['actor']} {entry['action']}{reason}")
    for notice in notices:
        print(
            f"{notice['created_at']:%Y-%m-%d %H:%M:%SZ} {notice['kind']} to {notice['person']} by",
            end=" ",
        )
        print(f"{notice['channel']}: {notice['status']}")


def acknowledge(
    alert_id: AlertId,
    person: Annotated[
        str | None, typer.Option("--as", help="The person who has it; default: who you are here.")
    ] = None,
    data: Data = None,
    store: StoreUrl = None,
    config: Config = None,
) -> None:
    """Acknowledge an alert: somebody has it, and no more pages are sent about it."""
    from alerts import actions

    alert = _act(actions.acknowledge, person, alert_id, data=data, store=store, config=config)
    print(f"{alert.id} is {alert.status}, in the hands of {alert.acknowledged_by}")


def give_verdict(
    alert_id: AlertId,
    verdict: Annotated[str, typer.Argument(help="real, noise, duplicate, expected or wrong_brand.")],
    person: Annotated[
        str | None, typer.Option("--as", help="Who says it; default: who you are here.")
    ] = None,
    data: Data = None,
    store: StoreUrl = None,
    config: Config = None,
) -> None:
    """Say what an alert was. Verdicts make each signal's shown precision, and two of a kind a proposal."""
    from alerts import actions

    alert = _act(actions.give_verdict, person, alert_id, verdict, data=data, store=store, config=config)
    print(f"{alert.id}: {verdict}")


def _act(decide: Any, person: str | None, *args: str, data: Data, store: StoreUrl, config: Config) -> Any:
    """What a person, or whoever sits here, does with an alert. Returns the alert as it is afterwards."""
    from alerts.actor import Actor
    from alerts.apply import act
    from alerts.turn import Turns
    from ops.runtime import open_runtime
    from tocsin.access.links import page_address
    from tocsin.definitions.models import Person, Role
    from tocsin.definitions.repository import find

    with open_runtime(config, data, store) as runtime, runtime.store.write() as conn:
        if person is None:
            actor = Actor("command-line", user_here(), Role.ADMIN)
        else:
            one = find(conn, Person, person)
            actor = Actor(one.id, one.name, one.value.role)
        turns = Turns(runtime.store, page_address(runtime.settings))
        return act(turns.begin(conn, runtime.clock.now(), actor), decide, *args)


def page_person(
    person: Annotated[str, typer.Argument(help="The name or id of a person.")],
    data: Data = None,
    store: StoreUrl = None,
    config: Config = None,
) -> None:
    """Page PERSON once on every channel, through the real outbox, and say how each attempt ended."""
    from alerts.notifiers.registry import notifiers
    from alerts.outbox.test_notice import page_once
    from ops.runtime import open_runtime
    from tocsin.access.links import page_address

    with open_runtime(config, data, store) as runtime:
        made, base = notifiers(runtime.settings), page_address(runtime.settings)
        rang = page_once(runtime.store, runtime.clock, made, person, base)
    for one in rang:
        print(f"{one.channel}: {one.outcome} ({one.detail})")
    if any(one.outcome != "sent" for one in rang):
        raise typer.Exit(1)


def release_outbox(
    discard: Annotated[
        bool,
        typer.Option("--discard", help="Withdraw the waiting notices; only later ones are sent."),
    ] = False,
    data: Data = None,
    store: StoreUrl = None,
    config: Config = None,
) -> None:
    """Release the outbox of a restored store. Notices that are due leave at once. Exit 1 where nothing is held."""
    from alerts.actor import Actor
    from alerts.outbox import hold
    from ops.runtime import open_runtime
    from tocsin.definitions.models import Role

    with open_runtime(config, data, store) as runtime, runtime.store.write() as conn:
        actor = Actor("command-line", user_here(), Role.ADMIN)
        done = hold.release(conn, actor, runtime.clock.now(), discard=discard)
    print(f"the outbox is released: {done.waiting} notices wait, {done.cancelled} taken back")


def _line(alert: dict[str, Any]) -> str:
    status = "calmed, unacknowledged" if alert["calmed_unacknowledged"] else alert["status"]
    by = (
        f" by {alert['acknowledged_by']}"
        if alert["acknowledged_by"] and alert["status"] != "resolved"
        else ""
    )
    opened = f"{alert['opened_at']:%Y-%m-%d %H:%MZ}"
    line = f"{alert['id']}  SEV{alert['severity']}  {opened}  {_plain(alert['monitor'])}  {alert['kind']}  {status}{by}"
    return line + _held(alert["held_by"])


def _held(held: dict[str, Any] | None) -> str:
    """What holds it, and until when."""
    if held is None:
        return ""
    what = " ".join(one for one in (held["kind"].replace("_", " "), _plain(held["name"])) if one)
    return f"  held by {what}" + (f" until {held['until']:%Y-%m-%d %H:%MZ}" if held["until"] else "")


def _plain(text: str) -> str:
    """The text without control characters, so that a post cannot steer the terminal."""
    return "".join(c for c in text if c.isprintable())


def _json(value: object) -> str:
    import msgspec

    return msgspec.json.encode(value, enc_hook=str).decode("utf-8")
