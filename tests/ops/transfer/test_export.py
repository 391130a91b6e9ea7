"""The record of escalations as JSON lines."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from alerts.escalations import actions
from ops.transfer.export import export
from tests.alerts.scene import ADA, PIA, Scene
from tests.inside import command
from tocsin.core.clock import iso


def test_the_record_of_an_escalation_is_exported_without_privileged_notes(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    begun = scene.now
    scene.over(negative_over=True, networks=2, networks_heard=2)
    with scene.write() as conn:
        made = scene.escalate(conn, ADA, scene.alert().id, "pr", "lamps may burn")
    scene.clock.advance(timedelta(minutes=4))
    with scene.write() as conn:
        actions.claim(scene.turn(conn, PIA), made.id)
        actions.assessed(scene.turn(conn, PIA), made.id, "two shops")
        actions.note(
            scene.turn(conn, replace(PIA, role="legal")), made.id, "we may be liable", privileged=True
        )
        lines = list(export(conn, "escalations"))
    (told,) = map(json.loads, lines)
    assert (told["id"], told["alert"], told["monitor"]) == (made.id, scene.alert().id, "Lumo")
    assert (told["team"], told["status"], told["reason"]) == ("pr", "claimed", "lamps may burn")
    assert (told["created_by"], told["created_at"]) == ("ada", iso(begun))
    assert (told["claimed_by"], told["claimed_at"], told["assessed_at"]) == (
        "pia",
        iso(scene.now),
        iso(scene.now),
    )
    assert told["privileged_notes"] == 1 and b"liable" not in lines[0]
    assert [(one["actor"], one["action"]) for one in told["entries"]] == [
        ("ada", "create"),
        ("pia", "claim"),
        ("pia", "assessed"),
    ]
    assert told["entries"][-1]["text"] == "two shops"
    printed = command("export", "escalations", "--data", tmp_path)
    assert printed.stdout == b"".join(lines)
