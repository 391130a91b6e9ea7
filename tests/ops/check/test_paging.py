"""The doctor resolves each policy to a channel that works here, or says which step, person and channel does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from api.pages.readiness import not_ready
from ops.check.paging import paging
from tests.alerts.scene import PEOPLE, POLICY, Scene
from tocsin.definitions.models import Channel, Monitor, Person, Policy, Role, Schedule
from tocsin.definitions.repository import delete
from tocsin.settings import Ingest, Settings, Smtp

MAIL = Settings(smtp=Smtp(host="mail.example.org"))
HOOK = {"kind": "webhook", "url": "https://hooks.example.org/x", "secret": "env:TOCSIN_TEST_HOOK"}


def said(scene: Scene, settings: Settings = MAIL) -> list[tuple[str, str]]:
    with scene.store.read() as conn:
        lacks = not_ready(conn, settings, scene.now).policies
        return [(one.state, one.text) for one in paging(conn, scene.now, settings, lacks)]


def test_a_policy_whose_steps_all_lead_to_a_working_channel_is_well(tmp_path: Path) -> None:
    assert said(Scene(tmp_path)) == [
        ("ok", "policy 'default': each of its 2 steps leads to a channel that works")
    ]


def test_a_step_whose_people_have_no_channel_is_printed_and_said_to_ring_nobody(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.define(Person(name="ben", role=Role.COMMUNITY_MANAGER))
    assert said(scene) == [("note", "policy 'default': step 2 is printed here and rings nobody")]


def test_a_person_who_is_paged_and_became_a_viewer_is_told(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.define(Person(name="ben", role=Role.VIEWER, email="ben@example.org"))
    assert ("bad", "ben is paged by policy 'default' and cannot answer: the role is viewer") in said(scene)


def test_without_a_mail_server_mail_reaches_nobody(tmp_path: Path) -> None:
    found = said(Scene(tmp_path), Settings())
    assert found[0] == (
        "bad",
        "by the policy default no channel rings: a page would be printed, or lost",
    )
    assert [text for _, text in found[1:]] == [
        f"{name} cannot be reached by email from here: no mail server is set: set smtp.host"
        for name in ("ada", "ben")
    ]


def test_a_secret_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(tmp_path)
    scene.define(Person(name="ben", role=Role.PR, channels=(Channel.model_validate(HOOK),)))
    monkeypatch.delenv("TOCSIN_TEST_HOOK", raising=False)
    found = said(scene)
    assert ("bad", "policy 'default': step 2 leads to no channel that works") in found
    assert any("ben" in text and "TOCSIN_TEST_HOOK" in text for _, text in found)
    monkeypatch.setenv("TOCSIN_TEST_HOOK", "not base64!")
    assert any("not base64" in text for _, text in said(scene))
    monkeypatch.setenv("TOCSIN_TEST_HOOK", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert [state for state, _ in said(scene)] == ["ok"]


@pytest.mark.parametrize(
    ("host", "kind"),
    [("127.0.0.1:9", "loopback"), ("localhost", "loopback"), ("[::1]", "loopback"), ("10.1.2.3", "private")],
)
def test_a_webhook_to_an_address_that_no_notice_may_go_to_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, kind: str
) -> None:
    monkeypatch.setenv("TOCSIN_TEST_HOOK", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    scene = Scene(tmp_path)
    hook = Channel.model_validate(HOOK | {"url": f"http://{host}/x"})
    scene.define(Person(name="ben", role=Role.PR, channels=(hook,)))
    (found,) = (text for state, text in said(scene) if state == "bad" and text.startswith("ben"))
    assert f"a {kind} address; list its network in ingest.allowed_private_networks" in found
    allowed = Settings(ingest=Ingest(allowed_private_networks=("127.0.0.0/8", "::1/128", "10.0.0.0/8")))
    assert not any(text.startswith("ben") for _, text in said(scene, allowed))


@pytest.mark.parametrize(
    ("change", "lost"),
    [
        (
            {"steps": [{"after_minutes": 0, "targets": ["person:gone"]}]},
            "policy 'default' names the person 'gone'",
        ),
        (
            {"steps": [{"after_minutes": 0, "targets": ["persn:ada"]}]},
            "must be person:NAME or schedule:NAME",
        ),
        ({"heads_up": ["schedule:gone"]}, "policy 'default' names the schedule 'gone'"),
    ],
)
def test_what_a_policy_names_and_is_not_there_is_told(
    tmp_path: Path, change: dict[str, Any], lost: str
) -> None:
    scene = Scene(tmp_path, policy=Policy.model_validate(POLICY.model_dump() | change))
    assert any(state == "bad" and lost in text for state, text in said(scene))


def test_a_schedule_that_names_a_person_who_left_is_told(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.define(Schedule(name="duty", rotation=("ada", "cora"), starts_at=scene.now))
    assert ("bad", "schedule 'duty' names the person 'cora', and there is none") in said(scene)


def test_people_without_any_channel_reach_the_console_only_and_no_people_reach_nobody(tmp_path: Path) -> None:
    bare = Scene(tmp_path / "bare", people=(Person(name="ada"), Person(name="ben")))
    assert (
        "bad",
        "by the policy default no channel rings: a page would be printed, or lost",
    ) in said(bare)
    alone = Scene(tmp_path / "alone", people=(), policy=None)
    assert ("bad", "by the policy built-in nobody is on call: nobody would be woken") in said(alone)


def test_each_policy_of_a_watched_monitor_is_resolved(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.define(Policy.model_validate(POLICY.model_dump() | {"name": "night"}))
    scene.define(Monitor(name="Velora", query="velora", policy="night"))
    assert [text.partition(":")[0] for _, text in said(scene)] == ["policy 'default'", "policy 'night'"]
    with scene.write() as conn:
        delete(conn, Person, PEOPLE[0].name, now=scene.now, actor="test")
    assert ("bad", "policy 'night': step 1 leads to no channel that works") in said(scene)
