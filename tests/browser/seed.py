"""A made-up night for the page: a fictional maker of baby food, four languages, one crisis and calm neighbours.

Everything is fixed, so every run has the same figures. Texts and people are invented.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert

from tests.browser.night import MIN, MONITORS, NOW, PEOPLE, POSTS, START, WINDOW
from tests.browser.seed_alerts import fill_alerts
from tocsin.core.clock import minute_of
from tocsin.definitions.models import KINDS
from tocsin.health.roles import PARTS
from tocsin.store import schema as s
from tocsin.store.port import Store
from tocsin.store.words import words_of


def fill(
    store: Store, *, monitors: int | None = None, mode: str = "live", quiet: bool = False, empty: bool = False
) -> None:
    """Fill an empty, migrated store.

    `monitors` is the number of plain monitors to add. `quiet` leaves out alerts and escalations. `empty` leaves out everything
    but the people.
    """
    with store.write() as conn:
        conn.execute(insert(s.meta).values(key="mode", value=mode))
        if empty:
            _people(conn)
            return
        _definitions(conn, monitors or 0)
        _sources(conn)
        _counts(store, conn, monitors or 0)
        if not quiet:
            _mentions(store, conn)
            fill_alerts(conn)


def _define(conn: Connection, kind: str, id: str, body: dict[str, Any]) -> None:
    full = KINDS[kind].model_validate(body).model_dump(mode="json")
    conn.execute(
        insert(s.definitions).values(
            kind=kind,
            id=id,
            name=body["name"],
            definition=full,
            version=1,
            created_at=NOW - timedelta(days=20),
            updated_at=NOW - timedelta(days=3),
        )
    )
    conn.execute(
        insert(s.definition_versions).values(
            kind=kind, id=id, version=1, definition=full, at=NOW - timedelta(days=3), actor="Robin Admin"
        )
    )


def _definitions(conn: Connection, more: int) -> None:
    for id, name, query, _, _ in MONITORS:
        _define(conn, "monitor", id, {"name": name, "query": query, "timezone": "Europe/Istanbul"})
    for n in range(more):
        _define(conn, "monitor", f"m_more{n}", {"name": f"Brand {n:02d}", "query": f"brand{n:02d}x"})
    _people(conn)
    steps = [
        {"after_minutes": 0, "targets": ["person:Ada Yılmaz"]},
        {"after_minutes": 10, "targets": ["person:Robin Admin"]},
    ]
    _define(
        conn,
        "policy",
        "pol_default",
        {"name": "default", "steps": steps, "teams": {"pr": ["Pim de Wit"], "legal": ["Ioana Munteanu"]}},
    )
    for name, kind, every in (
        ("kuzey-feed", "feed", 30),
        ("orvane-forum", "feed", 60),
        ("jetstream", "push", 5),
        ("support-mail", "jsonl", None),
        ("store-reviews", "feed", 60),
    ):
        body = {
            "name": name,
            "kind": kind,
            "enabled": name != "store-reviews",
            "expected_every_minutes": every,
        }
        _define(conn, "source", f"src_{name}", body)


def _people(conn: Connection) -> None:
    for id, body in PEOPLE:
        _define(conn, "person", id, body)


def _sources(conn: Connection) -> None:
    rows = (
        ("kuzey-feed", NOW - 9 * MIN, NOW - 1 * MIN, None, 0, NOW + 4 * MIN, 5210, 3),
        (
            "orvane-forum",
            NOW - timedelta(hours=5),
            NOW - timedelta(hours=2),
            "HTTP 503 from the feed's server",
            7,
            NOW + 12 * MIN,
            1204,
            0,
        ),
        ("jetstream", NOW - timedelta(seconds=20), NOW - timedelta(seconds=4), None, 0, None, 981_204, 41),
        ("support-mail", NOW - timedelta(hours=3), NOW - 2 * MIN, None, 0, NOW + 1 * MIN, 87, 0),
    )
    for name, event, success, error, failures, following, received, rejected in rows:
        conn.execute(
            insert(s.source_state).values(
                name=name,
                cursor=None,
                last_event_at=event,
                last_success_at=success,
                last_error=error,
                failures=failures,
                last_error_at=NOW - 3 * MIN if error else None,
                next_fetch_at=following,
                received=received,
                rejected=rejected,
                first_event_at=NOW - timedelta(days=20),
            )
        )
    conn.execute(
        insert(s.health),
        [
            *({"component": part, "at": NOW, "state": "ok", "detail": {}} for part in PARTS),
            {
                "component": "source:orvane-forum",
                "at": NOW - 12 * MIN,
                "state": "blind",
                "detail": {"message": "no answer for 2 hours: HTTP 503 from the feed's server"},
            },
        ],
    )


def _expected(base: float, at: datetime) -> float:
    """The expected mentions of a window, by the time of day: the evening is loud, the night is quiet."""
    hour = (at.hour + at.minute / 60 + 3) % 24
    return base * (0.15 + 0.85 * (0.5 - 0.5 * math.cos((hour - 4) / 24 * 2 * math.pi)))


def _wobble(seed: int, n: int) -> float:
    return ((seed * 7919 + n * 104729 + n * n * 31) % 1000) / 1000


def count_at(monitor: int, base: float, at: datetime) -> int:
    """The number of mentions of this monitor in the window that starts at `at`."""
    n = int((at - datetime(2026, 11, 1, tzinfo=UTC)) / WINDOW)
    expected = _expected(base, at)
    count = expected * (0.55 + 0.9 * _wobble(monitor + 3, n))
    if monitor == 0 and at >= START:
        count += 22 + 16 * ((at - START) / WINDOW)
    if monitor == 2 and datetime(2026, 11, 21, 16, tzinfo=UTC) <= at < datetime(
        2026, 11, 21, 17, 30, tzinfo=UTC
    ):
        count *= 2.6
    return round(count)


def _counts(store: Store, conn: Connection, more: int) -> None:
    readings, tallies = [], []
    all_of_them = [(id, base, state) for id, _, _, base, state in MONITORS] + [
        (f"m_more{n}", 3.0 + n % 7, "warm") for n in range(more)
    ]
    first = datetime(2026, 11, 21, 1, 30, tzinfo=UTC)
    for which, (id, base, state) in enumerate(all_of_them):
        if state == "waiting":
            continue
        at = first
        while at + WINDOW <= NOW:
            count, expected = count_at(which, base, at), max(0.05, _expected(base, at))
            share = 0.62 if which == 0 and at >= START else 0.17
            negative = round(count * share)
            ratio = count / expected
            over = ratio > 3 and count >= 8
            half = 1.96 * 1.4 * math.sqrt(expected + 0.05 * expected**2)
            readings.append(
                {
                    "monitor_id": id,
                    "kind": "volume",
                    "window_start": at,
                    "length_s": 300,
                    "series": "series_1",
                    "tick": at + WINDOW + timedelta(seconds=30),
                    "count": count,
                    "negative": negative,
                    "scored": count - count // 9,
                    "complete": True,
                    "observed": float(count),
                    "expected": expected,
                    "lower": max(0.0, expected - half),
                    "upper": expected + half,
                    "score": 4.4 if over else 0.4,
                    "over": over,
                    "state": state,
                    "baseline": "protected",
                    "detail": {"span_s": 300, "window_expected": expected, "threshold": 3.0},
                }
            )
            for part in range(5) if at >= NOW - timedelta(hours=2) else ():
                n = count // 5 + (1 if part < count % 5 else 0)
                tallies.append(
                    {
                        "monitor_id": id,
                        "minute": minute_of(at) + part,
                        "partition": part % 8,
                        "count": n,
                        "negative": round(n * share),
                        "neutral": 0,
                        "positive": n - round(n * share),
                        "unscored": 0,
                        "reach": n * 900,
                        "reposts": 0,
                        "authors": b"",
                    }
                )
            at += WINDOW
    conn.execute(insert(s.readings), readings)
    store.insert_new(conn, s.tallies, tallies)


def _mentions(store: Store, conn: Connection) -> None:
    for post in POSTS:
        row = dict(
            source="jetstream",
            created_at=START + post["minute"] * MIN,
            hash="0" * 16,
            truncated=False,
            score_e4=-6000,
            confidence_e4=8000,
            model="vader",
            signature=1,
            repost=False,
            title=None,
            author_id=post["author_handle"] or post["author_name"],
            verified=post.get("verified"),
            **{k: v for k, v in post.items() if k not in ("minute", "verified")},
            words=words_of(None, post["text"]),
        )
        store.insert_new(conn, s.mentions, [row])
        identity = {name: row[name] for name in ("source", "id", "created_at", "hash")}
        store.insert_new(conn, s.seen, [identity | {"rank_at": row["created_at"], "matched": True}])
