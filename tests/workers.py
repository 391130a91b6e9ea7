"""A run on several workers (`pytest -n 4`): which worker runs which tests, and what the workers report to the process that
prints.

One worker runs all tests of a file, and all files of a room, so that the broker or browser that they share is made once. The long
files come first, so that the workers end together. The folders of the tests are in memory where there is room.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

import pytest

ROOMS: Final = {
    "tests/chaos/": "chaos",
    "tests/browser/": "browser",
    "tests/benchmarks/test_benchmarks.py": "kafka",
    "tests/engines/test_engines.py": "kafka",
    "tests/ingest/test_kafka_topic.py": "kafka",
    "tests/story/test_moves.py": "kafka",
    "tests/story/test_scaling_out.py": "kafka",
    "tests/stream/test_kafka_stream.py": "kafka",
    "tests/stream/test_topic_made_anew.py": "kafka",
}
"""The beginning of a path, and the room of its tests. All tests that use the run's broker are in the room `kafka`."""

FIRST: Final = (
    "kafka",
    "browser",
    "chaos",
    "tests/stream/test_kafka_brokers.py",
    "tests/story/test_live.py",
    "tests/engines/test_omission.py",
    "tests/story/test_bad_input.py",
    "tests/test_packaging.py",
    "tests/test_deployment.py",
    "tests/story/test_replay.py",
    "tests/story/test_backtest.py",
    "tests/api/test_hostile_bodies.py",
    "tests/ops/transfer/test_copy.py",
    "tests/store/test_migrations.py",
    "tests/store/test_postgres_store.py",
    "tests/processors/detection/test_judge.py",
    "tests/api/test_resources.py",
    "tests/api/test_pages.py",
    "tests/api/test_alert_pages.py",
    "tests/training/test_fit.py",
    "tests/api/test_fuzz.py",
    "tests/alerts/test_outages.py",
    "tests/alerts/test_walks.py",
    "tests/story/test_three_hours.py",
    "tests/story/test_every_channel_away.py",
    "tests/story/test_backup.py",
    "tests/ingest/test_networks.py",
)
"""The rooms and files that come first, the longest first. The others come in the order of collection.

The browser works all the time, and the brokers and chaos mostly wait: they begin side by side.
"""


MEMORY: Final = Path("/dev/shm")
MEMORY_FROM: Final = 2 * 1024**3
"""The bytes that must be free in memory. The folders of tests that passed are removed at once."""


def into_memory(memory: Path = MEMORY) -> None:
    """Let pytest make the folders of the tests in a file system in memory, where there is one with room and programs may be
    started from it. Making an embedded store and a stream there takes half the time. The real engines keep theirs on the disk.
    Whoever set PYTEST_DEBUG_TEMPROOT, pytest's own variable, has chosen.
    """
    if "PYTEST_DEBUG_TEMPROOT" in os.environ or not os.access(memory, os.W_OK | os.X_OK):
        return
    if os.statvfs(memory).f_flag & os.ST_NOEXEC or shutil.disk_usage(memory).free < MEMORY_FROM:
        return
    os.environ["PYTEST_DEBUG_TEMPROOT"] = str(memory)


def begin_elsewhere(config: pytest.Config) -> None:
    """Let each worker of a whole run begin to collect in another folder. Whoever reads a test file of a fresh clone first
    compiles it for all. Workers that read in one order would each compile all files, side by side.

    What the command line ignores is left out here: pytest ignores no folder that is named to it.
    """
    folder = config.rootpath / "tests"
    if [config.rootpath / arg for arg in config.args] != [folder]:
        return
    workerinput: dict[str, Any] = config.workerinput  # type: ignore[attr-defined]  # xdist puts it there
    ignored = {config.invocation_params.dir / one for one in config.option.ignore or ()}
    parts = sorted(path for path in folder.iterdir() if path not in ignored and _size(path))
    sizes = [_size(path) for path in parts]
    begin = sum(sizes) * int(workerinput["workerid"].removeprefix("gw")) // workerinput["workercount"]
    first = sum(before <= begin for before in accumulate(sizes))
    config.args[:] = [str(path) for path in (*parts[first:], *parts[:first])]


@cache
def _size(path: Path) -> int:
    """The bytes of tests in this folder, or in this file."""
    files = path.rglob("test_*.py") if path.is_dir() else [path] if path.match("test_*.py") else []
    return sum(file.stat().st_size for file in files)


def room(path: str) -> str:
    """The room of a file. Most files have a room of their own."""
    return next((name for begin, name in ROOMS.items() if path.startswith(begin)), path)


def in_order(items: list[pytest.Item]) -> None:
    """Sort the tests so that the long ones come first. Workers that began at different folders have one order again."""
    rank = {name: number for number, name in enumerate(FIRST)}
    items.sort(key=lambda item: (rank.get(room(_path(item.nodeid)), len(rank)), item.path.parts))


def faults(items: list[pytest.Item]) -> list[str]:
    """The files that use the run's broker and are not in its room. With them there would be two brokers."""
    using = {_path(item.nodeid) for item in items if "kafka" in getattr(item, "fixturenames", ())}
    return [
        f"{path} uses the run's broker: add it to ROOMS in tests/workers.py"
        for path in sorted(using)
        if room(path) != "kafka"
    ]


def is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def shared_folder(config: pytest.Config) -> Path:
    """The folder of the run, which its workers share and nobody else may open."""
    workerinput: dict[str, Any] = config.workerinput  # type: ignore[attr-defined]  # xdist puts it there
    return Path(workerinput["said"]).parent


def tell(config: pytest.Config, **said: str) -> None:
    """Report from a worker to the process that prints, before the worker's first test."""
    workerinput: dict[str, Any] = config.workerinput  # type: ignore[attr-defined]  # xdist puts it there
    Path(workerinput["said"]).write_text(json.dumps(said), encoding="utf-8")


class Controller:
    """The hooks of the process that hands out the tests and prints."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="tocsin-tests-")

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput["said"] = str(Path(self._folder.name) / node.gateway.id)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> object:
        from xdist.scheduler import LoadScopeScheduling

        class ByRoom(LoadScopeScheduling):
            def _split_scope(self, nodeid: str) -> str:
                return room(_path(nodeid))

        # Our order stands.
        config.option.loadscopereorder = False
        return ByRoom(config, log)

    def heard(self, node: Any) -> dict[str, str]:
        """The reports of this worker."""
        path = Path(node.workerinput["said"])
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _path(nodeid: str) -> str:
    return nodeid.partition("::")[0]
