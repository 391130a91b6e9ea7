"""Proposals: after two verdicts of a kind, the change that would have spared people those alerts. It is back-tested first, and a
person accepts or refuses it; nothing is changed by itself.

Noise, what was expected and duplicates propose a lower promise of false alerts. Where none would have spared noise or what was
expected, the exclusion of a word that was new then is proposed. Another brand of that name proposes an exclusion, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from alerts.alert import get
from alerts.verdicts import (
    DUPLICATE,
    EXPECTED,
    NOISE,
    WRONG_BRAND,
    Judged,
    judged_alerts,
    monitors_with_verdicts,
)
from api import backtests
from api.backtests import AFTER, LAPSED
from processors.detection.terms import texts_with
from processors.match import Matcher
from processors.understand import mention_facets
from tocsin.core.errors import Conflict, NotFound, WrongInput
from tocsin.core.promise import threshold
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import Defined, find
from tocsin.query import parse_query
from tocsin.store.mentions import stored_mention, stored_rows

LOOKED_BACK: Final = timedelta(days=90)
PROMISES: Final = (2.0, 1.0, 0.5, 0.25, 0.1)
ACTOR: Final = "tocsin"


def propose(conn: Connection, now: datetime) -> list[str]:
    """Ask for a back-test of each change that the verdicts suggest and nobody was asked about yet. Returns their ids. A proposal
    that rests on what is no longer so lapses.

    The transaction must be `alone`.
    """
    made = []
    for monitor_id in monitors_with_verdicts(conn, now - LOOKED_BACK):
        try:
            monitor = find(conn, Monitor, monitor_id)
        except (NotFound, Conflict):
            continue
        judged = judged_alerts(conn, monitor_id, now - LOOKED_BACK)
        for verdict in (NOISE, EXPECTED, DUPLICATE, WRONG_BRAND):
            some = [one for one in judged if one.verdict == verdict and _counts(one, monitor.value)]
            asked = _asked(conn, monitor, verdict, some, now)
            if len({one.alert_id for one in some} - asked) >= AFTER:
                change = _promise(monitor.value, some) if verdict != WRONG_BRAND else None
                # What a duplicate tells is worth hearing: another alert has told it.
                if change is None and verdict != DUPLICATE:
                    change = _exclusion(conn, monitor.value, judged, some)
                made += _ask(conn, monitor, verdict, some, change, now)
    return made


def _counts(one: Judged, monitor: Monitor) -> bool:
    """Whether the verdict says anything of the monitor as it is. An alert that told nobody, or that the promise keeps back by
    now, asks for no lower promise.
    """
    kept_back = one.peak_score < threshold(monitor.false_alerts_per_week)
    return one.verdict == WRONG_BRAND or (one.told and not kept_back)


def _asked(
    conn: Connection, monitor: Defined[Monitor], verdict: str, some: Sequence[Judged], now: datetime
) -> set[str]:
    """The alerts about which people were asked already. Proposals that rest on what is no longer so lapse and do not count."""
    said, known = {one.alert_id for one in some}, set[str]()
    for one in backtests.proposals_of(conn, monitor.id):
        because = one.because
        if because is None or because["verdict"] != verdict or one.decided == LAPSED:
            continue
        stands = because["version"] == monitor.version and len(said & {*because["alerts"]}) >= AFTER
        if stands or one.decided is not None or not (one.waits or one.asks):
            known |= {*because["alerts"]}
        else:
            backtests.lapse(conn, one, now=now, actor=ACTOR)
    return known


def _ask(
    conn: Connection,
    monitor: Defined[Monitor],
    verdict: str,
    some: Sequence[Judged],
    change: Mapping[str, Any] | None,
    now: datetime,
) -> list[str]:
    if change is None:
        return []
    because = {"verdict": verdict, "alerts": [one.alert_id for one in some], "version": monitor.version}
    try:
        return [backtests.ask(conn, monitor, now=now, actor=ACTOR, change=change, because=because).id]
    except Conflict:
        # Too many wait: there is a next look.
        return []


def _promise(monitor: Monitor, noisy: Sequence[Judged]) -> dict[str, Any] | None:
    """The mildest lower promise under which `AFTER` of the noisy alerts would have stayed below the threshold."""
    scores = sorted(one.peak_score for one in noisy)
    for promise in PROMISES:
        if promise < monitor.false_alerts_per_week and scores[AFTER - 1] < threshold(promise):
            return {"false_alerts_per_week": promise}
    return None


def _exclusion(
    conn: Connection, monitor: Monitor, judged: Sequence[Judged], wrong: Sequence[Judged]
) -> dict[str, Any] | None:
    """The query without a word that most posts of the wrong alerts have, and none of the others'."""
    heard = Matcher.build({"": parse_query(monitor.query)})
    others = texts_with(text for one in judged if one not in wrong for text in _texts(conn, one))
    said = Counter(term for one in wrong for term in _shared(conn, one, heard))
    for term, _ in sorted(said.items(), key=lambda one: (-one[1], one[0])):
        if said[term] < AFTER or term in others or term.lstrip("#") in monitor.query.casefold():
            continue
        try:
            query = f'({monitor.query}) NOT "{term}"'
            parse_query(query)
        except WrongInput:
            continue
        return {"query": query}
    return None


def _shared(conn: Connection, one: Judged, heard: Matcher) -> set[str]:
    """The words that most of the alert's posts have. Where the posts are of the brand, only those that were new then: its
    everyday words are in the posts of any alert.
    """
    texts = _texts(conn, one, heard)
    # A pair of words leaves out no more than either word does.
    shared = {term for term, n in texts_with(texts).items() if 2 * n > len(texts) and " " not in term}
    if one.verdict == WRONG_BRAND:
        return shared
    evidence = get(conn, one.alert_id).readable_evidence
    return shared & {word for term, _ in (evidence.terms if evidence else ()) for word in term.split()}


def _texts(conn: Connection, one: Judged, heard: Matcher | None = None) -> list[str]:
    """The posts that stood in the evidence of the alert, as far as they are kept, and still `heard` where that is asked."""
    evidence = get(conn, one.alert_id).readable_evidence
    keys = [(post.source, post.id) for post in (evidence.top if evidence else ())]
    posts = map(stored_mention, stored_rows(conn, keys).values())
    return [
        " ".join(filter(None, (post.title, post.text)))
        for post in posts
        if not heard or heard.match(post, facets=mention_facets)
    ]
