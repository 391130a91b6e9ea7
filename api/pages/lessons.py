"""What each alert of the demo teaches: a sentence beside it, by what the alert says of itself."""

from __future__ import annotations

from typing import Final

from alerts.alert import Alert
from alerts.severity import CLOCKS
from alerts.states import SUPPRESSED

CRISIS: Final = (
    "Several people speak of danger, on several networks and in several languages. "
    "Such an alert rings at night too, and goes on to the next person until somebody answers."
)
GIVEAWAY: Final = (
    "A giveaway: much talk, and glad talk. That makes a watch, which waits for working hours. "
    "If it had been announced as an expected event, it would have paged nobody at all."
)
WORSE: Final = (
    "There is more talk, and more of it is negative than usual. Both together weigh more than either alone."
)
TONE: Final = "There is not much more talk, but more of it is negative than usual."
COPIES: Final = (
    "A few accounts posted one text again and again. "
    "Copies are set aside before the volume is judged, so the volume paged nobody."
)
UNSEEN: Final = (
    "A source is not heard. What nobody hears may be worse than what is heard, "
    "so this rings at night too, and nothing is called calm meanwhile."
)
GRAVER: Final = (
    "By itself this would be a watch, which waits for working hours. Something else is unusual, too: "
    "that makes it a review, which pages somebody by day and waits for morning at night."
)
FLOOD: Final = (
    "Many accounts posted one text. That makes a watch, which waits for working hours: "
    "somebody may want such talk to look bigger than it is."
)
LOUDER: Final = "There is more talk than expected, and it is not worse than usual: a watch, which waits for working hours."
LESSONS: Final = (CRISIS, GIVEAWAY, WORSE, TONE, COPIES, UNSEEN, GRAVER, FLOOD, LOUDER)
"""The lessons, besides those of one kind of signal (`SignalKind.lesson`)."""
MILDEST: Final = max(CLOCKS)


def lesson_of(alert: Alert) -> str | None:
    """The lesson of an alert, in English; None where it has none."""
    suppressed = alert.status == SUPPRESSED
    if alert.signal.unheard and not suppressed:
        return UNSEEN
    facts, evidence = alert.readable_facts, alert.readable_evidence
    if facts is None or evidence is None:
        return None
    if suppressed:
        return COPIES if evidence.copies else None
    if facts.triggers and alert.severity <= 2:
        return CRISIS
    if alert.signal.watch:
        one_text = FLOOD if 2 * evidence.copies > evidence.count else None
        alone = alert.signal.lesson or one_text
        return GRAVER if alone is not None and alert.severity < MILDEST else alone
    if alert.signal.is_share:
        return TONE
    if facts.negative_over:
        return WORSE
    return GIVEAWAY if evidence.positive > 2 * evidence.negative else LOUDER
