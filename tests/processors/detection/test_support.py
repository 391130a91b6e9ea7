"""Signals that only support: a crisis that strangers bring and that reaches a second network has them in its alert's evidence."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from sqlalchemy import select

from processors.detection.rebuilding import learn_again
from processors.detection.states import fresh
from processors.explanation.explain import explained
from processors.explanation.lines import lines
from tests.processors.detection.conftest import START
from tests.processors.detection.judging import judged_until
from tests.processors.detection.test_judge import WORDS, keep
from tocsin.core.clock import MINUTE
from tocsin.core.mention import Author, Mention
from tocsin.core.signal import evidence_from
from tocsin.core.signal_kinds import NARRATIVE, NEWCOMERS, SPREAD, VOLUME
from tocsin.store import schema as s
from tocsin.store.port import Store

CRISIS = START + timedelta(hours=26)
END = CRISIS + timedelta(hours=2)


def talk() -> list[Mention]:
    """Thirty regulars on x, seven posts an hour, once more of them. Then strangers come, an hour later also on reddit.

    People are asked for while something stirs, so the regulars are known from their lively hour on. No scorer speaks the
    language: nothing hangs on the weights of a model. All strangers tell of one thing, in words of their own.
    """
    dice = random.Random(5)
    posts = [(START + timedelta(minutes=8 * n), "x", f"u{dice.randrange(30)}") for n in range(28 * 60 // 8)]
    posts += [(START + timedelta(hours=20, minutes=2 * n), "x", f"u{n % 30}") for n in range(40)]
    posts += [(CRISIS + timedelta(seconds=45 * n), "x", f"s{n}") for n in range(100)]
    posts += [(CRISIS + timedelta(minutes=60, seconds=90 * n), "reddit", f"r{n}") for n in range(40)]
    return [
        Mention(
            source="wire",
            id=str(n),
            text=f"brightwater {'leaking valve ' if who[0] != 'u' else ''}{' '.join(dice.sample(WORDS, 6))}",
            created_at=at,
            lang="pl",
            network=network,
            author=Author(id=who),
        )
        for n, (at, network, who) in enumerate(sorted(posts))
    ]


def test_people_are_known_after_an_hour_in_which_nothing_nears_an_alert(store: Store) -> None:
    keep(store, [one for one in talk() if one.created_at < START + timedelta(hours=2)])
    with store.write() as conn:
        detection = judged_until(conn, START + timedelta(hours=2))
        [state] = [one.state for one in detection.monitors[0].standings if one.name == NEWCOMERS]
    assert state.upto is not None and len(state.known) > 0
    assert state.upto - state.first >= timedelta(hours=1)


@pytest.mark.slow("judges a day and a half of windows")
def test_the_alert_of_the_volume_names_where_it_spread_and_who_is_new(store: Store) -> None:
    keep(store, talk())
    with store.write() as conn:
        detection = judged_until(conn, END)
        detection.flush(conn, store, END)
        [one] = detection.monitors
        again = fresh(one.defined)
        learn_again(conn, again, START, END)
        signals = conn.execute(select(s.signals).order_by(s.signals.c.tick)).all()
    assert {signal.kind for signal in signals} == {VOLUME}
    assert [standing.state for standing in again.standings] == [standing.state for standing in one.standings]
    agreements = [one for signal in signals for one in evidence_from(signal.evidence).agrees]
    shown = {agreement.kind: agreement for agreement in agreements}
    assert shown.keys() == {SPREAD, NEWCOMERS, NARRATIVE}
    told = next(one for one in agreements if one.kind == NARRATIVE)
    subject = told.places[0]
    assert (subject.value, subject.due, told.expected) == ("leaking valve", 0.0, 0.0)
    assert subject.since >= CRISIS - 5 * MINUTE
    first, then = shown[SPREAD].places
    assert (first.value, then.value, then.since >= first.since + timedelta(minutes=50)) == (
        "x",
        "reddit",
        True,
    )
    assert shown[NEWCOMERS].lower > shown[NEWCOMERS].expected
    last = next(one for one in reversed(signals) if len(evidence_from(one.evidence).agrees) == 3)
    with store.read() as conn:
        why = explained(conn, one.id, VOLUME, last.fingerprint, evidence_from(last.evidence), last.tick)
    assert all(step.same for step in why.steps)
    said = "\n".join(lines(why))
    assert "also over: spread 2" in said
    assert "  reddit: since 2026-03-02 03:" in said
    assert "Share of newcomers" in said
    assert "Share of the new subject = leaking valve: " in said
