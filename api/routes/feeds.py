"""Feeds by token: alerts as Atom, as RSS and as a calendar, and who is on call as a calendar.

The token stands in the address, because readers of feeds and calendars send no header. It is a key with the scope `feed` and can
do nothing else. A token that is unknown or revoked is a 404.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, time, timedelta
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from sqlalchemy import Connection

from alerts import directory
from alerts.alert import Alert
from alerts.on_call import calendar_title, shifts
from alerts.speakers import nameless
from alerts.states import CANDIDATE, STATUSES, SUPPRESSED
from alerts.story import copies_below, headline, negatives_below
from alerts.views import Wanted, find_alerts
from alerts.words import Words, words_for
from api.auth.keys import principal_of_address
from api.etags import alerts_revision, etag_or_304, list_etag, slot
from api.feeds import FeedEntry, atom, calendar, rss
from api.problems import PROBLEMS
from api.state import AppState, State
from tocsin.access.links import page_address
from tocsin.core.clock import DAY
from tocsin.core.errors import WrongInput
from tocsin.definitions.models import Policy, known_zone

router = APIRouter(prefix="/v1/feeds", tags=["feeds"], responses={404: PROBLEMS[404]})

Token = Annotated[str, Path(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_-]+$")]
Lang = Annotated[
    str | None, Query(max_length=35, description="The language of the headlines; default: English.")
]
Tz = Annotated[str | None, Query(max_length=64, description="The zone of times in texts; default: UTC.")]

NEWEST = 100
"""The alerts of a feed."""
BEFORE, AHEAD = timedelta(days=7), timedelta(days=60)
"""The shifts of a calendar, from and to so long before and after today."""
MOST_SHIFTS = 2000
PERSON = "person:"
FIRED = tuple(one for one in STATUSES if one not in (CANDIDATE, SUPPRESSED))
WriteFeed = Callable[[str, str, str, Sequence[FeedEntry], datetime], bytes]
ATOM, RSS = "application/atom+xml; charset=utf-8", "application/rss+xml; charset=utf-8"
ICS = "text/calendar; charset=utf-8"


@router.get("/{token}/alerts.atom", summary="Alerts as a feed (Atom)", response_class=Response)
def alerts_atom(request: Request, state: State, token: Token, lang: Lang = None, tz: Tz = None) -> Response:
    """The newest hundred alerts that fired, with their headlines. A change of an alert changes its entry."""
    return _alerts_feed(request, state, token, _words(lang, tz), atom, ATOM)


@router.get("/{token}/alerts.rss", summary="Alerts as a feed (RSS)", response_class=Response)
def alerts_rss(request: Request, state: State, token: Token, lang: Lang = None, tz: Tz = None) -> Response:
    """The same alerts as RSS 2.0, for readers that know no Atom. RSS has no time of change: an entry has the time since when."""
    return _alerts_feed(request, state, token, _words(lang, tz), rss, RSS)


@router.get("/{token}/alerts.ics", summary="Alerts as a calendar (iCalendar)", response_class=Response)
def alerts_ics(request: Request, state: State, token: Token, lang: Lang = None, tz: Tz = None) -> Response:
    """The newest hundred alerts that fired, each from its first sign to its end."""
    words, base = _words(lang, tz), page_address(state.settings)
    return _answer(
        request,
        state,
        token,
        ICS,
        lambda conn: calendar("Tocsin", _alerts(conn, base, words)),
        alerts_revision,
    )


@router.get("/{token}/on-call.ics", summary="Who is on call, as a calendar", response_class=Response)
def on_call_ics(request: Request, state: State, token: Token, lang: Lang = None) -> Response:
    """Every schedule's shifts from a week ago to sixty days ahead. An override stands in place of the turn that it replaces. A
    person whom a policy names directly stands there for all of that time.
    """
    words, today = _words(lang, None), _today(state)

    def make(conn: Connection) -> bytes:
        return calendar(calendar_title(words), _on_call(conn, page_address(state.settings), today))

    return _answer(request, state, token, ICS, make, directory.stamp)


def _alerts_feed(
    request: Request, state: AppState, token: str, words: Words, write: WriteFeed, kind: str
) -> Response:
    """The newest alerts in this format. Its own address is the path that was asked for."""
    base = page_address(state.settings)

    def make(conn: Connection) -> bytes:
        own = f"{base}{request.url.path}"
        return write("Tocsin", own, f"{base}/alerts", _alerts(conn, base, words), _today(state))

    return _answer(request, state, token, kind, make, alerts_revision)


def _answer(
    request: Request,
    state: AppState,
    token: str,
    kind: str,
    make: Callable[[Connection], bytes],
    revision: Callable[[Connection], object],
) -> Response:
    """The feed, made once for each state of the store and day. Raises `NotFound` for a token that is none."""
    answer = Response(media_type=kind)
    with state.store.read() as conn:
        who = principal_of_address(conn, token, "feed")
        state.last_uses[who.id] = state.now()
        tag = list_etag(request, who, page_address(state.settings), revision(conn), slot(state.now(), DAY))
        etag_or_304(request, answer, tag)
        body = state.rendered.get(tag, lambda: make(conn))
    return Response(body, media_type=kind, headers={"ETag": answer.headers["ETag"]})


def _today(state: AppState) -> datetime:
    return datetime.combine(state.now().date(), time(), UTC)


def _words(lang: str | None, tz: str | None) -> Words:
    try:
        return words_for(lang, known_zone(tz or "UTC"))
    except ValueError as error:
        raise WrongInput(*error.args) from None


def _alerts(conn: Connection, base: str, words: Words) -> list[FeedEntry]:
    found = find_alerts(conn, Wanted(status=FIRED, limit=NEWEST))
    return [_entry(one, base, words) for one in found.alerts]


def _entry(alert: Alert, base: str, words: Words) -> FeedEntry:
    since = words.say("Since {time} ({zone})", time=words.clock(alert.since), zone=words.zone)
    return FeedEntry(
        id=f"alert:{alert.id}",
        title=headline(nameless(alert), words),
        updated=alert.updated_at,
        starts_at=alert.since,
        ends_at=alert.resolved_at or alert.last_signal_at,
        link=f"{base}/alerts/{alert.id}",
        summary=". ".join(one for one in (_tone(alert, words), since) if one),
        categories=(f"SEV{alert.severity}", alert.status),
        version=alert.version,
    )


def _tone(alert: Alert, words: Words) -> str:
    """The copies that a volume leaves out, and how many are negative, where the headline had no room for it."""
    if not alert.readable_evidence:
        return ""
    return ". ".join(filter(None, (copies_below(alert, words), negatives_below(alert, words))))


def _on_call(conn: Connection, base: str, today: datetime) -> list[FeedEntry]:
    people = directory.read(conn)
    every = (
        one
        for schedule in people.schedules.values()
        for one in shifts(schedule, today - BEFORE, today + AHEAD)
    )
    return [
        FeedEntry(
            id=f"shift:{one.schedule}:{one.starts_at:%Y%m%dT%H%M%S}",
            title=f"{one.person} ({one.schedule})",
            updated=today,
            starts_at=one.starts_at,
            ends_at=one.ends_at,
            link=f"{base}/schedules",
            categories=("override",) if one.override else (),
        )
        for one in islice(every, MOST_SHIFTS)
    ] + [_always(name, policy, base, today) for name, policy in sorted(_named(people.policies.values()))]


def _named(policies: Iterable[Policy]) -> set[tuple[str, str]]:
    """The people whom a policy names themselves, each with that policy: no schedule relieves them."""
    return {
        (target.removeprefix(PERSON), policy.name)
        for policy in policies
        for step in policy.steps
        for target in step.targets
        if target.startswith(PERSON)
    }


def _always(person: str, policy: str, base: str, today: datetime) -> FeedEntry:
    return FeedEntry(
        id=f"named:{policy}:{person}",
        title=f"{person} ({policy})",
        updated=today,
        starts_at=today - BEFORE,
        ends_at=today + AHEAD,
        link=f"{base}/policies",
        categories=("policy",),
    )
