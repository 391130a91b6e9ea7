"""Partitions that stand still: records wait there, and nobody stores any. Talk in such a partition is not heard, however little
waits.

One look cannot tell a partition that stands still from one that is only behind. So looks are compared.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from tocsin.store import offsets
from tocsin.stream.port import MENTIONS

WAITED: Final = timedelta(seconds=30)
"""Records that were in the stream so long ago should be stored."""
OLDEST: Final = timedelta(minutes=10)
"""An older barrier says nothing of today: nobody judges, which is a trouble of its own."""
NAMED: Final = 8


class StandingStill:
    """The memory of one auditor: how far each partition with unread records was read at the last look."""

    def __init__(self) -> None:
        self._at: dict[int, int] = {}

    def look(self, conn: Connection, now: datetime) -> str | None:
        """The partitions that have unread records and have not moved since the last look, in words. None: there are none."""
        behind = offsets.unread(conn, MENTIONS, (now - OLDEST, now - WAITED))
        still = [one for one in behind if self._at.get(one.partition) == one.offset]
        self._at = {one.partition: one.offset for one in behind}
        if not still:
            return None
        names = ", ".join(str(one.partition) for one in still[:NAMED]) + (
            " and more" if still[NAMED:] else ""
        )
        return f"not moving, partition {names} of the stream: unread records there: {sum(one.records for one in still)}"
