"""The arithmetic of a verdict on the negatives: from the usual share to the evidence that there are more, and to the score."""

from __future__ import annotations

from datetime import tzinfo
from math import exp, log

from processors.signals import crowd, story, subject
from processors.signals.calculation import Calculation, heated, promised, shown
from processors.signals.negative_run import MOST_EVIDENCE, ODDS
from processors.signals.negativity import (
    ASKS,
    CORRELATION,
    EVIDENCE_AT,
    HALF_HOUR,
    LEAST_SHARE,
    MOST_SHARE,
    PATHS,
    NegativityState,
    Recent,
)
from processors.signals.spans import moved
from processors.signals.statistics import NORMAL_OF_MEDIAN, asks, wilson
from processors.signals.types import Reading, WindowCounts
from tocsin.core.promise import CLEARLY_OVER
from tocsin.core.sentences import Sentence


def steps(
    state: NegativityState,
    window: WindowCounts,
    reading: Reading,
    zone: tzinfo,  # noqa: ARG001  # every kind's steps are asked alike; a share has no season here
    promise: float,
) -> list[Calculation]:
    """The steps of `reading`, the verdict on `window` by `state`. `promise` is the number of false alerts a week."""
    return [
        *_shares(state, reading),
        *_evidence(state, window, reading, promise),
        Calculation(
            name="Score",
            formula=heated(reading),
            value=CLEARLY_OVER * float(reading.detail["heat"]),
            judged=reading.score,
        ),
    ]


def _shares(state: NegativityState, reading: Reading) -> list[Calculation]:
    negative, scored = int(reading.detail["negative"]), int(reading.detail["scored"])
    usual = min(MOST_SHARE, max(LEAST_SHARE, state.usual[0] / state.usual[1]))
    alike = 1.0 + max(0, scored - 1) * CORRELATION
    lower, upper = wilson(negative / alike, scored / alike)
    n = shown(scored / alike)
    wilsons = Sentence(
        "Wilson's interval of {share} in {n}",
        share=shown(reading.observed),
        n=f"{scored} / (1 + {max(0, scored - 1)} x {CORRELATION}) = {n}",
    )
    return [
        Calculation(
            name="Usual share of negatives",
            formula=Sentence(
                "{negative} negatives / {scored} scored, fading by half in a week",
                negative=shown(state.usual[0]),
                scored=shown(state.usual[1]),
            ),
            value=usual,
            judged=reading.expected,
        ),
        Calculation(
            name="Observed",
            formula=Sentence(
                "{negative} negatives / {scored} scored", negative=str(negative), scored=str(scored)
            ),
            value=negative / scored if scored else 0.0,
            judged=reading.observed,
        ),
        Calculation(
            name="Interval of the observed, from", formula=wilsons, value=lower, judged=reading.lower
        ),
        Calculation(name="Interval of the observed, to", formula=wilsons, value=upper, judged=reading.upper),
    ]


def _evidence(
    state: NegativityState, window: WindowCounts, reading: Reading, promise: float
) -> list[Calculation]:
    share, detail = reading.expected, reading.detail
    odds = ODDS * share / (1.0 - share)
    high = odds / (1.0 + odds)
    taken, due = float(detail["taken"]), float(detail["window_negative"])
    others = max(0.0, due / share - taken)
    half = round(HALF_HOUR / window.length)
    past = (
        moved(state.recent, state.next, window.start, window.length, Recent(), half - 1) if half > 1 else ()
    )
    alike = 1.0 + max(0.0, sum(one.scored for one in past) + window.scored - 1.0) * CORRELATION
    wild = max(1.0, (NORMAL_OF_MEDIAN * exp(state.hour_off)) ** 2)
    more = taken * log(high / share) + others * log((1.0 - high) / (1.0 - share))
    nats = min(MOST_EVIDENCE, max(0.0, state.evidence.nats + more / (alike * wild)))
    raised = 1.0 + story.raised(state.story, 0, PATHS[0], window.start, promise)
    behind = _crowd(state, window, reading)
    beside = min(nats, behind.value)
    told = _subject(state, window, reading)
    new = min(nats, told[0].value) if told else 0.0
    also = Sentence(" + {nats}, at most the negatives'", nats=shown(new)) if told else ""
    return [
        Calculation(
            name="Evidence of more negatives, in nats",
            formula=Sentence(
                "{nats} before + ({taken} taken of {count} x {weight} + {others} others x {less})"
                " / ({alike} alike x {wild} wildness)",
                nats=shown(state.evidence.nats),
                taken=shown(taken),
                count=str(window.negative),
                weight=f"ln({shown(high)} / {shown(share)})",
                others=shown(others),
                less=f"ln({shown(1 - high)} / {shown(1 - share)})",
                alike=shown(alike),
                wild=shown(wild),
            ),
            value=nats,
            judged=float(detail["evidence"][0]),
        ),
        behind,
        *told,
        Calculation(
            name="Heat of the negatives",
            formula=Sentence(
                "({nats} + {beside}, at most the negatives'{also}) / {at} / {raised} (told lately){promise}",
                nats=shown(nats),
                beside=shown(beside),
                also=also,
                at=shown(EVIDENCE_AT),
                raised=shown(raised),
                promise=promised(promise, ASKS),
            ),
            value=(nats + beside + new) / EVIDENCE_AT / raised * asks(promise, ASKS),
            judged=float(detail["heat"]) if reading.state == "warm" else None,
        ),
    ]


def _crowd(state: NegativityState, window: WindowCounts, reading: Reading) -> Calculation:
    due, sought, before = float(reading.detail["usual_due"]), crowd.SOUGHT, state.crowd
    taken = crowd.taken(before, window.scored, due)
    wild = max(1.0, (NORMAL_OF_MEDIAN * exp(before.hour_off)) ** 2)
    more = (taken * log(sought.times) - due * (sought.times - 1.0)) / wild
    warm = reading.state == "warm"
    return Calculation(
        name="Evidence of more mentions, in nats",
        formula=Sentence(
            "{nats} before + ({taken} taken of {count} x {weight} - {due} due x {more}) / {wild} wildness, at most {most}",
            nats=shown(before.rise.evidence),
            taken=shown(taken),
            count=str(window.scored),
            weight=f"ln {shown(sought.times)}",
            due=shown(due),
            more=shown(sought.times - 1.0),
            wild=shown(wild),
            most=shown(sought.most),
        ),
        value=min(sought.most, max(0.0, before.rise.evidence + more)) if warm else 0.0,
        judged=float(reading.detail["crowd"][0]),
    )


def _subject(state: NegativityState, window: WindowCounts, reading: Reading) -> list[Calculation]:
    """The evidence of a new subject, where one counted."""
    one = subject.newest(window, state.first)
    if one is None or "subject" not in reading.detail:
        return []
    return [
        Calculation(
            name="Evidence of a new subject, in nats",
            formula=Sentence(
                "{nats} ({term}: in {seen} of {of} texts, in {before} of {of_before} before)",
                nats=f"{shown(one.z)}^2 / 2 - {shown(subject.BY_CHANCE)}",
                term=one.term,
                seen=str(one.seen),
                of=str(one.of),
                before=str(one.before),
                of_before=str(one.of_before),
            ),
            value=subject.nats(one),
            judged=float(reading.detail["subject"]),
        )
    ]
