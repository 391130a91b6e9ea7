"""The alerts of the made-up night, with their timelines and notices, and what PR and Legal have been handed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert

from tests.browser.night import MIN, NOW, POSTS, START
from tocsin.core.signal import Evidence, Facts, TopMention, encode, fingerprint
from tocsin.store import schema as s


def fill_alerts(conn: Connection) -> None:
    _alerts(conn)
    _escalations(conn)


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
