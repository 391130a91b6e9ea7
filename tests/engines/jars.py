"""Apache Kafka's jars, resolved from their Maven coordinates once a machine."""

from __future__ import annotations

import fcntl
import shutil
import time
from pathlib import Path

import platformdirs

from tests.engines import EnginesUnavailable

COORDINATES = "org.apache.kafka:kafka_2.13:4.3.1"
JARS = 45  # a resolve can come back with fewer and no error: then it is asked again
TRIES = 4


def kafka_class_path() -> str:
    """The class path of a Kafka broker. Raises `EnginesUnavailable` where the jars are neither kept nor to be had."""
    folder = Path(platformdirs.user_cache_dir("tocsin-engines", appauthor=False)) / "kafka-4.3.1"
    if len(_jars(folder)) < JARS:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with (folder.parent / "resolving.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # several test runs may begin at once
            if len(_jars(folder)) < JARS:
                _resolve(folder)
    return ":".join(str(jar) for jar in _jars(folder))


def _jars(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jar"))


def _resolve(folder: Path) -> None:
    import jgo  # late: whoever has the jars needs no resolver

    reason = ""
    for attempt in range(TRIES):
        if attempt:
            time.sleep(2 * attempt)
        room = folder.with_name(f"{folder.name}.resolving")
        shutil.rmtree(room, ignore_errors=True)
        try:
            jgo.build(COORDINATES, update=attempt > 0, cache_dir=room)
        except Exception as error:  # noqa: BLE001  # a resolver's many ways to fail are all one to us: it is asked again
            reason = " ".join(str(error).split())[:200]
            continue
        found = {jar.name: jar for jar in room.rglob("*.jar")}
        if len(found) < JARS:
            reason = f"{len(found)} jars instead of {JARS}"
            continue
        folder.mkdir(exist_ok=True)
        for name, jar in found.items():
            shutil.copy(jar, folder / name)
        shutil.rmtree(room)
        return
    raise EnginesUnavailable(f"{COORDINATES} cannot be resolved from Maven Central: {reason}")
