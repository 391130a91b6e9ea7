"""The forecasts of a monitor, from what its volume detector knows."""

from __future__ import annotations

from datetime import tzinfo

import msgspec
from sqlalchemy import Connection, select

from processors.signals.forecast import Forecast, forecasts
from processors.signals.registry import WINDOW
from processors.signals.volume import Volume, VolumeState
from tocsin.store import schema as s


def outlook(conn: Connection, monitor_id: str, series: str, zone: tzinfo) -> tuple[Forecast, ...]:
    """The mentions of the next hours, from the first window that is not closed. None for a monitor that knows less than a day."""
    d = s.detector_state.c
    mine = (
        d.monitor_id == monitor_id,
        d.kind == Volume.kind,
        d.series == series,
        d.version == Volume.version,
    )
    row = conn.execute(select(d.state, d.next_window).where(*mine)).one_or_none()
    if row is None:
        return ()
    state = msgspec.convert(row.state["detector"], VolumeState)
    return forecasts(state, row.next_window, WINDOW, zone)
