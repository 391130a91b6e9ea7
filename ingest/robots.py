"""robots.txt (RFC 9309): whether a host wants an address to be read by Tocsin, and how long it wants to be left between."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from ingest.budget import Budget
from ingest.source import BudgetSpent, FetchFailed, SourceContext
from ingest.web import Web

NAME = "tocsin"
KEPT, KEPT_WITHOUT = timedelta(hours=24), timedelta(minutes=15)
"""How long an answer holds, and how long it holds that there was none."""

MOST_HOSTS = 500
# Statuses that say that the host has no such file. With 429 it wants to be left alone.
_WITHOUT = frozenset(range(400, 500)) - {429}
MOST_BYTES = 512 * 1024
PAUSE_S, LONGEST_PAUSE_S = 5, 60
"""Between two requests to one host. A host may ask for more, up to a minute."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a host wants. `text` is its file; None: it could not be had, so nothing may be read."""

    text: str | None
    until: datetime

    def allow(self, url: str) -> bool:
        from protego import Protego

        return self.text is not None and bool(Protego.parse(self.text).can_fetch(url, NAME))

    @property
    def budget(self) -> Budget:
        """One request at a time, with the host's own wait between two."""
        from protego import Protego

        delay = Protego.parse(self.text).crawl_delay(NAME) if self.text else None
        return Budget(1, per_s=min(max(float(delay or 0), PAUSE_S), LONGEST_PAUSE_S))


class Robots:
    """The rules of the hosts that one source reads, each asked for once a day."""

    def __init__(self, context: SourceContext) -> None:
        self._context = context
        self._web = Web(context, Budget(1, per_s=PAUSE_S))
        self._rules: OrderedDict[str, Rules] = OrderedDict()

    def rules(self, url: str) -> Rules:
        """Those of the host of this address. Raises `BudgetSpent` where the host cannot be asked just now."""
        parts = urlsplit(url)
        host, now = f"{parts.scheme}://{parts.netloc}", self._context.clock.now()
        known = self._rules.get(host)
        if known is None or known.until <= now:
            known = self._rules[host] = self._asked(host, now)
            if len(self._rules) > MOST_HOSTS:
                self._rules.popitem(last=False)
        return known

    def _asked(self, host: str, now: datetime) -> Rules:
        try:
            answer = self._web.get(f"{host}/robots.txt", most_bytes=MOST_BYTES, expected=_WITHOUT)
        except BudgetSpent:
            raise
        except FetchFailed:
            return Rules(None, now + KEPT_WITHOUT)
        # A host without the file wants nothing.
        return Rules(answer.text() if answer.status < 400 else "", now + KEPT)
