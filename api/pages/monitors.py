"""Monitors: the list, one with its chart and its query explained, and the form that makes or changes one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError
from sqlalchemy import Connection

from alerts.views import Wanted, find_alerts, standing
from api import defining
from api.backtests import of_monitor
from api.pages.card import day_points
from api.pages.day_chart import draw_day_chart
from api.pages.definition_form import FAULTS as STALE
from api.pages.definition_form import said_of
from api.pages.flash import flash_of
from api.pages.history import history_address
from api.pages.models import monitor_rows
from api.pages.normal import normal_of
from api.pages.permission import may_undo, permitted
from api.pages.query_warnings import warnings_shown
from api.pages.render import PageContext, page_context, render
from api.pages.two_edits import TwoEdits, as_chosen, asked_again, edits_of
from api.preconditions import typed_version
from api.promise import promise_of
from api.routes.preview import Preview, preview
from api.state import form_of, principal_of, state_of
from processors.corrections import models
from processors.corrections.learning import summary
from processors.corrections.refit import LEAST
from tocsin.core.errors import Conflict
from tocsin.core.faults import fault_of
from tocsin.definitions.models import Monitor, Policy
from tocsin.definitions.repository import (
    Defined,
    ended,
    find,
    listed,
)
from tocsin.query import QueryError, explain, parse_query
from tocsin.query.found import marked

router = APIRouter(include_in_schema=False)

MODELS_SHOWN: Final = 5
"""The newest models of corrections that stand open; older ones are folded."""
LISTS = ("languages", "tier1", "countries", "own_accounts")
PHRASES = ("rivals", "neutral_words")
"""Fields of several values: words, and words or phrases between commas."""
BLANK = {
    "name": "",
    "query": "",
    "languages": "",
    "timezone": "UTC",
    "countries": "",
    "policy": "default",
    "false_alerts_per_week": "1",
    "influential_followers": "100000",
    "tier1": "",
    "own_accounts": "",
    "rivals": "",
    "neutral_words": "",
    "enabled": "1",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of one field; `pointer` shows the place in the text."""

    message: str
    pointer: str = ""


@router.get("/monitors")
def monitor_list(request: Request) -> Response:
    """The list of all monitors, each with its day."""
    state = state_of(request)
    with state.store.read() as conn:
        ctx = page_context(request, conn)
        rows = monitor_rows(conn, state.now(), standing(conn, state.now()))
        holds = state.held_times.now(conn, state.now(), ctx.banner.stamp)
        gone = ended(conn, "monitor")
    may_define = permitted(ctx.who, "/monitors/new")
    return render(
        ctx,
        "monitors.html",
        o={"monitors": rows},
        holding=holds,
        may_define=may_define,
        ended=gone,
        place="monitors",
    )


@router.get("/monitors/new")
def new_monitor_form(request: Request) -> Response:
    """An empty form with the defaults, or one filled with the monitor that it shall be `like`."""
    like = request.query_params.get("like", "")[:256]
    with state_of(request).store.read() as conn:
        ctx = page_context(request, conn)
        policies = _policies(conn)
        copied = find(conn, Monitor, like).value if like else None
    if copied is None:
        return _form(ctx, {**BLANK, "timezone": ctx.fmt.zone.key}, policies, {})
    name = ctx.fmt.translate("{name} (copy)", name=copied.name)[:256]
    return _form(ctx, {**_as_form(copied), "name": name}, policies, {})


@router.post("/monitors/new")
def create_monitor(request: Request) -> Response:
    """Store a new monitor; a fault is shown at its field."""
    return _save(request, None)


@router.get("/monitors/{id}")
def monitor_detail(request: Request, id: str) -> Response:
    """The page of one monitor: its query, its day, its settings, its last alerts."""
    state = state_of(request)
    with state.store.read() as conn:
        ctx = page_context(request, conn)
        monitor = find(conn, Monitor, id[:256])
        points = day_points(conn, monitor.id, state.now())
        latest = find_alerts(conn, Wanted(monitor=monitor.id, limit=10))
        corrected = summary(conn, monitor.id)
        tested = of_monitor(conn, monitor.id)
        promise = promise_of(conn, monitor, state.now())
        normal = normal_of(conn, monitor.id)
    return render(
        ctx,
        "monitor.html",
        m=monitor,
        explained=_explained(monitor, ctx.fmt.language.translate),
        warnings=warnings_shown(monitor.value.query, ctx.fmt),
        day_chart=draw_day_chart(points, ctx.fmt, monitor.name),
        alerts=latest.alerts,
        holders=latest.holders,
        may_define=permitted(ctx.who, "/monitors/new"),
        may_correct=permitted(ctx.who, "/monitors/{id}/learn"),
        corrections=corrected,
        promise=promise,
        proposals=[one for one in tested if one.asks],
        may_decide=permitted(ctx.who, "/backtests/{id}/decide"),
        normal=normal,
        monitor_id=monitor.id,
        may_accept=permitted(ctx.who, "/monitors/{id}/normal"),
        may_undo=may_undo(ctx.who, normal, state.now()),
        back="",
        before=models.version_before(corrected["models"]),
        least=LEAST,
        shown=MODELS_SHOWN,
        flash=flash_of(request, ctx.fmt)[0],
    )


