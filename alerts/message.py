"""The words of a notice: rendered at the decision, kept as they were, the same on every channel.

One template (`notice.txt.j2`) gives the lines; the HTML is those lines, escaped. Lines are cut so that the whole notice
fits a phone.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from sqlalchemy import Connection

from alerts.alert import Alert
from alerts.severity import CLOCKS
from tocsin.core.clock import iso
from tocsin.core.facets import common
from tocsin.core.signal import Evidence, TopMention
from tocsin.core.signal_kinds import SIGNAL_KINDS
from tocsin.core.text import one_line
from tocsin.store.mentions import stored_rows

EXCERPT = 90
LINE = 160
TOP = 3


@dataclass(frozen=True, slots=True)
class Message:
    """`subject` fits a lock screen; `body` is {text, html, facts}, JSON values only."""

    subject: str
    body: dict[str, Any]


def alert_message(
    conn: Connection,
    alert: Alert,
    *,
    kind: str,
    zone: str,
    now: datetime,
    reasons: Sequence[str],
    link: str,
    why_now: str = "",
    todo: str = "",
    again: Sequence[str] = (),
) -> Message:
    """The message about an alert for a person whose clock shows `zone`. `why_now` gives the reason for an additional notice,
    `again` the lines of one that comes again.
    """
    evidence = alert.the_evidence
    headline = one_line(
        f"SEV{alert.severity} {alert.monitor}: {SIGNAL_KINDS.of(alert.kind).headline_of(evidence)}", 110
    )
    subject = f"DRILL {headline}" if alert.drill else headline
    top = top_posts(conn, evidence.top[:TOP])
    values = {
        "drill": alert.drill,
        "headline": headline,
        "why_now": one_line(why_now, LINE),
        "again": [one_line(line, LINE) for line in again],
        "since": _clock(evidence.since, zone),
        "zone": zone,
        "unheard": SIGNAL_KINDS.of(alert.kind).unheard,
        "observed": figure(alert, evidence.observed),
        "window": _span(evidence.window_end - evidence.window_start),
        "expected": figure(alert, evidence.expected),
        "interval": f"{figure(alert, evidence.lower)}-{figure(alert, evidence.upper)}",
        "negative": _negatives(evidence),
        "networks": _counts(evidence.networks),
        "languages": _counts(evidence.languages),
        "facets": one_line(facets_line(evidence), LINE),
        "terms": one_line(", ".join(term for term, _ in evidence.terms[:4]), LINE),
        "top": [{"reach": _thousands(post["reach"]), "text": post["text"]} for post in top],
        "missing": one_line(", ".join(evidence.missing[:3]), LINE),
        "reasons": one_line("; ".join(reasons), LINE),
        "todo": one_line(todo, LINE) or _todo(alert, now, zone),
        "link": link,
    }
    text = _template().render(values)
    facts = {
        "alert_id": alert.id,
        "monitor": alert.monitor,
        "alert_kind": alert.kind,
        "notice_kind": kind,
        "severity": alert.severity,
        "status": alert.status,
        "opened_at": iso(alert.opened_at),
        "since": iso(evidence.since),
        "observed": evidence.observed,
        "expected": evidence.expected,
        "lower": evidence.lower,
        "upper": evidence.upper,
        "negative_share": evidence.negative_share,
        "corrected_share": evidence.corrected_share,
        "link": link,
    }
    return Message(subject, {"text": text, "html": as_html(text, link), "facts": facts})


def plain_message(subject: str, lines: Sequence[str], link: str, facts: Mapping[str, Any]) -> Message:
    """A message that is not about an alert's figures: a test, an escalation's clock."""
    text = "\n".join([one_line(line, LINE) for line in (subject, *lines) if line] + [link]) + "\n"
    return Message(
        one_line(subject, 120), {"text": text, "html": as_html(text, link), "facts": {**facts, "link": link}}
    )


def as_html(text: str, link: str) -> str:
    """The lines as one small self-contained document, everything escaped; the link is a wide button."""
    lines = [line for line in text.strip().splitlines() if line != link]
    body = "".join(f"<p style='margin:0 0 6px'>{html.escape(line)}</p>" for line in lines[1:])
    return (
        "<!doctype html><html><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width,initial-scale=1'></head>"
        "<body style='font:16px/1.35 sans-serif;max-width:36em;margin:0 auto;padding:12px'>"
        f"<h1 style='font-size:20px;margin:0 0 8px'>{html.escape(lines[0])}</h1>{body}"
        f"<p><a href='{html.escape(link, quote=True)}' style='display:block;padding:12px;text-align:center;"
        "background:#8a1c1c;color:#fff;text-decoration:none;border-radius:6px'>Open the alert</a></p></body></html>"
    )


def top_posts(conn: Connection, top: Sequence[TopMention]) -> list[dict[str, Any]]:
    """The posts that matter most, each {source, id, reach, label, text, url, network, author, created_at}.

    Texts come from the store as they are now, cut to one line. A text that was erased since says so.
    """
    if not top:
        return []
    found = stored_rows(conn, [(one.source, one.id) for one in top])
    posts = []
    for one in top:
        row = found.get((one.source, one.id))
        posts.append(
            {
                "source": one.source,
                "id": one.id,
                "reach": one.reach,
                "label": one.label,
                "text": one_line(row.text, EXCERPT) if row else "(no longer kept)",
                "url": row.url if row else None,
                "network": row.network if row else None,
                "lang": row.lang if row else None,
                "author": (row.author_handle or row.author_name) if row else None,
                "created_at": row.created_at if row else None,
            }
        )
    return posts


def figure(alert: Alert, value: float) -> str:
    """A figure of the alert as notices show it: a count, or a share in percent."""
    return f"{value:.0%}" if SIGNAL_KINDS.of(alert.kind).is_share else _number(value)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"


def _thousands(value: int) -> str:
    return f"{value:,}" if value < 10_000 else f"{value / 1000:,.0f}k"


def _negatives(evidence: Evidence) -> str:
    share = evidence.negative_share
    if share is None:
        return "unknown: nothing could be scored" if evidence.count else ""
    interval = ""
    if evidence.negative_lower is not None and evidence.negative_upper is not None:
        interval = f" ({evidence.negative_lower:.0%}-{evidence.negative_upper:.0%})"
    usual = f", usually {evidence.negative_baseline:.0%}" if evidence.negative_baseline is not None else ""
    return f"{share:.0%}{interval}{usual}{_corrected(evidence)}"


def _corrected(evidence: Evidence) -> str:
    """The share of negatives with the scorers' known errors undone, where it is another one in whole percent."""
    share, lower, upper = evidence.corrected_share, evidence.corrected_lower, evidence.corrected_upper
    if share is None or lower is None or upper is None or f"{share:.0%}" == f"{evidence.negative_share:.0%}":
        return ""
    return f"; errors undone {share:.0%} ({lower:.0%}-{upper:.0%})"


