"""Kafka's classes as Java has read and linked them once, kept beside the jars. A broker then starts in a third of the time.

This is the AOT cache of Java 25 (JEP 483, JEP 514). Java itself checks whether the cache belongs to these jars and to this
Java. Where it does not, or where it cannot be made, brokers start without it.
"""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.engines import EnginesUnavailable

CLASSES_ALONE = (
    "-XX:+IgnoreUnrecognizedVMOptions",
    "-XX:+UnlockDiagnosticVMOptions",
    "-XX:-AOTAdapterCaching",
    "-XX:-AOTStubCaching",
)
"""Keep no machine code, which Java 25 would keep beside the classes: it takes some of it for foreign, says so, and drops it."""

MOST_KEPT = 4
"""How many sets of classes stay, each some 65 MB. Another Java, or other jars, need a set of their own."""

Train = Callable[[Sequence[str]], None]
"""A function that starts a broker with these options for Java added, and stops it in order."""


def kept_classes(cache: Path, java: str, class_path: str, train: Train) -> list[str]:
    """Java's options that use the kept classes; none where there are none. The first call on a machine makes the classes."""
    which = hashlib.sha256(f"{_release(Path(java))}\n{class_path}".encode()).hexdigest()[:16]
    kept, failed = cache / f"classes-{which}.aot", cache / f"classes-{which}.failed"
    try:
        if not kept.exists() and not failed.exists():
            with (cache / "training.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not kept.exists() and not failed.exists():
                    _make(kept, failed, train)
                    _remove_others(cache, kept)
        if not kept.exists():
            return []
        kept.touch()
    except OSError:  # a folder that cannot be written: nothing is kept
        return []
    return [f"-XX:AOTCache={kept}", *CLASSES_ALONE]


def _remove_others(cache: Path, kept: Path) -> None:
    """Remove the sets of classes that were used longest ago. A broker that starts with a removed set starts without it."""
    others = sorted(set(cache.glob("classes-*.aot")) - {kept}, key=lambda path: path.stat().st_mtime)
    for old in others[: max(0, len(others) - MOST_KEPT + 1)]:
        old.unlink(missing_ok=True)


def _release(java: Path) -> str:
    """A text that tells one Java from another, wherever it is installed: each new environment brings the same Java anew."""
    home = java.parents[1]
    sizes = [(home / name).stat().st_size for name in ("lib/modules", "lib/server/libjvm.so")]
    return f"{(home / 'release').read_text()}{sizes}"


def _make(kept: Path, failed: Path, train: Train) -> None:
    new = kept.with_suffix(".new")
    new.unlink(missing_ok=True)
    try:
        train([f"-XX:AOTCacheOutput={new}", *CLASSES_ALONE])
    except EnginesUnavailable as error:  # a Java without an AOT cache
        failed.write_text(str(error))
        return
    if new.exists():
        new.rename(kept)
    else:
        failed.write_text("Java has written nothing")
