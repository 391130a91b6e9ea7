"""Every view of the page with an address that shows it, and what the seeded night lacks to show all of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, select

from api import backtests, erasures, imports
from api.auth.keys import create_key
from tests.browser.served import SeededApp
from tocsin.definitions.models import KINDS, Channel, Monitor, Person, Role
from tocsin.definitions.repository import find, save
from tocsin.intake.dead_letters import dead_letter_row, record_dead_letter
from tocsin.store import schema as s

ADDRESSES: Final[Mapping[str, str]] = {
    "/": "/",
    "/alerts": "/alerts",
    "/alerts/{id}": "/alerts/al_crisis",
    "/alerts/{id}/explanation": "/alerts/al_crisis/explanation",
    "/dead-letters": "/dead-letters",
    "/dead-letters/{id}": "/dead-letters/{letter}",
    "/erasures": "/erasures",
    "/erasures/{id}": "/erasures/{erasure}",
    "/escalations": "/escalations",
    "/escalations/{id}": "/escalations/es_pr",
    "/expected-events": "/expected-events",
    "/expected-events/new": "/expected-events/new",
    "/expected-events/{id}": "/expected-events/{launch}",
    "/expected-events/{id}/history": "/expected-events/{launch}/history",
    "/imports": "/imports",
    "/imports/new": "/imports/new?file=report.csv",
    "/imports/{id}": "/imports/{import}",
    "/keys": "/keys",
    "/links/{token}": "/links/{link}",
    "/me": "/me",
    "/mentions": "/mentions",
    "/monitors": "/monitors",
    "/monitors/new": "/monitors/new",
    "/monitors/{id}": "/monitors/m_orvane",
    "/monitors/{id}/backtests": "/monitors/m_orvane/backtests",
    "/monitors/{id}/edit": "/monitors/m_orvane/edit",
    "/monitors/{id}/history": "/monitors/m_orvane/history",
    "/people": "/people",
    "/people/new": "/people/new",
    "/people/{id}": "/people/p_ada",
    "/people/{id}/history": "/people/p_ada/history",
    "/policies": "/policies",
    "/policies/new": "/policies/new",
    "/policies/{id}": "/policies/{night}",
    "/policies/{id}/history": "/policies/{night}/history",
    "/retention": "/retention",
    "/schedules": "/schedules",
    "/schedules/new": "/schedules/new",
    "/schedules/{id}": "/schedules/{desk}",
    "/schedules/{id}/history": "/schedules/{desk}/history",
    "/sessions": "/sessions",
    "/settings": "/settings",
    "/settings/mail": "/settings/mail",
    "/settings/reach": "/settings/reach",
    "/setup": "/setup",
    "/setup/brand": "/setup/brand",
    "/setup/listen": "/setup/listen",
    "/setup/ring": "/setup/ring",
    "/setup/wake": "/setup/wake",
    "/signin": "/signin",
    "/signin/{token}": "/signin/{signin}",
    "/silences": "/silences",
    "/silences/new": "/silences/new",
    "/silences/{id}": "/silences/{moving}",
    "/silences/{id}/history": "/silences/{moving}/history",
    "/sources/new": "/sources/new",
    "/sources/{id}": "/sources/src_kuzey-feed",
    "/sources/{id}/edit": "/sources/src_kuzey-feed/edit",
    "/sources/{id}/history": "/sources/src_kuzey-feed/history",
    "/wall": "/wall",
    "/wall/{token}": "/wall/{wall}",
}
"""By the template of its route, as `api.auth.rules.PAGES` has it. What stands in braces in an address comes from `furnish`."""

DEFINED: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "desk": ("schedule", {"rotation": ["Ada Yılmaz", "Pim de Wit"], "starts_at": -300, "overrides": []}),
    "night": ("policy", {"steps": [{"after_minutes": 0, "targets": ["schedule:desk"]}]}),
    "moving": ("silence", {"starts_at": -60, "ends_at": 120, "reason": "the move"}),
    "launch": ("expected_event", {"monitor": "Orvane baby food", "starts_at": -60, "ends_at": 120}),
}
"""Kind and body of what is defined, by its name; times in minutes from now."""


def furnish(one: SeededApp) -> dict[str, str]:
    """Give the night one of everything that it lacks; returns what the addresses name."""
    now, by, role = one.clock.now(), "Robin Admin", "admin"
    folder = one.runtime.settings.data / "imports"
    folder.mkdir(exist_ok=True)
    (folder / "report.csv").write_text("text,created_at\nOrvane,2026-11-20 10:00\n", "utf-8")
    with one.store.write() as conn:
        root = find(conn, Person, "p_root").value
        mail = Channel.model_validate({"kind": "email", "to": "robin@orvane.example"})
        save(conn, root.model_copy(update={"channels": (mail,)}), now=now, actor=by, id="p_root")
        ids = {name: _defined(conn, name, now) for name in DEFINED}
        handle = conn.execute(
            select(s.mentions.c.author_handle).where(s.mentions.c.author_handle.is_not(None)).limit(1)
        ).scalar_one()
        letter = record_dead_letter(
            conn,
            dead_letter_row(
                now=now, source="forum", reason="bad_time", message="no time", payload=b'{"id": 1}'
            ),
        )
        job = imports.ask(conn, imports.IMPORT, "report.csv", None, now=now, actor=by, role=role)
        backtests.ask(conn, find(conn, Monitor, "m_orvane"), now=now, actor=by)
        _, wall = create_key(conn, name="wall", role=Role.VIEWER, scopes=["wall"], now=now)
    asked = erasures.ask(one.store, erasures.subject_of("author", handle), 100, now=now, actor=by, role=role)
    return ids | {
        "letter": letter,
        "erasure": asked.id,
        "import": job.id,
        "wall": wall,
        "link": one.action_token(),
        "signin": one.signin_token(),
    }


def _defined(conn: Connection, name: str, now: datetime) -> str:
    kind, body = DEFINED[name]
    times = {key: now + timedelta(minutes=value) for key, value in body.items() if key.endswith("_at")}
    value = KINDS[kind].model_validate({"name": name, **body, **times})
    return save(conn, value, now=now, actor="Robin Admin").id
