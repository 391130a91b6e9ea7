"""Times, spans, numbers and severities as a person reads them: in their zone and language, with the exact value behind.

One `Formatter` is made per request. All times given to it are aware; UTC stands in the title of each `<time>`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

from api.pages.i18n import Language

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
SEVERITIES = {1: "crisis", 2: "escalate", 3: "review", 4: "watch"}
SHAPES = {1: "◆", 2: "▲", 3: "●", 4: "○"}  # told apart without colour
STATUSES = {
    "candidate": "candidate",
    "firing": "firing",
    "acknowledged": "acknowledged",
    "dismissed": "dismissed",
    "snoozed": "snoozed",
    "merged": "merged",
    "escalated": "escalated",
    "resolved": "resolved",
    "reopened": "reopened",
    "suppressed": "suppressed",
    "queued": "queued",
    "claimed": "claimed",
    "in_review": "in review",
    "cleared": "cleared",
    "released": "released",
    "closed": "closed",
    "rejected": "rejected",
    "withdrawn": "withdrawn",
}
KINDS = {
    "volume": "more talk than expected",
    "negativity": "more negative than usual",
    "trigger": "a trigger word",
    "blind": "not seeing",
    "canary": "the canary was lost",
}
LABELS = {"negative": "negative", "neutral": "neutral", "positive": "positive", "unscored": "unscored"}
ROLES = {
    "viewer": "viewer",
    "community_manager": "community manager",
    "pr": "PR",
    "legal": "Legal",
    "admin": "administrator",
    "engine": "Tocsin",
}
DISMISSALS = {
    "noise": "noise",
    "duplicate": "duplicate of another alert",
    "expected_event": "expected event",
    "wrong_brand": "another brand of that name",
    "inauthentic": "inauthentic: bots or a campaign",
    "handled": "already handled",
}
OUTCOMES = {
    "queued": "waiting to be sent",
    "attempting": "being sent",
    "sent": "sent",
    "failed": "failed",
    "unknown": "unknown: it may have arrived",
    "cancelled": "cancelled",
    "held": "held",
}
ACTIONS = {  # what is on record of alerts and escalations
    "open": "opened",
    "fire": "fired",
    "update": "figures updated",
    "worsen": "got worse",
    "suppress": "suppressed",
    "merge": "merged",
    "part": "set apart again",
    "calm": "calmed",
    "recur": "came back",
    "step": "next person paged",
    "hold": "waits for morning",
    "expire": "acknowledgement expired",
    "wake": "snooze ended",
    "raise": "severity raised",
    "lower": "severity lowered",
    "supersede": "a newer alert tells it",
    "acknowledge": "acknowledged",
    "snooze": "snoozed",
    "dismiss": "dismissed",
    "escalate": "escalated",
    "stand_down": "no longer with PR or Legal",
    "resolve": "resolved",
    "reopen": "reopened",
    "note": "note",
    "create": "escalated",
    "claim": "claimed",
    "release_claim": "put back into the queue",
    "reassign": "handed over",
    "review": "review begun",
    "assessed": "first assessment",
    "clear_part": "cleared for one team",
    "clear": "cleared",
    "reject": "rejected",
    "request_info": "asked for information",
    "release": "released",
    "close": "closed",
    "withdraw": "withdrawn",
    "overdue": "deadline passed",
    "tighten": "deadlines moved closer",
    "notice_page": "paged",
    "notice_repeat": "paged again",
    "notice_worsened": "told that it got worse",
    "notice_told": "told",
    "notice_sent": "notice sent",
    "notice_failed": "notice failed",
    "notice_unknown": "notice: it may have arrived",
}
TRIGGERS = {
    "safety": "safety",
    "regulator": "regulator",
    "violence": "violence",
    "data_breach": "data breach",
    "data-breach": "data breach",
    "executive": "executive",
}


@dataclass(frozen=True, slots=True)
class Formatter:
    """How one reader is spoken to."""

    language: Language
    zone: ZoneInfo
    now: datetime

    def translate(self, text: str, **values: object) -> str:
        return self.language.translate(text, **values)

    def term(self, table: str, key: object) -> str:
        """A word of one of our closed lists, translated; a key that the list lacks is shown as it is."""
        known = _TABLES[table].get(key)
        return self.translate(known) if known is not None else str(key).replace("_", " ")

    # -- times -------------------------------------------------------------------------------------------------------------

    def time(self, at: datetime | None, *, day: bool = False) -> Markup:
        """03:12 for today, 21 Nov 23:50 for another day (or wherever `day` asks for it)."""
        if at is None:
            return Markup("–")
        return _stamp(at, self.time_text(at, day=day))

    def time_text(self, at: datetime, *, day: bool = False) -> str:
        local, today = at.astimezone(self.zone), self.now.astimezone(self.zone)
        clock = f"{local:%H:%M}"
        if local.date() == today.date() and not day:
            return clock
        date = f"{local.day} {self.translate(MONTHS[local.month - 1])}"
        if local.year != today.year:
            date += f" {local.year}"
        return f"{date} {clock}"

    def ago(self, at: datetime | None) -> Markup:
        """4 min ago; the script keeps it fresh."""
        if at is None:
            return Markup("–")
        span = self.now - at
        said = (
            self.translate("just now")
            if span < timedelta(seconds=10)
            else self.translate("{span} ago", span=self.duration(span))
        )
        return _stamp(at, said, exact=self.time_text(at, day=True))

    def time_left(self, due: datetime | None) -> Markup:
        """12 min left, or overdue by 5 min: in words, so that colour is not needed to tell."""
        if due is None:
            return Markup("–")
        if due >= self.now:
            return _stamp(
                due,
                self.translate("{span} left", span=self.duration(due - self.now)),
                exact=self.time_text(due, day=True),
            )
        return _stamp(
            due,
            self.translate("overdue by {span}", span=self.duration(self.now - due)),
            exact=self.time_text(due, day=True),
        )

    def duration(self, span: timedelta | None) -> str:
        """The two largest units: 45 s, 12 min, 2 h 5 min, 3 d 4 h."""
        if span is None:
            return "–"
        seconds = max(0, int(span.total_seconds()))
        if seconds < 60:
            return self.translate("{n} s", n=seconds)
        minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
        if minutes < 60:
            return self.translate("{n} min", n=minutes)
        if hours < 24:
            rest = minutes % 60
            return (
                self.translate("{h} h {m} min", h=hours, m=rest) if rest else self.translate("{h} h", h=hours)
            )
        rest = hours % 24
        return (
            self.translate("{d} d {h} h", d=days, h=rest)
            if rest and days < 7
            else self.translate("{d} d", d=days)
        )

    # -- numbers -----------------------------------------------------------------------------------------------------------

    def number(self, value: float | None) -> str:
        """1,234; one decimal under ten where it has one."""
        if value is None or not math.isfinite(value):
            return "–"
        if value != round(value) and abs(value) < 10:
            return self.language.decimal(f"{value:.1f}")
        return self.language.decimal(f"{value:,.0f}")

    def compact(self, value: float | None) -> str:
        """Followers, shortly: 950, 12k, 1.4M."""
        if value is None:
            return "–"
        for limit, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
            if value >= limit:
                scaled = value / limit
                return self.language.decimal(f"{scaled:.1f}" if scaled < 10 else f"{scaled:,.0f}") + suffix
        return f"{value:.0f}"

    def percent(self, share: float | None) -> str:
        """42% (in Turkish %42); a dash where nothing is known."""
        if share is None or not math.isfinite(share):
            return "–"
        number = f"{share * 100:.0f}"
        return f"%{number}" if self.language.code == "tr" else f"{number}%"

    def ratio(self, ratio: float | None) -> str:
        """3.4x."""
        if ratio is None or not math.isfinite(ratio):
            return "–"
        return (self.language.decimal(f"{ratio:.1f}") if ratio < 10 else self.number(ratio)) + "×"

    def plural(self, one: str, many: str, n: int) -> str:
        return self.language.plural(one, many, n, self.number(n))


_TABLES: dict[str, dict[object, str]] = {
    "severity": dict(SEVERITIES.items()),
    "status": dict(STATUSES.items()),
    "kind": dict(KINDS.items()),
    "label": dict(LABELS.items()),
    "role": dict(ROLES.items()),
    "dismissal": dict(DISMISSALS.items()),
    "outcome": dict(OUTCOMES.items()),
    "trigger": dict(TRIGGERS.items()),
    "action": dict(ACTIONS.items()),
}


def utc_text(at: datetime) -> str:
    """2026-11-22 01:12 UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _stamp(at: datetime, shown: str, exact: str = "") -> Markup:
    iso = at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    title = f"{exact} · {utc_text(at)}" if exact else utc_text(at)
    return Markup(f'<time datetime="{escape(iso)}" title="{escape(title)}">{escape(shown)}</time>')  # noqa: S704  # every value in it is escaped or a number
