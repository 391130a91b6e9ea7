"""The forms of people, policies, schedules, silences, events, keys and sessions: what they make, and their wrong input."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from api.auth.sessions import open_sessions
from api.pages.reach import Arrival, reach_faults
from ops.check.doctor import observations
from ops.transfer.apply import plan
from ops.transfer.definitions_file import stored_sections, written
from tests.api.test_defining import told
from tests.api.visits import CSRF, Visitor, page, signed_in, words
from tests.api.visits import night as night
from tests.browser.served import SeededApp
from tocsin.definitions.models import Definition, ExpectedEvent, Person, Policy, Schedule, Silence
from tocsin.definitions.repository import find, listed
from tocsin.settings import Api, Settings

START = datetime(2026, 11, 23, 8, tzinfo=UTC)
PERSON = {"name": "Elif", "role": "community_manager", "timezone": "Europe/Istanbul", "active": "1"}
POLICY = {
    "name": "night",
    "s0.after": "0",
    "s0.t0": "schedule:desk",
    "s1.after": "10",
    "s1.t0": "person:Elif",
    "acknowledge_expires_minutes": "45",
    "night_rings_from": "3",
    "fallback.t0": "person:Robin Admin",
}
SCHEDULE = {
    "name": "desk",
    "r0": "Elif",
    "r1": "Ada Yılmaz",
    "starts_at": "2026-11-23T09:00",
    "turn_hours": "24",
    "o0.person": "Robin Admin",
    "o0.from": "2026-11-24T12:00",
    "o0.until": "2026-11-24T18:00",
}
SILENCE = {
    "name": "moving",
    "starts_at": "2026-11-22T01:00",
    "ends_at": "2026-11-22 05:00",
    "reason": "the move",
}
EVENT = {
    "name": "launch",
    "monitor": "Orvane baby food",
    "starts_at": "2026-11-25T10:00",
    "ends_at": "2026-11-25T12:00",
}
TONIGHT = {"starts_at": "2026-11-22T01:00", "ends_at": "2026-11-22T05:00"}


def post(client: Visitor, path: str, fields: dict[str, str]) -> tuple[int, str]:
    token = CSRF.search(page(client, "/settings"))
    assert token
    answer = client.post(path, data={"csrf": token[1], **fields})
    return answer.status_code, answer.headers.get("location") or str(answer.text)


def id_of(one: SeededApp, model: type[Definition], name: str) -> str:
    with one.store.read() as conn:
        return find(conn, model, name).id


@pytest.mark.slow("asks for many answers")
def test_a_team_is_made_on_the_page_and_is_in_the_export_which_applies_to_nothing(night: SeededApp) -> None:
    client = signed_in(night, "p_root")
    for path, fields in [
        ("people", PERSON),
        ("schedules", SCHEDULE),
        ("policies", POLICY),
        ("silences", SILENCE),
        ("expected-events", EVENT),
    ]:
        assert post(client, f"/{path}/new", fields) == (303, f"/{path}?done=saved"), path
        assert "Saved." in page(client, f"/{path}?done=saved")
    with night.store.read() as conn:
        policy, desk = find(conn, Policy, "night").value, find(conn, Schedule, "desk").value
        silence, event = find(conn, Silence, "moving").value, find(conn, ExpectedEvent, "launch").value
        document = yaml.safe_load(written(stored_sections(conn)))
        # The seed's own policy and sources are older than the rules of today.
        document["policies"] = [one for one in document["policies"] if one["name"] != "default"]
        del document["sources"]
        assert plan(conn, document) == []
    assert [(step.after_minutes, step.targets) for step in policy.steps] == [
        (0, ("schedule:desk",)),
        (10, ("person:Elif",)),
    ]
    assert (policy.acknowledge_expires_minutes, policy.night_rings_from) == (45, 3)
    assert policy.teams == {"fallback": ("person:Robin Admin",)}
    assert desk.rotation == ("Elif", "Ada Yılmaz") and desk.overrides[0].person == "Robin Admin"
    assert desk.starts_at == START, "typed in Amsterdam"
    assert silence.starts_at == datetime(2026, 11, 22, tzinfo=UTC) and silence.monitor is None
    assert event.monitor == "Orvane baby food"
    assert {"person.made", "schedule.made", "policy.made", "silence.made", "expected_event.made"} <= {
        what for what, _ in told(night)
    }
    # Opened and saved again, nothing changes.
    for path, model, name in [
        ("policies", Policy, "night"),
        ("schedules", Schedule, "desk"),
        ("people", Person, "Elif"),
        ("silences", Silence, "moving"),
    ]:
        fields = dict(POLICY if path == "policies" else SCHEDULE if path == "schedules" else PERSON)
        fields = SILENCE if path == "silences" else fields
        place = f"/{path}/{id_of(night, model, name)}"
        assert "Edit" in words(page(client, place))
        assert post(client, place, {**fields, "version": "1"})[0] == 303
        with night.store.read() as conn:
            assert find(conn, model, name).version == 1, path


@pytest.mark.parametrize(
    ("path", "fields", "change", "fault"),
    [
        ("people", PERSON, {"name": " "}, "name"),
        ("people", PERSON, {"name": "Tocsin"}, "name"),
        ("people", PERSON, {"name": "Ada Yılmaz"}, "name"),
        ("people", PERSON, {"email": "nobody"}, "email"),
        ("people", PERSON, {"timezone": "Mars"}, "timezone"),
        ("people", PERSON, {"quiet_from": "25:00", "quiet_to": "x"}, "quiet_hours"),
        ("policies", POLICY, {"s0.t0": "person:Nobody", "s1.t0": ""}, "steps"),
        ("policies", POLICY, {"s0.t0": "", "s1.t0": "", "s1.after": ""}, "steps"),
        ("policies", POLICY, {"s0.after": "soon", "s0.t0": "person:Ada Yılmaz"}, "steps"),
        (
            "policies",
            POLICY,
            {"acknowledge_expires_minutes": "0", "s0.t0": "person:Ada Yılmaz", "s1.t0": "", "s1.after": ""},
            "acknowledge_expires_minutes",
        ),
        ("schedules", SCHEDULE, {"r0": "", "r1": ""}, "rotation"),
        ("schedules", SCHEDULE, {"starts_at": "tomorrow"}, "starts_at"),
        ("schedules", SCHEDULE, {"turn_hours": "0", "r0": "Ada Yılmaz"}, "turn_hours"),
        ("schedules", SCHEDULE, {"o0.until": "2026-11-24T11:00"}, "overrides"),
        ("silences", SILENCE, {"ends_at": "2026-11-21 05:00"}, "ends_at"),
        ("silences", SILENCE, {"reason": ""}, "reason"),
        ("silences", SILENCE, {"starts_at": "9999-99-99"}, "starts_at"),
        ("expected-events", EVENT, {"monitor": "no such"}, "monitor"),
    ],
)
def test_wrong_input_is_said_at_its_field_and_loses_nothing(
    night: SeededApp, path: str, fields: dict[str, str], change: dict[str, str], fault: str
) -> None:
    status, shown = post(signed_in(night, "p_root"), f"/{path}/new", fields | change)
    assert status in (409, 422) and f'id="fault-{fault}"' in shown, words(shown)[-900:]
    for name, text in (fields | change).items():
        assert not text.strip() or f'value="{text}"' in shown or name == "active", (name, text)


@pytest.mark.slow("asks for many answers")
def test_what_somebody_changed_meanwhile_is_not_overwritten_unseen(night: SeededApp) -> None:
    client = signed_in(night, "p_root")
    place = "/people/p_pim"
    fields = {"role": "pr", "timezone": "Europe/Amsterdam", "active": "1", "email": "pim@orvane.example"}
    assert post(client, place, fields | {"version": "1"})[0] == 303
    status, shown = post(client, place, fields | {"version": "1", "email": "other@orvane.example"})
    assert status == 409 and "Somebody changed it" in shown and 'value="other@orvane.example"' in shown
    assert 'name="take.email" value="mine" required>' in shown, "both changed it"
    status, shown = post(
        client, place, fields | {"version": "1", "role": "legal", "email": "o@orvane.example"}
    )
    assert status == 409 and 'name="take.role" value="mine" required checked' in shown, "only one did"
    choice = {"version": "2", "read_at": "1", "take.role": "theirs", "take.email": "mine"}
    mine = fields | {"role": "legal", "email": "o@orvane.example"} | choice
    assert 'name="version" value="1"' in post(client, place, mine | {"timezone": "Mars"})[1]
    assert post(client, place, mine)[0] == 303
    with night.store.read() as conn:
        pim = find(conn, Person, "p_pim").value
    assert (pim.role.value, pim.email) == ("pr", "o@orvane.example")
    assert post(client, place, mine | {"version": "2"})[0] == 409, "a third edit is asked about, too"
    assert post(client, place, fields | {"version": "1", "email": "o@orvane.example"})[0] == 303, "the same"
    status, _ = post(client, f"{place}/end", {})
    assert status == 303 and "Pim de Wit" in page(client, "/people"), "it is listed among the ended ones"
    with night.store.read() as conn:
        assert "p_pim" not in {one.id for one in listed(conn, Person)}
    assert post(client, f"{place}/restore", {"to": "2"})[0] == 303
    assert "Pim de Wit" in page(client, "/people")
    for place, shown_on in (("/monitors/m_lidra", "/monitors"), ("/sources/src_kuzey-feed", "/sources/new")):
        undo = f'href="{place}/history"'
        assert undo not in page(client, shown_on)
        assert post(client, f"{place}/end", {})[0] == 303
        assert undo in page(client, shown_on), "what was ended can be brought back from the list"


def test_what_holds_pages_back_is_said_on_the_overview_the_list_of_alerts_and_the_wall(
    night: SeededApp,
) -> None:
    client = signed_in(night, "p_root")
    places = ("/", "/alerts", "/wall")
    assert not any("SILENCED" in page(client, path) for path in places)
    for path, fields in (("silences", SILENCE), ("expected-events", EVENT)):
        assert post(client, f"/{path}/new", fields | TONIGHT)[0] == 303
    for path in places:
        shown = words(page(client, path))
        assert "SILENCED" in shown and "all monitors · until 05:00" in shown, shown[:900]
        assert "EXPECTED" in shown and "Orvane baby food · until 05:00" in shown
    night.clock.advance(timedelta(hours=3))
    assert not any("SILENCED" in page(signed_in(night, "p_root"), path) for path in places)


def test_another_row_is_asked_for_without_scripts_and_saves_nothing(night: SeededApp) -> None:
    client = signed_in(night, "p_root")
    status, shown = post(client, "/policies/new", POLICY | {"more": "1"})
    assert status == 200 and 'name="s2.after"' in shown and 'name="s0.t2"' in shown
    with night.store.read() as conn:
        assert [one.name for one in listed(conn, Policy)] == ["default"]


@pytest.mark.slow("asks for many answers")
def test_who_is_on_call_now_and_next_is_seen_and_a_night_is_handed_over(night: SeededApp) -> None:
    root = signed_in(night, "p_root")
    post(root, "/people/new", PERSON)
    post(root, "/schedules/new", SCHEDULE | {"starts_at": "2026-11-21T09:00"})
    post(root, "/policies/new", POLICY)
    ada = signed_in(night, "p_ada")
    shown = words(page(ada, "/schedules"))
    assert "On call now: Elif" in shown and "Then Ada Yılmaz." in shown
    assert "at once desk ( schedule ) now: Elif" in words(page(ada, "/policies")).replace(
        "(schedule)", "( schedule )"
    )
    desk = id_of(night, Schedule, "desk")
    assert "An administrator makes one." in page(ada, "/schedules")
    assert 'href="/keys?for=feed"' in page(root, "/schedules")
    assert 'name="scope.feed" value="1" checked' in page(root, "/keys?for=feed")
    token = CSRF.search(page(ada, "/schedules"))
    assert token
    turn = {"csrf": token[1], "person": "Ada Yılmaz", "from": "2026-11-22T03:00", "until": "2026-11-22T09:00"}
    assert ada.post(f"/schedules/{desk}/handover", data=turn).headers["location"].endswith("handed")
    assert "On call now: Ada Yılmaz" in words(page(ada, "/schedules"))
    viewer = "Vic Viewer"
    assert f"<option>{viewer}" not in page(ada, "/schedules")
    assert ada.post(f"/schedules/{desk}/handover", data=turn | {"person": viewer}).status_code == 422
    refused = ada.post(f"/schedules/{desk}/handover", data=turn | {"person": "Elif", "until": ""})
    assert refused.status_code == 422 and 'id="fault-handover"' in refused.text
    assert 'value="2026-11-22T03:00"' in refused.text and "<option selected>Elif" in refused.text
    assert ada.get(f"/schedules/{desk}").status_code == 403
    assert signed_in(night, "p_vic").post(f"/schedules/{desk}/handover", data=turn).status_code == 403


@pytest.mark.slow("asks for many answers")
def test_forms_offer_those_who_can_answer_and_an_exception_that_is_over_stands_in_no_way(
    night: SeededApp,
) -> None:
    root = signed_in(night, "p_root")
    shown = page(root, "/schedules/new")
    assert '<option value="Ada Yılmaz">' in shown and "Vic Viewer" not in shown
    by_field = re.findall(r'<select id="([a-z0-9_.]+)".*?</select>', page(root, "/policies/new"))
    assert {"s0.t0", "pr.t0", "fallback.t0", "heads_up.t0"} <= set(by_field)
    offered = {
        field: "person:Vic Viewer" in options
        for field, options in re.findall(
            r'<select id="([a-z0-9_.]+)"(.*?)</select>', page(root, "/policies/new")
        )
    }
    assert [field for field, told_only in offered.items() if told_only] == ["heads_up.t0"]
    status, refused = post(root, "/schedules/new", SCHEDULE | {"r0": "Vic Viewer", "r1": ""})
    assert status == 422 and "&#39;Vic Viewer&#39; has the role viewer and could not answer" in refused
    post(root, "/people/new", PERSON)
    over = {"o1.person": "Elif", "o1.from": "2026-11-10T09:00", "o1.until": "2026-11-11T09:00"}
    assert post(root, "/schedules/new", SCHEDULE | over | {"r0": "Ada Yılmaz", "r1": ""})[0] == 303
    assert post(root, f"/people/{id_of(night, Person, 'Elif')}/end", {})[0] == 303
    desk = f"/schedules/{id_of(night, Schedule, 'desk')}"
    edited = SCHEDULE | {"r0": "Ada Yılmaz", "r1": "Robin Admin", "version": "1"}
    assert post(root, desk, edited) == (303, "/schedules?done=saved")


def test_a_key_is_shown_once_and_ended_and_a_browser_is_signed_out(night: SeededApp) -> None:
    client, ada = signed_in(night, "p_root"), signed_in(night, "p_ada")
    status, shown = post(client, "/keys", {"name": "wallboard", "role": "viewer", "scope.read": "1"})
    assert status == 200 and "tcs_" in shown and "tcs_" not in page(client, "/keys")
    assert post(client, "/keys", {"name": "wallboard", "role": "viewer"})[0] == 409
    status, shown = post(client, "/keys", {"name": "x", "role": "king"})
    assert status == 422 and 'id="fault-role"' in shown and 'value="x"' in shown
    for scopes, says in (
        (
            {"scope.push": "1"},
            "a key of the role viewer cannot push mentions; who may: admin, community manager",
        ),
        ({"scope.feed": "1", "scope.read": "1"}, "it can have no other scope and no source"),
    ):
        status, shown = post(client, "/keys", {"name": "x", "role": "viewer", **scopes})
        assert status == 422 and 'id="fault-scopes"' in shown and says in shown and "fault-name" not in shown
    feed = post(client, "/keys", {"name": "reader", "role": "viewer", "scope.feed": "1"})[1]
    token = re.search(r"tcs_[\w-]+", feed)
    assert token and f"http://127.0.0.1:8085/v1/feeds/{token[0]}/on-call.ics" in feed
    wall = post(client, "/keys", {"name": "wall", "role": "viewer", "scope.wall": "1"})[1]
    assert "/wall/tcs_" in wall and "/v1/feeds/tcs_" not in wall
    assert post(client, "/keys/wallboard/end", {}) == (303, "/keys?done=key_ended")
    assert "Ada Yılmaz" in page(client, "/sessions")
    with night.store.read() as conn:
        session = next(
            one["id"] for one in open_sessions(conn, night.clock.now()) if one["person_id"] == "p_ada"
        )
    assert post(client, f"/sessions/{session}/end", {})[0] == 303
    assert ada.get("/").status_code == 401
    assert [what for what, _ in told(night)][-3:] == ["key.made", "key.revoked", "session.ended"]


def test_the_settings_in_force_are_shown_masked_and_only_to_administrators(night: SeededApp) -> None:
    shown = words(page(signed_in(night, "p_root"), "/settings"))
    assert "api.session_hours 12" in shown and "links in notices work on this machine only" in shown
    shown = words(page(signed_in(night, "p_vic"), "/settings"))
    assert "api.session_hours" not in shown


def test_the_page_and_the_doctor_say_the_same_of_how_people_reach_it(tmp_path: Path) -> None:
    def said(api: Api, **arrival: str) -> list[str]:
        came = Arrival(**{"host": "t.example", "address": "192.0.2.7", **arrival}) if arrival else None
        return [str(one.words) for one in reach_faults(Settings(api=api), came)]

    good = Api(public_url="https://t.example")
    assert said(good) == [] == said(good, host="t.example")
    assert "lead to https://t.example" in said(good, host="10.0.0.5:8085")[0]
    assert "192.0.2.7" in said(good, forwarded_for="203.0.113.9")[0]
    assert said(good, forwarded_for="203.0.113.9, 192.0.2.7") == []
    assert "can be read on the way" in said(Api(public_url="http://t.example"))[0]
    assert said(Api(public_url="http://127.0.0.1:8085")) == []
    doctors = {one.text for one in observations(None, tmp_path, None, None)}
    assert set(said(Api())) <= doctors
