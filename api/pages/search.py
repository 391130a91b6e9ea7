"""`/mentions`: stored mentions, searched by words."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from sqlalchemy import Row

from api.pages.card import collapsed, post_of
from api.pages.field_values import NAMES_OF_SPOKEN
from api.pages.permission import permitted
from api.pages.render import page_context, render
from api.pages.terms import LABELS
from api.state import state_of
from processors.corrections.correct import PERSON, LabelFor, toward
from processors.detection.day_stories import DayStory, day_stories
from processors.mention_search import SEARCH_KEY, MentionFilter, search_key, search_mentions
from processors.own_accounts import written_by_the_brand
from processors.understand import default_scorers
from tocsin.core.cursor import decode_cursor, page_of
from tocsin.core.errors import NotFound, WrongInput
from tocsin.core.facets import FACETS
from tocsin.core.signal import TopMention
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import find, names
from tocsin.store.mentions import Key
from tocsin.store.search import LONGEST, parse_search

router = APIRouter(include_in_schema=False)
AT_ONCE: Final = 30
# What the queries of monitors know and a search does not.
OPERATORS: Final = re.compile(r"\b(?:AND|OR|NOT|lang:|source:|author:|followers>|near/\d+)")
LANGUAGE: Final = re.compile(r"[a-z]{2,3}")
# The monitors in the list to choose from.
MONITORS: Final = 1000


@router.get("/mentions")
def mention_list(request: Request) -> Response:
    """A page of the mentions that say all that is asked for, the newest first. A monitor is named by its id or its name; one that
    does not exist is said. A tone or a facet that is not known, and what is no code of a language, is ignored.
    """
    asked = request.query_params
    typed = asked.get("q", "").strip()
    label = asked.get("label") if asked.get("label") in LABELS else None
    told = [(facet, value) for facet, values in FACETS.items() for value in values]
    facets = [one for one in told if ":".join(one) == asked.get("facet")]
    lang = asked.get("lang") if LANGUAGE.fullmatch(asked.get("lang", "")) else None
    by = PERSON if asked.get("by") == PERSON and asked.get("monitor") else None
    # The field of the form that is at fault.
    fault, faulty = "", ""
    found, more, known, brands = list[Row[Any]](), None, dict[Key, LabelFor](), set[Key]()
    stories: dict[Key, DayStory] = {}
    with state_of(request).store.read() as conn:
        ctx = page_context(request, conn)
        monitors = names(conn, "monitor", most=MONITORS)
        monitor = None
        try:
            monitor = find(conn, Monitor, asked["monitor"]).id if asked.get("monitor") else None
            criteria = MentionFilter(
                monitor,
                label=label,
                lang=lang,
                facets=facets,
                phrases=parse_search(typed) if typed else (),
                by=by,
            )
            rows = search_mentions(
                conn, criteria, decode_cursor(asked.get("cursor"), *SEARCH_KEY), AT_ONCE + 1
            )
            found, more = page_of(rows, AT_ONCE, search_key)
            keys = [(row.source, row.id) for row in found]
            known = toward(conn, monitor, keys) if monitor else known
            brands = written_by_the_brand(conn, keys, monitor)
            stories = day_stories(conn, monitor, found) if monitor else stories
        except (NotFound, WrongInput) as error:
            fault, faulty = ctx.fmt.language.say(error.said), "m" if isinstance(error, NotFound) else "q"
    facet = ":".join(facets[0]) if facets else None
    kept = {
        "q": typed,
        "monitor": monitor,
        "label": label,
        "lang": lang,
        "facet": facet,
        "by": by,
        "cursor": more,
    }
    return render(
        ctx,
        "mentions.html",
        status=422 if fault else 200,
        posts=collapsed(
            [
                post_of(row, _told(row), known.get((row.source, row.id)), own=(row.source, row.id) in brands)
                for row in found
            ],
            stories,
        ),
        correct=monitor if permitted(ctx.who, "/monitors/{id}/correct") else None,
        back=f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path,
        more="/mentions?" + urlencode({name: value for name, value in kept.items() if value}) if more else "",
        typed=typed[:LONGEST],
        operators=list(dict.fromkeys(OPERATORS.findall(typed[:LONGEST])))[:5],
        longest=LONGEST,
        fault=fault,
        faulty=faulty,
        monitor=monitor,
        monitors=monitors.items(),
        label=label,
        labels=LABELS,
        chosen=lang,
        spoken=_spoken(lang),
        facet=facet,
        facets=FACETS,
        by=by,
    )


def _spoken(chosen: str | None) -> list[tuple[str, str]]:
    """The languages to choose from, each with its name: those that have a scorer, and the one that was asked for."""
    spoken = {code for scorer in default_scorers() for code in scorer.languages}
    named = [(code, NAMES_OF_SPOKEN.get(code, code)) for code in spoken | ({chosen} if chosen else set())]
    return sorted(named, key=lambda one: one[1].casefold())


def _told(row: Row[Any]) -> TopMention:
    """What a list says of a mention by itself."""
    return TopMention(row.source, row.id, row.followers or 0, row.label)
