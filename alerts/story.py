"""What an alert is about, on one line. Page, notices, feeds, API, exports and commands show this line and no other.

The line is made from the evidence and the facts as they were judged, in the reader's language. It holds no post: a rising term is
a word of several texts. It names an author only where an alert tells of that one voice, and only where somebody has looked the
name up (`alerts.speakers`). Its parts stand in the order in which a person who is woken needs them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from msgspec import structs

from alerts.alert import Alert
from alerts.speakers import nameless
from alerts.words import Words, words_for
from tocsin.core.sentences import Percentage
from tocsin.core.signal import Evidence
from tocsin.core.signal_kinds import SIGNAL_KINDS
from tocsin.core.text import one_line

MOST: Final = 110
"""The characters of a headline, which a lock screen and a list show whole."""
PEAK: Final = timedelta(minutes=5)
NAMED: Final = 2
"""The triggers, or the rising terms, that the line names."""


@dataclass(frozen=True, slots=True)
class StoryLine:
    """The parts of a story line in their order. A part is empty where there is nothing to tell. `what` has the window, and what
    is usual.
    """

    words: Words
    what: str
    # `what`, saying that it leaves out copies, which the other parts count.
    apart: str = ""
    triggers: tuple[str, ...] = ()
    negatives: str = ""
    peak: str = ""
    terms: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The parts on one line."""
        said = self.words.say("trigger: {names}", names=", ".join(self.triggers)) if self.triggers else ""
        about = self.words.say("about: {terms}", terms=", ".join(self.terms)) if self.terms else ""
        return ", ".join(
            part for part in (self.apart or self.what, said, self.negatives, self.peak, about) if part
        )

    def within(self, room: int) -> StoryLine:
        """The line in so many characters: `what`, and each part that still finds room, the one that is needed most first."""
        told = StoryLine(self.words, self.what)
        parts: tuple[tuple[str, Any], ...] = (
            ("triggers", self.triggers[:1]),
            ("negatives", self.negatives),
            ("peak", self.peak),
            ("triggers", self.triggers),
            ("terms", self.terms[:1]),
            ("terms", self.terms),
            # The line below tells how many copies were set aside, in any case.
            ("apart", self.apart),
        )
        for name, part in parts:
            more = replace(told, **{name: part})
            if len(more.text) <= room:
                told = more
        return told


def headline(alert: Alert, words: Words) -> str:
    """The story line after the severity and the monitor, cut where it is too long even so. Of an alert that another version
    wrote, severity and monitor.
    """
    name = _name(alert)
    return one_line(name if alert.readable_evidence is None else f"{name}: {story_line(alert, words)}", MOST)


def in_a_headline(alert: Alert) -> str:
    """The headline for readers of no language of their own: lists of the API, exports. It names no author. The monitor where it
    cannot be told.
    """
    return headline(nameless(alert), words_for(None, "UTC")) if alert.readable_evidence else alert.monitor


def story_line(alert: Alert, words: Words) -> str:
    """The headline of the alert's kind with its window and what is usual, its triggers, how many are negative, its peak, and,
    without a trigger, what it is about; without the parts that find no room in a headline.
    """
    return _that_fits(alert, words).text


def negatives_below(alert: Alert, words: Words) -> str:
    """How many of how many are negative, for the line below a headline that had no room for it; else empty."""
    if _that_fits(alert, words).negatives:
        return ""
    evidence = alert.the_evidence
    n, of = _negatives(evidence, words)
    if not of or evidence.negative_share is None:
        return ""
    share = words.percent(evidence.negative_share)
    return words.say("{share} negative ({n} of {scored} scored)", share=share, n=n, scored=of)


def copies_below(alert: Alert, words: Words) -> str:
    """The copies that a volume leaves out, for the line that tells it; else empty. The share of negatives counts them."""
    if not _without_copies(alert):
        return ""
    return words.say("copies set aside: {n}", n=words.number(alert.the_evidence.copies))


def left_out(alert: Alert, words: Words) -> str:
    """What the observed figure leaves out, and all other figures count: copies of a volume, repeated negatives of a share."""
    kind = SIGNAL_KINDS.of(alert.kind)
    repeated = kind.left_out(alert.the_evidence)
    if kind.is_share and repeated:
        return words.say("without repeated negatives: {n}", n=words.number(repeated))
    return copies_below(alert, words)


def _without_copies(alert: Alert) -> bool:
    kind = SIGNAL_KINDS.of(alert.kind)
    return bool(alert.the_evidence.copies) and not (kind.is_share or kind.watch or kind.unheard)


def _name(alert: Alert) -> str:
    return f"SEV{alert.severity} {alert.monitor}"


def _that_fits(alert: Alert, words: Words) -> StoryLine:
    return _story(alert, words).within(MOST - len(f"{_name(alert)}: "))


def _story(alert: Alert, words: Words) -> StoryLine:
    evidence, kind = _as_known(alert, alert.the_evidence), SIGNAL_KINDS.of(alert.kind)
    what = words.say(kind.headline_of(evidence, alert.speaker))
    if kind.unheard:
        return StoryLine(words, what)
    span = evidence.window_end - evidence.window_start
    apart = ""
    if kind.headline_spans:
        if _without_copies(alert):
            apart = words.say("{headline} in {span} without copies", headline=what, span=words.span(span))
        what = words.say("{headline} in {span}", headline=what, span=words.span(span))
    usual = kind.usual_of(evidence)
    if usual is not None:
        shown = words.percent(usual) if isinstance(usual, Percentage) else words.number(usual)
        what += ", " + words.say("usually {share}", share=shown)
    n, scored = _negatives(evidence, words)
    triggers = _triggers(alert, words)
    return StoryLine(
        words,
        what,
        apart,
        triggers,
        negatives=words.say("{n} of {scored} scored negative", n=n, scored=scored) if scored else "",
        # The peak of five minutes is those minutes.
        peak=_peak(evidence, words, of_a_share=kind.is_share) if evidence.peak and span > PEAK else "",
        terms=() if triggers else tuple(term for term, _ in evidence.terms[:NAMED]),
    )


def _negatives(evidence: Evidence, words: Words) -> tuple[str, str]:
    """How many are negative, and of how many; empty where nothing was scored."""
    scored = evidence.negative + evidence.neutral + evidence.positive
    return (words.number(evidence.negative), words.number(scored)) if scored else ("", "")


def _peak(evidence: Evidence, words: Words, *, of_a_share: bool) -> str:
    n, span = words.number(evidence.peak), words.span(PEAK)
    # Beside a share a number without its noun would be taken for a share, too.
    if of_a_share:
        return words.plural(
            "peak {n} mention in {span}", "peak {n} mentions in {span}", evidence.peak, span=span
        )
    return words.say("peak {n} in {span}", n=n, span=span)


def _as_known(alert: Alert, evidence: Evidence) -> Evidence:
    """The evidence, without an expectation while too little was heard to have one."""
    facts = alert.readable_facts
    if facts is None:
        return evidence
    usual = None if facts.learning or facts.thin else evidence.negative_baseline
    expected = 0.0 if facts.learning else evidence.expected
    return structs.replace(evidence, expected=expected, negative_baseline=usual)


def _triggers(alert: Alert, words: Words) -> tuple[str, ...]:
    """The triggers that most people said."""
    facts = alert.readable_facts
    said = facts.triggers if facts else {}
    named = sorted(said, key=lambda name: (-said[name], name))[:NAMED]
    return tuple(words.say(name.replace("_", " ").replace("-", " ")) for name in named)
