"""A signal: the published statement that the talk about a monitor is no longer as expected, or is as expected again.

`Facts` is all that severity is decided from. `Evidence` is the part that a person checks by hand. Both are stored with the
signal as they were when it was judged, and are copied onto the alert. They hold ids and figures, never the text of a post.
Texts are read from the store when they are shown, so that an erasure reaches them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from tocsin.core.ids import stable_id

# The number of people who say a trigger from which on the trigger counts by itself, with or without a spike.
TRIGGER_AUTHORS = 3
TRIGGER_SHARE = 0.02
"""The least share of the voices of its hour that a trigger needs: of a thousand happy people one always says "lawsuit"."""


def most_said(triggers: Mapping[str, int], voices: int) -> int:
    """The number of people who say the most frequent trigger; 0 where they are below `TRIGGER_SHARE` of the voices."""
    said = max(triggers.values(), default=0)
    return said if said >= TRIGGER_SHARE * voices else 0


def speaks(triggers: Mapping[str, int], voices: int) -> bool:
    """Whether enough people say one trigger for it to need no spike. `triggers` counts the people of an hour by category, and
    `voices` everybody in that hour.
    """
    return most_said(triggers, voices) >= TRIGGER_AUTHORS


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All that severity is decided from. Shares are 0..1."""

    kind: str
    score: float
    observed: float
    expected: float
    # Observed / expected of the volume, also in a negativity signal.
    ratio: float
    # Windows of this episode that were over, this one included; the second may be one that `lasts`.
    windows_over: int
    learning: bool = False
    complete: bool = True
    # None: no mention was scored.
    negative_share: float | None = None
    negative_lower: float | None = None
    negative_baseline: float | None = None
    negative_over: bool = False
    # An author in the window has as many followers as the monitor's threshold, or more.
    influential: bool = False
    # Networks with a mention in the window.
    networks: int = 0
    # Networks on which this monitor was ever heard.
    networks_heard: int = 0
    # An outlet of the first rank is in the window.
    tier1: bool = False
    # The volume is on course for ten times the expected within six hours.
    tenfold: bool = False
    # The people who said a trigger in the hour up to the window's end, by category. A category that this monitor is used to is
    # left out.
    triggers: dict[str, int] = {}
    # Distinct authors in that hour.
    voices: int = 0
    # The monitor is young and had heard little before this episode began: the normal volume is not known yet.
    thin: bool = False
    # The window is about as high as an alert needs: its last hour alone, or its score but for the limit that the alert raised.
    lasts: bool = False
    # Without the reposts of one text there would be no twice the expected, or no more negatives than usual.
    one_text: bool = False


class TopMention(msgspec.Struct, frozen=True):
    """One of the mentions that matter most. Its identity finds it again."""

    source: str
    id: str
    reach: int
    label: str


class SpreadPlace(msgspec.Struct, frozen=True):
    """A network or a language in which the talk was over its usual between `since` and `until`: `seen` mentions in an hour, `due`
    of them expected, `z` deviations above that. Of a new subject (the dimension "term") these are texts.
    """

    dimension: str
    value: str
    since: datetime
    until: datetime
    seen: int
    due: float
    z: float


class Agreement(msgspec.Struct, frozen=True):
    """Another kind of signal that is over in the same window, with the figures of its reading."""

    kind: str
    score: float
    observed: float
    expected: float
    lower: float
    upper: float
    span_s: float
    # Where the talk has spread, the first place first.
    places: list[SpreadPlace] = []
    # The further numbers of its arithmetic, by their names in the reading's detail.
    numbers: dict[str, float] = {}


class VoiceAgainst(msgspec.Struct, frozen=True):
    """The mention of the voice against the brand that a signal tells of: an outlet of the first rank, or the loudest author."""

    source: str
    id: str
    reach: int
    # Empty for an author.
    outlet: str = ""


class StoryTold(msgspec.Struct, frozen=True, kw_only=True):
    """A text that several mentions of the window tell, word for word or lightly edited. `source` and `id` are its first post;
    `reposts` of its `count` mentions say that they pass it on; a mention without an author counts as one of the `authors`.
    """

    story: str
    source: str
    id: str
    count: int
    reposts: int
    authors: int
    negative: int
    since: datetime
    until: datetime
    # Of the reposts and one post that they pass on, in the tone; 0 where there are none, or an older version wrote the evidence.
    voices: float = 0.0


