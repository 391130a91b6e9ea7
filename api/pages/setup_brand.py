"""Set-up, first step: a name becomes a query, each part of it a tick, with what it would have matched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from api import defining
from api.pages.query_warnings import warnings_shown
from api.pages.render import PageContext, page_context, render
from api.pages.setup import watched
from api.routes.looks import looks_of
from api.routes.preview import Preview, preview
from api.state import form_of, principal_of, state_of
from tocsin.core.errors import Conflict, WrongInput
from tocsin.definitions.models import Monitor
from tocsin.query import QueryError, parse_query
from tocsin.query.found import marked
from tocsin.query.proposal import BrandProposal, own_accounts, propose, query_of, words_in

router = APIRouter(include_in_schema=False)
TYPED = ("name", "handles", "hashtags", "products", "own", "languages")
"""The words that a person types; `own` are words of their own choice that are heard too."""

DAYS_BACK = 14
MOST_PARTS = 40
LONGEST_PART = 200
TICK = "t:"


@dataclass(frozen=True, slots=True)
class QueryTick:
    """One part of the query with its box."""

    text: str
    why: str
    ticked: bool


@router.get("/setup/brand")
def brand_form(request: Request) -> Response:
    """The name of the brand; the rest is proposed."""
    with state_of(request).store.read() as conn:
        ctx = page_context(request, conn)
        present = [one.name for one in watched(conn)]
    return _shown(ctx, {}, present, {})


@router.post("/setup/brand")
def propose_brand(request: Request) -> Response:
    """Propose a query, show what it would have matched, or save it as a monitor. A fault is shown at its field."""
    state, form = state_of(request), form_of(request)
    with state.store.read() as conn:
        ctx = page_context(request, conn)
        present = [one.name for one in watched(conn)]
    hears, leaves_out = _ticks(form)
    query, faults = _query(ctx, form, hears, leaves_out)
    if faults or not form.get("save"):
        tried = None if faults else _preview(ctx, query, form)
        looks = _looks(request, query, form) if form.get("look") and not faults else None
        status = 422 if faults else 200
        return _shown(ctx, form, present, faults, (hears, leaves_out), query, tried, status, looks)
    try:
        _save(request, form, query)
    except (Conflict, WrongInput, ValidationError) as error:
        fault = _fault(ctx, error)
        return _shown(ctx, form, present, fault, (hears, leaves_out), query, None, 422)
    return RedirectResponse("/setup/listen?done=saved", 303)


# -- pieces ------------------------------------------------------------------------------------------------------------------


def _save(request: Request, form: Mapping[str, str], query: str) -> None:
    state, who = state_of(request), principal_of(request)
    with state.store.read() as conn:
        zone = page_context(request, conn).fmt.zone.key
    value = Monitor(
        name=form.get("name", "").strip(),
        query=query,
        languages=_languages(form),
        timezone=zone,
        own_accounts=tuple(own_accounts(_parts(form.get("handles", "")))),
    )
    with state.store.write() as conn:
        defining.make(conn, state.settings, who, value, state.now())


def _fault(ctx: PageContext, error: Exception) -> dict[str, str]:
    if isinstance(error, Conflict):
        return {"name": ctx.fmt.translate("There is a monitor of that name already.")}
    return {"name": ctx.fmt.translate("This cannot be a name: one line, and nothing invisible.")}


def _ticks(form: Mapping[str, str]) -> tuple[list[QueryTick], list[QueryTick]]:
    """The proposal with the boxes as they stand: a part that was not shown yet has its own default."""
    wanted = _proposal(form)
    shown = set(form.get("shown", "").split("\x1f"))

    def ticks(terms: Sequence[Any]) -> list[QueryTick]:
        return [
            QueryTick(
                one.text, one.why, form.get(TICK + one.text) == "1" if one.text in shown else one.ticked
            )
            for one in terms
        ]

    return ticks(wanted.hears), ticks(wanted.leaves_out)


def _proposal(form: Mapping[str, str]) -> BrandProposal:
    lists = {name: _parts(form.get(name, "")) for name in ("handles", "hashtags", "products")}
    return propose(form.get("name", "").strip()[:256], **lists)


def _parts(text: str) -> list[str]:
    return [part[:LONGEST_PART] for part in words_in(text)[:MOST_PARTS]]


def _languages(form: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(one[:16].lower() for one in form.get("languages", "").replace(",", " ").split()[:20])


def _query(
    ctx: PageContext, form: Mapping[str, str], hears: Sequence[QueryTick], leaves_out: Sequence[QueryTick]
) -> tuple[str, dict[str, str]]:
    """The query of the ticks and of the person's own words, or the field that is wrong: what is wrong, then the line of the query
    with the place below it.
    """
    if not form.get("name", "").strip():
        return "", {"name": ctx.fmt.translate("Type the name of the brand.")}
    own = form.get("own", "").strip()
    if not hears and not own:
        return "", {
            "name": ctx.fmt.translate("Nothing in this name can be searched for: it needs letters or digits.")
        }
    parts = [one.text for one in hears if one.ticked] + ([f"({own})"] if own else [])
    query = query_of(parts, [one.text for one in leaves_out if one.ticked])
    if not query:
        return "", {
            "own": ctx.fmt.translate(
                "Nothing is ticked: tick something to listen for, or type words of your own."
            )
        }
    try:
        # The person's own words first: their place is counted in what was typed.
        for text in filter(None, (own, query)):
            parse_query(text)
    except QueryError as error:
        return query, {"own" if own else "name": ctx.fmt.language.say(error.said)}
    return query, {}


def _preview(ctx: PageContext, query: str, form: Mapping[str, str]) -> dict[str, Any]:
    """The kept mentions that the query would have matched: highlighted posts, and the volume by day."""
    wanted = Preview(query=query, languages=_languages(form), hours=24 * DAYS_BACK)
    found = preview(ctx.state, wanted)
    texts = [str(one["text"] if isinstance(one, dict) else one.text) for one in found["examples"]]
    parsed = parse_query(query)
    posts = [marked(parsed, text[:400]) for text in (*texts, *found["sample_examples"])[:6]]
    kept = {name: found[name] for name in ("stored", "sampled", "warnings")}
    return {"posts": posts, "days": found["by_day"], **kept}


def _looks(request: Request, query: str, form: Mapping[str, str]) -> list[dict[str, Any]]:
    """What networks without a key answer for the query, the words of each post marked."""
    parsed = parse_query(query)
    found = looks_of(state_of(request), principal_of(request), parsed, _languages(form))
    return [
        one | {"newest": [post | {"pieces": marked(parsed, post["text"])} for post in one["newest"]]}
        for one in found
    ]


def _shown(
    ctx: PageContext,
    form: Mapping[str, str],
    present: Sequence[str],
    faults: Mapping[str, str],
    ticks: tuple[Sequence[QueryTick], Sequence[QueryTick]] = ((), ()),
    query: str = "",
    tried: Mapping[str, Any] | None = None,
    status: int = 200,
    looks: Sequence[Mapping[str, Any]] | None = None,
) -> Response:
    return render(
        ctx,
        "setup_brand.html",
        status=status,
        form={name: form.get(name, "") for name in TYPED},
        present=present,
        faults=faults,
        hears=ticks[0],
        leaves_out=ticks[1],
        shown="\x1f".join(one.text for part in ticks for one in part),
        tick=TICK,
        query=query,
        tried=tried,
        warnings=warnings_shown(query, ctx.fmt, tried),
        looks=looks,
    )
