"""`tocsin alerts` and `tocsin notify`."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from ops.commands import alert_actions
from ops.commands.alert_actions import AlertId
from ops.commands.common import Config, Data, StoreUrl, json_line, notice_line, plain, user_here


def register(app: typer.Typer) -> None:
    """Add `alerts list|show|record` with what can be done with an alert, and `notify test|release`."""
    alerts = typer.Typer(
        help="Alerts: list, show, acknowledge, dismiss, escalate and the rest.", no_args_is_help=True
    )
    notify = typer.Typer(help="Try how people are reached; release a held outbox.", no_args_is_help=True)
    app.add_typer(alerts, name="alerts", epilog="Example: tocsin alerts list")
    app.add_typer(notify, name="notify", epilog="Example: tocsin notify test ada")
    alerts.command("list", epilog="Example: tocsin alerts list --status open --json")(list_alerts)
    alerts.command("show", epilog="Example: tocsin alerts show al_0123456789abcdef0123")(show_alert)
    alerts.command("record", epilog="Example: tocsin alerts record al_0123456789abcdef0123 > record.json")(
        record_of
    )
    alert_actions.register(alerts)
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
        print(json_line(one) if as_json else _line(one))
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
    from api.pages.terms import ACTIONS
    from ops.runtime import open_runtime

    with open_runtime(config, data, store) as runtime, runtime.store.read() as conn:
        alert = views.get_alert(conn, alert_id)
        read = alerts.get(conn, alert_id).readable_evidence
        evidence = views.evidence(conn, alert_id)
        timeline = views.timeline(conn, alert_id)
        notices = views.notices(conn, alert_id)
    if as_json:
        print(json_line({"alert": alert, "evidence": evidence, "timeline": timeline, "notices": notices}))
        return
    print(_line(alert))
    print(plain(alert["headline"]))
    print(f"{_claim(alert)}; why: {'; '.join(alert['reasons'])}")
    if read is not None and (tone := facets_line(read)):
        print(f"tone: {tone}")
    if read is not None and read.terms:
        print(f"mostly: {', '.join(plain(term) for term, _ in read.terms[:MOST_TERMS])}")
    for post in evidence["top"]:
        print(f"  [reach {post['reach'] or 'unknown'}] {plain(post['text'])}")
    for entry in timeline:
        reason = f": {plain(entry['reason'])}" if entry["reason"] else ""
        done = ACTIONS.get(entry["action"], entry["action"])
        print(f"{entry['at']:%Y-%m-%d %H:%M:%SZ} {entry['actor']} {done}{reason}")
    for notice in notices:
        print(notice_line(notice))


def record_of(alert_id: AlertId, data: Data = None, store: StoreUrl = None, config: Config = None) -> None:
    """Print the whole record of one alert as one JSON object: what was known when, the posts with their hashes, who was told, who
    decided what, and the audit entries. Privileged notes are counted and left out.
    """
    from alerts.whole_record import as_file, whole_record
    from ops.runtime import open_runtime

    with open_runtime(config, data, store) as runtime, runtime.store.read() as conn:
        found = whole_record(conn, alert_id, None, runtime.clock.now())
    sys.stdout.write(as_file(found).decode())


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


def _claim(alert: dict[str, Any]) -> str:
    """What was counted in which window, against the expected, in the words of the kind of signal."""
    from ops.replay.fired import claim_of
    from tocsin.core.signal_kinds import SIGNAL_KINDS

    told, kind = alert["figures"], SIGNAL_KINDS.of(alert["kind"])
    if told is None:
        return "another version wrote its figures"
    window = f"{told['window_start']:%Y-%m-%d %H:%MZ} to {told['window_end']:%H:%MZ}: "
    if told["expected"] is None:
        seen = f"{told['observed']:.0%}" if kind.is_share else f"{told['observed']:g}"
        return f"{window}{seen} {kind.counted}, what is usual is not known yet"
    between = (
        f"{told['lower']:.0%} to {told['upper']:.0%}"
        if kind.is_share
        else f"{told['lower']:g} to {told['upper']:g}"
    )
    return f"{window}{claim_of(kind, told['observed'], told['expected'])} ({between})"


def _line(alert: dict[str, Any]) -> str:
    status = "calmed, unacknowledged" if alert["calmed_unacknowledged"] else alert["status"]
    by = (
        f" by {alert['acknowledged_by']}"
        if alert["acknowledged_by"] and alert["status"] != "resolved"
        else ""
    )
    if alert["status"] == "snoozed" and alert["snoozed_until"]:
        by += f" until {alert['snoozed_until']:%Y-%m-%d %H:%MZ}"
    opened = f"{alert['opened_at']:%Y-%m-%d %H:%MZ}"
    line = f"{alert['id']}  SEV{alert['severity']}  {opened}  {plain(alert['monitor'])}  {alert['kind']}  {status}{by}"
    return line + _held(alert["held_by"])


def _held(held: dict[str, Any] | None) -> str:
    """What holds it, and until when."""
    if held is None:
        return ""
    what = " ".join(one for one in (held["kind"].replace("_", " "), plain(held["name"])) if one)
    return f"  held by {what}" + (f" until {held['until']:%Y-%m-%d %H:%MZ}" if held["until"] else "")
