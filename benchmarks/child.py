"""Work in a process of its own, so that one benchmark's memory is not another's.

A benchmark's module gives `work(**options) -> dict`; here it is called in a fresh interpreter, and what it returns comes back
with the process's peak memory.
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
    """`measured` starts no process meanwhile: quick enough for a test that the code runs, and good for no figure."""
    token = _in_this_process.set(True)
    gc.freeze()  # what is here already is not looked through at each measurement
    try:
        yield
    finally:
        gc.unfreeze()
        _in_this_process.reset(token)


def measured(module: str, **options: Any) -> dict[str, Any]:
    """What `module.work(**options)` returns, with `peak_mib`. Options and results are plain JSON values."""
    if _in_this_process.get():
        return _work(module, json.dumps(options))
    with start(module, **options) as process:
        answer, _ = process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"{module} ended with {process.returncode}")
    result: dict[str, Any] = json.loads(answer.splitlines()[-1])
    return result


def start(module: str, **options: Any) -> subprocess.Popen[bytes]:
    """`measured`, begun and not waited for: its last line of output is the answer."""
    command = [sys.executable, "-m", "benchmarks.child", module, json.dumps(options)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).resolve().parent.parent
    )


def rss_mib() -> float:
    """Memory in use now."""
    return _status("VmRSS") or peak_mib()


def peak_mib() -> float:
    """The most memory that this process ever used. Not `ru_maxrss` where it can be helped: that begins with the parent's."""
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
