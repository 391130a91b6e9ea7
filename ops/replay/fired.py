"""The alerts that a replay fires, as lines for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alerts.severity import CLOCKS
from tocsin.core.signal_kinds import SIGNAL_KINDS


def in_a_line(alert: Mapping[str, Any]) -> str:
    """An alert on one line: severity, monitor, what was counted against the expected, and what became of it."""
    facts = alert["facts"]
    kind = SIGNAL_KINDS.of(alert["kind"])
    if kind.is_share:
        claim = f"{facts['observed']:.0%} {kind.counted}, usually {facts['expected']:.0%}"
    else:
        share = facts.get("negative_share")
        negative = f", {share:.0%} negative" if share is not None else ""
        copies = alert["evidence"]["copies"] if kind.sets_copies_aside and alert["evidence"] else 0
        aside = f" ({copies:,} copies set aside)" if copies else ""
        observed, expected = f"{facts['observed']:g}", f"{facts['expected']:.3g}"
        counted = kind.claims or f"{{observed}} {kind.counted}{aside}, {{expected}} expected"
        claim = counted.format(observed=observed, expected=expected) + negative
    name = CLOCKS[alert["severity"]].name
    why = f": {alert['reason']}" if alert["reason"] else ""
    rose = f", later SEV{alert['worst']}" if alert["worst"] < alert["severity"] else ""
    return f"SEV{alert['severity']} {name}{rose}  {alert['monitor']}  {claim}  [{alert['status']}{why}]"
