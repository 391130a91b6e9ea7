"""`tocsin escalations`: the queue of PR and Legal, one escalation, and what its page and the API do with it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.commands.acting import As, Reason, turn_by
from ops.commands.common import Config, Data, StoreUrl, json_line, notice_line, plain

if TYPE_CHECKING:
    from alerts.escalations.escalation import Escalation

Id = Annotated[str, typer.Argument(help="Its id, as the list and the page's address have it.")]


def register(app: typer.Typer) -> None:
    """Add `escalations list|show` with what can be done with an escalation."""
    group = typer.Typer(
        help="Escalations to PR and Legal: list, show, claim, decide and the rest.", no_args_is_help=True
    )
    app.add_typer(group, name="escalations", epilog="Example: tocsin escalations list")
    one = "esc_0123456789abcdef0123"
    for name, does, example in (
        ("list", list_escalations, "--team legal --json"),
        ("show", show_escalation, one),
        ("claim", claim, f"{one} --as pia"),
        ("release-claim", release_claim, f"{one} --as pia"),
        ("reassign", reassign, f"{one} leo --as pia"),
        ("review", review, f"{one} --as pia"),
        ("assess", assess, f'{one} "three burns, one shop" --as pia'),
        ("decide", decide, f'{one} legal clear --reason "nothing is admitted" --as leo'),
        ("ask", ask, f'{one} leo "may we name the shop?" --as pia'),
        ("release", release, f'{one} --note "on our site at 10:20" --as pia'),
        ("close", close, f'{one} --note "calm since noon" --as pia'),
        ("withdraw", withdraw, f'{one} --reason "another brand" --as ada'),
        ("note", note, f'{one} "the shop was called" --as pia'),
    ):
        group.command(name, epilog=f"Example: tocsin escalations {name} {example}")(does)


def list_escalations(
    status: Annotated[
        list[str] | None,
        typer.Option("--status", help="A status, or any. Repeatable; default: all that have not ended."),
    ] = None,
    team: Annotated[
        str | None, typer.Option("--team", help="pr or legal: the escalations that this team has to clear.")
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", help="How many; the clock that runs out first stands first.")
    ] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    data: Data = None,
    store: StoreUrl = None,
    config: Config = None,
) -> None:
    """List the queue, by deadline. Without --status, all escalations that have not ended."""
    from alerts.escalations import views
    from ops.runtime import open_runtime
    from tocsin.core.errors import WrongInput

    if team not in (None, "pr", "legal"):
        raise WrongInput(f"unknown team {team!r}; known: pr, legal")
    with open_runtime(config, data, store) as runtime, runtime.store.read() as conn:
        now = runtime.clock.now()
        page = views.list_escalations(conn, status=status or (), team=team, now=now, limit=limit)
        unheld = {one.id for one in views.held_by_nobody(conn)}
    for one in page.items:
        print(json_line(one) if as_json else _line(one, held_by_nobody=one["id"] in unheld))
    if not page.items and not as_json:
        print("no escalations", file=sys.stderr)
    if page.next_cursor:
        print(f"there are more than {limit}; --limit shows more", file=sys.stderr)


def show_escalation(
    escalation_id: Id,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    data: Data = None,
    store: StoreUrl = None,
    config: Config = None,
) -> None:
    """Show one escalation: its clocks, what each team decided, what happened, and who was told how. Privileged notes are
    counted and left out: nobody is signed in here, and they are for Legal only.
    """
    from alerts import views as alerts
    from alerts.escalations import views
    from alerts.escalations.escalation import get
    from ops.runtime import open_runtime

    with open_runtime(config, data, store) as runtime, runtime.store.read() as conn:
        shown = views.get_escalation(conn, escalation_id, role=None, now=runtime.clock.now())
        escalation = get(conn, escalation_id)
        hidden = views.history(conn, escalation_id, None).hidden
        told = [
            one for one in alerts.notices(conn, escalation.alert_id) if one["escalation_id"] == escalation.id
        ]
        unheld = escalation.id in {one.id for one in views.held_by_nobody(conn)}
    if as_json:
        print(json_line({"escalation": shown, "privileged_notes": hidden, "notices": told}))
        return
    print(_line(shown, held_by_nobody=unheld))
    print(plain(escalation.reason))
    print(
        f"from {escalation.created_by}, {_time(escalation.created_at)}; alert {shown['alert_id']}, {shown['alert_status']}"
    )
    for line in (
        *_clocks(shown),
        *_decisions(escalation),
        *map(_entry, shown["entries"]),
        *map(notice_line, told),
    ):
        print(line)
    if hidden:
        print(f"{hidden} privileged note{'s' if hidden > 1 else ''} left out: for Legal only, on the page")
    asking = () if escalation.closed_at else ("ask",)
    print(f"possible now: {', '.join((*map(_command, escalation.actions), *asking, 'note'))}")


def claim(
    escalation_id: Id, person: As = None, data: Data = None, store: StoreUrl = None, config: Config = None
) -> None:
    """Take an escalation in hand. Notices that still wait to page about it are taken back."""
    _act("claim", escalation_id, person, data, store, config)


def release_claim(
    escalation_id: Id, person: As = None, data: Data = None, store: StoreUrl = None, config: Config = None
) -> None:
    """Put an escalation back into the queue, so that somebody else may claim it."""
    _act("release-claim", escalation_id, person, data, store, config)


def reassign(
    escalation_id: Id,
    to: Annotated[str, typer.Argument(help="The name of a person of PR or of Legal, or of an admin.")],
    person: As = None,
    data: Data = None,
    store: StoreUrl = None,
    config: Config = None,
) -> None:
    """Hand an escalation over to somebody, who is paged and has it from then on."""
    _act("reassign", escalation_id, person, data, store, config, to)


def review(
    escalation_id: Id, person: As = None, data: Data = None, store: StoreUrl = None, config: Config = None
) -> None:
    """Begin the review, by PR and Legal in parallel. Begun again, it makes earlier decisions void."""
    _act("review", escalation_id, person, data, store, config)


def assess(
    escalation_id: Id,
    text: Annotated[str, typer.Argument(help="What it is, how bad, what is known.")],
    person: As = None,
    data: Data = None,
    store: StoreUrl = None,
    config: Config = None,
) -> None:
    """Record the first assessment. Its clock stops; where it is done twice, the first time stands."""
    _act("assess", escalation_id, person, data, store, config, text)


def decide(
    escalation_id: Id,
    team: Annotated[str, typer.Argument(help="For which team: pr or legal.")],
    decision: Annotated[str, typer.Argument(help="clear or reject.")],
    reason: Reason,
    person: As = None,
    data: Data = None,
    store: StoreUrl = None,
    config: Config = None,
) -> None:
    """Decide for one's own team. An escalation is cleared when every team has cleared, and rejected when one rejects."""
    _act("decide", escalation_id, person, data, store, config, team, decision, reason)


