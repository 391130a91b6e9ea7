"""An alert is computed again from what its signal kept, on both engines; what comes out otherwise is said."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import delete, select, update

from processors.explanation.explain import NOT_JUDGED, NOT_KEPT, Explanation, explained
from processors.explanation.lines import lines
from processors.signals.registry import WINDOW
from tests.processors.detection.conftest import START, store
from tests.processors.detection.test_judge import BURST, judge, keep, talk
from tests.stores import on_both_stores
from tocsin.core.signal import evidence_from
from tocsin.store import schema as s
from tocsin.store.port import Store

__all__ = ["on_both_stores", "store"]


def over(store: Store, kind: str) -> list[Any]:
    g = s.signals
    with store.read() as conn:
        return list(conn.execute(select(g).where(g.c.kind == kind, g.c.state != "calm").order_by(g.c.tick)))


def explanation(store: Store, signal: Any) -> Explanation:
    with store.read() as conn:
        shown = evidence_from(signal.evidence)
        return explained(conn, signal.monitor_id, signal.kind, signal.fingerprint, shown, signal.tick)


@pytest.mark.slow("plays two days of talk")
def test_what_was_kept_gives_every_figure_again_and_the_steps_give_them_by_hand(store: Store) -> None:
    keep(store, talk())
    judge(store, BURST + timedelta(minutes=40), cuts=1, every=WINDOW)
    for kind in ("volume", "negativity"):
        signals = over(store, kind)
        assert signals, kind
        for signal in signals:
            one = explanation(store, signal)
            assert one.why_not is None
            assert {figure.name for figure in one.figures} == {
                "observed",
                "expected",
                "lower",
                "upper",
                "score",
            }
            assert all(figure.again == figure.judged for figure in one.figures), one.figures
            assert {"Observed", "Score"} <= {step.name for step in one.steps}
            assert all(step.same for step in one.steps), [step for step in one.steps if not step.same]
    assert "Evidence of a new subject, in nats" in {step.name for step in explanation(store, signal).steps}
    last = over(store, "volume")[-1]
    closed = explanation(store, last)
    assert closed.baseline is not None
    assert (closed.baseline.first, closed.baseline.hours) == (START.date(), 34)
    assert closed.now.count == sum(part.count for part in closed.now.networks) == last.evidence["count"]
    assert closed.now.authors[0].name
    assert closed.differs == []
    with store.write() as conn:
        gone = select(s.matches.c.id).where(s.matches.c.created_at >= BURST).limit(1).scalar_subquery()
        conn.execute(delete(s.matches).where(s.matches.c.id == gone))
        conn.execute(update(s.signals).values(evidence={**last.evidence, "expected": 0.25}))
    [changed] = [one for one in over(store, "volume") if one.id == last.id]
    said = " / ".join(explanation(store, changed).differs)
    assert "expected: judged 0.25, computed again " in said
    assert f"mentions: judged {last.evidence['count']}, in the store now {last.evidence['count'] - 1}" in said
    with store.write() as conn:
        conn.execute(update(s.signals).values(working=None))
    older = explanation(store, changed)
    assert (older.why_not, older.now.count) == (NOT_KEPT, last.evidence["count"] - 1)
    # What agrees stands in the evidence with its numbers.
    assert [step.name for step in older.steps] == [
        "Share of the new subject",
        "Distance from the texts before (z)",
    ]
    assert all(figure.again is None for figure in older.figures)
    # A window that ends on the day of its start has no second date; one over midnight has.
    short = msgspec.structs.replace(older, window_end=older.window_start)
    whole_day = msgspec.structs.replace(older, window_end=older.window_start + timedelta(days=1))
    assert f"{older.window_start:%Y-%m-%d %H:%M:%SZ} to {older.window_start:%H:%M:%SZ}" in next(lines(short))
    assert f" to {whole_day.window_end:%Y-%m-%d %H:%M:%SZ}" in next(lines(whole_day))
    with store.read() as conn:
        shown = evidence_from(last.evidence)
        assert explained(conn, last.monitor_id, "blind", "fp", shown, last.tick).why_not == NOT_JUDGED
