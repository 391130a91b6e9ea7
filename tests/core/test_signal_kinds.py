"""The registry of signals: the facts about a kind, and a kind that is registered for a while."""

from __future__ import annotations

import pytest

from tocsin.core.signal_kinds import (
    BLIND,
    FLOOD,
    NARRATIVE,
    NEGATIVITY,
    NEWCOMERS,
    REACH,
    SIGNAL_KINDS,
    SILENCE,
    SPREAD,
    VOLUME,
    SignalKind,
)

SARCASM = SignalKind(
    kind="sarcasm", means="more sarcastic than usual", unit="share", detector="nowhere:Sarcasm"
)


def test_the_kinds_stand_in_the_order_in_which_they_are_judged() -> None:
    assert [one.kind for one in SIGNAL_KINDS] == [
        VOLUME,
        NEGATIVITY,
        REACH,
        SILENCE,
        SPREAD,
        NEWCOMERS,
        NARRATIVE,
        FLOOD,
        BLIND,
    ]
    assert [one.kind for one in SIGNAL_KINDS.judged] == [
        VOLUME,
        NEGATIVITY,
        REACH,
        SILENCE,
        SPREAD,
        NEWCOMERS,
        NARRATIVE,
        FLOOD,
    ]


def test_the_first_kind_has_a_reading_for_every_window() -> None:
    assert SIGNAL_KINDS.lead.judges_empty


def test_negativity_is_told_by_the_volume_alert() -> None:
    assert SIGNAL_KINDS.of(NEGATIVITY).absorbed_by == VOLUME
    assert [one.kind for one in SIGNAL_KINDS.absorbed_into(VOLUME)] == [NEGATIVITY, REACH, FLOOD]


def test_a_kind_is_registered_for_as_long_as_the_block_runs() -> None:
    with SIGNAL_KINDS.registered(SARCASM):
        assert SIGNAL_KINDS.of("sarcasm").is_share
        assert SARCASM in SIGNAL_KINDS.judged
    assert "sarcasm" not in [one.kind for one in SIGNAL_KINDS]
    assert SARCASM not in SIGNAL_KINDS.judged


def test_a_name_that_is_taken_is_refused_with_those_that_are() -> None:
    taken = SignalKind(kind=VOLUME, means="again")
    with (
        pytest.raises(
            ValueError,
            match=r"there is a signal 'volume' already; known: "
            r"volume, negativity, reach, silence, spread, newcomers, narrative, flood, blind",
        ),
        SIGNAL_KINDS.registered(taken),
    ):
        pass


def test_a_stored_kind_that_nobody_registers_any_more_is_a_plain_one() -> None:
    gone = SIGNAL_KINDS.of("brand_safety")
    assert (gone.means, gone.unit, gone.detector, gone.unheard) == ("brand safety", "mentions", None, False)