@router.get("/monitors/{id}/edit")
def edit_monitor_form(request: Request, id: str) -> Response:
    """The form, filled with the stored monitor."""
    with state_of(request).store.read() as conn:
        ctx = page_context(request, conn)
        monitor = find(conn, Monitor, id[:256])
        policies = _policies(conn)
    return _form(ctx, _as_form(monitor.value), policies, {}, monitor)


@router.post("/monitors/{id}")
def change_monitor(request: Request, id: str) -> Response:
    """Change the monitor, if nobody else did since the form was read."""
    return _save(request, id[:256])


@router.post("/monitors/{id}/pause")
def pause_monitor(request: Request, id: str) -> Response:
    """Pause the monitor, or go on with it: whichever it is not."""
    state, who = state_of(request), principal_of(request)
    with state.store.write() as conn:
        present = find(conn, Monitor, id[:256])
        value = present.value.model_copy(update={"enabled": form_of(request).get("to") == "on"})
        defining.change_part(conn, who, value, present, state.now())
    return RedirectResponse(f"/monitors/{present.id}?done=saved", 303)


@router.post("/monitors/{id}/end")
def end_monitor(request: Request, id: str) -> Response:
    """Put the monitor away. What it heard and its alerts stay, and it can be brought back with what it has learnt."""
    state, who = state_of(request), principal_of(request)
    with state.store.write() as conn:
        gone = defining.end(conn, who, Monitor, id[:256], state.now())
    return RedirectResponse(history_address("monitors", gone.id), 303)


# -- pieces ------------------------------------------------------------------------------------------------------------------


def _save(request: Request, id: str | None) -> Response:
    state, who, form = state_of(request), principal_of(request), form_of(request)
    value, faults = _checked(form)
    with state.store.read() as conn:
        ctx = page_context(request, conn)
        policies = _policies(conn)
        present = find(conn, Monitor, id) if id else None
    faults = _in_words(ctx, faults)
    if value is not None and value.policy not in (policies or ["default"]):
        faults = {"policy": Fault(ctx.fmt.translate("There is no policy of that name."))}
    typed = {**BLANK, "enabled": "", **asked_again(form)}
    if form.get("try") and "query" not in faults:
        languages = tuple(one[:16] for one in typed["languages"].replace(",", " ").split()[:50])
        tried = preview(state, Preview(query=typed["query"].strip(), languages=languages))
        return _form(ctx, typed, policies, faults, present, tried=tried)
    if value is None or faults:
        return _form(ctx, typed, policies, faults, present, status=422)
    edits = edits_of(state.store, present, form, value)
    if edits is not None and present is not None:
        stale = {"": Fault(ctx.fmt.translate(STALE["stale"]))}
        typed["version"] = str(present.version)
        return _form(ctx, typed, policies, stale, present, status=409, edits=edits)
    try:
        with state.store.write() as conn:
            if present is None:
                if any(one.name == value.name for one in listed(conn, Monitor)):
                    raise Conflict(ctx.fmt.translate("There is a monitor of that name already."))
                saved = defining.make(conn, state.settings, who, value, state.now())
            else:
                chosen = as_chosen(value, present.value, form)
                now = state.now()
                saved = defining.change(conn, state.settings, who, chosen, present, now, present.version)
    except ValidationError as error:
        return _form(ctx, typed, policies, _in_words(ctx, _faults_of(error)), present, status=422)
    except Conflict as error:
        faults = {"": Fault(ctx.fmt.language.say(error.said))}
        return _form(ctx, typed, policies, faults, present, status=409)
    return RedirectResponse(f"/monitors/{saved.id}?done=saved", 303)


