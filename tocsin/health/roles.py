"""The roles of a running Tocsin, the parts that report for each, and when a part is gone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import chain
from typing import Final

ROLES: Final = ("ingest", "processors", "alerts", "api", "auditor")

PARTS_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "ingest": ("ingest",),
    "processors": ("processors", "detection"),
    "alerts": ("alerts", "relay"),
    "auditor": ("auditor",),
}
"""By role, the components of the table `health` that report for it. `api` has none: its own door says how it is."""

PARTS: Final = tuple(chain.from_iterable(PARTS_OF.values()))

SENSES: Final = ("ingest", "processors", "detection")
"""Without these nothing is heard or judged; without the others it is, but nobody is told or nobody checks."""

GONE_AFTER: Final = timedelta(minutes=2)
"""A part that has not spoken for longer counts as gone."""


def is_gone(last_spoke: datetime, now: datetime) -> bool:
    """Whether a part that last spoke then counts as gone."""
    return now - last_spoke > GONE_AFTER
