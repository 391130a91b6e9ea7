"""Charts as SVG, drawn on the server: pure functions from figures to `Markup`.

They serve the page without scripts, print and screen readers alike: each has role=img, a title and a description, and the
page puts the same figures in a table beside it. Colours come from the style sheet by class, so that dark, light and paper
share one drawing; there is no style attribute, as the content security policy forbids it.

A chart is drawn for a width in CSS pixels and not stretched, so that its text stays legible: the page draws one for a phone
and one for a laptop and shows the one that fits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo

from markupsafe import Markup, escape

_AtScale = Callable[[datetime], float]
_ValueScale = Callable[[float | None], float]
_SEQUENCE_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_TIME_STEPS = tuple(
    timedelta(minutes=m) for m in (1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720, 1440, 2880, 10080, 40320)
)


@dataclass(frozen=True, slots=True)
class ChartPoint:
    """What was counted in [at, at + step), and what was expected there; None: unknown, which is not zero."""

    at: datetime
    value: float | None
    expected: float | None = None
    lower: float | None = None
    upper: float | None = None
    over: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A span of time that the chart points at."""

    start: datetime
    end: datetime
    label: str


@dataclass(frozen=True, slots=True)
class Frame:
    """The drawing: its words, how `number` writes a count, size in CSS pixels, and the zone of its time labels."""

    title: str
    description: str
    number: Callable[[float], str]
    width: int = 720
    height: int = 240
    zone: tzinfo = UTC
    none_yet: str = "No readings yet"
    # Makes the ids of title and description unique on the page.
    name: str = field(default="chart")


def finite(value: float | None) -> float | None:
    """The number, or None for None, NaN and the infinities."""
    return value if value is not None and math.isfinite(value) else None


def ticks(top: float, wanted: int = 4) -> list[float]:
    """Round numbers from 0 up to the first at or over `top`, about `wanted` of them; [0, 1] where there is nothing to scale.

    Steps are 1, 2, 2.5 or 5 times a power of ten, and never under 1, for counts have no halves.
    """
    if not math.isfinite(top) or top <= 0:
        return [0.0, 1.0]
    rough = top / max(1, wanted)
    power = 10.0 ** math.floor(math.log10(rough))
    step = max(
        1.0, next((s * power for s in _SEQUENCE_STEPS if s * power >= rough * (1 - 1e-9)), 10.0 * power)
    )
    if step < 10:
        step = float(math.ceil(step))
    return [step * i for i in range(math.ceil(top / step - 1e-9) + 1)]