def ask(
    escalation_id: Id,
    of: Annotated[str, typer.Argument(help="The name of the person who is asked, and told at once.")],
    text: Annotated[str, typer.Argument(help="For what.")],
    person: As = None,
    data: Data = None,
    store: StoreUrl = None,
    config: Config = None,
) -> None:
    """Ask somebody for something. The clocks run on."""
    _act("ask", escalation_id, person, data, store, config, of, text)


def release(
    escalation_id: Id,
    text: Annotated[
        str, typer.Option("--note", help="What went out, and where; it stands in the record.")
    ] = "",
    person: As = None,
    data: Data = None,
    store: StoreUrl = None,
    config: Config = None,
) -> None:
    """Say that a person has published the statement; Tocsin posts nothing. The statement's clock stops."""
    _act("release", escalation_id, person, data, store, config, text)


def close(
    escalation_id: Id,
    text: Annotated[str, typer.Option("--note", help="How it ended; it stands in the record.")] = "",
    person: As = None,
    data: Data = None,
    store: StoreUrl = None,
    config: Config = None,
) -> None:
    """Close an escalation, after its release."""
    _act("close", escalation_id, person, data, store, config, text)


def withdraw(
    escalation_id: Id,
    reason: Reason,
    person: As = None,
    data: Data = None,
    store: StoreUrl = None,
    config: Config = None,
) -> None:
    """Withdraw an escalation that was not needed."""
    _act("withdraw", escalation_id, person, data, store, config, reason)


