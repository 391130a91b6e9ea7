"""What `tocsin alerts` does with an alert, as its page and the API do: acknowledge, dismiss, snooze, escalate and the rest."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ops.commands.acting import As, Reason, turn_by
from ops.commands.common import Config, Data, StoreUrl

if TYPE_CHECKING:
    from alerts.alert import Alert
    from alerts.change import Change
    from alerts.turn import Turn

AlertId = Annotated[str, typer.Argument(help="Its id, as the list and the page's address have it.")]
LONGEST_SNOOZE_MIN: Final = 7 * 24 * 60


def register(alerts: typer.Typer) -> None:
    """Add `alerts ack|verdict|dismiss|snooze|escalate|severity|merge|note|resolve|reopen`."""
    one = "al_0123456789abcdef0123"
    for name, does, example in (
        ("ack", acknowledge, f"{one} --as ada"),
        ("verdict", give_verdict, f"{one} noise"),
        ("dismiss", dismiss, f"{one} noise --as ada"),
        ("snooze", snooze, f"{one} --minutes 30 --as ada"),
        ("escalate", escalate, f'{one} both --reason "three burns" --as ada'),
        ("severity", set_severity, f'{one} 2 --reason "one shop only" --as ada'),
        ("merge", merge, f"{one} al_3210fedcba9876543210"),
        ("note", note, f'{one} "the shop was called" --as ada'),
        ("resolve", resolve, f'{one} --verdict real --reason "recalled"'),
        ("reopen", reopen, f'{one} --reason "it goes on"'),
    ):
        alerts.command(name, epilog=f"Example: tocsin alerts {name} {example}")(does)


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

    became = ""

    def decide(turn: Turn) -> Change:
        nonlocal became
        change = actions.acknowledge(turn, alert_id)
        became = change.became
        return change

    alert = _act("acknowledge", person, decide, data, store, config)
    already = " already" if became == "already" else ""
    hands = f", in the hands of {alert.acknowledged_by}" if alert.acknowledged_by else ""
    print(f"{alert.id} is {alert.status}{already}{hands}")


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

    alert = _act(
        "verdict", person, lambda turn: actions.give_verdict(turn, alert_id, verdict), data, store, config
    )
    print(f"{alert.id}: {verdict}")


def dismiss(
    alert_id: AlertId,
    reason: Annotated[
        str,
        typer.Argument(help="noise, duplicate, expected_event, wrong_brand, inauthentic or handled."),
    ],
    words: Annotated[str, typer.Option("--note", help="What else to say; it stands in the record.")] = "",
    person: As = None,
    data: Data = None,
    store: StoreUrl = None,
    config: Config = None,
) -> None:
    """Dismiss an alert: nothing needs to be done. It stays dismissed while its story lasts, unless that gets worse."""
    from alerts import actions

    _tell(
        _act(
            "dismiss",
            person,
            lambda turn: actions.dismiss(turn, alert_id, reason, words),
            data,
            store,
            config,
        )
    )


def snooze(
    alert_id: AlertId,
    minutes: Annotated[
        int, typer.Option("--minutes", min=1, max=LONGEST_SNOOZE_MIN, help="How long, a week at most.")
    ] = 60,
    person: As = None,
    data: Data = None,
    store: StoreUrl = None,
    config: Config = None,
) -> None:
    """Keep an alert quiet for a while. The snooze ends early if the alert gets worse."""
    from alerts import actions

    length = timedelta(minutes=minutes)
    alert = _act(
        "snooze", person, lambda turn: actions.snooze(turn, alert_id, turn.now + length), data, store, config
    )
    print(f"{alert.id} is {alert.status} until {alert.snoozed_until:%Y-%m-%d %H:%MZ}")


def escalate(
    alert_id: AlertId,
    team: Annotated[str, typer.Argument(help="pr, legal or both.")],
    reason: Reason,
    person: As = None,
    data: Data = None,
    store: StoreUrl = None,
    config: Config = None,
) -> None:
    """Hand an alert to PR, Legal or both: an escalation with clocks by severity, and a page to the first of each team."""
    from alerts import actions

    _tell(
        _act(
            "escalate",
            person,
            lambda turn: actions.escalate(turn, alert_id, team, reason),
            data,
            store,
            config,
        )
    )


def set_severity(
    alert_id: AlertId,
    severity: Annotated[int, typer.Argument(help="1 (crisis) to 4 (watch).")],
    reason: Reason,
    person: As = None,
    data: Data = None,
    store: StoreUrl = None,
    config: Config = None,
) -> None:
    """Raise or lower the severity of an alert. A rise asks the first step again, unless somebody has the alert."""
    from alerts import actions

    alert = _act(
        "severity",
        person,
        lambda turn: actions.set_severity(turn, alert_id, severity, reason),
        data,
        store,
        config,
    )
    print(f"{alert.id} is SEV{alert.severity}, {alert.status}")


def merge(
    alert_id: AlertId,
    into: Annotated[str, typer.Argument(help="The id of the alert that tells the same story.")],
    person: As = None,
    data: Data = None,
    store: StoreUrl = None,
    config: Config = None,
) -> None:
    """Merge an alert into another that tells the same story. It pages nobody by itself any more."""
    from alerts import actions

    alert = _act("merge", person, lambda turn: actions.merge(turn, alert_id, into), data, store, config)
    print(f"{alert.id} is {alert.status} into {alert.merged_into}")


def note(
    alert_id: AlertId,
    text: Annotated[str, typer.Argument(help="The words of the note.")],
    person: As = None,
    data: Data = None,
    store: StoreUrl = None,
    config: Config = None,
) -> None:
    """Write a note into the record of an alert. Nothing else changes."""
    from alerts import actions

    alert = _act("note", person, lambda turn: actions.note(turn, alert_id, text), data, store, config)
    print(f"{alert.id}: the note is on record")


def resolve(
    alert_id: AlertId,
    verdict: Annotated[
        str | None,
        typer.Option("--verdict", help="What it was: real, noise, duplicate, expected or wrong_brand."),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="How it ended; it stands in the record.")] = "",
    person: As = None,
    data: Data = None,
    store: StoreUrl = None,
    config: Config = None,
) -> None:
    """Resolve an alert: its story is over. Refused while an escalation of it is open with PR or Legal."""
    from alerts import actions

    _tell(
        _act(
            "resolve",
            person,
            lambda turn: actions.resolve(turn, alert_id, reason, None, verdict),
            data,
            store,
            config,
        )
    )


def reopen(
    alert_id: AlertId,
    reason: Reason,
    person: As = None,
    data: Data = None,
    store: StoreUrl = None,
    config: Config = None,
) -> None:
    """Reopen an alert: it is not over after all, and fires again from the first step of its policy."""
    from alerts import actions

    _tell(_act("reopen", person, lambda turn: actions.reopen(turn, alert_id, reason), data, store, config))


def _act(
    action: str,
    person: str | None,
    decide: Callable[[Turn], Any],
    data: Data,
    store: StoreUrl,
    config: Config,
) -> Alert:
    """What a person, or whoever sits here, does with an alert. Returns the alert as it is afterwards.

    `action` is the last word of its route. A person may do here what their role may do there.
    """
    from alerts.apply import act

    with turn_by(person, f"/v1/alerts/{{id}}/{action}", data, store, config) as turn:
        return act(turn, decide)


def _tell(alert: Alert) -> None:
    print(f"{alert.id} is {alert.status}")
