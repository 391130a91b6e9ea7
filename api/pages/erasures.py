"""Erasure on the page: who or what is named, what would go, a button that says how much, and the jobs."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api import erasures
from api.erasures import PLACES, WouldGo
from api.pages.render import page_context, render
from api.routes.imports import import_folder
from api.state import form_of, principal_of, state_of
from tocsin.core.errors import Conflict, WrongInput

router = APIRouter(include_in_schema=False)

FAULTS = {
    "value": "Name an author by handle or id, or a post by its address or id.",
    "nothing": "Nothing of that author or post is kept.",
    "more": "There are more posts by now. Look once more at what would be erased.",
    "sure": "Tick the box that says that you have checked it.",
}


@router.get("/erasures")
def overview(request: Request) -> Response:
    """The form, and what was erased so far."""
    return _page(request, {"what": "author"})


@router.post("/erasures")
def look_or_erase(request: Request) -> Response:
    """Show what would go; with the count of that look and the tick, ask for it."""
    state, who, form = state_of(request), principal_of(request), form_of(request)
    try:
        subject = erasures.subject_of(
            form.get("what", ""),
            form.get("value", ""),
            form.get("network", ""),
            typed=form.get("typed") == "1",
        )
    except WrongInput:
        return _page(request, form, {"value": "value"}, status=422)
    posts = form.get("posts", "")
    counted = posts.isascii() and posts.isdigit() and len(posts) < 10
    if counted and form.get("sure") == "1":
        try:
            job = erasures.ask(
                state.store, subject, int(posts), now=state.now(), actor=who.label, role=who.role.value
            )
        except Conflict:
            return _preview(request, form, {"": "more"}, 409)
        except WrongInput:
            return _page(request, form, {"value": "nothing"}, status=422)
        return RedirectResponse(f"/erasures/{job.id}", 303)
    faults = {"sure": "sure"} if counted else {}
    return _preview(request, form, faults, 422 if faults else 200)


@router.get("/erasures/{id}")
def one(request: Request, id: str) -> Response:
    """How far a job is, and what went."""
    with state_of(request).store.read() as conn:
        ctx = page_context(request, conn)
        job = erasures.get(conn, id[:64])
    return render(ctx, "erasure.html", j=job, places=PLACES)


@router.post("/erasures/{id}/again")
def again(request: Request, id: str) -> Response:
    """Let one that failed go on."""
    state = state_of(request)
    with state.store.write() as conn:
        job = erasures.again(conn, id[:64], state.now())
    return RedirectResponse(f"/erasures/{job.id}", 303)


def _preview(request: Request, form: Mapping[str, str], faults: Mapping[str, str], status: int) -> Response:
    subject = erasures.subject_of(form.get("what", ""), form.get("value", ""), form.get("network", ""))
    with state_of(request).store.read() as conn:
        found = erasures.preview(conn, subject)
    if not found.anything:
        return _page(request, form, {"value": "nothing"}, status=422)
    return _page(request, form, faults, found, status)


def _page(
    request: Request,
    form: Mapping[str, str],
    faults: Mapping[str, str] | None = None,
    found: WouldGo | None = None,
    status: int = 200,
) -> Response:
    with state_of(request).store.read() as conn:
        ctx = page_context(request, conn)
        jobs = erasures.listed(conn)
    return render(
        ctx,
        "erasures.html",
        status=status,
        form={"what": "author", "value": "", "network": "", "typed": "", **form},
        faults={name: ctx.fmt.translate(FAULTS[key]) for name, key in (faults or {}).items()},
        found=found,
        places=PLACES,
        most=erasures.READ,
        stream_hours=_kafka_hours(request),
        files=import_folder(state_of(request)).names() if found else [],
        jobs=jobs,
        waits=any(job.waits for job in jobs),
    )


def _kafka_hours(request: Request) -> int | None:
    """How long the log keeps what an erasure does not reach; None where the log drops records once they are stored."""
    stream = state_of(request).settings.stream
    return stream.retention_hours if (stream.url or "").startswith("kafka") else None