def facets_line(evidence: Evidence) -> str:
    """What the mentions feel, want and talk of, in shares of all of them: "anger 41%, fear 12%; complaint 60%; outage 30%"."""
    shown = (
        common(evidence.facets.get(facet, {}), evidence.count) for facet in ("emotion", "intent", "crisis")
    )
    return "; ".join(", ".join(f"{value} {share:.0%}" for value, share in some) for some in shown if some)


def _counts(counts: Mapping[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:4]
    return one_line(", ".join(f"{name} {count}" for name, count in ordered), LINE)


def _span(length: timedelta) -> str:
    minutes = round(length.total_seconds() / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.0f} h"


def _clock(at: datetime, zone: str) -> str:
    return at.astimezone(ZoneInfo(zone)).strftime("%H:%M %a %d %b")


def _todo(alert: Alert, now: datetime, zone: str) -> str:
    limit = CLOCKS[alert.severity].acknowledge
    by = f"Answer by {_clock(now + limit, zone)}" if limit else "Answer in working hours"
    return f"{by}: open, read, acknowledge; then escalate or dismiss with a reason."


@cache
def _template() -> Template:
    """Plain text, so nothing is escaped here; `as_html` escapes every line."""
    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(
        loader=loader,
        autoescape=False,  # noqa: S701  # plain text; the HTML is made, escaped, by as_html
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    return environment.get_template("notice.txt.j2")
