"""The chart of a day, drawn for a phone and for a laptop, with the figures for the table beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from api.pages.charts import ChartPoint, Frame, Mark, count_chart
from api.pages.formatting import Formatter
from api.pages.models import SLOT


@dataclass(frozen=True, slots=True)
class DayChart:
    """Two drawings of the same points; the style sheet shows the one that fits."""

    narrow: Markup
    wide: Markup
    points: Sequence[ChartPoint]

    @property
    def tells_of_the_raised_threshold(self) -> bool:
        """Whether a column is as high as an earlier one that was over the threshold, and is not over it itself. An alert
        raises the threshold of its kind for a while, and the page says so where it can be seen.
        """
        lowest: float | None = None
        for point in self.points:
            if point.value is None:
                continue
            if point.over:
                lowest = point.value if lowest is None else min(lowest, point.value)
            elif lowest is not None and point.value >= lowest:
                return True
        return False


def draw_day_chart(
    points: Sequence[ChartPoint], fmt: Formatter, monitor: str, mark: Mark | None = None
) -> DayChart:
    """The day's chart of this monitor, with the judged window marked where there is one."""
    known = [p for p in points if p.value is not None]
    title = fmt.translate("Mentions of {monitor} per 15 minutes over 24 hours", monitor=monitor)
    if known:
        peak = max(known, key=lambda p: p.value or 0.0)
        total = sum(p.value or 0.0 for p in known)
        in_all = fmt.plural("{n} mention in all.", "{n} mentions in all.", total, fmt.number(total))
        description = f"{in_all} " + fmt.translate(
            "The most, {peak}, came in the 15 minutes from {time}. "
            "Quarters of an hour over the threshold: {over}.",
            peak=fmt.number(peak.value),
            time=fmt.time_text(peak.at),
            over=sum(p.over for p in known),
        )
    else:
        description = fmt.translate("No readings yet")
    narrow, wide = (
        count_chart(
            points,
            SLOT,
            Frame(
                title,
                description,
                fmt.axis,
                width,
                height,
                fmt.zone,
                fmt.translate("No readings yet"),
                "day",
            ),
            mark,
        )
        for width, height in ((328, 200), (760, 260))
    )
    return DayChart(narrow, wide, points)
