"""The mail server, as a form: what is in force and where it is set; a new one is tried with a test mail before it is taken.

`api.mailing` says why an administrator may set it here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.mailing import FAULTS, BadMail, NotSent, TypedMail, take_mail
from api.pages.channels import person_of
from api.pages.flash import flash_of
from api.pages.render import page_context, render
from api.pages.terms import PROTECTIONS
from api.state import form_of, state_of
from tocsin.access.address import PAGE
from tocsin.access.mail import KEYS, set_elsewhere
from tocsin.core.errors import Conflict
from tocsin.definitions.models import Person
from tocsin.definitions.repository import find

router = APIRouter(include_in_schema=False)
FIELDS: Final = ("host", "port", "security", "username", "sender", "to")


@router.get("/settings/mail")
def mail_form(request: Request) -> Response:
    """The mail server in force, and the form that changes it."""
    return _shown(request)


@router.post("/settings/mail")
def change_mail(request: Request) -> Response:
    """Try the server with a test mail and take it, or send no mail any more. A fault is shown at its field."""
    state, who, form = state_of(request), person_of(request), form_of(request)
    try:
        if form.get("do") == "end":
            take_mail(state, who, None)
            return RedirectResponse("/settings/mail?done=mail_ended", 303)
        take_mail(state, who, _typed(form))
    except BadMail as bad:
        return _shown(request, form, {bad.field: FAULTS[bad.key]}, 422)
    except NotSent as failed:
        return _shown(request, form, {}, 422, said=failed.detail)
    except Conflict:
        return _shown(request, form, {}, 409)
    return RedirectResponse("/settings/mail?done=mail_taken", 303)


def _typed(form: Mapping[str, str]) -> TypedMail:
    port = form.get("port", "").strip()
    return TypedMail(
        host=form.get("host", ""),
        port=int(port) if port.isascii() and port.isdigit() and len(port) < 6 else 0,
        security=form.get("security", ""),
        username=form.get("username", ""),
        password=form.get("password") or None,
        sender=form.get("sender", ""),
        to=form.get("to", "").strip() or None,
    )


def _shown(
    request: Request,
    typed: Mapping[str, str] | None = None,
    faults: Mapping[str, str] | None = None,
    status: int = 200,
    said: str = "",
) -> Response:
    """The form. A password is never in it, nor what was typed as one."""
    state, who = state_of(request), person_of(request)
    with state.store.read() as conn:
        ctx = page_context(request, conn)
        to = find(conn, Person, who.id).value.email or ""
    smtp = state.settings.smtp
    present = {**smtp.model_dump(), "username": smtp.username or "", "host": smtp.host or "", "to": to}
    flash, bad = flash_of(request, ctx.fmt)
    return render(
        ctx,
        "mail.html",
        status=status,
        smtp=smtp,
        form={name: str((typed or present).get(name, "")) for name in FIELDS},
        protections=tuple(PROTECTIONS),
        faults={name: ctx.fmt.translate(words) for name, words in (faults or {}).items()},
        said=said,
        stale=status == 409,
        elsewhere=set_elsewhere(state.origins),
        on_page=any(state.origins.get(key) == PAGE for key in KEYS),
        flash=flash,
        flash_bad=bad,
    )
