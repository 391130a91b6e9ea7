"""Child processes for benchmarks, so that the memory of one benchmark does not count in another.

A benchmark's module has a function `work(**options) -> dict`. It is called here in a fresh interpreter. Its result comes back
with the peak memory of the process.
"""

from __future__ import annotations

import gc
import importlib
import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

MIB = 1024 * 1024


_in_this_process: ContextVar[bool] = ContextVar("in_this_process", default=False)


@contextmanager
def in_this_process() -> Iterator[None]:
    """Let `measured` run in this process. That is quick enough for a test that the code runs; its figures mean nothing."""
    token = _in_this_process.set(True)
    frozen = gc.get_freeze_count()
    # Frozen, so that no measurement goes through the objects that are here already.
    gc.freeze()
    try:
        yield
    finally:
        # A run of tests has frozen its own objects before, and they stay frozen.
        if not frozen:
            gc.unfreeze()
        _in_this_process.reset(token)


def measured(module: str, **options: Any) -> dict[str, Any]:
    """The result of `module.work(**options)`, with `peak_mib`. Options and results are plain JSON values."""
    if _in_this_process.get():
        return _work(module, json.dumps(options))
    with start(module, **options) as process:
        return ended(process, module)


def ended(process: subprocess.Popen[bytes], module: str, last_words: bytes | None = None) -> dict[str, Any]:
    """The result of a process of `start`, once it has ended. `last_words` go to its standard input. Raises `RuntimeError` where
    it failed; what it said of that stands on standard error.
    """
    answer, _ = process.communicate(last_words)
    if process.returncode != 0:
        raise RuntimeError(f"{module} ended with {process.returncode}")
    result: dict[str, Any] = json.loads(answer.splitlines()[-1])
    return result


def start(module: str, **options: Any) -> subprocess.Popen[bytes]:
    """Start `measured` and do not wait for it. The last line of its output is the result."""
    command = [sys.executable, "-m", "benchmarks.child", module, json.dumps(options)]
    # Unbuffered: who reads a line takes no more than that. A buffer could hold the result as well, and `ended` would not see it.
    return subprocess.Popen(
        command,
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).resolve().parent.parent,
    )


def rss_mib() -> float:
    """The MiB of memory in use now."""
    return _status("VmRSS") or peak_mib()


def peak_mib() -> float:
    """The most MiB of memory that this process ever used.

    `ru_maxrss` is the last choice: it begins with the memory of the parent.
    """
    return _status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        MIB if sys.platform == "darwin" else 1024
    )


def _status(name: str) -> float | None:
    path = Path("/proc/self/status")
    if not path.exists():
        return None
    for line in path.read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) / 1024
    return None


def main() -> None:
    print(json.dumps(_work(*sys.argv[1:3])))


def _work(module: str, options: str) -> dict[str, Any]:
    result: dict[str, Any] = importlib.import_module(module).work(**json.loads(options))
    return {**result, "peak_mib": peak_mib()}


if __name__ == "__main__":
    main()
