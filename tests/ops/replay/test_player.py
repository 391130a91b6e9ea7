"""The player of recorded mentions, killed and started again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from ops.replay.player import TAIL, Player
from tests.stores import embedded_at
from tocsin.core.mention import Mention
from tocsin.settings import Settings
from tocsin.stream.port import MENTIONS
from tocsin.stream.sqlite import SqliteStream

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_player_that_was_killed_behind_the_last_mention_plays_the_rest_of_its_tail(tmp_path: Path) -> None:
    store = embedded_at(tmp_path / "store.db")
    stream = SqliteStream(tmp_path / "stream.db", durable=False)
    stream.ensure_topic(MENTIONS, 1)
    settings = Settings.model_validate({"data": tmp_path})
    mentions = [Mention("shop", str(n), "a bicycle", NOON + timedelta(minutes=n)) for n in range(3)]
    ends = NOON + timedelta(minutes=3) + TAIL

    first = Player(store, stream, settings, NOON)
    # The first player came this far.
    first.play(mentions, tail=TAIL / 2)
    assert first.clock.now() < ends
    first.close()
    second = Player(store, stream, settings, NOON)
    second.play(mentions)
    assert second.clock.now() == ends
    second.close()
    stream.close()
    store.close()