class AutomatedAuthor(msgspec.Struct, frozen=True):
    """An account that looks automated. `source` and `id` are its first post in the window, which has `posts` of it; `why` has the
    reasons with their figures (`processors.detection.automation`).
    """

    source: str
    id: str
    posts: int
    why: dict[str, float]


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """The part that a person checks by hand, as it was judged."""

    # The detector and its version.
    rule: str
    # adaptive | protected
    baseline: str
    # Start of the first window of this episode.
    since: datetime
    window_start: datetime
    window_end: datetime
    observed: float
    expected: float
    lower: float
    upper: float
    # The level of the interval from `lower` to `upper`, 0..1.
    level: float
    # Mentions in the window, copies included.
    count: int
    # The copies among them that the windows of the span set aside before the volume was judged; of a share the negatives among
    # these.
    copies: int = 0
    copy_groups: int = 0
    # Distinct authors that networks tell: nought of a feed whose items name nobody.
    authors: int = 0
    reach: int = 0
    negative: int = 0
    neutral: int = 0
    positive: int = 0
    unscored: int = 0
    negative_share: float | None = None
    negative_lower: float | None = None
    negative_upper: float | None = None
    negative_baseline: float | None = None
    # The share of negatives with the scorers' known errors undone, and its interval; None where that cannot be done.
    corrected_share: float | None = None
    corrected_lower: float | None = None
    corrected_upper: float | None = None
    networks: dict[str, int] = {}
    languages: dict[str, int] = {}
    sources: dict[str, int] = {}
    # The terms that rise, each with the number of mentions that say it.
    terms: list[tuple[str, int]] = []
    # The most telling mention first.
    top: list[TopMention] = []
    # Posts of the brand's own accounts in the window: how many, and those that most see. They are in no other figure.
    own: int = 0
    own_top: list[TopMention] = []
    # The people who said a trigger in the hour up to the window's end, by category, and how many do in the busiest hour of a
    # usual day.
    triggers: dict[str, int] = {}
    usual_triggers: dict[str, int] = {}
    # By facet and value, the mentions of which it was told.
    facets: dict[str, dict[str, int]] = {}
    # The share of each in the two weeks before the episode, 0..1; empty where too little was heard to tell.
    usual_facets: dict[str, dict[str, float]] = {}
    # The parts that are not heard: silent or failing sources, partitions behind.
    missing: list[str] = []
    monitors_version: int = 0
    # The mentions of the fullest five minutes; 0 where an older version wrote the evidence.
    peak: int = 0
    # The followers from which on an author is influential, for this monitor.
    influential_from: int = 0
    # The outlets of the first rank that are in the window, as domains or handles.
    outlets: list[str] = []
    # The voice that a signal of one voice tells of.
    against: VoiceAgainst | None = None
    # By "network" and "lang", what this monitor had not heard in the two weeks before and hears now from at least three mentions.
    first_heard: dict[str, list[str]] = {}
    # The other signals that were over in the same window.
    agrees: list[Agreement] = []
    # The different texts among the mentions; 0 where an older version wrote the evidence.
    distinct: int = 0
    # The texts with the most copies.
    stories: list[StoryTold] = []
    # The mentions by accounts that look automated, and the busiest of these accounts. Of `copies`, `automated_aside` were set
    # aside for that reason.
    automated: int = 0
    automated_authors: list[AutomatedAuthor] = []
    automated_aside: int = 0
    # The reposts among the mentions, the voices that they count as in the tone, each text's with one post that they pass on, and
    # the negatives among them that were set aside for that reason.
    reposts: int = 0
    repost_voices: float = 0.0
    reposts_aside: int = 0
    # A digest over the sorted ids of the window's mentions: the same replay gives the same digest.
    input_digest: str = ""


def fingerprint(monitor_id: str, kind: str) -> str:
    """The fingerprint of a signal. Two signals of one monitor and one kind have the same fingerprint: they are one story."""
    return stable_id("fp", monitor_id, kind)


def encode(value: Facts | Evidence) -> dict[str, object]:
    """The value as plain JSON values, for a `Json` column."""
    built: dict[str, object] = msgspec.to_builtins(value)
    return built


def facts_from(value: object) -> Facts:
    """The inverse of `encode` for facts."""
    return msgspec.convert(value, Facts)


def evidence_from(value: object) -> Evidence:
    """The inverse of `encode` for evidence."""
    return msgspec.convert(value, Evidence)
