"""The demo's story: two weeks of talk about a bicycle maker that does not exist, then a crisis.

The story has four parts:

- a background of conversations, by the hours and weekdays of each language's own zone, with good and bad days;
- a giveaway that is loud and harmless;
- a copy-paste flood;
- a crisis. It begins `CRISIS_BEFORE_END` before the end, with a first report of an overheating battery. The report spreads over
  languages and networks, people with an audience and newspapers take it up, and it calms in `live_mentions`.

Every brand, person, outlet and address is made up. Addresses end in .test or example.org. The same (end, seed, days) gives the
same mentions, byte for byte: each hour of each topic has random numbers of its own.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count

from ops.demo.background import LONGEST_CONVERSATION_H, background
from ops.demo.campaign import campaign, flood
from ops.demo.crisis import crisis
from ops.demo.desk import by_time
from ops.demo.timeline import CRISIS_BEFORE_END, timeline
from tocsin.core.clock import HOUR
from tocsin.core.mention import Mention


def demo_mentions(
    end: datetime, *, seed: int = 1, days: int = 14, crisis_before: timedelta = CRISIS_BEFORE_END
) -> Iterator[Mention]:
    """The recorded part, [end - days, end), sorted by `created_at`. Raises `WrongInput` as `timeline` does."""
    times = timeline(end, days=days, crisis_before=crisis_before)
    told: list[Mention] = []
    for hour in range(-24 * days, 0):
        told += background(times, seed, hour)
    told += campaign(times, seed) + flood(times, seed) + crisis(times, seed)
    told = [mention for mention in told if times.start <= mention.created_at < times.end]
    yield from sorted(told, key=by_time)


def live_mentions(
    start: datetime, seed: int = 1, *, crisis_before: timedelta = CRISIS_BEFORE_END
) -> Iterator[Mention]:
    """The live part, from `start` on, which is the `end` of the recorded part. It is sorted by `created_at` and never ends.

    The crisis calms over some 40 minutes; then only the background goes on. Make the iterator once, and take each mention when
    the clock gets there.
    """
    times = timeline(start, crisis_before=crisis_before)
    waiting = [
        ((mention.created_at, mention.id), mention)
        for mention in crisis(times, seed)
        if mention.created_at >= times.end
    ]
    heapq.heapify(waiting)
    for hour in count(-LONGEST_CONVERSATION_H):
        for mention in background(times, seed, hour):
            if mention.created_at >= times.end:
                heapq.heappush(waiting, (by_time(mention), mention))
        # No mention of a later hour comes before this.
        closed = times.end + (hour + 1) * HOUR
        while waiting and waiting[0][0][0] < closed:
            yield heapq.heappop(waiting)[1]
