"""The kinds of signals, and what everybody must know of each: judge, alerts, messages, page and API ask here, never by name.

A new signal is one file with its detector and one entry in `SIGNAL_KINDS`. A trait that an entry leaves out has the plain answer.
The detector stands as the name of its class, for only processors know detectors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal

from tocsin.core.signal import Evidence

VOLUME: Final = "volume"
NEGATIVITY: Final = "negativity"
BLIND: Final = "blind"

Unit = Literal["mentions", "share"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalKind:
    """One kind of signal.

    `means` is what the page calls it, in English; the page translates it. `unit` says what observed and expected are:
    a number of mentions, or a share (0..1) of those scored. `detector` is `module:class` of a `Detector` of processors;
    None where nothing judges windows and somebody else writes the signals.
    """

    kind: str
    means: str
    unit: Unit = "mentions"
    detector: str | None = None
    # The kind whose alert tells this story too: an alert of this kind is merged into a live one of that.
    absorbed_by: str | None = None
    # What is counted, or what the share is of.
    counted: str = "mentions"
    # Which fields of the facts are observed and expected, as the page's lists show them.
    figures: tuple[str, str] = ("observed", "expected")
    # What the subject of a notice says, where observed against expected is not it.
    headline: Callable[[Evidence], str] | None = None
    # An empty window says something: it has a reading, and teaches. Of a share it says nothing.
    judges_empty: bool = False
    # Copies of one text are left out before this kind, and those behind it, is judged.
    sets_copies_aside: bool = False
    # A trigger that speaks for itself makes this kind over, spike or none.
    armed_by_triggers: bool = False
    # An announced event may be all that is behind it.
    explained_by_events: bool = False
    # It says that we do not hear, not what is said: it rings at night too, for what it hides may be worse.
    unheard: bool = False

    @property
    def is_share(self) -> bool:
        return self.unit == "share"

    @property
    def claim(self) -> str:
        """What the page says in a list, for it to translate: of mentions {observed} and {expected}, of a share {share} and
        {usual}.
        """
        if self.is_share:
            return f"{{share}} {self.counted}, {{usual}} is usual"
        return f"{{observed}} {self.counted}, {{expected}} expected"

    def headline_of(self, evidence: Evidence) -> str:
        """What the subject of a notice says."""
        if self.headline is not None:
            return self.headline(evidence)
        if self.is_share:
            return f"{evidence.observed:.0%} {self.counted}"
        return f"{evidence.observed / max(evidence.expected, 1e-9):.1f}x the expected {self.counted}"


class SignalKinds:
    """The kinds in the order in which they are judged. The first stands for a monitor: its row of `detector_state` is what a
    ticker claims, and it has a reading for every closed window.
    """

    def __init__(self, kinds: Iterable[SignalKind]) -> None:
        self._kinds: dict[str, SignalKind] = {}
        self.judged: tuple[SignalKind, ...] = ()
        for one in kinds:
            self._add(one)

    def __iter__(self) -> Iterator[SignalKind]:
        return iter(self._kinds.values())

    def of(self, kind: str) -> SignalKind:
        """The kind of that name. A stored kind that nobody has registered any more is a plain one."""
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
        """While the block runs, there is this kind as well. Raises `ValueError` where its name is taken."""
        before, judged = dict(self._kinds), self.judged
        self._add(kind)
        try:
            yield
        finally:
            self._kinds, self.judged = before, judged

    def _add(self, kind: SignalKind) -> None:
        if kind.kind in self._kinds:
            raise ValueError(f"there is a signal {kind.kind!r} already; known: {', '.join(self._kinds)}")
        self._kinds[kind.kind] = kind
        self.judged = tuple(one for one in self if one.detector is not None)


def _times_the_talk(evidence: Evidence) -> str:
    ratio = evidence.observed / evidence.expected if evidence.expected > 0 else 0.0
    return f"{ratio:.1f}x the expected talk" if ratio >= 1 else "talk is unusual"


def _share_of_negatives(evidence: Evidence) -> str:
    share = evidence.negative_share
    return f"{share:.0%} negative" if share is not None else "turning negative"


SIGNAL_KINDS: Final = SignalKinds(
    (
        SignalKind(
            kind=VOLUME,
            means="more talk than expected",
            detector="processors.signals.volume:Volume",
            headline=_times_the_talk,
            judges_empty=True,
            sets_copies_aside=True,
            armed_by_triggers=True,
            explained_by_events=True,
        ),
        SignalKind(
            kind=NEGATIVITY,
            means="more negative than usual",
            unit="share",
            detector="processors.signals.negativity:Negativity",
            absorbed_by=VOLUME,
            counted="negative",
            figures=("negative_share", "negative_baseline"),
            headline=_share_of_negatives,
        ),
        SignalKind(kind=BLIND, means="not seeing", headline=lambda _: "not heard", unheard=True),
    )
)
