"""The closed lists of words that the page shows, in English: the keys are those of the code, the values are translated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from alerts.on_signal import AUTOMATED, COPIES, REPOSTS

SEVERITIES = {1: "crisis", 2: "escalate", 3: "review", 4: "watch"}
# The shapes tell severities apart without colour.
SHAPES = {1: "◆", 2: "▲", 3: "●", 4: "○"}
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
VERDICTS = {
    "real": "real",
    "noise": "noise",
    "duplicate": "duplicate of another alert",
    "expected": "expected",
    "wrong_brand": "another brand of that name",
}
BACKTESTS = {
    "queued": "waits for its turn",
    "running": "is running",
    "done": "done",
    "failed": "failed",
    "cancelled": "cancelled",
}
IMPORTS = {
    "queued": "waits for its turn",
    "running": "is being done",
    "done": "done",
    "failed": "failed",
    "cancelled": "cancelled",
    "undone": "undone",
}
RETENTION = {
    "samples": "sample of the mentions that matched nothing",
    "authors": "names of authors",
    "mentions": "mentions",
    "dead_letters": "dead letters",
    "tallies": "counts by minute",
    "identities": "identities of mentions",
    "batches": "receipts of pushes",
    "readings": "readings of windows",
    "gaps": "times without hearing",
}
ERASING = {"author": "Author", "post": "Post"}
ERASED = {
    "posts": "posts",
    "reposts": "reposts by others, with the same words",
    "corrections": "labels that people gave to them",
    "samples": "in the sample of the mentions that matched nothing",
    "notices": "notices that quote them (the quotes are erased)",
    "dead_letters": "dead letters that name them",
    "refusals": "refused input whose message names them (the name is erased)",
    "typed": "lines that people typed, with the name in them",
}
HELD = {
    "silence": "a silence",
    "expected_event": "an expected event",
    "holiday": "a holiday",
    "night": "waits for working hours or the morning",
}
# Why a row could not be taken, by the slug of `BadMention`.
BAD_ROWS = {
    "bad_time": "its time cannot be read",
    "bad_type": "a field holds something of another kind",
    "broken_gzip": "the packed file is damaged or ends early",
    "encoding": "it is not written in the encoding of the file",
    "in_future": "its time has not come yet",
    "malformed": "it cannot be read: its form is broken",
    "missing_field": "text, id or time is missing",
    "no_offset": "its time says no time zone",
    "not_object": "it is no record",
    "out_of_range": "a number is beyond what can be kept",
    "too_deep": "it is nested too deeply",
    "too_large": "it is too large",
    "too_long": "a field is too long",
    "too_old": "it is older than what is kept",
}
# Fields of definitions, called as in their forms. A setting of a source has no words, and keeps its name.
FIELDS = {
    "name": "Name",
    "query": "Words to listen for",
    "languages": "Languages",
    "timezone": "Time zone",
    "countries": "Countries",
    "policy": "Policy",
    "false_alerts_per_week": "False alerts accepted a week",
    "influential_followers": "Influential from (followers)",
    "tier1": "Outlets of the first rank (domains or handles)",
    "own_accounts": "Own accounts (handles, separated by commas)",
    "rivals": "Rivals (separated by commas)",
    "neutral_words": "Neutral words (separated by commas)",
    "role": "Role",
    "language": "Language",
    "channels": "How you are woken",
    "quiet_hours": "Quiet hours (a crisis rings all the same)",
    "active": "Active: may sign in and is paged",
    "steps": "The ladder: whom to wake, and after how many minutes without an answer",
    "teams.pr": "Who works escalations to PR",
    "teams.legal": "Who works escalations to Legal",
    "teams.fallback": "Who is woken when nobody answers",
    "acknowledge_expires_minutes": "An acknowledgement holds for (minutes)",
    "night_rings_from": "Rings at night from",
    "heads_up": "Who is told of every SEV1 and SEV2",
    "rotation": "Who takes turns, in this order",
    "starts_at": "Begins",
    "ends_at": "Ends",
    "turn_hours": "Hours of a turn (168: a week)",
    "overrides": "Exceptions: somebody else for a time",
    "monitor": "Monitor",
    "reason": "Why",
    "note": "What happens then",
    "email": "e-mail",
    "kind": "Kind",
    "enabled": "Switched on",
    "teams": "Teams",
    "expected_every_minutes": "Minutes in which something should come (optional)",
}
IMPORT_KINDS = {"check": "Check", "import": "Import", "undo": "Undoing an import"}
IMPORT_COUNTS = {
    "read": "rows read",
    "stored": "new and matched by a monitor",
    "known": "known already",
    "unmatched": "matched by no monitor",
    "too_old": "older than what is kept",
    "bad": "could not be taken",
}
IMPORT_FIELDS = {
    "text": "Text",
    "created_at": "Time of the post",
    "id": "Id",
    "author": "Author (handle)",
    "author_name": "Name of the author",
    "followers": "Followers",
    "url": "Link",
    "title": "Title",
    "lang": "Language",
    "network": "Network",
    "country": "Country",
}
IMPORT_DATES = {
    "iso": "2026-12-31 14:05, year first",
    "dmy": "31/12/2026 14:05, day first",
    "mdy": "12/31/2026 2:05 PM, month first",
    "seconds": "seconds since 1970",
    "milliseconds": "milliseconds since 1970",
    "x": "Thu Dec 31 14:05:00 +0000 2026, as X writes it",
    "mail": "Thu, 31 Dec 2026 14:05:00 +0000, as mail writes it",
}
ABILITIES = {
    "triggers": "hears triggers in a single mention",
    "bursts": "sees sudden and lasting rises",
    "hours": "knows the hours of the day",
    "weekdays": "tells weekdays apart",
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
# The actions on record of alerts and escalations.
ACTIONS = {
    "open": "opened",
    "fire": "fired",
    "update": "figures updated",
    "worsen": "got worse",
    "suppress": "suppressed",
    "merge": "merged",
    "part": "no longer merged",
    "calm": "calmed",
    "recur": "came back",
    "step": "next person paged",
    "hold": "kept for the morning",
    "hurry": "the next person is paged at once",
    "again": "paged again: the channel works again",
    "exhaust": "every step was taken",
    "unreached": "could not be reached",
    "expire": "acknowledgement expired",
    "wake": "snooze ended",
    "raise": "severity raised",
    "lower": "severity lowered",
    "supersede": "a newer alert tells this story",
    "acknowledge": "acknowledged",
    "snooze": "snoozed",
    "dismiss": "dismissed",
    "escalate": "escalated",
    "stand_down": "no longer with PR or Legal",
    "resolve": "resolved",
    "reopen": "reopened",
    "note": "note",
    "verdict": "gave a verdict",
    "accept_normal": "accepted the present as the new normal",
    "undo_normal": "took the new normal back",
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
    "notice_page": "pages",
    "notice_repeat": "paged again",
    "notice_worsened": "told of the higher severity",
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
FACET_NAMES = {"intent": "Intent", "emotion": "Emotion", "crisis": "Kind of crisis", "harm": "Harm"}
INTENTS = {
    "complaint": "complaint",
    "question": "question",
    "request": "request",
    "praise": "praise",
    "threat": "threat",
    "news": "news",
    "advert": "advert",
}
EMOTIONS = {
    "anger": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "sadness": "sadness",
    "joy": "joy",
    "trust": "trust",
    "surprise": "surprise",
    "anticipation": "anticipation",
}
CRISES = {
    "safety": "safety",
    "data": "data and privacy",
    "legal": "law",
    "discrimination": "discrimination",
    "outage": "outage",
    "executive": "management",
    "labour": "labour",
    "environment": "environment",
    "boycott": "boycott",
}
HARMS = {"insult": "insult", "hate": "hate", "violence": "violence", "sexual": "sexual"}

FIGURES = {
    "observed": "Observed",
    "expected": "Expected",
    "lower": "Interval, from",
    "upper": "Interval, to",
    "score": "Score",
}
# The names of the steps of every kind of signal (`SignalKind.steps`).
STEPS = (
    "Due in the window",
    "Level, in mentions a window",
    "Factor of the holiday",
    "Season at that time",
    "Observed",
    "Expected",
    "Interval of the expected, from",
    "Interval of the expected, to",
    "Interval of the observed, from",
    "Interval of the observed, to",
    "Distance from the expected (z)",
    "Heat of the burst",
    "Evidence of a rise, in nats",
    "Heat of the rise",
    "Usual share of negatives",
    "Evidence of more mentions, in nats",
    "Evidence of more negatives, in nats",
    "Evidence of a new subject, in nats",
    "Heat of the negatives",
    "Voices of a text that is passed on",
    "Due since the last mention",
    "Missing that a silence needs",
    "Distance where it spread (z)",
    "Share of newcomers",
    "Share of the new subject",
    "Distance from the texts before (z)",
    "Distance from the usual share (z)",
    "The loudest of a usual day",
    "Authors of one text on a usual day",
    "Score by outlets",
    "Score by followers",
    "Score",
)
STEP_NAMES = {name: name for name in STEPS}
CHANNELS: Mapping[object, str] = {
    "email": "e-mail",
    "apprise": "chat, push or SMS (Apprise)",
    "webhook": "webhook",
    "console": "the machine's console",
}
SETUP: Mapping[object, str] = {
    "brand": "The brand",
    "listen": "Where to listen",
    "wake": "Whom to wake",
    "ring": "Did it ring?",
}
SETUP_WHY: Mapping[object, str] = {
    "brand": "A name becomes a query that you can see and change.",
    "listen": "Networks that need no key, each with a test.",
    "wake": "You, by mail, chat, push or webhook, proven by a code.",
    "ring": "A test page on your phone, and what to expect from then on.",
}
WHYS: Mapping[object, str] = {
    "name": "the name",
    "endings": "with endings, such as Turkish ones",
    "joined": "written as one word",
    "spelling": "as it is misspelt",
    "hashtag": "hashtag",
    "handle": "who speaks to this account",
    "product": "product",
    "jobs": "job advertisements",
    "shop": "discount codes",
    "prizes": "giveaways",
}
ASKED: Mapping[object, str] = {
    "instances": "Instances (optional)",
    "query": "What to search for, in GDELT's own words",
    "url": "Address of the feed",
    "channel": "Name of the channel",
    "forums": "Address of the forum",
    "app": "Number of the app in the store",
}
PLACES: Mapping[object, str] = {
    "setup": "Set-up",
    "monitors": "Monitors",
    "sources/new": "New source",
    "people": "People",
    "policies": "Policies",
    "schedules": "Schedules",
    "silences": "Silences",
    "expected-events": "Expected events",
    "imports": "Bring in history",
    "keys": "API keys",
    "sessions": "Who is signed in",
    "retention": "What is kept",
    "erasures": "Erase",
}
NEW: Mapping[object, str] = {
    "people": "New person",
    "policies": "New policy",
    "schedules": "New schedule",
    "silences": "New silence",
    "expected-events": "New expected event",
}
CHANGES: Mapping[object, str] = {
    "made": "Made",
    "changed": "Changed",
    "ended": "Ended",
    "restored": "Brought back",
}
PROTECTIONS: Mapping[object, str] = {
    "starttls": "encrypted (STARTTLS)",
    "tls": "encrypted (TLS)",
    "none": "not encrypted",
}
"""How mail goes to its server, by the value of `smtp.security`."""
BASELINES = {"adaptive": "adaptive", "protected": "protected"}
# What reasons and receipts begin with; a name or a server's own words follow.
PREFIXES = {
    "silence": "silence",
    "expected event": "expected event",
    "holiday": "holiday",
    "taken": "taken",
    "refused": "refused",
    "not sent": "not sent",
    "no connection": "no connection",
}
# Whole reasons and receipts of ours.
REASONS = {
    "printed": "printed",
    "recorded": "recorded",
    "morning": "waits for the morning",
    "working hour": "waits for the next working hour",
    "volume": "the volume alert of the same monitor tells this story",
    "copies": COPIES,
    "automated": AUTOMATED,
    "reposts": REPOSTS,
}

TERMS: Final[Mapping[str, Mapping[object, str]]] = {
    "change": CHANGES,
    "place": PLACES,
    "held": dict(HELD.items()),
    "new": NEW,
    "channel": CHANNELS,
    "setup": SETUP,
    "setup_why": SETUP_WHY,
    "why": WHYS,
    "asked": ASKED,
    "protection": PROTECTIONS,
    "severity": dict(SEVERITIES.items()),
    "status": dict(STATUSES.items()),
    "baseline": dict(BASELINES.items()),
    "label": dict(LABELS.items()),
    "role": dict(ROLES.items()),
    "dismissal": dict(DISMISSALS.items()),
    "verdict": dict(VERDICTS.items()),
    "backtest": dict(BACKTESTS.items()),
    "retention": dict(RETENTION.items()),
    "erasing": dict(ERASING.items()),
    "erased": dict(ERASED.items()),
    "bad_row": dict(BAD_ROWS.items()),
    "field": dict(FIELDS.items()),
    "import": dict(IMPORTS.items()),
    "import_kind": dict(IMPORT_KINDS.items()),
    "import_count": dict(IMPORT_COUNTS.items()),
    "import_field": dict(IMPORT_FIELDS.items()),
    "import_dates": dict(IMPORT_DATES.items()),
    "ability": dict(ABILITIES.items()),
    "outcome": dict(OUTCOMES.items()),
    "trigger": dict(TRIGGERS.items()),
    "facet": dict(FACET_NAMES.items()),
    "intent": dict(INTENTS.items()),
    "emotion": dict(EMOTIONS.items()),
    "crisis": dict(CRISES.items()),
    "harm": dict(HARMS.items()),
    "action": dict(ACTIONS.items()),
    "figure": dict(FIGURES.items()),
    "step": dict(STEP_NAMES.items()),
}
