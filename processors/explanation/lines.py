"""An explanation in plain lines, as `tocsin explain ALERT` prints it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from processors.detection.automation import COPIES_REASON, GAPS_REASON, PACE_REASON, SAME_REASON
from processors.explanation.contributions import Contributions, FacetPart, Part
from processors.explanation.explain import Explanation, JudgedWindow, JudgedWindows, Negatives
from tocsin.core.clock import iso

FIGURES = {
    "observed": "observed",
    "expected": "expected",
    "lower": "interval, from",
    "upper": "interval, to",
    "score": "score",
}
WHY = {
    PACE_REASON: "{figure:g} posts in one hour",
    SAME_REASON: "the same text {figure:g} times",
    GAPS_REASON: "a post every {figure:g} seconds",
    COPIES_REASON: "{figure:.0%} copies of what others post",
}


def as_json(one: Explanation) -> dict[str, Any]:
    """The explanation as JSON values. Each figure and step says whether it came out the same."""
    # A formula that can be said in other languages is text here.
    built: dict[str, Any] = msgspec.to_builtins(one, enc_hook=str)
    for shown, figure in zip(built["figures"], one.figures, strict=True):
        shown["same"] = figure.same
    for shown, step in zip(built["steps"], one.steps, strict=True):
        shown["same"] = step.same
    return built


def lines(one: Explanation) -> Iterator[str]:
    """The lines, in English."""
    another_day = one.window_start.date() != one.window_end.date()
    end = f"{one.window_end:{'%Y-%m-%d ' if another_day else ''}%H:%M:%SZ}"
    yield f"{one.kind}, judged by {one.rule}, window {one.window_start:%Y-%m-%d %H:%M:%SZ} to {end}"
    for figure in one.figures:
        again = "" if figure.again is None else f"  computed again {figure.again:g}{_mark(figure.same)}"
        yield f"  {FIGURES.get(figure.name, figure.name):<16}{figure.judged:g}{again}"
    if one.set_aside:
        yield f"  {'set aside':<16}{one.set_aside}  (observed leaves them out; the counts below have them)"
    if one.threshold is not None:
        yield f"  {'threshold':<16}{one.threshold:g}  ({one.reason or 'no reason kept'})"
    if one.baseline is not None and one.baseline.first is not None:
        b = one.baseline
        yield f"baseline: {b.hours} known hours, {b.first} to {b.last} ({b.zone})"
    if one.rarity is not None:
        r = one.rarity
        yield f"how rare: as high on {r.as_high} of the {r.days} days before; one day in {r.one_in:g}, or rarer"
    if one.negatives is not None:
        yield _negatives(one.negatives)
    if one.why_not:
        yield f"not computed again: {one.why_not}"
    for name, people in one.triggers.items():
        yield (
            f"trigger: {name}, said by {people} people in the hour up to the window's end;"
            f" by {one.usual_triggers.get(name, 0)} in the busiest hour of a usual day"
        )
    yield from _steps(one)
    for also in one.agrees:
        yield (
            f"also over: {also.kind} {also.observed:g}, expected {also.expected:g} ({also.lower:g}-{also.upper:g}),"
            f" score {also.score:g}, in {also.span_s / 60:g} min"
        )
        for place in also.places:
            yield f"  {place.value}: since {place.since:%Y-%m-%d %H:%MZ}, {place.seen} in an hour, expected {place.due:g}"
    yield from _parts(one)
    yield from (f"differs: {said}" for said in one.differs)
    if not one.differs and one.why_not is None:
        yield "every number came out as it was judged"


def windows_line(windows: JudgedWindows, shown: datetime) -> str:
    """Which of an alert's windows is explained (the one that ends at `shown`), and how to ask for another."""
    names: dict[JudgedWindow, list[str]] = {}
    for name, one in (("first", windows.first), ("highest", windows.highest), ("last", windows.last)):
        names.setdefault(one, []).append(name)
    here = [" and ".join(said) for one, said in names.items() if one.end == shown]
    others = [f"{' and '.join(said)} {_window(one)}" for one, said in names.items() if one.end != shown]
    which = f", its {here[0]}" if here else ""
    more = f"; others with --window: {', '.join(others)}" if others else ""
    return (
        f"one of {windows.count} windows that were over{which}{more}"
        if windows.count > 1
        else "its only window"
    )


def _window(one: JudgedWindow) -> str:
    return f"{iso(one.end)} (score {one.score:g})"


def _negatives(one: Negatives) -> str:
    said = f"negatives: {one.share:.0%} of the scored mentions ({one.lower:.0%} to {one.upper:.0%})"
    if one.corrected_share is None or one.corrected_lower is None or one.corrected_upper is None:
        return said
    return (
        f"{said}; with the scorers' known errors undone {one.corrected_share:.0%}"
        f" ({one.corrected_lower:.0%} to {one.corrected_upper:.0%})"
    )


def _steps(one: Explanation) -> Iterator[str]:
    if one.steps:
        yield "step by step:"
    for number, step in enumerate(one.steps, 1):
        yield f"  {number}. {step.name} = {step.formula} = {step.value:.6g}{_mark(step.same)}"


def _parts(one: Explanation) -> Iterator[str]:
    now = one.now
    yield (
        f"in the store now: {now.count} mentions ({now.distinct} without copies, {now.copy_groups} copied texts),"
        f" {now.negative} negative, {now.voices} voices"
    )
    yield from _told(now)
    for name, parts in (
        ("authors", now.authors),
        ("networks", now.networks),
        ("languages", now.languages),
        ("sources", now.sources),
    ):
        if parts:
            yield f"  {name}: {_said(parts)}{_others(now.others.get(name, 0))}"
    yield from (f"  {facet}: {_felt(some)}" for facet, some in now.facets.items())
    if one.terms:
        yield "  rising terms: " + ", ".join(f"{term} {count}" for term, count in one.terms)


def _told(now: Contributions) -> Iterator[str]:
    """Stories and accounts that look automated, where there are any."""
    if now.stories:
        yield f"  {now.count} mentions tell {now.texts} different texts:"
    for one in now.stories:
        by = f"by {one.authors} authors ({one.reposts} reposts, {one.negative} negative)"
        span = f"{one.since:%Y-%m-%d %H:%M:%SZ} to {one.until:%H:%M:%SZ}"
        first = f"first {_plain(one.source)} {_plain(one.id)}"
        voices = f"; passed on, it counts as {one.voices:.1f} voices in the tone" if one.voices else ""
        yield f"    {one.count} of {now.count} are one text {by}, {span}, {first}{voices}"
    if now.automated:
        yield f"  {now.automated} of {now.count} by accounts that look automated:"
    for robot in now.robots:
        why = ", ".join(WHY[reason].format(figure=figure) for reason, figure in robot.why.items())
        yield f"    {_plain(robot.name)}: {robot.posts} posts here; in a day {why}"


def _said(parts: list[Part]) -> str:
    return ", ".join(f"{_plain(part.name)} {part.count} ({part.share:.0%})" for part in parts)


def _felt(parts: list[FacetPart]) -> str:
    return ", ".join(
        f"{part.name} {part.count} ({part.share:.0%}"
        + ("" if part.usual is None else f", usually {part.usual:.0%}")
        + ")"
        for part in parts
    )


def _others(count: int) -> str:
    return f" and {count} more" if count else ""


def _mark(same: bool) -> str:
    return "" if same else "  DIFFERS"


def _plain(text: str) -> str:
    """The text without control characters, so that an author's name cannot steer the terminal."""
    return "".join(c for c in text if c.isprintable())
