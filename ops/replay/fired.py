"""The alerts that a replay fires, as lines for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alerts.severity import CLOCKS
from tocsin.core.signal_kinds import SIGNAL_KINDS, SignalKind


def claim_of(kind: SignalKind, observed: float, expected: float, copies: int = 0) -> str:
    """What was counted against the expected, in the words of the kind; `copies` were set aside before."""
    if kind.is_share:
        return f"{observed:.0%} {kind.counted}, usually {expected:.0%}"
    aside = f" ({copies:,} copies set aside)" if copies else ""
    called = kind.counted if observed != 1 else kind.counted.removesuffix("s")
    counted = kind.claims or f"{{observed}} {called}{aside}, {{expected}} expected"
    return counted.format(observed=f"{observed:g}", expected=f"{expected:.3g}")


def figures_of(kind: SignalKind, facts: Mapping[str, Any]) -> tuple[float, float]:
    """Observed and expected as lists show them. A share is that of all mentions, copies included, as its headline tells it."""
    named = zip(("observed", "expected"), kind.figures, strict=True)
    observed, expected = (facts[name] if facts.get(shown) is None else facts[shown] for name, shown in named)
    return observed, expected


def in_a_line(alert: Mapping[str, Any]) -> str:
    """An alert on one line: severity, monitor, what was counted against the expected, and what became of it."""
    facts, kind = alert["facts"], SIGNAL_KINDS.of(alert["kind"])
    copies = alert["evidence"]["copies"] if kind.sets_copies_aside and alert["evidence"] else 0
    observed, expected = figures_of(kind, facts)
    claim = claim_of(kind, observed, expected, copies)
    share = facts.get("negative_share")
    if share is not None and not kind.is_share:
        claim += f", {share:.0%} negative{' with the copies' if copies else ''}"
    name = CLOCKS[alert["severity"]].name
    why = f": {alert['reason']}" if alert["reason"] else ""
    rose = f", later SEV{alert['worst']}" if alert["worst"] < alert["severity"] else ""
    return f"SEV{alert['severity']} {name}{rose}  {alert['monitor']}  {claim}  [{alert['status']}{why}]"
