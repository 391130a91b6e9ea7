"""What people met in notices, found by trying: each test names its finding."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select

from alerts.directory import Someone
from alerts.outbox.test_notice import test_message as message_of_a_test
from processors.detection.evidence import look
from tests.alerts.scene import ADA, Scene
from tocsin.core.clock import minute_of
from tocsin.definitions.models import Monitor, Person
from tocsin.definitions.repository import find
from tocsin.store import schema as s


def test_a_test_page_leads_to_ones_own_page_and_has_no_microseconds(tmp_path: Path) -> None:
    """Finding 22: its button led to no alert, and its time had microseconds."""
    now = Scene(tmp_path).now + timedelta(microseconds=123_456)
    person = Someone("person_ada", Person(name="ada", language="nl", timezone="Europe/Amsterdam"))
    made = message_of_a_test(person, "https://tocsin.example", now, "123456")
    text, html = str(made.body["text"]), str(made.body["html"])
    assert "https://tocsin.example/me" in text and "/alerts/" not in text + html
    assert "Europe/Amsterdam" in text and not re.search(r"\d:\d\d\.\d|\.123", text)


def test_what_is_due_of_an_escalation_is_mailed_with_its_day_and_zone(tmp_path: Path) -> None:
    """Finding 39: due times in mail had neither zone nor date."""
    scene = Scene(tmp_path)
    scene.over(triggers={"safety": 3})
    with scene.write() as conn:
        scene.escalate(conn, ADA, scene.alert().id, "pr", "lamps may burn")
    scene.step()
    with scene.store.read() as conn:
        bodies = [str(one["text"]) for one in conn.execute(select(s.notices.c.body)).scalars()]
    due = next(line for body in bodies for line in body.splitlines() if line.startswith("Due: "))
    assert due.count("Wed 05 Mar") == 2 and due.endswith("(UTC)"), due


def test_posts_without_a_network_are_not_a_network_of_their_own(tmp_path: Path) -> None:
    """Finding 32: a post without a network counted as the network `unknown`, as in "on 4 of 5 networks"."""
    scene = Scene(tmp_path)
    parts = [
        {
            "monitor_id": scene.monitor,
            "minute": minute_of(scene.now) - 2,
            "partition": 0,
            "dimension": "network",
            "value": value,
            "count": 3,
            "negative": 0,
        }
        for value in ("forum", "mastodon", "unknown")
    ]
    with scene.write() as conn:
        scene.store.insert_new(conn, s.tally_parts, parts)
        monitor = find(conn, Monitor, scene.monitor).value
        seen = look(conn, scene.monitor, monitor, scene.now - timedelta(minutes=5), scene.now)
    assert seen.networks_heard == 2
