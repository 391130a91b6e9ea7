"""The forms of people, policies, schedules, silences and expected events: a list, a form for one, and its end.

One builder makes the routes of each kind. A kind says how its definition stands in a form and how the form is read. The models
and `api.defining` find faults, as for `tocsin apply`, and the form names each fault at its field.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError
from sqlalchemy import Connection

from api import defining
from api.answering import ANSWER, WORK
from api.pages.flash import flash_of
from api.pages.formatting import Formatter
from api.pages.history import history_address
from api.pages.i18n import ENGLISH
from api.pages.permission import permitted
from api.pages.render import PageContext, page_context, render
from api.pages.two_edits import TwoEdits, as_chosen, as_read, asked_again, two_edits
from api.state import form_of, principal_of, state_of
from tocsin.core.errors import Conflict, WrongInput
from tocsin.core.sentences import Sentence
from tocsin.definitions.models import Definition, Person, Role
from tocsin.definitions.references import WrongReference
from tocsin.definitions.repository import Defined, ended, find, kind_of, listed, names

Typed = dict[str, str]
MOST_ROWS: Final = 40

FAULTS: Final = {
    "": "This cannot be used.",
    "name": "A name is one line of characters that can be seen. It cannot be a name that stands for Tocsin itself.",
    "taken": "There is one of that name already.",
    "stale": "Somebody changed it since you opened the form. Nothing you typed is lost: take theirs or yours, field by field.",
    "email": "That is no e-mail address. One looks like ada@brand.example.",
    "timezone": "There is no such time zone. Zones are written like Europe/Amsterdam.",
    "quiet_hours": "Quiet hours are two times of day, such as 22:00 and 07:00, or both empty.",
    "starts_at": "Write a day and a time, such as 2026-11-28 18:00.",
    "ends_at": "Write a day and a time after the beginning, such as 2026-11-28 20:00.",
    "reason": "Say why, in a line or two.",
    "monitor": "There is no monitor of that name.",
    "rotation": "Choose at least one person who takes turns.",
    "turn_hours": "A turn is a whole number of hours, from 1 to 2160.",
    "overrides": "Each exception needs a person, a beginning and an end after it.",
    "steps": "Each step needs somebody to wake, and a whole number of minutes that is not below that of the step above.",
    "acknowledge_expires_minutes": "A whole number of minutes, from 1 to 1440.",
}
"""The faults, by field. A test holds each to its translations."""


def said_of(fmt: Formatter, field: str, found: str) -> str:
    """What a check finds, in the reader's language: its own sentence, else the one that goes with the field."""
    if fmt.language.code == ENGLISH or isinstance(found, Sentence):
        return fmt.language.say(found)
    return fmt.translate(FAULTS.get(field, FAULTS[""]))


@dataclass(frozen=True, slots=True)
class Look:
    """What a form must know of the rest: the names of what it may refer to, the reader's zone, and the moment."""

    people: Sequence[str]
    schedules: Sequence[str]
    monitors: Sequence[str]
    zone: ZoneInfo
    now: datetime
    # The names of those who can be on call: they are active, and may acknowledge. Then of those who may work an escalation.
    answering: Sequence[str] = ()
    working: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class FormKind:
    """A kind of definition with its form.

    `typed` gives what stands in the form, of a definition or (None) of an empty one. `given` reads the form back: the fields of
    the definition, and the fields of the form that cannot be read. `rows` gives what the list shows of each.
    """

    path: str
    model: type[Definition]
    typed: Callable[[Any, Look], Typed]
    given: Callable[[Typed, Any, Look], tuple[dict[str, Any], set[str]]]
    rows: Callable[[Sequence[Defined[Any]], Look, Connection], Any]
    fixed_name: bool = False
    more: Callable[[Defined[Any] | None, Connection], dict[str, Any]] = field(default=lambda _one, _conn: {})


def router_of(kind: FormKind) -> APIRouter:
    """The routes of one kind: list, new, edit, end."""
    router = APIRouter(include_in_schema=False)

    @router.get(f"/{kind.path}")
    def list_all(request: Request) -> Response:
        return shown_list(request, kind)

    @router.get(f"/{kind.path}/new")
    def new(request: Request) -> Response:
        with state_of(request).store.read() as conn:
            ctx = page_context(request, conn)
            look = look_of(ctx, conn)
            return shown_form(ctx, kind, kind.typed(None, look), look, None, {}, conn)

    @router.post(f"/{kind.path}/new")
    def create(request: Request) -> Response:
        return _taken(request, kind, None)

    @router.get(f"/{kind.path}/{{id}}")
    def edit(request: Request, id: str) -> Response:
        with state_of(request).store.read() as conn:
            ctx = page_context(request, conn)
            look = look_of(ctx, conn)
            present = find(conn, kind.model, id[:256])
            typed = kind.typed(present.value, look) | {"version": str(present.version)}
            return shown_form(ctx, kind, typed, look, present, {}, conn)

    @router.post(f"/{kind.path}/{{id}}")
    def change(request: Request, id: str) -> Response:
        return _taken(request, kind, id[:256])

    @router.post(f"/{kind.path}/{{id}}/end")
    def end(request: Request, id: str) -> Response:
        state, who = state_of(request), principal_of(request)
        with state.store.write() as conn:
            gone = defining.end(conn, who, kind.model, id[:256], state.now())
        return RedirectResponse(history_address(kind.path, gone.id), 303)

    return router


