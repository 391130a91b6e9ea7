"""The roles of a running Tocsin, the parts that report for each, and when a part is gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
"""The components of the table `health` that report for each role. `api` has none: its own routes (`/readyz`) report for it."""

PARTS: Final = tuple(chain.from_iterable(PARTS_OF.values()))

SENSES: Final = ("ingest", "processors", "detection")
"""The parts without which nothing is heard or judged. Without the other parts, mentions are still heard and judged, but nobody
is told, or nobody checks.
"""

GONE_AFTER: Final = timedelta(minutes=2)
"""A part that has not spoken for longer counts as gone. So does one that spoke so far ahead of now: the clock was set back, and
its word says nothing of today.
"""


def start_command(parts: Sequence[str], stream: str) -> str:
    """The command that starts these roles, or the roles of these parts: all together where the `stream` is embedded. On Apache
    Kafka each role may run as a process of its own.
    """
    if stream == "sqlite":
        return "tocsin up"
    wanted = [role for role in ROLES if any(one in parts for one in (role, *PARTS_OF.get(role, ())))]
    return " ".join(("tocsin run", *wanted))


def is_gone(last_spoke: datetime, now: datetime) -> bool:
    """Whether a part that last spoke at `last_spoke` counts as gone."""
    return abs(now - last_spoke) > GONE_AFTER
