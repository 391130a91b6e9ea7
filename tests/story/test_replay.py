"""Replays: the same alerts whatever happens in between, and a clear line about whatever is wrong."""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ops.demo.monitors import demo_setup
from ops.demo.scenario import demo_mentions
from ops.replay import player
from ops.transfer.export import export
from tests.contracts.examples import WIDE
from tests.engines.postgres import Postgres
from tests.inside import command
from tests.story import copies
from tocsin.core.mention import Mention, encode_mentions
from tocsin.store.opening import open_store

pytestmark = [pytest.mark.slow("each plays a day of talk"), pytest.mark.wide]

END = datetime(2026, 3, 4, 13, 20, tzinfo=UTC)
CUT = END if WIDE else END - timedelta(minutes=25)
"""The end of what is played. By then the people of the crisis have been paged; `make chaos` plays all of it."""
# `make chaos` kills more often, with faults of the engines too.
KILLS = 4
AFTER_S = (0.8, 3.0) if WIDE else (0.2, 1.0)
"""When a replay is killed, in seconds after its start. A new Python reads code for a second, a copy has read it."""
EXPORTS = ("mentions", "tallies", "alerts", "notices")


def tocsin(
    *args: str, env: dict[str, str] | None = None, check: bool = True
) -> subprocess.CompletedProcess[bytes]:
    done = command(*args, environment=os.environ | (env or {}))
    assert not check or done.returncode == 0, done.stderr.decode()
    return done


def exports(data: Path) -> dict[str, bytes]:
    return {kind: tocsin("export", kind, "--data", str(data)).stdout for kind in EXPORTS}


