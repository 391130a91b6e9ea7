"""Apache Kafka's jars, resolved from their Maven coordinates once a machine and kept in the user's cache.

TOCSIN_ENGINES_CACHE names another folder. A process of its own resolves the jars. So its time is bounded, its output stays out
of the tests' output, and its Maven repository lies in our cache, not in the user's own (jgo takes the folder from M2_REPO).
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import platformdirs

from tests.engines import EnginesUnavailable

RELEASE = "kafka-4.3.1"
COORDINATES = "org.apache.kafka:kafka_2.13:4.3.1"
# Where a resolve returns fewer jars without an error, it is tried again.
JARS = 45
TRIES = 3
ASK_WITHIN_S = 10
RESOLVE_WITHIN_S = 240
CENTRAL = "https://repo.maven.apache.org/maven2/org/apache/kafka/kafka_2.13/4.3.1/kafka_2.13-4.3.1.pom"
# A first request with a short time-out: the resolver itself takes minutes to give up on a network that does not answer.
ASK = "import sys, requests; requests.head(sys.argv[1], timeout=float(sys.argv[2])).raise_for_status()"
RESOLVE = (
    "import sys, pathlib, jgo; jgo.build(sys.argv[1], update=sys.argv[2] == 'anew', "
    "cache_dir=pathlib.Path(sys.argv[3]))"
)


def kafka_class_path() -> str:
    """The class path of a Kafka broker, from the cache alone where the jars are there. Several processes may ask at the same
    time.

    Raises `EnginesUnavailable` where the jars are not in the cache and cannot be had.
    """
    cache = cache_folder()
    folder = cache / RELEASE
    if len(_jars(folder)) < JARS:
        try:
            cache.mkdir(parents=True, exist_ok=True)
            with (cache / "resolving.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if len(_jars(folder)) < JARS:
                    _resolve(cache, folder)
        except OSError as error:
            raise EnginesUnavailable(f"{cache} cannot keep Kafka's jars: {error.strerror}") from None
    return ":".join(str(jar) for jar in _jars(folder))


def cache_folder() -> Path:
    """The folder of everything that a machine makes or fetches once."""
    named = os.environ.get("TOCSIN_ENGINES_CACHE")
    return Path(named or platformdirs.user_cache_dir("tocsin-engines", appauthor=False))


def _jars(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jar"))


def _resolve(cache: Path, folder: Path) -> None:
    room, repository = cache / "resolving", cache / "m2"
    reason = ""
    for attempt in range(TRIES):
        if attempt:
            time.sleep(attempt)
        shutil.rmtree(room, ignore_errors=True)
        reason = _python(ASK, CENTRAL, str(ASK_WITHIN_S), within_s=3 * ASK_WITHIN_S)
        if not reason:
            reason = _python(
                RESOLVE,
                *(COORDINATES, "anew" if attempt else "first", str(room)),
                within_s=RESOLVE_WITHIN_S,
                repository=repository,
            )
        if reason:
            continue
        found = {jar.name: jar for jar in room.rglob("*.jar")}
        if len(found) < JARS:
            reason = f"{len(found)} jars instead of {JARS}"
            continue
        _keep(found, folder)
        shutil.rmtree(room)
        shutil.rmtree(repository, ignore_errors=True)
        return
    raise EnginesUnavailable(f"{COORDINATES} cannot be had from Maven Central: {reason}")


def _keep(found: dict[str, Path], folder: Path) -> None:
    """Keep all jars or none, so that a run that was cut off leaves no half jar that looks like a whole one."""
    new = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    new.mkdir()
    for name, jar in found.items():
        shutil.copy(jar, new / name)
    new.rename(folder)


def _python(code: str, *arguments: str, within_s: float, repository: Path | None = None) -> str:
    """Run `code`. Returns an empty text when it went well, else the reason in one line."""
    environment = dict(os.environ) | ({"M2_REPO": str(repository)} if repository else {})
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            capture_output=True,
            text=True,
            timeout=within_s,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        return f"no end within {within_s:.0f} s"
    said = done.stderr.strip().splitlines() or ["no reason given"]
    return "" if done.returncode == 0 else " ".join(said[-1].split())[:200]
