"""Which monitors miss a source that is not heard, and for what time. Their windows are incomplete, so detectors hold fire.

A monitor misses a source that brings it a good part of its mentions. Where a source brings next to nothing, the windows stay
complete: one dead feed among many must not silence everything.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from processors.detection.coverage import Span
from processors.detection.tallies import source_shares
from tocsin.core.clock import MINUTE, minute_of
from tocsin.health.gaps import FAILED, SourceGap

# The part of its mentions, in the last days, that a source must have brought to a monitor.
GOOD_PART, SHARES_OVER = 0.1, timedelta(days=7)
# The shares are counted again after so long.
SHARES_KEPT = timedelta(minutes=10)


def blind_spans(gaps: Sequence[SourceGap], now: datetime, off: Collection[str] = ()) -> dict[str, list[Span]]:
    """The spans in which a source was not heard and which nothing has filled, by source. `off`: sources that are paused or ended,
    so that nothing is missed after their gaps.
    """
    spans: dict[str, list[Span]] = {}
    for one in gaps:
        over = one.cause != FAILED or (one.open and one.source in off)
        if one.ends_at is not None and over:
            spans.setdefault(one.source, []).append((one.starts_at, one.ends_at))
        elif one.open:
            # What was said in it may still come, and until then the newest windows lack it too.
            spans.setdefault(one.source, []).append((one.starts_at, now + MINUTE))
    return spans


class Shares:
    """The part that each source has in the mentions of each monitor, counted only while a source is blind."""

    def __init__(self) -> None:
        self._known: dict[str, Mapping[str, int]] = {}
        self._until: datetime | None = None

    def missed(
        self, conn: Connection, monitors: Sequence[str], blind: Mapping[str, Sequence[Span]], now: datetime
    ) -> dict[str, list[Span]]:
        """The spans in which each of these monitors misses a source."""
        if not blind:
            return {}
        if self._until is None or now >= self._until:
            self._known, self._until = {}, now + SHARES_KEPT
        unknown = [one for one in monitors if one not in self._known]
        if unknown:
            found = source_shares(conn, unknown, minute_of(now - SHARES_OVER))
            self._known |= {one: found.get(one, {}) for one in unknown}
        spans = {one: _missed(self._known[one], blind) for one in monitors}
        return {one: missed for one, missed in spans.items() if missed}


def _missed(share: Mapping[str, int], blind: Mapping[str, Sequence[Span]]) -> list[Span]:
    least = GOOD_PART * sum(share.values())
    return [span for source, spans in blind.items() if share.get(source, 0) >= least > 0 for span in spans]