def shown_list(request: Request, kind: FormKind, status: int = 200, **beside: Any) -> Response:
    """The list of a kind. `beside` is what stands in a form of the list that was refused."""
    with state_of(request).store.read() as conn:
        ctx = page_context(request, conn)
        look = look_of(ctx, conn)
        rows = kind.rows(listed(conn, kind.model), look, conn)
        gone = ended(conn, kind_of(kind.model))
    flash, bad = flash_of(request, ctx.fmt)
    return render(
        ctx,
        f"list_{kind.path.replace('-', '_')}.html",
        status=status,
        rows=rows,
        look=look,
        ended=gone,
        place=kind.path,
        may_define=permitted(ctx.who, f"/{kind.path}/new"),
        may_hand_over=permitted(ctx.who, "/schedules/{id}/handover"),
        by_mail=ctx.state.settings.smtp.host is not None,
        flash=flash,
        flash_bad=bad,
        **{"handed": {}, **beside},
    )


def look_of(ctx: PageContext, conn: Connection) -> Look:
    """What the forms must know, read now."""
    people, schedules, monitors = (
        list(names(conn, one).values()) for one in ("person", "schedule", "monitor")
    )
    active = [one.value for one in listed(conn, Person) if one.value.active]
    answering, working = ([one.name for one in active if one.role in roles] for roles in (ANSWER, WORK))
    return Look(people, schedules, monitors, ctx.fmt.zone, ctx.fmt.now, answering, working)


