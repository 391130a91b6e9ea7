"""The doctor and the page agree: each trouble is built once, and both say it, or neither does."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from alerts.proofs import ask_proof
from api.pages.models import Banner, banner
from api.pages.reach import heartbeat_faults, reach_faults
from api.pages.readiness import not_ready
from ops.check.doctor import _running, observations
from ops.runtime import Runtime, open_runtime
from ops.transfer.apply import apply, plan
from tocsin.definitions.models import Channel, Person
from tocsin.definitions.repository import listed, save
from tocsin.health import disk
from tocsin.health.disk import disk_trouble
from tocsin.health.report import Reporter
from tocsin.health.roles import PARTS, PARTS_OF

WELL = """
[api]
public_url = "https://tocsin.example"
[smtp]
host = "mail.example"
[alerting]
heartbeat_url = "https://watch.example/ping"
"""
MAIL, PRINTED = {"kind": "email", "to": "ada@brand.example"}, {"kind": "console"}
TEAM: dict[str, Any] = {
    "monitors": [{"name": "Lumo", "query": "lumo"}],
    "sources": [{"name": "log", "kind": "push"}],
    "people": [{"name": "Ada", "role": "community_manager", "channels": [MAIL]}],
    "policies": [{"name": "default", "steps": [{"after_minutes": 0, "targets": ["person:Ada"]}]}],
}


def people(**changed: Any) -> dict[str, Any]:
    return {"people": [TEAM["people"][0] | changed]}


NO_SOURCE, ALL_PAUSED = "nothing is listened to", "every monitor is paused"
NOBODY, NO_CHANNEL, NOT_PROVEN = "nobody is on call", "no channel rings", "no channel is proven"


@pytest.mark.slow("looks at ten installations")
def test_what_the_page_says_in_red_needs_a_person_by_the_doctor_and_nothing_else_of_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n, (settings, team, red) in enumerate(
        (
            (WELL, {}, ()),
            (WELL, {"sources": []}, (NO_SOURCE,)),
            (WELL, {"sources": [TEAM["sources"][0] | {"enabled": False}]}, (NO_SOURCE,)),
            (WELL, {"monitors": [TEAM["monitors"][0] | {"enabled": False}]}, (ALL_PAUSED,)),
            (WELL, people(active=False), (NOBODY,)),
            (WELL, people(channels=[PRINTED]), (NO_CHANNEL,)),
            (WELL, people(channels=[]), (NO_CHANNEL,)),
            (WELL.replace('[smtp]\nhost = "mail.example"\n', ""), {}, (NO_CHANNEL,)),
            (WELL, "unproven", (NOT_PROVEN,)),
            (WELL, "low", ("are free in",)),
        )
    ):
        folder = tmp_path / str(n)
        folder.mkdir()
        file = folder / "tocsin.toml"
        file.write_text(settings)
        with open_runtime(file, folder, durable=False) as runtime:
            with runtime.store.write() as conn:
                given = TEAM | team if isinstance(team, dict) else TEAM
                apply(conn, plan(conn, given), runtime.clock.now(), "root")
                if team == "unproven":
                    _changed_on_the_page(conn, runtime)
            if team == "low":
                monkeypatch.setattr(disk, "LEAST_FREE_BYTES", 2**62)
            shown = _banner(runtime)
        page = [
            *shown.not_ready.reasons,
            *(why for one in shown.troubles if one.state == "low" for why in one.told),
        ]
        doctor = [one.text for one in observations(file, folder, None, None) if one.needs_a_person]
        assert len(page) == len(red) and all(map(_in, page, red)), (n, page)
        about = [one for one in doctor if any(_in(one, words) for words in ALL)]
        assert len(about) == len(red) and all(map(_in, about, red)), (n, doctor)


ALL = (NO_SOURCE, ALL_PAUSED, NOBODY, NO_CHANNEL, NOT_PROVEN, "are free in")


@pytest.mark.parametrize(
    ("change", "noted"),
    [
        ((), ()),
        (('public_url = "https://tocsin.example"', ""), ("links in notices work on this machine only",)),
        (("https://tocsin", "http://tocsin"), ("can be read on the way",)),
        (("https://tocsin.example", "http://127.0.0.1:8085"), ()),
        (
            ("[smtp]", 'trusted_proxies = ["192.0.2.7", "*"]\n[smtp]'),
            ("trusted_proxies has *: whoever reaches the port",),
        ),
        (
            ("[smtp]", 'trusted_proxies = ["::/0"]\n[smtp]'),
            ("trusted_proxies has ::/0: whoever reaches the port",),
        ),
        (("[smtp]", 'trusted_proxies = ["192.0.2.0/24"]\n[smtp]'), ()),
        (('heartbeat_url = "https://watch.example/ping"', ""), ("nobody outside would notice",)),
    ],
)
def test_what_the_settings_of_the_page_say_the_doctor_says_as_gravely(
    tmp_path: Path, change: tuple[str, str] | tuple[()], noted: tuple[str, ...]
) -> None:
    file = tmp_path / "tocsin.toml"
    file.write_text(WELL.replace(*change) if change else WELL)
    with open_runtime(file, tmp_path, durable=False) as runtime:
        page = {
            str(one.words): one.bad
            for one in (*reach_faults(runtime.settings), *heartbeat_faults(runtime.settings))
        }
    assert len(page) == len(noted) and all(map(_in, page, noted))
    doctor = {one.text: one.needs_a_person for one in observations(file, tmp_path, None, None)}
    assert {words: doctor.get(words) for words in page} == page
    every = ("work on this machine only", "on the way", "nobody outside", "whoever reaches")
    assert [text for text in doctor if any(_in(text, words) for words in every)] == list(page)


@pytest.mark.parametrize(
    ("stream", "starts"),
    [
        ("sqlite", dict.fromkeys(PARTS, "tocsin up")),
        (
            "kafka://127.0.0.1:1",
            {part: f"tocsin run {role}" for role, parts in PARTS_OF.items() for part in parts},
        ),
    ],
)
def test_the_page_starts_a_role_that_does_not_run_as_the_doctor_does(
    tmp_path: Path, stream: str, starts: dict[str, str]
) -> None:
    """The page said `tocsin up` where each role is a process of its own."""
    with open_runtime(None, tmp_path, "sqlite", stream, durable=False) as runtime:
        now = runtime.clock.now()
        for part in ("ingest", "relay"):
            Reporter(runtime.store, part).say(now - timedelta(hours=1), "ok")
        shown = {one.component: one.start for one in _banner(runtime).troubles}
        with runtime.store.read() as conn:
            told = {one.text.split()[0]: one.advice for one in _running(conn, now, runtime.settings)}
    assert told == {part: f"start it with: {start}" for part, start in starts.items()}
    assert {part: shown.pop(part) for part in ("ingest", "relay")} == {
        part: starts[part] for part in ("ingest", "relay")
    }
    together = "tocsin up" if stream == "sqlite" else "tocsin run processors alerts auditor"
    assert shown == {"processors, detection, alerts, auditor": together}


def _changed_on_the_page(conn: Connection, runtime: Runtime) -> None:
    """Ada's channel is another one, and its code was not typed yet."""
    (ada,) = listed(conn, Person)
    after = ada.value.model_copy(
        update={"channels": (Channel.model_validate(MAIL | {"to": "new@brand.example"}),)}
    )
    save(conn, after, now=runtime.clock.now(), actor="Ada")
    ask_proof(conn, ada.id, ada.value, after, runtime.clock.now())


def _in(said: str, words: str) -> bool:
    return words in said


def _banner(runtime: Runtime) -> Banner:
    now = runtime.clock.now()
    with runtime.store.read() as conn:
        return banner(
            conn,
            now,
            lambda conn, now, _: not_ready(conn, runtime.settings, now),
            disk_trouble(runtime.settings),
            runtime.settings.stream.url,
        )
