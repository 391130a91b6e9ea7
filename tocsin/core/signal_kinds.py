"""The kinds of signals, and the traits of each. Judge, alerts, messages, web page and API ask for a trait, never for a name.

A new signal is one file with its detector and one entry in `SIGNAL_KINDS`. A trait that an entry leaves out keeps its default.
An entry names the class of its detector as text, because only processors know detectors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal

from tocsin.core.sentences import Percentage, Sentence
from tocsin.core.signal import Evidence

VOLUME: Final = "volume"
NEGATIVITY: Final = "negativity"
REACH: Final = "reach"
SILENCE: Final = "silence"
SPREAD: Final = "spread"
NEWCOMERS: Final = "newcomers"
NARRATIVE: Final = "narrative"
FLOOD: Final = "flood"
BLIND: Final = "blind"

Unit = Literal["mentions", "share"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SignalKind:
    """One kind of signal.

    `means` is the name of the kind on the web page, in English; the page translates it. `unit` is the unit of observed and
    expected: a number of mentions, or a share (0..1) of the scored mentions. `detector` is `module:class` of a `Detector` of
    processors; None where no detector judges windows and another part writes the signals. A kind is itself alone (`eq=False`):
    comparing all of its values, to find the detectors of a monitor, took longer than making the monitor.
    """

    kind: str
    means: str
    unit: Unit = "mentions"
    detector: str | None = None
    # The arithmetic of its verdicts: `module:function` in the form of `processors.signals.volume_steps:steps`.
    steps: str | None = None
    # The arithmetic of its reading where that agrees with an alert of another kind: `module:function`, from an `Agreement`.
    checks: str | None = None
    # What it asks the store beside the counts: `module:function` in the form of `processors.detection.far_voices:hear`.
    hears: str | None = None
    # What it asks the store once for the windows that close at many monitors, before they are judged: `module:function` in the
    # form of `processors.detection.one_text:hear_together`. `hears` takes up the answer.
    hears_together: str | None = None
    # It asks the store only where its reading is half-way to an alert, and is judged again with the answer.
    hears_half_way: bool = False
    # The kind whose alert tells this story too: an alert of this kind is merged into a live alert of that kind.
    absorbed_by: str | None = None
    # The noun for what is counted or shared, as in "12 mentions" or "30 % negative".
    counted: str = "mentions"
    # The fields of the facts that the page's lists show as observed and expected.
    figures: tuple[str, str] = ("observed", "expected")
    # The subject of a notice, for kinds in which observed against expected would not fit.
    headline: Callable[[Evidence], str] | None = None
    # An empty window teaches this kind, too.
    judges_empty: bool = False
    # Its readings say how many mentions were due in the window (`window_expected`), and the kinds after it hear of that.
    says_due: bool = False
    # Copies of one text are left out before this kind, and the kinds after it, are judged; before a share the negatives among
    # them.
    sets_copies_aside: bool = False
    # A trigger that counts by itself makes this kind over, with or without a spike.
    armed_by_triggers: bool = False
    # An announced event may explain a signal of this kind.
    explained_by_events: bool = False
    # It opens no alert. Where it is over, it stands in the evidence of those that are open.
    supports: bool = False
    # By itself it is a watch: its alert asks for no volume, is the mildest, and does not ring.
    watch: bool = False
    # It tells of one voice, which its headline names.
    tells_a_voice: bool = False
    # Its headline names the window.
    headline_spans: bool = True
    # The story line tells what is usual after its headline, as it does of every share.
    says_usual: bool = False
    # The text of the page's lists where the one of its unit would not fit.
    claims: str | None = None
    # What the demo says beside an alert of this kind that is a watch, whatever its figures are. The page translates it.
    lesson: str | None = None
    # The signal says that a source is not heard. It rings at night too, because the unheard talk may be worse.
    unheard: bool = False

    @property
    def is_share(self) -> bool:
        return self.unit == "share"

    @property
    def claim(self) -> str:
        """The text of the page's lists, which the page translates. It has the places {observed} and {expected} for mentions, and
        {share} and {usual} for a share.
        """
        if self.claims is not None:
            return self.claims
        if self.is_share:
            return f"{{share}} {self.counted}, {{usual}} is usual"
        return f"{{observed}} {self.counted}, {{expected}} expected"

    @property
    def claim_of_one(self) -> str:
        """The same text where one mention was observed."""
        one = self.claims is None and not self.is_share and self.counted == "mentions"
        return "{observed} mention, {expected} expected" if one else self.claim

    def headline_of(self, evidence: Evidence, speaker: str = "") -> str:
        """The subject of a notice. An expectation of 0 is one that is not known. `speaker` is the name of the voice that it tells
        of.
        """
        if speaker and evidence.against is not None:
            n = evidence.against.reach
            return Sentence("{who} ({n} followers) speaks against it", who=speaker, n=n)
        if self.headline is not None:
            return self.headline(evidence)
        if self.is_share:
            return Sentence(
                "{share} {counted}", share=Percentage(evidence.observed), counted=Sentence(self.counted)
            )
        if evidence.expected <= 0 and self.counted == "mentions":
            return _mentions(round(evidence.observed))
        if evidence.expected <= 0:
            return Sentence("{n} {counted}", n=round(evidence.observed), counted=Sentence(self.counted))
        times = _times(evidence)
        return Sentence("{times}x the expected {counted}", times=times, counted=Sentence(self.counted))

    def left_out(self, evidence: Evidence) -> int:
        """The copies, or repeated negatives of a share, that the observed figure leaves out. A kind that sets none aside counts
        otherwise, such as the authors of one text.
        """
        return evidence.copies + evidence.reposts_aside if self.sets_copies_aside else 0

    def usual_of(self, evidence: Evidence) -> float | None:
        """What is usual, for the story line; a `Percentage` of a share. None where that is not known, and for kinds whose
        headline compares by itself.
        """
        usual: float | None = getattr(evidence, self.figures[1])
        if not usual or not (self.is_share or self.says_usual):
            return None
        return Percentage(usual) if self.is_share else usual


class SignalKinds:
    """The kinds in the order in which they are judged. The first judged kind stands for a monitor: a ticker locks its row of
    `detector_state`, and it has a reading for every closed window.
    """

    def __init__(self, kinds: Iterable[SignalKind]) -> None:
        self._kinds: dict[str, SignalKind] = {}
        self.judged: tuple[SignalKind, ...] = ()
        for one in kinds:
            self.add(one)

    def __iter__(self) -> Iterator[SignalKind]:
        return iter(self._kinds.values())

    def of(self, kind: str) -> SignalKind:
        """The kind of that name. A stored kind that is not registered any more gives a plain kind."""
        known = self._kinds.get(kind)
        return known if known is not None else SignalKind(kind=kind, means=kind.replace("_", " "))

    @property
    def lead(self) -> SignalKind:
        """The kind that stands for a monitor."""
        return self.judged[0]

    def absorbed_into(self, kind: str) -> tuple[SignalKind, ...]:
        """The kinds whose alerts merge into an alert of this kind."""
        return tuple(one for one in self if one.absorbed_by == kind)

    @contextmanager
    def registered(self, kind: SignalKind) -> Iterator[None]:
        """Add this kind while the block runs. Raises `ValueError` where its name is taken."""
        before, judged = dict(self._kinds), self.judged
        self.add(kind)
        try:
            yield
        finally:
            self._kinds, self.judged = before, judged

    def add(self, kind: SignalKind) -> None:
        """Take in a further kind, of a plugin. Raises `ValueError` where its name is taken."""
        if kind.kind in self._kinds:
            raise ValueError(f"there is a signal {kind.kind!r} already; known: {', '.join(self._kinds)}")
        self._kinds[kind.kind] = kind
        self.judged = tuple(one for one in self if one.detector is not None)


def _times(evidence: Evidence) -> float:
    """Observed over expected; whole numbers from ten on."""
    ratio = evidence.observed / evidence.expected
    return ratio if ratio < 10 else round(ratio)


def _mentions(seen: int) -> str:
    return Sentence("one mention") if seen == 1 else Sentence("{n} mentions", n=seen)


def _times_the_talk(evidence: Evidence) -> str:
    if evidence.expected <= 0:
        return _mentions(round(evidence.observed))
    if evidence.observed < evidence.expected:
        return Sentence("talk is unusual")
    return Sentence("{times}x expected", times=_times(evidence))


def _share_of_negatives(evidence: Evidence) -> str:
    share = evidence.negative_share
    return (
        Sentence("turning negative")
        if share is None
        else Sentence("{share} negative", share=Percentage(share))
    )


def _heard_far(evidence: Evidence) -> str:
    told = evidence.against
    outlets = evidence.outlets if told is None else [told.outlet] if told.outlet else []
    if outlets:
        return Sentence("{who} speaks against it", who=outlets[0])
    # Older versions wrote no voice.
    followers = told.reach if told else max((one.reach for one in evidence.top), default=0)
    return Sentence("an author with {n} followers speaks against it", n=followers)


def _silent(evidence: Evidence) -> str:
    return Sentence("nobody speaks, {n} mentions were expected", n=round(evidence.expected))


def _one_text(evidence: Evidence) -> str:
    return Sentence("one text by {n} authors", n=round(evidence.observed))


SIGNAL_KINDS: Final = SignalKinds(
    (
        SignalKind(
            kind=VOLUME,
            means="more talk than expected",
            detector="processors.signals.volume:Volume",
            steps="processors.signals.volume_steps:steps",
            headline=_times_the_talk,
            judges_empty=True,
            says_due=True,
            sets_copies_aside=True,
            armed_by_triggers=True,
            explained_by_events=True,
        ),
        SignalKind(
            kind=NEGATIVITY,
            means="more negative than usual",
            unit="share",
            detector="processors.signals.negativity:Negativity",
            steps="processors.signals.negativity_steps:steps",
            hears="processors.detection.subjects:hear_half_way",
            hears_half_way=True,
            absorbed_by=VOLUME,
            counted="negative",
            judges_empty=True,
            sets_copies_aside=True,
            figures=("negative_share", "negative_baseline"),
            headline=_share_of_negatives,
        ),
        SignalKind(
            kind=REACH,
            means="a voice with a large audience",
            detector="processors.signals.reach:Reach",
            steps="processors.signals.reach:steps",
            hears="processors.detection.far_voices:hear",
            absorbed_by=VOLUME,
            counted="voices with a large audience",
            headline=_heard_far,
            tells_a_voice=True,
            headline_spans=False,
            claims="voices with a large audience against it: {observed}",
            watch=True,
            lesson="One voice with a large audience, or a newspaper, speaks against the brand. "
            "That makes a watch before there is more talk, because more talk may begin here.",
        ),
        SignalKind(
            kind=SILENCE,
            means="silent where people usually talk",
            detector="processors.signals.silence:SilenceDetector",
            steps="processors.signals.silence:steps",
            headline=_silent,
            judges_empty=True,
            explained_by_events=True,
            watch=True,
            lesson="People usually talk at this hour, and now nobody does. That makes a watch: "
            "the brand may have a problem of its own, or a network may have stopped answering.",
        ),
        SignalKind(
            kind=SPREAD,
            means="on a second network or in a second language",
            detector="processors.signals.spread:Spread",
            checks="processors.signals.spread:checks",
            hears="processors.detection.places:hear",
            claims="more talk than usual in {observed} places",
            supports=True,
        ),
        SignalKind(
            kind=NEWCOMERS,
            means="people who never spoke of it before",
            unit="share",
            detector="processors.signals.newcomers:Newcomers",
            checks="processors.signals.newcomers:checks",
            hears="processors.detection.people:hear",
            counted="newcomers",
            supports=True,
        ),
        SignalKind(
            kind=NARRATIVE,
            means="a new subject",
            unit="share",
            detector="processors.signals.narrative:Narrative",
            checks="processors.signals.narrative:checks",
            hears="processors.detection.subjects:hear",
            counted="texts with a new subject",
            claims="in {share} of the texts, {usual} before",
            supports=True,
        ),
        SignalKind(
            kind=FLOOD,
            means="a flood of copies",
            detector="processors.signals.flood:Flood",
            steps="processors.signals.flood:steps",
            hears="processors.detection.one_text:hear",
            hears_together="processors.detection.one_text:hear_together",
            absorbed_by=VOLUME,
            counted="authors of one text",
            headline=_one_text,
            says_usual=True,
            claims="one text by {observed} authors, {expected} on a usual day",
            watch=True,
        ),
        SignalKind(kind=BLIND, means="not seeing", headline=lambda _: Sentence("not heard"), unheard=True),
    )
)