def time_ticks(start: datetime, end: datetime, zone: tzinfo, wanted: int = 6) -> list[datetime]:
    """Whole hours (or minutes, or days) of the zone's own clock between start and end, at most about `wanted`."""
    if end <= start:
        return []
    step = next((s for s in _TIME_STEPS if (end - start) / s <= wanted), _TIME_STEPS[-1])
    local = start.astimezone(zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    found: list[datetime] = []
    at = midnight
    # steps are walked on the wall clock, so that labels stay on whole hours across a change to summer time
    for _ in range(2000):
        aware = at.replace(tzinfo=zone).astimezone(UTC)
        if aware > end:
            break
        if aware >= start and (not found or aware > found[-1]):
            found.append(aware)
        at += step
    return found


def count_chart(
    points: Sequence[ChartPoint],
    step: timedelta,
    frame: Frame,
    mark: Mark | None = None,
    flags: Sequence[datetime] = (),
) -> Markup:
    """Counts per step as columns, the expected as a line in its interval's band, the judged window marked, and a flag at each of
    these times.
    """
    right, top, bottom = 8, 18 if mark or flags else 8, 22
    known = [p for p in points if finite(p.value) is not None or finite(p.expected) is not None]
    if not known:
        return _empty(frame)
    start, end = points[0].at, points[-1].at + step
    if mark:
        start, end = min(start, mark.start), max(end, mark.end)
    highest = max(
        max((finite(p.value) or 0.0 for p in known), default=0.0),
        max((finite(p.upper) or finite(p.expected) or 0.0 for p in known), default=0.0),
    )
    scale = ticks(highest)
    ceiling = scale[-1]
    labels = [frame.number(value) for value in scale]
    left = max(40, 12 + 7 * max(map(len, labels)))
    plot_w, plot_h = max(1, frame.width - left - right), max(1, frame.height - top - bottom)

    def x(at: datetime) -> float:
        return left + plot_w * ((at - start) / (end - start))

    def y(value: float | None) -> float:
        return top + plot_h * (1 - min(1.0, max(0.0, (value or 0.0) / ceiling)))

    parts = _rules(scale, labels, y, left, frame.width - right)
    if mark:
        parts += _mark(mark, x, top, plot_h, left, frame.width - right)
    parts += _band(points, step, x, y)
    parts += _columns(points, step, x, y, top + plot_h)
    parts += _expected_line(points, step, x, y)
    parts += [
        f'<path class="flag" d="M{_n(x(at))} {top + plot_h}V{top}M{_n(x(at))} {top}l-5 -9h10z"/>'
        for at in sorted(set(flags))
    ]
    parts += _times(start, end, frame, x, top + plot_h, left, frame.width - right)
    parts.append(
        f'<line class="axis" x1="{left}" x2="{frame.width - right}" y1="{top + plot_h}" y2="{top + plot_h}"/>'
    )
    return drawn(frame, parts)


def sparkline(
    values: Sequence[float | None], label: str, over: Sequence[bool] = (), width: int = 160, height: int = 32
) -> Markup:
    """A day at a glance: columns from zero, those over their threshold in the alert colour, gaps where nothing is known."""
    usable = [finite(v) for v in values]
    highest = max((v for v in usable if v is not None), default=0.0)
    parts: list[str] = [f'<line class="axis" x1="0" x2="{width}" y1="{height - 0.5}" y2="{height - 0.5}"/>']
    if usable:
        slot = width / len(usable)
        shapes: dict[str, list[str]] = {"bar": [], "bar over": []}
        for i, value in enumerate(usable):
            if value is None or value <= 0:
                continue
            tall = max(1.0, (height - 2) * min(1.0, value / highest))
            kind = "bar over" if i < len(over) and over[i] else "bar"
            shapes[kind].append(
                f"M{_n(i * slot)} {_n(height - 1 - tall)}h{_n(max(0.8, slot * 0.8))}v{_n(tall)}H{_n(i * slot)}z"
            )
        parts += [f'<path class="{kind}" d="{"".join(paths)}"/>' for kind, paths in shapes.items() if paths]
    return Markup(  # noqa: S704  # every value in it is escaped or a number
        f'<svg class="spark" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img"'
        f' aria-label="{escape(label)}" preserveAspectRatio="none">{"".join(parts)}</svg>'
    )


def bar(share: float | None, label: str = "", width: int = 120, height: int = 10) -> Markup:
    """One row of a bar table: the part of a whole, 0..1. The bar repeats the words of its row, so screen readers skip it unless
    it has a label of its own.
    """
    part = min(1.0, max(0.0, finite(share) or 0.0))
    said = f' role="img" aria-label="{escape(label)}"' if label else ' aria-hidden="true"'
    return Markup(  # noqa: S704  # every value in it is escaped or a number
        f'<svg class="barrow" viewBox="0 0 {width} {height}" width="{width}" height="{height}"{said} preserveAspectRatio="none">'
        f'<rect class="track" x="0" y="0" width="{width}" height="{height}" rx="2"/>'
        f'<rect class="bar" x="0" y="0" width="{_n(part * width)}" height="{height}" rx="2"/></svg>'
    )


def interval(
    value: float | None,
    lower: float | None,
    upper: float | None,
    usual: float | None,
    label: str,
    width: int = 300,
) -> Markup:
    """A share (0..1) on a line from 0 to 100 %: its interval as a bar, itself as a dot, what is usual as a tick."""
    height, mid, pad = 38, 14, 6
    inner = width - 2 * pad

    def x(share: float) -> float:
        return pad + inner * min(1.0, max(0.0, share))

    parts = [f'<line class="axis" x1="{pad}" x2="{width - pad}" y1="{mid}" y2="{mid}"/>']
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(
            f'<line class="rule" x1="{_n(x(share))}" x2="{_n(x(share))}" y1="{mid - 4}" y2="{mid + 4}"/>'
        )
        anchor = "start" if share == 0 else "end" if share == 1 else "middle"
        text_x = 0 if share == 0 else width if share == 1 else x(share)
        parts.append(
            f'<text class="tick" x="{_n(text_x)}" y="{height - 4}" text-anchor="{anchor}">{share * 100:.0f}%</text>'
        )
    low, high = finite(lower), finite(upper)
    if low is not None and high is not None:
        parts.append(
            f'<rect class="span" x="{_n(x(low))}" y="{mid - 5}" width="{_n(max(1.0, x(high) - x(low)))}" height="10" rx="5"/>'
        )
    usually = finite(usual)
    if usually is not None:
        parts.append(
            f'<line class="usual" x1="{_n(x(usually))}" x2="{_n(x(usually))}" y1="{mid - 11}" y2="{mid + 11}"/>'
        )
    there = finite(value)
    if there is not None:
        parts.append(f'<circle class="dot" cx="{_n(x(there))}" cy="{mid}" r="5"/>')
    return Markup(  # noqa: S704  # every value in it is escaped or a number
        f'<svg class="interval" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img"'
        f' aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )


# -- pieces ------------------------------------------------------------------------------------------------------------------


def _n(value: float) -> str:
    """A coordinate with at most one decimal: a tenth of a pixel is enough, and it halves the bytes."""
    return f"{value:.1f}".removesuffix(".0")


def drawn(frame: Frame, parts: Sequence[str]) -> Markup:
    """The parts as one chart, with the title and the description of its frame."""
    ident = f"{escape(frame.name)}-{frame.width}"
    return Markup(  # noqa: S704  # every value in it is escaped or a number
        f'<svg class="chart" viewBox="0 0 {frame.width} {frame.height}" width="{frame.width}" height="{frame.height}" role="img"'
        f' aria-labelledby="{ident}-t {ident}-d"><title id="{ident}-t">{escape(frame.title)}</title>'
        f'<desc id="{ident}-d">{escape(frame.description)}</desc>{"".join(parts)}</svg>'
    )


def _empty(frame: Frame) -> Markup:
    middle = f'x="{frame.width // 2}" y="{frame.height // 2}" text-anchor="middle"'
    fmt = f'<text class="empty" {middle}>{escape(frame.none_yet)}</text>'
    return drawn(
        frame,
        [f'<rect class="track" x="0" y="0" width="{frame.width}" height="{frame.height}" rx="6"/>', fmt],
    )


def _rules(scale: Sequence[float], labels: Sequence[str], y: _ValueScale, left: int, right: int) -> list[str]:
    """A line across the plot for each number of the scale, and the number before it."""
    parts = []
    for value, label in zip(scale, labels, strict=True):
        parts.append(f'<line class="rule" x1="{left}" x2="{right}" y1="{_n(y(value))}" y2="{_n(y(value))}"/>')
        parts.append(
            f'<text class="tick" x="{left - 6}" y="{_n(y(value) + 4)}" text-anchor="end">{escape(label)}</text>'
        )
    return parts


def _times(
    start: datetime, end: datetime, frame: Frame, x: _AtScale, floor: int, left: int, right: int
) -> list[str]:
    """A tick below the plot for each whole hour or day, with its label in the zone of the frame."""
    parts = []
    for at in time_ticks(start, end, frame.zone, max(2, (right - left) // 90)):
        local = at.astimezone(frame.zone)
        clock = f"{local:%H:%M}" if (end - start) <= timedelta(days=2) else f"{local:%d.%m.}"
        px = x(at)
        anchor = "start" if px < left + 16 else "end" if px > right - 16 else "middle"
        parts.append(f'<line class="rule" x1="{_n(px)}" x2="{_n(px)}" y1="{floor}" y2="{floor + 4}"/>')
        parts.append(
            f'<text class="tick" x="{_n(px)}" y="{frame.height - 4}" text-anchor="{anchor}">{clock}</text>'
        )
    return parts


def _columns(
    points: Sequence[ChartPoint], step: timedelta, x: _AtScale, y: _ValueScale, floor: float
) -> list[str]:
    shapes: dict[str, list[str]] = {"bar": [], "bar over": []}
    for point in points:
        value = finite(point.value)
        if value is None or value <= 0:
            continue
        at, wide = x(point.at), x(point.at + step) - x(point.at)
        high = min(y(value), floor - 1.0)
        gap = min(1.0, wide * 0.2)
        path = f"M{_n(at)} {_n(floor)}V{_n(high)}h{_n(max(0.6, wide - gap))}V{_n(floor)}z"
        shapes["bar over" if point.over else "bar"].append(path)
    return [f'<path class="{kind}" d="{"".join(paths)}"/>' for kind, paths in shapes.items() if paths]


def _runs(points: Sequence[ChartPoint], names: tuple[str, ...]) -> list[list[ChartPoint]]:
    """Unbroken stretches in which all of these fields are known."""
    runs: list[list[ChartPoint]] = [[]]
    for point in points:
        if all(finite(getattr(point, name)) is not None for name in names):
            runs[-1].append(point)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _band(points: Sequence[ChartPoint], step: timedelta, x: _AtScale, y: _ValueScale) -> list[str]:
    parts = []
    for run in _runs(points, ("lower", "upper")):
        there = "".join(f"L{_n(x(p.at))} {_n(y(p.upper))}L{_n(x(p.at + step))} {_n(y(p.upper))}" for p in run)
        back = "".join(
            f"L{_n(x(p.at + step))} {_n(y(p.lower))}L{_n(x(p.at))} {_n(y(p.lower))}" for p in reversed(run)
        )
        parts.append(f'<path class="band" d="M{there[1:]}{back}z"/>')
    return parts


def _expected_line(points: Sequence[ChartPoint], step: timedelta, x: _AtScale, y: _ValueScale) -> list[str]:
    parts = []
    for run in _runs(points, ("expected",)):
        line = "".join(f"L{_n(x(p.at + step / 2))} {_n(y(p.expected))}" for p in run)
        if len(run) == 1:
            line = f"L{_n(x(run[0].at))} {_n(y(run[0].expected))}L{_n(x(run[0].at + step))} {_n(y(run[0].expected))}"
        parts.append(f'<path class="expected" d="M{line[1:]}"/>')
    return parts


def _mark(mark: Mark, x: _AtScale, top: int, tall: int, left: int, right: int) -> list[str]:
    begin, finish = x(mark.start), x(mark.end)
    centre = (begin + finish) / 2
    anchor = "middle"
    if centre > right - 60:
        anchor, centre = "end", max(finish, begin + 2)
    elif centre < left + 60:
        anchor, centre = "start", begin
    return [
        f'<rect class="window" x="{_n(begin)}" y="{top}" width="{_n(max(2.0, finish - begin))}" height="{tall}"/>',
        f'<text class="marklabel" x="{_n(centre)}" y="{top - 5}" text-anchor="{anchor}">{escape(mark.label)}</text>',
    ]
