"""The memory of texts by monitor: those that were folded into stories lately, so that the next window compares only new ones."""

from __future__ import annotations

from processors.understand.likeness import KnownTexts

# The texts of all monitors together: some 50 MB.
MOST_TEXTS = 40_000


class TextMemory:
    """What is known of the texts of each monitor. It changes no story, only what the stories cost. Not for two threads
    at once.
    """

    def __init__(self, most: int = MOST_TEXTS) -> None:
        self._most = most
        # The monitor that was asked for last comes last.
        self._known: dict[str, KnownTexts] = {}
        self._sizes: dict[str, int] = {}
        self._texts = 0

    def of(self, monitor_id: str) -> KnownTexts:
        """The known texts of this monitor. Where all monitors have too many, those asked for longest ago are forgotten."""
        self._measure_last()
        while self._texts > self._most and len(self._known) > 1:
            self._forget(next(iter(self._known)))
        known = self._known.pop(monitor_id, None) or KnownTexts()
        self._known[monitor_id] = known
        return known

    def _measure_last(self) -> None:
        """Count what was handed out last again: it may have grown."""
        if self._known:
            last = next(reversed(self._known))
            size = len(self._known[last])
            self._texts += size - self._sizes.get(last, 0)
            self._sizes[last] = size

    def _forget(self, monitor_id: str) -> None:
        del self._known[monitor_id]
        self._texts -= self._sizes.pop(monitor_id, 0)
