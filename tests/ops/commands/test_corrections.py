"""`tocsin corrections`: the right label of a mention, learning, and rolling back, with the words of the API."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.api.world import World
from tests.api.world import world as world
from tests.inside import command
from tests.stores import at_store
from tocsin.definitions.models import Role


@pytest.mark.slow("asks for many answers")
def test_mentions_are_corrected_learnt_from_and_a_model_is_rolled_back(world: World, tmp_path: Path) -> None:
    here = {**os.environ, **at_store(tmp_path / "store.db")}

    def run(*arguments: str, fails: int = 0) -> tuple[str, str]:
        done = command("corrections", *arguments, "--data", tmp_path, environment=here)
        assert done.returncode == fails, done.stderr
        return done.stdout.decode(), done.stderr.decode()

    for number in range(6):
        at = world.now - timedelta(minutes=1 + number)
        world.store_mention(f"game{number}", f"Lumo insane beats {number}", at, "negative")
    for number in range(4):
        said, _ = run("give", "Lumo", "forum", f"game{number}", "positive")
        assert said == f"game{number}: positive for Lumo (it was negative)\n"
    _, few = run("learn", "Lumo", fails=2)
    assert "at least 5 corrections are needed, and 4 can be learnt from" in few
    assert "(it was positive)" in run("give", "Lumo", "forum", "game0", "positive")[0]
    run("give", "Lumo", "forum", "game4", "positive")
    learnt, _ = run("learn", "Lumo")
    assert learnt.startswith("5 mentions corrected\nmodel 1 (in use), ")
    assert "of 5 corrected mentions 0 right before and" in learnt
    told: dict[str, Any] = json.loads(run("show", "Lumo", "--json")[0])
    key = world.key(Role.VIEWER)
    over_the_api = key.get(f"/v1/monitors/{world.scene.monitor}/corrections").json()
    assert told["corrections"] == over_the_api["corrections"] == 5
    assert told["models"][0]["figures"] == over_the_api["models"][0]["figures"]
    for _ in range(2):
        rolled, note = run("rollback", "Lumo")
        assert "(in use)" not in rolled and "the common model alone labels" in note
    assert "model 1 (in use)" in run("rollback", "Lumo", "--to", "1")[0]


def test_what_cannot_be_corrected_is_said_in_one_line(world: World, tmp_path: Path) -> None:
    here = {**os.environ, **at_store(tmp_path / "store.db")}
    world.store_mention("m", "Lumo is fine", world.now - timedelta(minutes=1), "neutral")
    for arguments, said in (
        (("give", "Lumo", "forum", "gone", "negative"), "the monitor matches no mention 'gone'"),
        (("give", "Lumo", "forum", "m", "awful"), "a mention is negative, neutral, positive, not 'awful'"),
        (("give", "Nobody", "forum", "m", "neutral"), "no monitor 'Nobody'"),
        (("rollback", "Lumo", "--to", "3"), "the monitor has no model 3; it has none"),
        (("rollback", "Lumo", "--to", "-1"), "--to"),
    ):
        done = command("corrections", *arguments, "--data", tmp_path, environment=here)
        assert done.returncode in (1, 2) and done.stderr.count(b"\n") == 1
        assert said in done.stderr.decode()
