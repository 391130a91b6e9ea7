"""The chart of a back-test: the mentions over its time as columns, and a flag where an alert would have fired."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from markupsafe import Markup

from api.backtests import VolumeStep
from api.pages.charts import ChartPoint, Frame, count_chart
from api.pages.formatting import Formatter


@dataclass(frozen=True, slots=True)
class BacktestChart:
    """The chart for a phone and for a laptop, with the steps for the table beside it."""

    narrow: Markup
    wide: Markup
    steps: Sequence[VolumeStep]


def draw_backtest(steps: Sequence[VolumeStep], fmt: Formatter, monitor: str) -> BacktestChart | None:
    """The chart of a back-test's steps; None where there are none."""
    if not steps:
        return None
    step = steps[1].at - steps[0].at if len(steps) > 1 else timedelta(days=1)
    flags = [datetime.fromisoformat(alert["at"]) for one in steps for alert in one.alerts]
    peak = max(steps, key=lambda one: one.count)
    title = fmt.translate("Mentions of {monitor} in the back-test, and its alerts", monitor=monitor)
    total = sum(one.count for one in steps)
    in_all = fmt.plural("{n} mention in all.", "{n} mentions in all.", total)
    described = f"{in_all} " + fmt.translate(
        "The most, {peak}, came in {span} from {time}. Alerts: {alerts}.",
        peak=fmt.number(peak.count),
        span=fmt.duration(step),
        time=fmt.time_text(peak.at),
        alerts=fmt.number(len(flags)),
    )
    points = [ChartPoint(one.at, float(one.count), over=bool(one.alerts)) for one in steps]
    narrow, wide = (
        count_chart(
            points,
            step,
            Frame(title, described, fmt.axis, width, height, fmt.zone, name="backtest"),
            flags=flags,
        )
        for width, height in ((328, 200), (760, 260))
    )
    return BacktestChart(narrow, wide, steps)
