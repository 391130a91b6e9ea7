"""The views of alerts: lists with cursors, which alert stands in which list, and evidence with texts as they are now."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, event, select, update

from alerts import actions, views
from alerts.alert import Alert
from alerts.apply import act
from alerts.message import alert_message, as_html
from alerts.words import words_for
from tests.alerts.scene import ADA, Scene, write_mention
from tests.alerts.test_engine import CRISIS
from tocsin.core.errors import NotFound, WrongInput
from tocsin.core.signal_kinds import NEGATIVITY
from tocsin.core.text import unseen
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import delete as delete_definition
from tocsin.store import schema as s


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def many(scene: Scene, number: int) -> None:
    for n in range(number):
        scene.monitor = scene.define(Monitor(name=f"Brand {n}", query=f"brand{n}"))
        scene.signal("over", negative_over=True)
        if n % 3 == 2:
            scene.clock.advance(timedelta(minutes=1))
    scene.step()


def test_a_list_is_read_to_its_end_through_cursors_each_alert_once_newest_first(scene: Scene) -> None:
    many(scene, 7)
    seen, cursor = [], None
    with scene.store.read() as conn:
        while True:
            page = views.list_alerts(conn, limit=3, cursor=cursor)
            seen += page.items
            cursor = page.next_cursor
            if cursor is None:
                break
    assert len({one["id"] for one in seen}) == 7
    assert [one["opened_at"] for one in seen] == sorted((one["opened_at"] for one in seen), reverse=True)


def test_lists_are_filtered_and_unknown_filters_are_refused(scene: Scene) -> None:
    many(scene, 3)
    with scene.write() as conn:
        act(scene.turn(conn, ADA), actions.dismiss, scene.alert().id, "noise")
        assert len(views.list_alerts(conn, status=["open"]).items) == 2
        assert len(views.list_alerts(conn, status=["dismissed", "firing"]).items) == 3
        assert len(views.list_alerts(conn, monitor="Brand 1").items) == 1
        assert views.list_alerts(conn, kind=NEGATIVITY).items == []
        assert views.list_alerts(conn, severity=[1, 2]).items == []
        for wrong in (
            {"status": ["loud"]},
            {"cursor": "!!"},
            {"cursor": "W10"},
            {"limit": 0},
            {"limit": 501},
        ):
            with pytest.raises(WrongInput):
                views.list_alerts(conn, **wrong)


def test_a_monitor_that_is_not_there_is_said_and_one_without_alerts_has_an_empty_list(scene: Scene) -> None:
    many(scene, 1)
    quiet = scene.define(Monitor(name="Quiet", query="quiet"))
    with scene.store.read() as conn:
        for asked in ("Quiet", quiet):
            assert views.list_alerts(conn, monitor=asked).items == []
        with pytest.raises(NotFound, match="no monitor 'Quite'; known: "):
            views.list_alerts(conn, monitor="Quite")
    with scene.write() as conn:
        delete_definition(conn, Monitor, "Brand 0", now=scene.now, actor="ada")
        assert len(views.list_alerts(conn, monitor="Brand 0").items) == 1, "its alerts outlive a monitor"


FILTERS: tuple[dict[str, Any], ...] = (
    {"kind": "nope"},
    {"severity": [1]},
    {"monitor": "Quiet"},
    {"status": ["resolved"], "kind": "nope"},
    {"status": ["open", "resolved"], "severity": [1], "monitor": "Quiet", "kind": "nope"},
)


@pytest.mark.parametrize("filters", FILTERS)
def test_a_list_that_finds_nothing_reads_no_rows_only_the_index_that_holds_all_filters(
    scene: Scene, filters: dict[str, Any]
) -> None:
    asked: list[tuple[str, Any]] = []
    scene.define(Monitor(name="Quiet", query="quiet"))
    with scene.store.read() as conn:
        if conn.dialect.name != "sqlite":
            pytest.skip("the other engine chooses by what is stored")
        event.listen(conn, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
        assert views.list_alerts(conn, **filters).items == []
        sql, parameters = next(one for one in asked if "opened_at" in one[0])
        plan = [row[3] for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", parameters)]
    (scan,) = [step for step in plan if "SCAN" in step]
    assert scan.endswith("USING COVERING INDEX alerts_listed")
    assert not [step for step in plan if "alerts_by" in step]


@pytest.mark.slow("makes hundreds of alerts")
def test_the_number_of_queries_does_not_grow_with_the_number_of_alerts(scene: Scene) -> None:
    def queries() -> int:
        with scene.store.read() as conn:
            count: list[str] = []
            event.listen(conn, "before_cursor_execute", lambda *args: count.append(args[2]))
            views.list_alerts(conn, limit=500)
            return sum(statement.startswith("SELECT") for statement in count)

    many(scene, 1)
    few = queries()
    many(scene, 30)
    # What holds them back comes with them.
    assert queries() == few == 1


def test_evidence_shows_the_posts_as_they_are_kept_now_and_says_when_they_are_gone(scene: Scene) -> None:
    with scene.write() as conn:
        top = [
            write_mention(scene.store, conn, str(n), f"made up {n}\n{'x' * 200}", scene.now) for n in range(4)
        ]
    scene.signal("over", negative_over=True, evidence={"top": top})
    scene.step()
    alert = scene.alert()
    with scene.write() as conn:
        shown = views.evidence(conn, alert.id)
        assert [post["id"] for post in shown["top"]] == ["0", "1", "2", "3"]
        assert shown["top"][0]["text"].startswith("made up 0 xxx") and len(shown["top"][0]["text"]) <= 90
        conn.execute(delete(s.mentions))
        assert views.evidence(conn, alert.id)["top"][0]["text"] == "(no longer kept)"
        with pytest.raises(NotFound):
            views.evidence(conn, "al_x")


def test_an_alert_says_why_and_what_may_be_done(scene: Scene) -> None:
    scene.over(negative_over=True)
    with scene.write() as conn:
        view = views.get_alert(conn, scene.alert().id)
        assert view["reasons"] == [
            "clearly over expected in two windows",
            "share of negatives over its baseline",
        ]
        assert {"acknowledge", "dismiss", "escalate", "snooze"} <= set(view["actions"])


def test_calmed_unacknowledged_is_what_nobody_has_and_is_over_in_the_api_and_on_the_page(
    scene: Scene,
) -> None:
    """Where somebody snoozed or escalated an alert, a person has decided. It stays with the live alerts when it calms."""
    many(scene, 3)
    nobody, snoozed, escalated = scene.alerts()
    with scene.write() as conn:
        act(scene.turn(conn, ADA), actions.snooze, snoozed.id, scene.now + timedelta(hours=2))
        scene.escalate(conn, ADA, escalated.id, "pr", "look at it")
    for one in (nobody, snoozed, escalated):
        scene.monitor = one.monitor_id
        scene.calm()
    with scene.store.read() as conn:
        shown = {one["id"]: one["calmed_unacknowledged"] for one in views.list_alerts(conn).items}
        stands = views.standing(conn, scene.now)
    assert shown == {nobody.id: True, snoozed.id: False, escalated.id: False}
    assert [one.id for one in stands.calmed] == [nobody.id]
    assert {one.id for one in stands.live} == {snoozed.id, escalated.id}


def test_what_nobody_has_stands_first_then_the_most_severe_then_the_oldest(scene: Scene) -> None:
    scene.over(negative_over=True)
    alert, minute = scene.alert(), timedelta(minutes=1)

    def one(id: str, status: str, severity: int, minutes: int, **changed: object) -> Alert:
        opened = alert.opened_at + minutes * minute
        return replace(alert, id=id, status=status, severity=severity, opened_at=opened, **changed)

    going_on = [
        one("owned", "acknowledged", 1, 0),
        one("grave", "firing", 2, 3),
        one("young", "firing", 3, 2),
        one("old", "firing", 3, 1),
        one("over", "firing", 1, 0, calmed_at=alert.opened_at),
        one("told elsewhere", "merged", 1, 0),
        one("not yet", "candidate", 4, 0),
        one("kept back", "suppressed", 3, 0),
    ]
    stands = views.sorted_by_need(going_on, [one("kept back before", "suppressed", 3, -9)])
    assert [one.id for one in stands.live] == ["grave", "old", "young", "owned"]
    assert [one.id for one in stands.calmed] == ["over"]
    assert [one.id for one in stands.merged] == ["told elsewhere"]
    assert [one.id for one in stands.suppressed] == ["kept back", "kept back before"]


def test_what_has_calmed_stands_below_what_goes_on_however_severe_a_person_made_it(scene: Scene) -> None:
    scene.over()
    one = replace(scene.alert(), status="acknowledged")
    days = timedelta(days=2)
    raised = replace(one, id="raised", severity=1, opened_at=one.opened_at - days, calmed_at=one.opened_at)
    goes_on = replace(one, id="goes on", severity=2)
    stands = views.sorted_by_need([raised, goes_on], [])
    assert [one.id for one in stands.live] == ["goes on", "raised"]


def test_an_alert_whose_facts_another_version_wrote_is_shown_without_its_reasons(scene: Scene) -> None:
    scene.over(negative_over=True)
    with scene.write() as conn:
        conn.execute(update(s.alerts).values(facts={"not": "ours"}, evidence={"not": "ours"}))
        (shown,) = views.list_alerts(conn).items
        assert shown["reasons"] == [] and shown["facts"] == {"not": "ours"}
        assert views.evidence(conn, shown["id"])["top"] == []
    alert = scene.alert()
    assert alert.readable_facts is None and alert.since == alert.opened_at


def test_notices_are_shown_with_their_receipts_and_without_targets(scene: Scene) -> None:
    scene.over(negative_over=True)
    with scene.store.read() as conn:
        (notice,) = views.notices(conn, scene.alert().id)
    assert notice["status"] == "queued" and notice["receipts"] == [] and "target" not in notice


def test_a_notice_fits_a_phone_and_its_html_escapes_what_people_wrote(scene: Scene) -> None:
    posts = ["<script>alert(1)</script> & \x1b[2J\x9b2J\u202e\u2066" + "x" * 500, "iki\nsatır", "üç"]
    with scene.write() as conn:
        top = [write_mention(scene.store, conn, str(n), text, scene.now) for n, text in enumerate(posts)]
    evidence = {
        "top": top,
        "terms": [("x" * 50, 3)] * 10,
        "networks": {f"network{n}": n for n in range(30)},
        "missing": ["feed news is silent"] * 9,
    }
    scene.signal("over", negative_over=True, evidence=evidence)
    scene.step()
    text, html = (scene.notices()[0].body[name] for name in ("text", "html"))
    lines = text.strip().splitlines()
    assert len(lines) <= 15 and max(map(len, lines)) <= 180
    assert (unseen(text), unseen(html)) == (["U+000A"], []), (
        "no post steers a terminal, nor turns a line around"
    )
    assert unseen(scene.notices()[0].subject) == []
    assert "<script>" not in html and "&lt;script&gt;" in html
    assert len(scene.notices()[0].subject) <= 120


def test_html_cannot_be_left_through_the_link() -> None:
    html = as_html("headline\nline\n", "https://x.example/?a='><script>")
    assert "<script>" not in html and "'>" not in html.split("<a href=")[1].split(" style")[0][1:-1]


def test_a_drill_says_so_first(scene: Scene) -> None:
    scene.over(negative_over=True)
    with scene.store.read() as conn:
        message = alert_message(
            conn,
            replace(scene.alert(), drill=True),
            kind="page",
            words=words_for("en", "Europe/Istanbul"),
            now=scene.now,
            reasons=(),
            link="https://tocsin.example/",
        )
    assert message.subject.startswith("DRILL ")
    assert message.body["text"].startswith("DRILL - nothing has happened\n")
    assert "(Europe/Istanbul)" in message.body["text"]


def test_of_very_many_alerts_the_overview_shows_what_nobody_has_first_and_counts_the_rest(
    scene: Scene,
) -> None:
    scene.over(**CRISIS)
    with scene.write() as conn:
        row = dict(conn.execute(select(s.alerts)).mappings().one())
        made = [
            row
            | {
                "id": f"al_{n:04}",
                "fingerprint": f"fp_{n}",
                "live": f"fp_{n}",
                "status": status,
                "severity": severity,
            }
            for n, (status, severity) in enumerate([("acknowledged", 1)] * 150 + [("firing", 3)] * 20)
        ]
        quiet = {"monitor_id": "mon_of_the_last", "status": "acknowledged", "severity": 4}
        last = row | {"id": "al_last", "fingerprint": "fp_last", "live": "fp_last"} | quiet
        calm = {"id": "al_calm", "fingerprint": "fp_calm", "live": "fp_calm", "calmed_at": scene.now}
        scene.store.insert_new(conn, s.alerts, [*made, last, last | calm | {"status": "firing"}])
        stands = views.standing(conn, scene.now)
    # The badges of monitors count those that are left out, too.
    assert "mon_of_the_last" not in {one.monitor_id for one in stands.live}
    assert stands.severities == {
        row["monitor_id"]: tuple(sorted([row["severity"], *[1] * 150, *[3] * 20])),
        "mon_of_the_last": (4,),
    }
    assert len(stands.live) == views.SHOWN
    assert [one.severity for one in stands.live[:22]] == [1, *[3] * 20, 1]
    assert stands.left_out == 1 + 172 - views.SHOWN
