"""Set-up, second step: where to listen. The networks that need no key come first, each with a tick and a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from api import defining
from api.pages.render import PageContext, page_context, render
from api.pages.setup import watched
from api.routes.sources import trial_of
from api.state import form_of, principal_of, state_of
from tocsin.core.errors import WrongInput
from tocsin.core.sentences import Sentence
from tocsin.definitions.models import SourceDef
from tocsin.definitions.repository import listed
from tocsin.query import Query, QueryError, parse_query
from tocsin.query.found import marked

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A source that can be made at once. `asks` names the one setting that a person types, `example` how that looks."""

    kind: str
    settings: Mapping[str, Any]
    ticked: bool = False
    asks: str | None = None
    example: str = ""
    many: bool = False
    optional: bool = False


# Those without a key, the widest first.
RECIPES: Final = (
    Recipe("bluesky", {}, ticked=True),
    Recipe(
        "mastodon",
        {"hashtags_of_monitors": True},
        ticked=True,
        asks="instances",
        example="mastodon.social",
        many=True,
        optional=True,
    ),
    Recipe("lemmy", {}, ticked=True, asks="instances", example="lemmy.world", many=True, optional=True),
    Recipe("hackernews", {}, ticked=True),
    Recipe("gdelt", {}, asks="query", example='"Orvane" sourcelang:dutch'),
    Recipe("feed", {}, asks="url", example="https://news.example/feed.xml"),
    Recipe("telegram", {}, asks="channel", example="orvanenews"),
    Recipe("discourse", {}, asks="forums", example="forum.example", many=True),
    Recipe("appstore", {}, asks="app", example="1108187390"),
    Recipe("youtube", {}, asks="channel", example="UC..."),
)


@dataclass(frozen=True, slots=True)
class NetworkRow:
    """One network as the form shows it."""

    recipe: Recipe
    ticked: bool
    typed: str
    present: bool
    fault: str = ""
    trial: Mapping[str, Any] | None = None


@router.get("/setup/listen")
def networks(request: Request) -> Response:
    """The networks, those ticked that hear a brand widely."""
    return _shown(request, {}, {})


@router.post("/setup/listen")
def listen(request: Request) -> Response:
    """Test one network, or make the sources that are ticked. A fault is shown at its network, and then none is made."""
    form = form_of(request)
    if form.get("try"):
        return _tested(request, form, form["try"])
    wanted = [one for one in RECIPES if form.get(one.kind) == "1"]
    definitions, faults = _definitions(request, form, wanted)
    if not wanted:
        faults[""] = "none"
    if faults:
        return _shown(request, form, faults, status=422)
    state, who = state_of(request), principal_of(request)
    with state.store.write() as conn:
        taken = {one.name for one in listed(conn, SourceDef)}
        for one in definitions:
            if one.name not in taken:
                defining.make(conn, state.settings, who, one, state.now())
    return RedirectResponse("/setup/wake?done=saved", 303)


# -- pieces ------------------------------------------------------------------------------------------------------------------


def _tested(request: Request, form: Mapping[str, str], kind: str) -> Response:
    recipe = next((one for one in RECIPES if one.kind == kind), None)
    if recipe is None:
        raise WrongInput(
            Sentence(
                "unknown kind {kind}; known: {choices}",
                kind=repr(kind[:40]),
                choices=", ".join(one.kind for one in RECIPES),
            )
        )
    definitions, faults = _definitions(request, form, [recipe])
    if faults:
        return _shown(request, form, faults, status=422)
    trial = trial_of(state_of(request), definitions[0])
    return _shown(request, form, {}, {kind: _marked(request, trial)})


def _definitions(
    request: Request, form: Mapping[str, str], wanted: Sequence[Recipe]
) -> tuple[list[SourceDef], dict[str, str]]:
    """The sources, and what is wrong with some, by kind."""
    found, faults = [], {}
    with state_of(request).store.read() as conn:
        fmt = page_context(request, conn).fmt
        for one in wanted:
            text = form.get(f"{one.kind}.value", "").strip()
            asked = _asked(one, text)
            if one.asks and not asked and not one.optional:
                faults[one.kind] = fmt.translate("Type it here, for example {example}", example=one.example)
                continue
            name = f"{one.kind} {text}"[:200] if one.asks and text else one.kind
            try:
                value = SourceDef.model_validate({"name": name, "kind": one.kind, **one.settings, **asked})
                defining.require_possible(conn, state_of(request).settings, value)
            except (ValidationError, WrongInput):
                faults[one.kind] = fmt.translate(
                    "This cannot be used. It looks like {example}", example=one.example
                )
            else:
                found.append(value)
    return found, faults


def _asked(recipe: Recipe, text: str) -> dict[str, Any]:
    if not recipe.asks or not text:
        return {}
    parts = [part for part in text.replace(",", " ").split() if part]
    return {recipe.asks: parts if recipe.many else text}


def _marked(request: Request, trial: Mapping[str, Any]) -> dict[str, Any]:
    """The trial, each post with whether a monitor hears it and its words marked."""
    with state_of(request).store.read() as conn:
        queries = [parsed for one in watched(conn) if (parsed := _parsed(one.value.query))]
    posts = []
    for post in trial["newest"]:
        tried = [marked(query, post["text"]) for query in queries]
        pieces = next((one for one in tried if any(hit for _, hit in one)), [(post["text"], False)])
        posts.append({**post, "pieces": pieces, "heard": any(hit for _, hit in pieces)})
    return {**trial, "newest": posts}


def _parsed(query: str) -> Query | None:
    try:
        return parse_query(query)
    except QueryError:
        return None


def _shown(
    request: Request,
    form: Mapping[str, str],
    faults: Mapping[str, str],
    trials: Mapping[str, Any] | None = None,
    status: int = 200,
) -> Response:
    with state_of(request).store.read() as conn:
        ctx: PageContext = page_context(request, conn)
        present = listed(conn, SourceDef)
    kinds = {one.value.kind for one in present}
    rows = [
        NetworkRow(
            one,
            form.get(one.kind) == "1" if form else one.ticked and one.kind not in kinds,
            form.get(f"{one.kind}.value", ""),
            one.kind in kinds,
            faults.get(one.kind, ""),
            (trials or {}).get(one.kind),
        )
        for one in RECIPES
    ]
    return render(
        ctx, "setup_listen.html", status=status, rows=rows, present=present, nothing="" in faults, flash=""
    )
