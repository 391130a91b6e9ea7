"""Alerts: the list, and the page of one alert with its evidence, its record and its buttons."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection

from alerts.alert import Alert
from alerts.held_by import held_by
from alerts.message import common_in
from alerts.states import STATUSES, for_people
from alerts.verdicts import VERDICTS, verdict_of
from alerts.views import Found, Wanted, find_alerts
from api.pages.card import Card, card
from api.pages.charts import Mark
from api.pages.day_chart import draw_day_chart
from api.pages.flash import flash_of
from api.pages.models import SLOT
from api.pages.normal import normal_of
from api.pages.permission import may_undo, permitted, permitted_actions
from api.pages.render import PageContext, page_context, render
from api.state import state_of
from tocsin.core.errors import NotFound
from tocsin.core.facets import FACETS
from tocsin.core.signal_kinds import SIGNAL_KINDS
from tocsin.definitions.repository import names

router = APIRouter(include_in_schema=False)
PAGE = 50
GROUP = {"live": "open"}
"""What the page calls the group of statuses that API and command line call open."""
# The monitors in the list to choose from.
MONITORS = 1000
LISTED = tuple(status for status in STATUSES if status != "candidate")


@router.get("/alerts")
def alert_list(request: Request) -> Response:
    """A page of the list, the newest first. A filter that cannot be read is ignored; a bad cursor is 422. An unknown monitor is
    said.
    """
    asked = request.query_params
    status = asked.get("status") if asked.get("status") in ("live", *LISTED) else None
    severity = int(asked["severity"]) if asked.get("severity") in ("1", "2", "3", "4") else None
    monitor = asked.get("monitor", "")[:64] or None
    with state_of(request).store.read() as conn:
        ctx = page_context(request, conn)
        wanted = Wanted(
            status=(GROUP.get(status, status),) if status else (),
            severity=(severity,) if severity else (),
            monitor=monitor,
            cursor=asked.get("cursor"),
            limit=PAGE,
        )
        try:
            found, unknown = find_alerts(conn, wanted), False
        except NotFound:
            found, unknown = Found([], {}, None), True
        monitors = names(conn, "monitor", most=MONITORS)
        holds = ctx.state.held_times.now(conn, ctx.fmt.now, ctx.banner.stamp)
    kept = {"status": status, "severity": severity, "monitor": monitor, "cursor": found.next_cursor}
    address = "/alerts?" + urlencode({name: value for name, value in kept.items() if value})
    return render(
        ctx,
        "alerts.html",
        alerts=found.alerts,
        holders=found.holders,
        more=address if found.next_cursor else None,
        wanted=status,
        severity=severity,
        monitor=monitor,
        unknown=unknown,
        monitors=monitors.items(),
        statuses=LISTED,
        may_acknowledge=False,
        holding=holds,
    )


@router.get("/alerts/{id}")
def alert_detail(request: Request, id: str) -> Response:
    """The page of one alert: what, where, since when, why, the posts, the record, and the buttons that are possible now."""
    state = state_of(request)
    with state.store.read() as conn:
        ctx = page_context(request, conn)
        patience = timedelta(minutes=state.settings.alerting.blind_after_minutes)
        about = card(conn, id, state.now(), blind_after=patience)
        verdict = verdict_of(conn, id)
        holders = held_by(conn, [about.alert])
        normal = normal_of(conn, about.alert.monitor_id)
        a, may = about.alert, permitted_actions(ctx.who, "/alerts/{id}")
        actions = for_people(a.status)
        others = _others(conn, a.id) if "merge" in actions and may("merge") else []
    flash, bad = flash_of(request, ctx.fmt)
    return render(
        ctx,
        "alert.html",
        linked=False,
        holders=holders,
        correct=a.monitor_id if permitted(ctx.who, "/monitors/{id}/correct") else None,
        back=request.url.path,
        can={
            "acknowledge": "acknowledge" in actions,
            "escalate": "escalate" in actions,
            "dismiss": "dismiss" in actions,
            "snooze": "snooze" in actions,
            "resolve": "resolve" in actions,
            "reopen": "reopen" in actions,
            "severity": "raise" in actions,
        },
        may=may,
        others=others,
        normal=normal,
        verdict=verdict,
        verdicts=VERDICTS,
        monitor_id=a.monitor_id,
        may_accept=permitted(ctx.who, "/monitors/{id}/normal"),
        may_undo=may_undo(ctx.who, normal, state.now()),
        flash=flash,
        flash_bad=bad,
        **card_context(ctx, about),
    )


def _others(conn: Connection, id: str) -> list[Alert]:
    """The open alerts into which this one may be merged, the newest first."""
    return [one for one in find_alerts(conn, Wanted(status=("open",), limit=PAGE)).alerts if one.id != id]


def card_context(ctx: PageContext, about: Card) -> dict[str, Any]:
    """The data behind the figures, posts and chart of an alert, on its page and behind a notice's link."""
    a, mark = about.alert, None
    evidence = a.readable_evidence
    if evidence and a.kind == SIGNAL_KINDS.lead.kind:
        mark = Mark(evidence.window_start, evidence.window_end, ctx.fmt.translate("judged"))
    return {
        "card": about,
        "feel": [(facet, some) for facet in FACETS if evidence and (some := common_in(evidence, facet))],
        "chart_until": about.chart[-1].at + SLOT if about.chart else a.last_signal_at,
        "day_chart": draw_day_chart(about.chart, ctx.fmt, a.monitor, mark),
    }
