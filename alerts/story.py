"""What an alert is about, on one line. Page, notices, feeds, API, exports and commands show this line and no other.

The line is made from the evidence and the facts as they were judged, in the reader's language. It holds no post and no author: a
rising term is a word of several texts.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from msgspec import structs

from alerts.alert import Alert
from alerts.words import Words, words_for
from tocsin.core.signal import Evidence
from tocsin.core.signal_kinds import SIGNAL_KINDS
from tocsin.core.text import one_line

MOST: Final = 110
"""The characters of a headline, which a lock screen and a list show whole."""
PEAK: Final = timedelta(minutes=5)
NAMED: Final = 2
"""The triggers, or the rising terms, that the line names."""


def headline(alert: Alert, words: Words) -> str:
    """The story line after the severity and the monitor. A line that is too long goes without the peak, and is cut then. Of an
    alert that another version wrote, severity and monitor.
    """
    name = f"SEV{alert.severity} {alert.monitor}"
    if alert.readable_evidence is None:
        return one_line(name, MOST)
    told = f"{name}: {story_line(alert, words)}"
    if len(told) > MOST:
        told = f"{name}: {story_line(alert, words, peak=False)}"
    return one_line(told, MOST)


def in_a_headline(alert: Alert) -> str:
    """The headline for readers of no language of their own: lists of the API, exports. The monitor where it cannot be told."""
    return headline(alert, words_for(None, "UTC")) if alert.readable_evidence else alert.monitor


def story_line(alert: Alert, words: Words, *, peak: bool = True) -> str:
    """The headline of the alert's kind with its window and its peak, and then its triggers, or else what drives it."""
    evidence, kind = alert.the_evidence, SIGNAL_KINDS.of(alert.kind)
    told = words.say(kind.headline_of(_as_known(alert, evidence)))
    span = evidence.window_end - evidence.window_start
    if kind.headline_spans and not kind.unheard:
        told = words.say("{headline} in {span}", headline=told, span=words.span(span))
    # A share has no peak, and the peak of five minutes is those minutes.
    peaks = peak and evidence.peak and span > PEAK and not kind.is_share
    highest = [words.say("peak {n} in {span}", n=words.number(evidence.peak), span=words.span(PEAK))]
    about = "" if kind.unheard else _about(alert, evidence, words)
    return ", ".join([told, *(highest if peaks else ()), *([about] if about else ())])


def negatives(evidence: Evidence, words: Words) -> str:
    """How many of how many are negative; empty where nothing was scored."""
    scored = evidence.negative + evidence.neutral + evidence.positive
    if not scored or evidence.negative_share is None:
        return ""
    n, of = words.number(evidence.negative), words.number(scored)
    share = words.percent(evidence.negative_share)
    return words.say("{share} negative ({n} of {scored} scored)", share=share, n=n, scored=of)


def _as_known(alert: Alert, evidence: Evidence) -> Evidence:
    """The evidence, without an expectation while too little was heard to have one."""
    facts = alert.readable_facts
    return structs.replace(evidence, expected=0.0) if facts is not None and facts.learning else evidence


def _about(alert: Alert, evidence: Evidence, words: Words) -> str:
    facts = alert.readable_facts
    triggers = facts.triggers if facts else {}
    if triggers:
        named = sorted(triggers, key=lambda name: (-triggers[name], name))[:NAMED]
        said = (words.say(name.replace("_", " ").replace("-", " ")) for name in named)
        return words.say("trigger: {names}", names=", ".join(said))
    if evidence.terms:
        return words.say("driver: {terms}", terms=", ".join(term for term, _ in evidence.terms[:NAMED]))
    return ""