def note(
    escalation_id: Id,
    text: Annotated[str, typer.Argument(help="The words of the note.")],
    privileged: Annotated[
        bool, typer.Option("--privileged", help="For Legal only, to write and to read; left out of exports.")
    ] = False,
    person: As = None,
    data: Data = None,
    store: StoreUrl = None,
    config: Config = None,
) -> None:
    """Write a note into the record of an escalation. Nothing else changes."""
    _act("note", escalation_id, person, data, store, config, text, privileged)


def _act(
    action: str,
    escalation_id: str,
    person: str | None,
    data: Data,
    store: StoreUrl,
    config: Config,
    *given: str | bool,
) -> None:
    """Take an action on the escalation, and say how it is afterwards. `action` is the last word of its route."""
    with turn_by(person, f"/v1/escalations/{{id}}/{action}", data, store, config) as turn:
        escalation = _actions()[action](turn, escalation_id, *given)
    hands = (
        f", in the hands of {escalation.claimed_by}"
        if escalation.claimed_by and not escalation.closed_at
        else ""
    )
    print(f"{escalation.id} is {escalation.status}{hands}")


def _actions() -> dict[str, Callable[..., Escalation]]:
    from alerts.escalations import actions

    return {
        "claim": actions.claim,
        "release-claim": actions.release_claim,
        "reassign": actions.reassign,
        "review": actions.review,
        "assess": actions.assessed,
        "decide": actions.decide,
        "ask": actions.request_info,
        "release": actions.release,
        "close": actions.close,
        "withdraw": actions.withdraw,
        "note": actions.note,
    }


def _line(one: dict[str, Any], *, held_by_nobody: bool) -> str:
    """An escalation on one line: what waits for whom, until when, and who has it."""
    due = f"due {one['deadline_at']:%Y-%m-%d %H:%MZ}" if one["deadline_at"] else "no clock"
    by = f", {one['claimed_by']} has it" if one["claimed_by"] and not one["closed_at"] else ""
    line = f"{one['id']}  SEV{one['severity']}  {due}  {plain(one['monitor'])}  {one['team']}  {one['status']}{by}"
    if one["overdue"]:
        line += "  overdue"
    return line + (
        f"  {one['claimed_by']} works no escalations any more: hand it over" if held_by_nobody else ""
    )


def _clocks(shown: dict[str, Any]) -> list[str]:
    """The clocks that run, and when the first assessment was done."""
    lines = [f"{name}: due {_time(at)}" for name, at in shown["clocks"].items()]
    return (
        [f"first assessment: done {_time(shown['assessed_at'])}", *lines] if shown["assessed_at"] else lines
    )


def _decisions(escalation: Escalation) -> list[str]:
    """What each team that was asked decided, who did so, when and why."""
    from alerts.escalations.escalation import TEAM_NAMES

    lines = []
    for team in escalation.teams:
        made, at = escalation.decisions.get(team), escalation.decided_at(team)
        if made is None:
            lines.append(f"{TEAM_NAMES[team]}: open")
            continue
        decided = {"clear": "cleared", "reject": "rejected"}[made["decision"]]
        when = f", {_time(at)}" if at else ""
        lines.append(f"{TEAM_NAMES[team]}: {decided} by {made['by']}{when}: {plain(made['reason'])}")
    return lines


def _entry(entry: dict[str, Any]) -> str:
    from api.pages.terms import ACTIONS

    done, text = ACTIONS.get(entry["action"], entry["action"]), entry["text"]
    if entry["action"] == "request_info":
        done += f" from {entry['detail']['of']}"
    return f"{_time(entry['at'])} {entry['actor']} {done}" + (f": {plain(text)}" if text else "")


def _command(action: str) -> str:
    """The name that an action of the state machine has as a command."""
    return action.replace("_", "-")


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%SZ}"
