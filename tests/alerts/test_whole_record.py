"""The whole record of an alert: what was known, who was told, who decided, in one file that can be held against a later one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from alerts import actions
from alerts.apply import act
from alerts.escalations import actions as escalation_actions
from alerts.whole_record import as_file, digest, whole_record
from processors.erasure import erase
from tests.alerts.scene import ADA, LEO, PIA, Scene, write_mention
from tocsin.core.clock import to_micros
from tocsin.core.errors import NotFound
from tocsin.store import schema as s
from tocsin.store.audit import entry_hash

TEXT = "The lamp caught fire"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    made = Scene(tmp_path)
    with made.write() as conn:
        post = write_mention(made.store, conn, "7", TEXT, made.now)
    top = {"top": [{"source": post.source, "id": post.id, "reach": post.reach, "label": post.label}]}
    made.signal("over", evidence=top, negative_over=True, networks=2, networks_heard=2)
    made.step()
    made.clock.advance(timedelta(minutes=5))
    made.signal("over", evidence=top, observed=90.0, negative_over=True, networks=2, networks_heard=2)
    made.step()
    return made


def record(scene: Scene, role: str | None = "legal") -> dict[str, Any]:
    with scene.store.read() as conn:
        return whole_record(conn, scene.alert().id, role, scene.now)


def decided(scene: Scene) -> None:
    with scene.write() as conn:
        act(scene.turn(conn, ADA), actions.acknowledge, scene.alert().id)
        made = scene.escalate(conn, ADA, scene.alert().id, "both", "is it a recall?")
        escalation_actions.claim(scene.turn(conn, PIA), made.id)
        escalation_actions.note(scene.turn(conn, LEO), made.id, "for counsel alone", privileged=True)
        escalation_actions.decide(scene.turn(conn, LEO), made.id, "legal", "clear", "facts checked")


def test_it_says_what_was_known_when_who_was_told_and_who_decided_what(scene: Scene) -> None:
    decided(scene)
    found = record(scene)
    assert [(one["state"], one["facts"]["observed"]) for one in found["signals"]] == [
        ("over", 50.0),
        ("over", 90.0),
    ]
    assert sorted(one["person"] for one in found["notices"]) == ["ada", "leo", "pia"]
    assert found["notices"][0]["text"].startswith(found["notices"][0]["subject"])
    [escalation] = found["escalations"]
    assert [(one["action"], one["actor"]) for one in escalation["entries"]] == [
        ("create", "ada"),
        ("claim", "pia"),
        ("note", "leo"),
        ("review", "leo"),
        ("clear_part", "leo"),
    ]
    assert escalation["decisions"]["legal"]["reason"] == "facts checked"
    assert {one["action"] for one in found["audit"]} >= {
        "alert.open",
        "alert.escalate",
        "escalation.clear_part",
    }
    assert all(rehashed(one) == one["hash"] for one in found["audit"])
    [post] = found["posts"]
    assert (post["kept"], post["text"]) == (True, TEXT)
    assert post["text_sha256"] == hashlib.sha256(TEXT.encode()).hexdigest()


def rehashed(entry: Mapping[str, Any]) -> str:
    """The hash of an audit entry, computed from nothing but the record."""
    rest = {name: value for name, value in entry.items() if name != "hash"}
    return entry_hash(rest | {"at": to_micros(datetime.fromisoformat(entry["at"]))})


def test_privileged_notes_are_in_it_for_legal_only_and_counted_for_everybody(scene: Scene) -> None:
    decided(scene)
    for role in ("pr", "admin", None):
        [escalation] = record(scene, role)["escalations"]
        assert escalation["privileged_notes_left_out"] == 1
        assert "for counsel alone" not in json.dumps(record(scene, role))
    assert "for counsel alone" in json.dumps(record(scene))


def test_a_post_that_was_erased_since_keeps_its_identity_and_the_hash_of_what_was_read(scene: Scene) -> None:
    before = record(scene)["posts"][0]
    with scene.write() as conn:
        erase(conn, [("made-up", "7", scene.now - timedelta(minutes=5))])
    found = record(scene)
    [post] = found["posts"]
    assert (post["kept"], "text" in post) == (False, False)
    assert post["content_hash"] == before["content_hash"] != ""
    assert post["created_at"] == before["created_at"]


def test_one_changed_word_changes_its_sum_and_a_file_of_it_reads_back(scene: Scene) -> None:
    found = record(scene)
    read = json.loads(as_file(found))
    assert read == found and digest(read) == found["sha256"]
    read["timeline"][0]["actor"] = "somebody else"
    assert digest(read) != found["sha256"]


def test_evidence_that_this_version_cannot_read_stands_in_it_as_it_is(scene: Scene) -> None:
    with scene.write() as conn:
        conn.execute(update(s.signals).values(evidence={"of": "a later version"}))
    found = record(scene)
    assert found["signals"][0]["evidence"] == {"of": "a later version"}
    assert [one["id"] for one in found["posts"]] == ["7"], "those of the alert's own evidence"


def test_there_is_no_record_of_nothing(scene: Scene) -> None:
    with scene.store.read() as conn, pytest.raises(NotFound):
        whole_record(conn, "al_none", None, scene.now)
