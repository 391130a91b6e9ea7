"""A crisis whose every channel is away for its first half hour. The test compares word for word who rings when."""

from __future__ import annotations

from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from alerts import actions
from alerts.apply import act
from alerts.views import timeline
from tests.alerts.lines import Line, play
from tests.alerts.scene import ADA, POLICY, Scene
from tocsin.definitions.models import Channel, Person, Policy, Role

HOOK: dict[str, Any] = {"kind": "webhook", "secret": "env:HOOK"}
PEOPLE = (
    Person(
        name="ada",
        role=Role.COMMUNITY_MANAGER,
        channels=(
            Channel.model_validate(HOOK | {"url": "https://ada.example/ring"}),
            Channel.model_validate({"kind": "email", "to": "ada@example.org"}),
        ),
    ),
    Person(name="ben", role=Role.COMMUNITY_MANAGER, email="ben@example.org"),
    Person(
        name="pia",
        role=Role.PR,
        channels=(Channel.model_validate(HOOK | {"url": "https://pia.example/ring"}),),
    ),
)
WITH_FALLBACK = Policy.model_validate(POLICY.model_dump() | {"teams": {"fallback": ("person:pia",)}})

RECORD = """\
10:00:00 open
10:00:00 fire
10:00:00 notice_page ada ['webhook', 'email']
10:00:00 step
10:01:10 notice_failed ada webhook
10:01:10 notice_failed ada email
10:01:10 unreached ada
10:01:10 hurry ada could not be reached
10:01:10 notice_page ben ['email']
10:01:10 step
10:02:15 notice_failed ben email
10:02:15 unreached ben
10:02:15 hurry ben could not be reached
10:02:15 notice_page pia ['webhook']
10:02:15 step
10:03:20 notice_failed pia webhook
10:03:20 unreached pia
10:07:15 notice_page ada ['webhook', 'email']
10:07:15 step
"""

RINGS = """\
10:30:10 ada by email, ada by webhook
    Late by 1 min: it could not reach you before.
    Still, for 28 minutes: nobody has answered.
    Could not be reached: ada, ben, pia.
    Nothing has changed since the last page.
10:30:10 ben by email
    Still, for 29 minutes: nobody has answered.
    Could not be reached: ada, ben, pia.
    Nothing has changed since the last page.
10:30:20 pia by webhook
    Late by 6 min: it could not reach you before.
    Still, for 23 minutes: nobody has answered.
    Could not be reached: ada, ben, pia.
    Nothing has changed since the last page.
10:34:50 pia by webhook
    Still, for 34 minutes: nobody has answered.
    Nothing has changed since the last page.
10:39:50 ada by email, ada by webhook
    Still, for 39 minutes: nobody has answered.
    Nothing has changed since the last page.
10:44:50 ben by email
    Still, for 44 minutes: nobody has answered.
    Nothing has changed since the last page.
10:49:50 pia by webhook
    Still, for 49 minutes: nobody has answered.
    Nothing has changed since the last page.
10:54:50 ada by email, ada by webhook
    Still, for 54 minutes: nobody has answered.
    Nothing has changed since the last page.
10:59:50 ben by email
    Still, for 59 minutes: nobody has answered.
    Nothing has changed since the last page.
11:04:50 pia by webhook
    Still, for the second hour: nobody has answered.
    Nothing has changed since the last page.
11:09:50 ada by email, ada by webhook, ben by email, pia by webhook
    Still, for the second hour: nobody has answered.
    Nothing has changed since the last page.
11:14:50 ada by email, ada by webhook, ben by email, pia by webhook
    Still, for the second hour: nobody has answered.
    Nothing has changed since the last page.
11:19:50 ada by email, ada by webhook, ben by email, pia by webhook
    Still, for the second hour: nobody has answered.
    Nothing has changed since the last page.
"""


@pytest.mark.slow("plays an hour and a half in steps of five seconds")
def test_a_crisis_whose_every_channel_is_away_for_half_an_hour(tmp_path: Path) -> None:
    scene = Scene(tmp_path, people=PEOPLE, policy=WITH_FALLBACK)
    line = Line(scene.clock, ["email", "webhook"])
    scene.over(triggers={"safety": 3})
    play(scene, line, minutes=30)
    assert line.rang == []
    assert _record(scene).startswith(RECORD)
    assert (scene.alert().next_step_at or scene.now) > scene.now

    # 10:30: everything works again. 11:00: still nobody has answered. 11:20: ada does.
    line.away.clear()
    play(scene, line, minutes=50)
    with scene.write() as conn:
        act(scene.turn(conn, ADA), actions.acknowledge, scene.alert().id)
    play(scene, line, minutes=10)
    assert _rings(line) == RINGS


def _record(scene: Scene) -> str:
    with scene.store.read() as conn:
        lines = timeline(conn, scene.alert().id)
    return "".join(f"{one['at']:%H:%M:%S} {one['action']}{_of(one['detail'] or {})}\n" for one in lines)


def _of(detail: dict[str, Any]) -> str:
    about = [str(detail[name]) for name in ("person", "channel", "channels", "because") if name in detail]
    return f" {' '.join(about)}" if about else ""


def _rings(line: Line) -> str:
    """When who rang on which channel, and below it what the page said before its figures."""
    rings: dict[tuple[str, str], list[str]] = {}
    for at, notice in sorted(line.rang, key=lambda one: (one[0], one[1].person, one[1].channel)):
        words = takewhile(lambda said: not said.startswith("Since 0"), notice.text.split("\n")[1:])
        said = "".join(f"    {one}\n" for one in words)
        rings.setdefault((f"{at:%H:%M:%S}", said), []).append(f"{notice.person} by {notice.channel}")
    return "".join(f"{at} {', '.join(people)}\n{said}" for (at, said), people in rings.items())
