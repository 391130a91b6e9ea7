"""The curve of a back-test: the alerts a week by the promise of false alerts, as columns; the monitor's own stands out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from api.pages.charts import Frame, drawn, ticks
from api.pages.formatting import Formatter


@dataclass(frozen=True, slots=True)
class CurveChart:
    """The curve for a phone and for a laptop."""

    narrow: Markup
    wide: Markup


def draw_curve(
    curve: Sequence[Mapping[str, Any]], promise: float, fmt: Formatter, monitor: str
) -> CurveChart:
    """The curve of a back-test's result. `promise` is the monitor's own, whose column stands out."""
    title = fmt.translate(
        "Alerts a week of {monitor} for each promised rate of false alerts", monitor=monitor
    )
    described = ", ".join(f"{fmt.rate(one['promise'])}: {fmt.number(one['fired'])}" for one in curve)
    narrow, wide = (
        _curve_chart(curve, promise, fmt, Frame(title, described, fmt.axis, width, height, name="curve"))
        for width, height in ((328, 180), (760, 220))
    )
    return CurveChart(narrow, wide)


def _curve_chart(curve: Sequence[Mapping[str, Any]], promise: float, fmt: Formatter, frame: Frame) -> Markup:
    left, top, bottom = 40, 8, 22
    scale = ticks(max((float(one["fired"]) for one in curve), default=0.0))
    height = frame.height - top - bottom
    slot = (frame.width - left - 8) / max(1, len(curve))
    parts = []
    for value in scale:
        y = top + height * (1 - value / scale[-1])
        parts.append(f'<line class="rule" x1="{left}" x2="{frame.width - 8}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(
            f'<text class="tick" x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{escape(frame.number(value))}</text>'
        )
    for place, one in enumerate(curve):
        x, tall = left + slot * place, height * min(1.0, one["fired"] / scale[-1])
        kind = "bar over" if one["promise"] == promise else "bar"
        parts.append(
            f'<rect class="{kind}" x="{x + slot * 0.2:.1f}" y="{top + height - tall:.1f}"'
            f' width="{slot * 0.6:.1f}" height="{tall:.1f}"/>'
        )
        label = escape(fmt.rate(one["promise"]))
        parts.append(
            f'<text class="tick" x="{x + slot / 2:.1f}" y="{frame.height - 6}" text-anchor="middle">{label}</text>'
        )
    return drawn(frame, parts)
