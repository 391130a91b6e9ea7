"""A signal: the published claim that a monitor's talk is no longer as expected, or is so again.

`Facts` is all that severity is decided from; `Evidence` is what a person checks by hand. Both are stored with the signal
as they were when it was judged, and copied onto the alert. They hold ids and figures, never a post's text: texts are read
from the store when shown, so that an erasure reaches them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from tocsin.core.ids import stable_id

TRIGGER_AUTHORS = 3  # people who say a trigger from whom on it speaks for itself, spike or none
TRIGGER_SHARE = 0.02
"""Of the voices of its hour: among a thousand happy people somebody always says "lawsuit"."""


def most_said(triggers: Mapping[str, int], voices: int) -> int:
    """How many people say the most frequent trigger; 0 where they are lost among the voices."""
    said = max(triggers.values(), default=0)
    return said if said >= TRIGGER_SHARE * voices else 0


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What severity is decided from. Shares are 0..1; followers are people."""

    kind: str
    score: float
    observed: float
    expected: float
    ratio: float  # observed / expected; of the volume, also in a negativity signal
    windows_over: int  # windows of this episode that were over, this one included
    learning: bool = False
    complete: bool = True
    negative_share: float | None = None  # None: nothing scored
    negative_lower: float | None = None
    negative_baseline: float | None = None
    negative_over: bool = False
    influential: bool = False  # an author whose followers reach the threshold is in it
    networks: int = 0  # networks with something in the window
    networks_heard: int = 0  # networks on which this monitor was ever heard
    tier1: bool = False  # an outlet of the first rank is in it
    tenfold: bool = False  # on course for ten times the expected within six hours
    triggers: dict[str, int] = {}  # category -> distinct authors in the hour up to the window's end
    voices: int = 0  # distinct authors in that hour
    # The monitor is young and had heard little before this began: what is normal is not known yet.
    thin: bool = False


class TopMention(msgspec.Struct, frozen=True):
    """One of the posts that matter most: found again by its identity."""

    source: str
    id: str
    reach: int
    label: str


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What a person checks by hand, as it was judged."""

    rule: str  # the detector and its version
    baseline: str  # adaptive | protected
    since: datetime  # start of the first window of this episode
    window_start: datetime
    window_end: datetime
    observed: float
    expected: float
    lower: float
    upper: float
    level: float  # of the interval, 0..1
    count: int  # mentions in the window, copies included
    copies: int = 0  # of these, copy-paste copies set aside before the volume was judged
    copy_groups: int = 0
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
    networks: dict[str, int] = {}
    languages: dict[str, int] = {}
    sources: dict[str, int] = {}
    terms: list[tuple[str, int]] = []  # what rises, with the number of mentions that say it
    top: list[TopMention] = []  # the most telling first
    triggers: dict[str, int] = {}
    missing: list[str] = []  # what is not seen: silent or failing sources, partitions behind
    monitors_version: int = 0
    # Over the sorted ids of the window's mentions: the same replay gives the same digest.
    input_digest: str = ""


def fingerprint(monitor_id: str, kind: str) -> str:
    """What makes two signals the same story: the monitor and the kind."""
    return stable_id("fp", monitor_id, kind)


def encode(value: Facts | Evidence) -> dict[str, object]:
    """As plain JSON values, for a `Json` column."""
    built: dict[str, object] = msgspec.to_builtins(value)
    return built


def facts_from(value: object) -> Facts:
    """The inverse of `encode` for facts."""
    return msgspec.convert(value, Facts)


def evidence_from(value: object) -> Evidence:
    """The inverse of `encode` for evidence."""
    return msgspec.convert(value, Evidence)