def _checked(form: Mapping[str, str]) -> tuple[Monitor | None, dict[str, Fault]]:
    """The monitor that the form describes, or what is wrong with it, by field."""
    raw: dict[str, Any] = {name: form.get(name, "").strip() for name in BLANK}
    for name in LISTS:
        raw[name] = tuple(part for part in raw[name].replace(",", " ").split() if part)
    raw["countries"] = tuple(code.upper() for code in raw["countries"])
    for name in PHRASES:
        raw[name] = tuple(" ".join(part.split()) for part in raw[name].split(",") if part.strip())
    raw["false_alerts_per_week"] = raw["false_alerts_per_week"].replace(",", ".")
    raw["enabled"] = form.get("enabled") == "1"
    faults: dict[str, Fault] = {}
    try:
        parse_query(raw["query"])
    except QueryError as error:
        faults["query"] = Fault(error.said)
        # Any query will do, so that the other fields are checked too.
        raw["query"] = "placeholder"
    try:
        value = Monitor.model_validate(raw)
    except ValidationError as error:
        return None, _faults_of(error) | faults
    return (None if faults else value), faults


def _in_words(ctx: PageContext, faults: Mapping[str, Fault]) -> dict[str, Fault]:
    return {name: _in_this(ctx, name, one) for name, one in faults.items()}


def _in_this(ctx: PageContext, name: str, fault: Fault) -> Fault:
    """The fault in the reader's language; a query's ends with the line and the place in it."""
    message, _, pointer = said_of(ctx.fmt, name, fault.message).partition("\n")
    return Fault(message, pointer)


def _faults_of(error: ValidationError) -> dict[str, Fault]:
    """The first fault of each field."""
    faults: dict[str, Fault] = {}
    for one in error.errors(include_url=False):
        name = str(one["loc"][0]) if one["loc"] else ""
        faults.setdefault(name, Fault(fault_of(one)))
    return faults


def _form(
    ctx: PageContext,
    form: Mapping[str, str],
    policies: list[str],
    faults: Mapping[str, Fault],
    monitor: Defined[Monitor] | None = None,
    status: int = 200,
    tried: Mapping[str, Any] | None = None,
    edits: TwoEdits | None = None,
) -> Response:
    return render(
        ctx,
        "monitor_form.html",
        status=status,
        form=form,
        policies=policies or ["default"],
        faults=faults,
        tried=_said(tried, form["query"], ctx) if tried else None,
        posts=_posts(tried, form["query"]) if tried else [],
        warnings=warnings_shown(form["query"].strip(), ctx.fmt, tried),
        id=monitor.id if monitor else None,
        edits=edits,
        version=typed_version(form) or (monitor.version if monitor else None),
    )


def _said(tried: Mapping[str, Any], query: str, ctx: PageContext) -> Mapping[str, Any]:
    """What a query would hear, explained in the reader's language."""
    return {**tried, "explanation": explain(parse_query(query.strip()), ctx.fmt.language.translate)}


def _as_form(value: Monitor) -> dict[str, str]:
    return {
        "name": value.name,
        "query": value.query,
        "languages": ", ".join(value.languages),
        "timezone": value.timezone,
        "countries": ", ".join(value.countries),
        "policy": value.policy,
        "false_alerts_per_week": f"{value.false_alerts_per_week:g}",
        "influential_followers": str(value.influential_followers),
        "tier1": ", ".join(value.tier1),
        "own_accounts": ", ".join(value.own_accounts),
        "rivals": ", ".join(value.rivals),
        "neutral_words": ", ".join(value.neutral_words),
        "enabled": "1" if value.enabled else "",
    }


def _policies(conn: Connection) -> list[str]:
    return [one.name for one in listed(conn, Policy)]


def _explained(monitor: Defined[Monitor], say: Callable[[str], str]) -> str:
    try:
        return explain(parse_query(monitor.value.query), say)
    except QueryError:
        # A version that knew more words stored it; the query itself is shown.
        return ""


def _posts(tried: Mapping[str, Any], query: str) -> list[list[tuple[str, bool]]]:
    """A few of the texts that match, kept mentions first, in pieces, each with whether it is one of the query's words."""
    kept = [str(one["text"] if isinstance(one, dict) else one.text) for one in tried["examples"]]
    parsed = parse_query(query.strip())
    return [marked(parsed, text[:400]) for text in (*kept, *tried["sample_examples"])[:5]]
