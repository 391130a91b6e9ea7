"""Verdicts: a dismissal says one by its reason, a resolution may, anybody may later; precision follows, and all is on record."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from alerts import actions, verdicts
from alerts.alert import Alert
from alerts.apply import act
from alerts.states import DISMISSAL_REASONS
from tests.alerts.scene import ADA, BEN, Scene
from tocsin.core.errors import WrongInput
from tocsin.store import schema as s


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def another(scene: Scene) -> Alert:
    """An alert of a story of its own."""
    scene.clock.advance(timedelta(hours=8))
    scene.over()
    return scene.alert()


def ended(scene: Scene, verdict: str | None) -> str:
    alert = another(scene)
    with scene.write() as conn:
        act(scene.turn(conn, ADA), actions.resolve, alert.id, "", None, verdict)
    return alert.id


def test_every_reason_of_a_dismissal_is_a_verdict() -> None:
    assert set(verdicts.OF_DISMISSAL) == set(DISMISSAL_REASONS)
    assert set(verdicts.OF_DISMISSAL.values()) == set(verdicts.VERDICTS)


def test_verdicts_make_the_precision_of_a_signal_and_the_last_word_counts(scene: Scene) -> None:
    dismissed = another(scene).id
    with scene.write() as conn:
        act(scene.turn(conn, ADA), actions.dismiss, dismissed, "wrong_brand")
        act(scene.turn(conn, ADA), actions.resolve, dismissed)
    ids = [ended(scene, verdict) for verdict in ("noise", "real", "duplicate", None)]
    with scene.write() as conn:
        act(scene.turn(conn, BEN), actions.give_verdict, ids[0], "real")
    with scene.store.read() as conn:
        (volume,) = verdicts.precision(conn, scene.monitor)
        known = verdicts.judged_alerts(conn, scene.monitor, scene.now - timedelta(days=9))
        said = verdicts.verdict_of(conn, ids[0])
        audited = list(conn.execute(select(s.audit.c.action)).scalars())
        assert verdicts.verdict_of(conn, ids[3]) is None
    assert (volume.kind, volume.real, volume.judged) == ("volume", 2, 3)
    assert [one.verdict for one in known] == ["wrong_brand", "real", "real", "duplicate"]
    assert said is not None and (said["verdict"], said["actor"]) == ("real", "ben")
    assert audited.count("alert.verdict") == 4
    alert = next(one for one in scene.alerts() if one.id == ids[0])
    assert scene.timeline(alert)[-1] == "verdict"


def test_an_unknown_verdict_is_refused_with_the_choices(scene: Scene) -> None:
    scene.over()
    with scene.write() as conn, pytest.raises(WrongInput, match="real, noise, duplicate"):
        act(scene.turn(conn, ADA), actions.give_verdict, scene.alert().id, "boring")
