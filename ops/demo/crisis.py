"""The crisis of the demo: an overheating battery. It spreads from one post over languages and newspapers, and then calms."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from itertools import takewhile

from ops.demo.background import report
from ops.demo.cast import BRAND_ACCOUNT, STARS, WITNESS
from ops.demo.chance import pick, poisson, seeded
from ops.demo.desk import Desk, by_time
from ops.demo.phrases import phrases
from ops.demo.timeline import Timeline
from ops.demo.world import BRAND, PLACES, expected_per_hour
from tocsin.core.clock import minute_of
from tocsin.core.mention import Author, Mention

# The minutes after the end by which the crisis is over.
_CALM_OVER = 75
# The posts that every crisis has: minute, language, network, section, author (None: somebody).
_BEATS: tuple[tuple[int, str, str, str, Author | None], ...] = (
    (7, "tr", "bluesky", "crisis", None),
    (9, "tr", "forum", "crisis", None),
    (11, "en", "mastodon", "crisis", None),
    (15, "ro", "bluesky", "crisis", None),
    (17, "en", "bluesky", "crisis_star", STARS["en"]),
    (24, "tr", "bluesky", "crisis_star", STARS["tr"]),
    (26, "nl", "news", "crisis_news", None),
    (33, "tr", "news", "crisis_news", None),
    (41, "en", "news", "crisis_news", None),
    (48, "ro", "news", "crisis_news", None),
)
# The minute from which each language talks about the crisis, and its share once all languages do.
_SPREAD = {
    "nl": (0, 0.3),
    "tr": (7, 0.26),
    "en": (11, 0.27),
    "ro": (15, 0.12),
    "de": (21, 0.03),
    "fr": (23, 0.02),
}
# The minutes from the first post to the full crisis.
_RAMP = 28.0


def crisis(times: Timeline, seed: int) -> list[Mention]:
    """The whole crisis, from the first post until it is over, some time after the end."""
    rng = seeded(seed, "crisis")
    desk = Desk(f"{minute_of(times.end):x}-crisis", rng, BRAND)
    begun = times.crisis_at
    cargo = {"model": "Cargo"}
    title = phrases("nl").say("crisis_first_title", rng, {"brand": BRAND})
    first = desk.post(begun, "nl", "forum", "crisis_first", author=WITNESS, title=title)
    threads: dict[str, list[Mention]] = {"nl": [first]}
    beats = list(_BEATS)
    # At night the background is thin, so the crisis is smaller. It is still a crisis.
    full = 7 + 9 * expected_per_hour(BRAND, begun) / 60
    ends = (times.end - begun).total_seconds() / 60
    # The company's statement comes after the recorded part.
    answers = int(ends) + 12
    for minute in range(1, int(ends) + _CALM_OVER):
        while beats and beats[0][0] <= minute:
            _, lang, network, section, author = beats.pop(0)
            at = begun + timedelta(minutes=minute, seconds=int(rng.random() * 30))
            if network == "news":
                root = report(desk, at, lang, section)
            else:
                root = desk.post(at, lang, network, section, author=author, slots=cargo)
            threads.setdefault(lang, []).append(root)
        if minute == answers:
            at = begun + timedelta(minutes=minute)
            threads["en"].append(desk.post(at, "en", "bluesky", "brand_statement", author=BRAND_ACCOUNT))
        calm = min(0.8, max(0.0, (minute - ends) / 40))
        mean = _crisis_rate(minute, full, ends) * rng.gammavariate(7, 1 / 7)
        for _ in range(poisson(rng, mean)):
            at = begun + timedelta(minutes=minute + rng.random())
            heard = {lang: share for lang, (since, share) in _SPREAD.items() if minute > since}
            _outcry(desk, at, pick(rng, heard), threads, calm)
    return desk.out


def _outcry(desk: Desk, at: datetime, lang: str, threads: dict[str, list[Mention]], calm: float) -> None:
    """Add one post about the crisis: a reply or a repost in a conversation that is going on, or a new post."""
    rng = desk.rng
    roots = list(takewhile(lambda root: root.created_at < at, threads.get(lang, [])))
    root = roots[int(len(roots) * math.sqrt(rng.random()))] if roots else None
    drawn = rng.random()
    if root is not None and drawn < 0.16 and root.network in ("mastodon", "bluesky"):
        desk.repost(at, root, lang)
    elif root is not None and drawn < 0.42 and root.network != "news":
        section = "calm" if rng.random() < calm else "crisis_reply"
        desk.post(at, lang, root.network or "forum", section, root=root)
    else:
        section = "crisis_question" if rng.random() < 0.1 else "crisis"
        posted = desk.post(
            at, lang, pick(rng, PLACES[lang].networks), "calm" if rng.random() < calm else section
        )
        if rng.random() < 0.06:
            threads.setdefault(lang, []).append(posted)
            threads[lang].sort(key=by_time)


def _crisis_rate(minute: float, full: float, ends: float) -> float:
    """Mentions a minute: exponential growth to `full` at `_RAMP`, level until `ends`, then exponential decay."""
    if minute < _RAMP:
        return 0.35 * math.exp(minute / _RAMP * math.log(full / 0.35))
    return full * math.exp(-max(0.0, minute - ends) / 15)
