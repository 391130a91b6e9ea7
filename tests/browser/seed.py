"""A made-up night for the page: a fictional maker of baby food, four languages, one crisis and calm neighbours.

Everything is fixed, so every run has the same figures. Texts and people are invented.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert

from tocsin.core.clock import minute_of
from tocsin.core.signal import Evidence, Facts, TopMention, encode, fingerprint
from tocsin.definitions.models import KINDS
from tocsin.health.roles import PARTS
from tocsin.store import schema as s
from tocsin.store.port import Store
from tocsin.store.words import words_of

NOW = datetime(2026, 11, 22, 2, 12, tzinfo=UTC)
START = datetime(2026, 11, 22, 1, 40, tzinfo=UTC)  # the start of the crisis
MIN = timedelta(minutes=1)
WINDOW = timedelta(minutes=5)

MONITORS = (
    ("m_orvane", "Orvane baby food", 'orvane OR "orvane baby" OR #orvane', 40.0, "warm"),
    ("m_ceo", "Orvane leadership", '"mirel dastan" OR @mireldastan', 2.2, "warm"),
    ("m_crisp", "Crispwell snacks", "crispwell OR #crispwell", 31.0, "warm"),
    ("m_lidra", "Lidra water", "lidra OR #lidrawater", 6.0, "warm"),
    ("m_rival", "Competitor: Nuvelo", "nuvelo", 9.0, "warm"),
    ("m_new", "Orvane Romania", "(orvane OR orvanero) AND lang:ro", 0.8, "learning"),
    ("m_wait", "Orvane Kids app", '"orvane kids"', 0.0, "waiting"),
)

PEOPLE: tuple[tuple[str, dict[str, Any]], ...] = (
    (
        "p_ada",
        {
            "name": "Ada Yılmaz",
            "role": "community_manager",
            "timezone": "Europe/Istanbul",
            "language": "en",
            "channels": [
                {"kind": "webhook", "url": "https://hooks.orvane.example/ada", "secret": "env:HOOK"}
            ],
        },
    ),
    ("p_pim", {"name": "Pim de Wit", "role": "pr", "timezone": "Europe/Amsterdam", "language": "nl"}),
    (
        "p_ioana",
        {"name": "Ioana Munteanu", "role": "legal", "timezone": "Europe/Bucharest", "language": "ro"},
    ),
    ("p_root", {"name": "Robin Admin", "role": "admin", "timezone": "Europe/Amsterdam", "language": "en"}),
    ("p_vic", {"name": "Vic Viewer", "role": "viewer", "timezone": "Europe/Istanbul", "language": "tr"}),
)

POSTS: tuple[dict[str, Any], ...] = (
    {
        "id": "n1",
        "network": "news",
        "author_name": "Kuzey Haber",
        "author_handle": "kuzeyhaber",
        "followers": 1_240_000,
        "verified": True,
        "lang": "tr",
        "label": "negative",
        "url": "https://kuzeyhaber.example/orvane-mama",
        "minute": 4,
        "triggers": ["safety"],
        "text": "Orvane bebek mamasında plastik kokusu şikâyetleri büyüyor. İki ilde aileler ürünü iade "
        "ediyor, şirketten henüz açıklama yok.",
    },
    {
        "id": "n2",
        "network": "mastodon",
        "author_name": "Jelle, vader van twee",
        "author_handle": "jelle@sociaal.example",
        "followers": 18_200,
        "lang": "nl",
        "label": "negative",
        "url": "https://sociaal.example/@jelle/101",
        "minute": 9,
        "triggers": ["safety"],
        "text": "Net een pot Orvane opengemaakt en het ruikt naar verbrand plastic. Mijn dochter heeft de "
        "hele avond overgegeven. Weet iemand welke partijnummers het zijn?",
    },
    {
        "id": "n3",
        "network": "bluesky",
        "author_name": "Dr. Hana Brook",
        "author_handle": "hanabrook.example",
        "followers": 96_400,
        "lang": "en",
        "label": "negative",
        "url": "https://social.example/hana/7f",
        "minute": 14,
        "triggers": ["safety"],
        "text": "Three parents in my clinic tonight, same batch of Orvane porridge (L2291), same smell. "
        "Please stop feeding it until the company says what this is. <b>Not</b> a drill.",
    },
    {
        "id": "n4",
        "network": "forum",
        "author_name": "mamica_din_cluj",
        "author_handle": None,
        "followers": 310,
        "lang": "ro",
        "label": "negative",
        "url": "javascript:alert(1)",
        "minute": 19,
        "triggers": ["violence"],
        "text": "Dacă pățește ceva copilul meu de la Orvane, jur că le dau foc la birouri. Nu mai pot, "
        "nimeni nu răspunde la telefon!",
    },
    {
        "id": "n5",
        "network": "bluesky",
        "author_name": "Tomás",
        "author_handle": "tomas.example",
        "followers": 2_150,
        "lang": "en",
        "label": "neutral",
        "url": "https://social.example/tomas/9a",
        "minute": 22,
        "triggers": [],
        "text": "Does anyone have an official word from @orvane? Their site still shows the recipe page.",
    },
)


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
            _alerts(conn)
            _escalations(conn)


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


def _facts(**change: Any) -> Facts:
    base: dict[str, Any] = {
        "kind": "volume",
        "score": 5.1,
        "observed": 214,
        "expected": 12.3,
        "ratio": 17.4,
        "windows_over": 6,
        "negative_share": 0.62,
        "negative_lower": 0.52,
        "negative_baseline": 0.17,
        "negative_over": True,
        "influential": True,
        "networks": 4,
        "networks_heard": 4,
        "tier1": True,
        "tenfold": True,
        "triggers": {"safety": 23, "violence": 1},
    }
    return Facts(**{**base, **change})


def _evidence(**change: Any) -> Evidence:
    base: dict[str, Any] = {
        "rule": "volume-1",
        "baseline": "protected",
        "since": START,
        "window_start": NOW - 12 * MIN,
        "window_end": NOW - 2 * MIN + timedelta(),
        "observed": 214,
        "expected": 12.3,
        "lower": 3.9,
        "upper": 25.8,
        "level": 0.95,
        "count": 231,
        "copies": 17,
        "copy_groups": 2,
        "authors": 168,
        "reach": 1_920_400,
        "negative": 126,
        "neutral": 61,
        "positive": 16,
        "unscored": 28,
        "negative_share": 0.62,
        "negative_lower": 0.52,
        "negative_upper": 0.71,
        "negative_baseline": 0.17,
        "networks": {"bluesky": 112, "mastodon": 58, "news": 9, "forum": 52},
        "languages": {"tr": 118, "nl": 41, "en": 52, "ro": 20},
        "sources": {"jetstream": 170, "orvane-forum": 52, "kuzey-feed": 9},
        "terms": [
            ("plastik", 88),
            ("#orvane", 71),
            ("recall", 40),
            ("L2291", 33),
            ("kokusu", 31),
            ("partijnummer", 12),
        ],
        "top": [TopMention("jetstream", p["id"], int(p["followers"]), str(p["label"])) for p in POSTS]
        + [TopMention("jetstream", "gone", 90, "negative")],
        "triggers": {"safety": 23, "violence": 1},
        "missing": ["orvane-forum: no answer since 02:12 (HTTP 503)"],
        "monitors_version": 4,
        "input_digest": "b81c1f09a7d2",
    }
    return Evidence(**{**base, **change})


def _alert(
    conn: Connection, id: str, monitor: str, name: str, kind: str, status: str, severity: int, **change: Any
) -> None:
    row: dict[str, Any] = {
        "id": id,
        "fingerprint": fingerprint(monitor, kind),
        "live": id,
        "monitor_id": monitor,
        "monitor": name,
        "kind": kind,
        "status": status,
        "severity": severity,
        "reason": None,
        "opened_at": START + 11 * MIN,
        "updated_at": NOW - 2 * MIN,
        "last_signal_at": NOW - 2 * MIN,
        "worsened_at": None,
        "calmed_at": None,
        "acknowledged_at": None,
        "acknowledged_by": None,
        "ack_expires_at": None,
        "snoozed_until": None,
        "resolved_at": None,
        "merged_into": None,
        "policy": {
            "name": "default",
            "steps": [{"after_minutes": 0, "targets": ["person:Ada Yılmaz"]}],
            "teams": {},
        },
        "step": 1,
        "next_step_at": NOW + 3 * MIN,
        "score": 5.1,
        "peak_score": 5.1,
        "facts": encode(_facts()),
        "evidence": encode(_evidence()),
        "drill": False,
        "version": 3,
    }
    conn.execute(insert(s.alerts).values(**{**row, **change}))


def _alerts(conn: Connection) -> None:
    _alert(conn, "al_crisis", "m_orvane", "Orvane baby food", "volume", "firing", 1)
    mild = {
        "facts": encode(
            _facts(ratio=3.1, observed=19, expected=6.1, triggers={}, tier1=False, influential=False)
        ),
        "evidence": encode(
            _evidence(
                since=NOW - 50 * MIN,
                observed=19,
                expected=6.1,
                lower=1.0,
                upper=12.4,
                top=[],
                triggers={},
                missing=[],
            )
        ),
    }
    _alert(
        conn,
        "al_ceo",
        "m_ceo",
        "Orvane leadership",
        "negativity",
        "acknowledged",
        3,
        opened_at=NOW - 48 * MIN,
        acknowledged_at=NOW - 40 * MIN,
        acknowledged_by="Ada Yılmaz",
        ack_expires_at=NOW + 20 * MIN,
        next_step_at=NOW + 20 * MIN,
        **mild,
    )
    _alert(
        conn,
        "al_calm",
        "m_lidra",
        "Lidra water",
        "volume",
        "firing",
        4,
        opened_at=NOW - timedelta(hours=7),
        calmed_at=NOW - timedelta(hours=5),
        next_step_at=None,
        **mild,
    )
    _alert(
        conn,
        "al_supp",
        "m_crisp",
        "Crispwell snacks",
        "volume",
        "suppressed",
        4,
        live=None,
        reason="expected event: winter flavour launch",
        opened_at=datetime(2026, 11, 21, 16, 20, tzinfo=UTC),
        next_step_at=None,
        **mild,
    )
    _alert(
        conn,
        "al_old",
        "m_rival",
        "Competitor: Nuvelo",
        "volume",
        "resolved",
        3,
        live=None,
        opened_at=NOW - timedelta(days=2),
        resolved_at=NOW - timedelta(days=2, hours=-2),
        next_step_at=None,
        **mild,
    )
    for seq, (minute, actor, role, action, before, after, reason) in enumerate(
        (
            (
                0,
                "Tocsin",
                "engine",
                "open",
                None,
                "firing",
                "23 authors speak of safety; 214 mentions in 10 minutes, 12 expected",
            ),
            (0, "Tocsin", "engine", "notice_page", "firing", "firing", "step 1: Ada Yılmaz"),
            (6, "Tocsin", "engine", "raise", "firing", "firing", "SEV2 to SEV1: trigger safety"),
        ),
        start=1,
    ):
        conn.execute(
            insert(s.alert_timeline).values(
                alert_id="al_crisis",
                seq=seq,
                at=START + (11 + minute) * MIN,
                actor=actor,
                role=role,
                action=action,
                from_status=before,
                to_status=after,
                reason=reason,
                detail=None,
            )
        )
    for n, (channel, status, detail) in enumerate(
        (("email", "sent", "250 OK"), ("webhook", "unknown", "no answer within 15 s"))
    ):
        conn.execute(
            insert(s.notices).values(
                id=f"no_{n}",
                alert_id="al_crisis",
                escalation_id=None,
                person_id="p_ada",
                person="Ada Yılmaz",
                channel=channel,
                target={},
                kind="page",
                severity=1,
                step=1,
                subject="SEV1",
                body={},
                status=status,
                attempts=1,
                created_at=START + 11 * MIN,
                due_at=START + 11 * MIN,
                attempting_at=START + 11 * MIN,
                ended_at=START + 11 * MIN + timedelta(seconds=4 + n),
                repeat_of=None,
            )
        )
        conn.execute(
            insert(s.receipts).values(
                notice_id=f"no_{n}", attempt=1, at=START + 12 * MIN, outcome=status, detail=detail
            )
        )


def _escalations(conn: Connection) -> None:
    base: dict[str, Any] = {
        "created_by": "Ada Yılmaz",
        "claimed_by": None,
        "claimed_at": None,
        "assessment_due_at": None,
        "assessed_at": None,
        "statement_due_at": None,
        "deadline_at": None,
        "overdue_at": None,
        "decisions": {},
        "closed_at": None,
        "version": 2,
    }
    rows = (
        {
            "id": "es_pr",
            "alert_id": "al_ceo",
            "team": "both",
            "status": "in_review",
            "severity": 2,
            "reason": "A former employee names the CEO; two papers picked it up.",
            "created_at": NOW - 36 * MIN,
            "claimed_by": "Pim de Wit",
            "claimed_at": NOW - 30 * MIN,
            "assessment_due_at": NOW - 16 * MIN,
            "statement_due_at": NOW + 24 * MIN,
            "deadline_at": NOW - 16 * MIN,
            "decisions": {
                "legal": {
                    "decision": "clear",
                    "by": "Ioana Munteanu",
                    "at": (NOW - 8 * MIN).isoformat(),
                    "reason": "Facts checked; no names.",
                }
            },
        },
        {
            "id": "es_legal",
            "alert_id": "al_ceo",
            "team": "legal",
            "status": "queued",
            "severity": 2,
            "reason": "May we say that there is an inquiry?",
            "created_at": NOW - 10 * MIN,
            "assessment_due_at": NOW + 10 * MIN,
            "deadline_at": NOW + 10 * MIN,
        },
        {
            "id": "es_done",
            "alert_id": "al_old",
            "team": "pr",
            "status": "closed",
            "severity": 3,
            "reason": "Do we answer a competitor's joke?",
            "created_at": NOW - timedelta(days=2),
            "closed_at": NOW - timedelta(days=2, hours=-1),
        },
    )
    for row in rows:
        conn.execute(insert(s.escalations).values(**{**base, **row}))
    for seq, (minute, actor, role, action, text, privileged) in enumerate(
        (
            (
                -36,
                "Ada Yılmaz",
                "community_manager",
                "escalate",
                "A former employee names the CEO; two papers picked it up.",
                False,
            ),
            (-30, "Pim de Wit", "pr", "claim", None, False),
            (-20, "Ioana Munteanu", "legal", "note", "Counsel's view on the severance clause.", True),
            (-8, "Ioana Munteanu", "legal", "clear_part", "Facts checked; no names.", False),
        ),
        start=1,
    ):
        conn.execute(
            insert(s.escalation_entries).values(
                escalation_id="es_pr",
                seq=seq,
                at=NOW + minute * MIN,
                actor=actor,
                role=role,
                action=action,
                from_status=None,
                to_status=None,
                text=text,
                privileged=privileged,
                detail=None,
            )
        )