def edited(mention: Mention) -> Mention:
    """The same post, edited by its author some minutes later."""
    later = mention.created_at + timedelta(minutes=7, seconds=3)
    return Mention(
        **{name: getattr(mention, name) for name in Mention.__struct_fields__}
        | {"text": mention.text + " Update: I am furious, this is awful", "edited_at": later}
    )


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[Mention]]:
    """Monitors with people and a policy, and the mentions of a day that ends in a crisis. Some are edited later."""
    folder = tmp_path_factory.mktemp("recorded")
    monitors = folder / "monitors.yaml"
    # JSON is YAML.
    monitors.write_text(json.dumps(demo_setup()), encoding="utf-8")
    begin = END - timedelta(hours=27)
    mentions = [one for one in demo_mentions(END, days=7) if begin <= one.created_at < CUT]
    mentions += [edited(m) for m in mentions[100::400]]
    path = folder / "talk.jsonl"
    path.write_bytes(encode_mentions(mentions))
    return monitors, path, mentions


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a replay without interruptions. No test changes it."""
    return tmp_path_factory.mktemp("undisturbed")


@pytest.fixture(scope="module")
def undisturbed(recorded: tuple[Path, Path, list[Mention]], kept: Path) -> tuple[bytes, dict[str, bytes]]:
    monitors, path, _ = recorded
    done = tocsin("replay", "--monitors", str(monitors), "--data", str(kept), str(path))
    return done.stdout, exports(kept)


def test_the_crisis_is_found_and_its_people_would_have_been_paged(
    undisturbed: tuple[bytes, dict[str, bytes]],
) -> None:
    printed, out = undisturbed
    crisis = [
        line
        for line in printed.decode().splitlines()
        if line.startswith("2026-03-04T1") and "Ondrello" in line
    ]
    assert crisis, printed.decode()
    alerts = [json.loads(line) for line in out["alerts"].splitlines()]
    # The alert about the share of negatives, which came first, was merged into this one.
    live = [alert for alert in alerts if alert["status"] != "merged"]
    worst = min(live, key=lambda alert: alert["severity"])
    assert worst["monitor"] == "Ondrello"
    assert worst["severity"] <= 2
    notices = [json.loads(line) for line in out["notices"].splitlines()]
    assert {n["person"] for n in notices if n["alert"] == worst["id"]} >= {
        "Elif Karabulak",
        "Joris Wolkendam",
    }


@pytest.mark.live
def test_killed_at_random_moments_it_goes_on_and_ends_the_same(
    recorded: tuple[Path, Path, list[Mention]], undisturbed: tuple[bytes, dict[str, bytes]], tmp_path: Path
) -> None:
    monitors, path, _ = recorded
    seed = int(os.environ.get("TOCSIN_TEST_SEED") or random.SystemRandom().randrange(10**6))
    print(f"kill schedule: TOCSIN_TEST_SEED={seed}")
    moments = random.Random(seed)
    replay = ("replay", "--monitors", str(monitors), "--data", str(tmp_path / "data"), str(path))
    killed = 0
    for _ in range(KILLS):
        process = copies.start(replay, environment=os.environ)
        time.sleep(moments.uniform(*AFTER_S))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            killed += 1
        process.wait()
    assert killed, "no kill came in time: shorten the schedule"
    printed = tocsin(*replay).stdout
    assert (printed, exports(tmp_path / "data")) == undisturbed


def test_shuffled_repeated_and_cut_otherwise_it_ends_the_same(
    recorded: tuple[Path, Path, list[Mention]],
    undisturbed: tuple[bytes, dict[str, bytes]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monitors, _, mentions = recorded
    mixed = mentions + mentions[::9]
    random.Random(4).shuffle(mixed)
    first, second = tmp_path / "one.jsonl.gz", tmp_path / "two.jsonl"
    first.write_bytes(gzip.compress(encode_mentions(mixed[::2])))
    second.write_bytes(encode_mentions(mixed[1::2]))
    monkeypatch.setattr(player, "CHUNK_MINUTES", 17)
    cuts = {"TOCSIN_STREAM__RECORD_MAX_MENTIONS": "3", "TOCSIN_STREAM__PARTITIONS": "5"}
    data = str(tmp_path / "data")
    done = tocsin("replay", "--monitors", str(monitors), "--data", data, str(first), str(second), env=cuts)
    assert (done.stdout, exports(tmp_path / "data")) == undisturbed


def test_an_interrupted_replay_prints_what_it_has_found(
    recorded: tuple[Path, Path, list[Mention]],
    undisturbed: tuple[bytes, dict[str, bytes]],
    kept: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monitors, path, _ = recorded
    data = shutil.copytree(kept, tmp_path / "data")
    played = player.Player.play

    def interrupted(self: player.Player, *args: Any, **options: Any) -> None:
        played(self, *args, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(player.Player, "play", interrupted)
    done = tocsin("replay", "--monitors", str(monitors), "--data", str(data), str(path), check=False)
    assert done.returncode == 130
    assert done.stdout == undisturbed[0]


def test_what_is_no_mention_is_said_with_its_line_and_the_rest_is_played(
    recorded: tuple[Path, Path, list[Mention]], tmp_path: Path
) -> None:
    monitors, _, mentions = recorded
    bad = [
        b'{"id": "1", "text": "ondrello", "created_at": "2099-01-01T00:00:00Z"}\n',
        b'{"id": "2", "text": "ondrello", "created_at": "2026-03-04T10:00:00"}\n',
        b'{"id": "3", "text": "ondrello"\n',
        b'{"id": "4", "text": "ondrello \xff\xfe", "created_at": "2026-03-04T10:00:00Z"}\n',
    ]
    path = tmp_path / "talk.jsonl"
    path.write_bytes(encode_mentions(mentions[:300]) + b"".join(bad))
    done = tocsin(
        "replay", "--monitors", str(monitors), "--data", str(tmp_path / "d"), str(path), check=False
    )
    assert done.returncode == 1
    said = done.stderr.decode()
    for line in (302, 303, 304):
        assert f"talk.jsonl:{line}: " in said
    assert "talk, post '1': created_at 2099-01-01T00:00:00+00:00 is later than it was received" in said
    letters = [
        json.loads(line)
        for line in tocsin("export", "dead-letters", "--data", str(tmp_path / "d")).stdout.splitlines()
    ]
    assert len(letters) == 4
    assert len(tocsin("export", "mentions", "--data", str(tmp_path / "d")).stdout.splitlines()) > 200


def test_a_folder_with_another_replay_is_refused(
    recorded: tuple[Path, Path, list[Mention]], tmp_path: Path
) -> None:
    monitors, _, mentions = recorded
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    one.write_bytes(encode_mentions(mentions[:50]))
    two.write_bytes(encode_mentions(mentions[:60]))
    tocsin("replay", "--monitors", str(monitors), "--data", str(tmp_path / "d"), str(one))
    done = tocsin("replay", "--monitors", str(monitors), "--data", str(tmp_path / "d"), str(two), check=False)
    assert done.returncode == 2
    assert b"another" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["nowhere.jsonl"], "nowhere.jsonl"),
        (["--tz", "Mars/Olympus", __file__], "Mars/Olympus"),
        (["--frobnicate"], "frobnicate"),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(
    args: list[str], said: str, recorded: tuple[Path, Path, list[Mention]]
) -> None:
    done = tocsin("replay", "--monitors", str(recorded[0]), *args, check=False)
    assert done.returncode == 2
    assert said in done.stderr.decode()
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.live
@pytest.mark.usefixtures("undisturbed")
def test_a_closed_pipe_is_no_error(kept: Path) -> None:
    script = f"{sys.executable} -m tocsin export mentions --data {kept} | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, timeout=60)
    assert done.returncode == 0
    assert done.stderr == b""


def test_postgresql_keeps_the_same_byte_for_byte(
    recorded: tuple[Path, Path, list[Mention]], postgres: Postgres, tmp_path: Path
) -> None:
    monitors, _, mentions = recorded
    path = tmp_path / "talk.jsonl"
    path.write_bytes(
        encode_mentions(
            [
                m
                for m in mentions
                if m.created_at >= END - (timedelta(hours=9) if WIDE else timedelta(hours=4))
            ]
        )
    )
    told = []
    for name, url in (("embedded", "sqlite"), ("real", postgres.database())):
        env, at = {"TOCSIN_STORE__URL": url}, tmp_path / name
        done = tocsin("replay", "--monitors", str(monitors), "--data", str(at), str(path), env=env)
        store = open_store(url, at)
        with store.read() as conn:
            told.append((done.stdout, {kind: b"".join(export(conn, kind)) for kind in EXPORTS}))
        store.close()
    assert told[0] == told[1]
    assert b"Ondrello" in told[0][0] and all(told[0][1].values())
    assert not (tmp_path / "real" / "store.db").exists()