def moment_of(text: str, zone: ZoneInfo) -> datetime | None:
    """The moment that a person typed in their zone; None where the text is no time."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=zone)


def typed_moment(at: datetime, zone: ZoneInfo) -> str:
    """A moment as it stands in a form."""
    return at.astimezone(zone).strftime("%Y-%m-%dT%H:%M")


def whole(text: str) -> int | None:
    """The whole number that was typed; None where the text is no whole number."""
    clean = text.strip()
    return int(clean) if clean.isascii() and clean.isdigit() and len(clean) < 8 else None


def chosen(typed: Typed, prefix: str, most: int = 20) -> list[str]:
    """The choices in `prefix0`, `prefix1` and so on; empty ones are left out."""
    return [one for n in range(most) if (one := typed.get(f"{prefix}{n}", "").strip())]


def spread(prefix: str, values: Sequence[str]) -> Typed:
    """Values as they stand in `prefix0`, `prefix1` and so on."""
    return {f"{prefix}{n}": one for n, one in enumerate(values)}


# -- pieces ------------------------------------------------------------------------------------------------------------------


def _taken(request: Request, kind: FormKind, id: str | None) -> Response:
    """What the form leads to: the form again with faults or with another row, or the stored definition."""
    state, who, typed = state_of(request), principal_of(request), dict(form_of(request))
    with state.store.write() as conn:
        ctx = page_context(request, conn)
        look = look_of(ctx, conn)
        present = find(conn, kind.model, id) if id else None
        if typed.get("more"):
            return shown_form(ctx, kind, asked_again(typed), look, present, {}, conn)
        value, faults = _read(kind, typed, present, look)
        if value is not None and present is not None:
            edits = _edits(conn, kind, typed, present, look, value)
            if edits is not None:
                typed["version"] = str(present.version)
                return shown_form(ctx, kind, typed, look, present, {"": "stale"}, conn, 409, edits)
        if value is not None:
            faults, said, status = {}, {}, 422
            try:
                if present is None:
                    defining.make(conn, state.settings, who, value, state.now())
                else:
                    chosen = as_chosen(value, present.value, typed)
                    defining.change(conn, state.settings, who, chosen, present, state.now(), present.version)
            except Conflict:
                faults, status = {"name": "taken"}, 409
            except ValidationError as error:
                faults = _places(error)
            except WrongReference as error:
                field = _field(error.field.split("."))
                faults, said = {field: ""}, {field: said_of(ctx.fmt, field, error.what)}
            except WrongInput:
                faults = {"": ""}
            if not faults:
                return RedirectResponse(f"/{kind.path}?done=saved", 303)
            return shown_form(
                ctx, kind, asked_again(typed), look, present, faults, conn, status, beside={"said": said}
            )
        return shown_form(ctx, kind, asked_again(typed), look, present, faults, conn, 422)


def _edits(
    conn: Connection, kind: FormKind, typed: Typed, present: Defined[Any], look: Look, value: Definition
) -> TwoEdits | None:
    """What somebody did to it since the form was read, beside what was typed; None where nothing stands against it."""
    was = as_read(conn, present, typed)
    if was is None:
        return None
    mine, _ = _read(kind, typed, replace(present, value=was), look)
    return two_edits(conn, present, typed, was, mine or value)


def _read(
    kind: FormKind, typed: Typed, present: Defined[Any] | None, look: Look
) -> tuple[Definition | None, dict[str, str]]:
    """The definition that the form describes, or the fields that are wrong with the keys of what to say."""
    given, wrong = kind.given(typed, present.value if present else None, look)
    fixed = present is not None and kind.fixed_name
    given["name"] = present.name if present and fixed else typed.get("name", "").strip()
    if wrong:
        return None, {one: one for one in wrong}
    try:
        return kind.model.model_validate(given), {}
    except ValidationError as error:
        return None, _places(error)


def _places(error: ValidationError) -> dict[str, str]:
    """The fields of the form that a refused definition is wrong in."""
    found = {_field(one["loc"]) for one in error.errors(include_url=False, include_input=False)}
    return {one: one for one in found}


def _field(place: Sequence[Any]) -> str:
    """The field of the form for a place in the definition. A fault of a time as a whole stands at its end."""
    return str(place[0]) if place else ""


def shown_form(
    ctx: PageContext,
    kind: FormKind,
    typed: Typed,
    look: Look,
    present: Defined[Any] | None,
    faults: Mapping[str, str],
    conn: Connection,
    status: int = 200,
    edits: TwoEdits | None = None,
    beside: Mapping[str, Any] | None = None,
) -> Response:
    """The form. `beside` is what a form beside it needs: its faults (`said`) in the reader's language, and what stands in it."""
    more = 2 if typed.get("more") else 1
    said = {one: ctx.fmt.translate(FAULTS.get(key or one, FAULTS[""])) for one, key in faults.items()}
    flash, bad = flash_of(ctx.request, ctx.fmt)
    schedules = [(f"schedule:{one}", f"{one} ({ctx.fmt.translate('schedule')})") for one in look.schedules]
    return render(
        ctx,
        f"form_{kind.path.replace('-', '_')}.html",
        status=status,
        form=_Blank(typed),
        rows=lambda prefix: len(chosen(typed, prefix, 60)) + more,
        step_count=max(1, _count(typed, "s", ".after") + more - 1),
        override_count=_count(typed, "o", ".person", ".from") + more,
        people_choices=[(one, one) for one in look.answering],
        target_choices={
            "steps": _targets(look.answering) + schedules,
            "pr": _targets(look.working) + schedules,
            "legal": _targets(look.working) + schedules,
            "fallback": _targets(look.answering) + schedules,
            "heads_up": _targets(look.people) + schedules,
        },
        monitor_choices=[(one, one) for one in look.monitors],
        role_choices=[(one.value, ctx.fmt.term("role", one.value)) for one in Role],
        id=present.id if present else None,
        name=present.name if present else "",
        fixed_name=kind.fixed_name,
        faults=said | (beside or {}).get("said", {}),
        edits=edits,
        place=kind.path,
        quoted=quote(present.id, safe="") if present else "",
        by_mail=ctx.state.settings.smtp.host is not None,
        flash=flash,
        flash_bad=bad,
        **kind.more(present, conn) | {k: v for k, v in (beside or {}).items() if k != "said"},
    )


def _targets(people: Sequence[str]) -> list[tuple[str, str]]:
    """People as a policy names them, with their names."""
    return [(f"person:{one}", one) for one in people]


def _count(typed: Typed, prefix: str, *names: str) -> int:
    """How many rows `prefix0`, `prefix1` and so on have something in them, up to the last one."""
    filled = [
        n for n in range(MOST_ROWS) if any(typed.get(f"{prefix}{n}{name}", "").strip() for name in names)
    ]
    return filled[-1] + 1 if filled else 0


class _Blank(dict[str, str]):
    """The texts that were typed; a field without one is empty."""

    def __missing__(self, name: str) -> str:
        return ""
