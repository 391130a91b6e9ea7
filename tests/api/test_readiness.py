"""An installation that hears or watches nothing is never calm, whatever it heard before."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from api.metrics import _sources
from ingest.heard import PUSHES_LAST
from tests.api.visits import page, signed_in, words
from tests.browser.served import SeededApp, seeded_app
from tocsin.core.mention import Mention
from tocsin.definitions.models import Monitor, SourceDef
from tocsin.definitions.repository import delete, listed, save
from tocsin.intake.handover import note_received


@pytest.mark.slow("asks for the overview and the wall in every state")
def test_what_was_heard_before_calms_nobody_once_everything_is_off_paused_or_ended(tmp_path: Path) -> None:
    with seeded_app(tmp_path, quiet=True) as night:
        client = signed_in(night)

        def shown() -> str:
            return words(page(client, "/") + page(client, "/wall"))

        assert "NOT READY" not in shown() and "kuzey-feed" in shown()
        night.clock.advance(timedelta(minutes=1))
        _all(night, Monitor, enabled=False)
        told = shown()
        assert told.count("every monitor is paused") == 2 and "All calm" not in told
        _all(night, Monitor, enabled=True)
        _all(night, SourceDef, enabled=False)
        told = shown()
        assert told.count("every source is switched off") == 2 and "All calm" not in told
        with night.store.write() as conn:
            for one in listed(conn, SourceDef):
                delete(conn, SourceDef, one.id, now=night.clock.now(), actor="root")
        told = shown()
        assert told.count("no source is defined") == 2 and "All calm" not in told
        assert "kuzey-feed" not in told, "what has ended is neither heard nor failing"
        with night.store.read() as conn:
            series = [one for family in _sources(conn, night.clock.now()) for one in family.samples]
        assert series == [], "no dashboard sees it grow late"
        answer = client.get("/v1/status").json()
        assert answer["sources"] == [] and answer["not_ready"] == [
            "nothing is listened to: no source is defined"
        ]
        # Others push on under the name of one that has ended: it is heard.
        night.clock.advance(timedelta(minutes=1))
        with night.store.write() as conn:
            pushed = Mention(id="1", source="jetstream", text="x", created_at=night.clock.now())
            note_received(conn, "jetstream", now=night.clock.now(), mentions=[pushed])
        night.clock.advance(timedelta(minutes=1))
        told = shown()
        assert "NOT READY" not in told and "jetstream" in told and "kuzey-feed" not in told
        # Nobody defined what is pushed, so nobody is told of its silence in time: it counts for three days.
        night.clock.advance(PUSHES_LAST)
        client = signed_in(night)
        told = shown()
        assert told.count("others have pushed nothing for days") == 2 and "All calm" not in told


def _all(one: SeededApp, model: type[Monitor | SourceDef], **fields: object) -> None:
    with one.store.write() as conn:
        for found in listed(conn, model):
            value = found.value.model_copy(update=fields)
            save(conn, value, now=one.clock.now(), actor="root", id=found.id)
