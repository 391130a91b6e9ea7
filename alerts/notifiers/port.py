"""The port of notifiers: one way to reach one person, with an honest outcome. `tests/contracts/notifiers.py` tests
every notifier.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One message to one person on one channel. `id` is the same at every attempt; no other message ever uses it."""

    id: str
    alert_id: str
    escalation_id: str | None
    person_id: str
    person: str
    channel: str
    # The channel's own settings, with secrets as env: or file: references.
    target: Mapping[str, Any]
    kind: str
    severity: int
    subject: str
    text: str
    html: str
    facts: Mapping[str, Any]
    created_at: datetime
    attempt: int = 1
    repeat_of: str | None = None
    # The link in the text and in the HTML that acts for the person. None: the link there only leads to the page.
    personal_link: str | None = None

    @property
    def impersonal_text(self) -> str:
        """The text for a place that others can read: its link leads to the page, which asks who is there."""
        if self.personal_link is None:
            return self.text
        return self.text.replace(self.personal_link, str(self.facts.get("link", "")))

    @property
    def below_subject(self) -> str:
        """The text where the subject stands above it anyway, such as in a mail: a first line that says no more is left out."""
        first, _, rest = self.text.partition("\n")
        return rest if first == self.subject and rest.strip() else self.text


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of an attempt.

    `sent`: the other side took the notice. `failed`: the other side certainly did not; `for_good` when another try
    cannot help. `unknown`: the other side may have taken it. `detail` is one line without secrets. `pause`: the other side
    asks not to be asked again for so long.
    """

    status: Literal["sent", "failed", "unknown"]
    detail: str
    for_good: bool = False
    pause: timedelta | None = None


class Notifier(Protocol):
    """A channel's sender: one notice to one target per call, ended within `time_limit`. Thread-safe; raises nothing."""

    kind: str
    honours_id: bool
    """The other side drops a second notice with the same id, so an unknown outcome may simply be tried
    again.
    """
    time_limit: timedelta

    def send(self, notice: Notice) -> Outcome: ...
