"""Back-tests on the page: a monitor's last one, charted, the button that asks for one, and the proposals to decide."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api import backtests
from api.pages.backtest_chart import draw_backtest
from api.pages.curve_chart import draw_curve
from api.pages.flash import flash_of
from api.pages.permission import permitted
from api.pages.render import page_context, render
from api.state import form_of, principal_of, state_of
from tocsin.core.errors import WrongInput
from tocsin.core.sentences import Sentence
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import find

router = APIRouter(include_in_schema=False)
DECISIONS = ("accepted", "refused")


@router.get("/monitors/{id}/backtests")
def backtest_page(request: Request, id: str) -> Response:
    """The newest result, what waits, and what is proposed."""
    with state_of(request).store.read() as conn:
        ctx = page_context(request, conn)
        monitor = find(conn, Monitor, id[:256])
        found = backtests.of_monitor(conn, monitor.id)
    asked = [one for one in found if one.change is None]
    done = next((one for one in asked if one.result is not None), None)
    result: dict[str, Any] = dict(done.result or {}) if done else {}
    return render(
        ctx,
        "backtests.html",
        m=monitor,
        waits=next((one for one in asked if one.waits), None),
        last=next(iter(asked), None),
        done=done,
        proposals=[one for one in found if one.asks],
        alerts=[one | {"at": datetime.fromisoformat(one["at"])} for one in result.get("alerts", ())],
        first=datetime.fromisoformat(result["first"]) if result else None,
        until=datetime.fromisoformat(result["last"]) if result else None,
        chart=draw_backtest(backtests.by_step(result), ctx.fmt, monitor.name),
        curve=draw_curve(result["curve"], result["promise"], ctx.fmt, monitor.name) if result else None,
        silent=backtests.SILENT,
        may_ask=permitted(ctx.who, "/monitors/{id}/backtests"),
        may_decide=permitted(ctx.who, "/backtests/{id}/decide"),
        flash=flash_of(request, ctx.fmt)[0],
    )


@router.post("/monitors/{id}/backtests")
def ask(request: Request, id: str) -> Response:
    """Ask for a back-test."""
    state, who = state_of(request), principal_of(request)
    with state.store.write() as conn:
        monitor = find(conn, Monitor, id[:256])
        backtests.ask(conn, monitor, now=state.now(), actor=who.label)
    return RedirectResponse(f"/monitors/{monitor.id}/backtests?done=asked", 303)


@router.post("/backtests/{id}/cancel")
def cancel(request: Request, id: str) -> Response:
    """Cancel a back-test."""
    state = state_of(request)
    with state.store.write() as conn:
        one = backtests.cancel(conn, id[:64], state.now())
    return RedirectResponse(f"/monitors/{one.monitor_id}/backtests?done=cancelled", 303)


@router.post("/backtests/{id}/decide")
def decide(request: Request, id: str) -> Response:
    """Accept or refuse a proposal."""
    state, who, decision = state_of(request), principal_of(request), form_of(request).get("decision", "")
    if decision not in DECISIONS:
        raise WrongInput(
            Sentence(
                "a proposal is {choices}, not {decision}",
                choices=" or ".join(DECISIONS),
                decision=repr(decision[:20]),
            )
        )
    with state.store.write() as conn:
        one = backtests.decide(conn, id[:64], decision, now=state.now(), actor=who.label, role=who.role.value)
    return RedirectResponse(f"/monitors/{one.monitor_id}?done={decision}", 303)
