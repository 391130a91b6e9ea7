"""Reading strangers' bytes in a process of its own, with a limit of time and memory.

Parsers are slow on bytes that are made to be slow. The worker ends a child that takes longer, and its threads meanwhile run
on. The child gets nothing but the bytes, and prints its result as JSON.
"""

from __future__ import annotations

import json
import pkgutil
import resource
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from ingest.source import FetchFailed

TIME_LIMIT = timedelta(seconds=10)
# For a parent that dies before it can end its child.
CPU_LIMIT_S = 30
# Address space, in bytes.
MEMORY_LIMIT = 1024**3
_BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from ingest.apart import main; main()"


def read_apart(
    reader: str, what: str, data: bytes, told: str = "", time_limit: timedelta = TIME_LIMIT
) -> Any:
    """The result of `reader` (`module:function` of ours, called with the bytes and `told`), which must be JSON values.

    `what` names the bytes in errors, such as "the feed". Raises `FetchFailed` as the reader does, and when the child reaches
    a limit.
    """
    root, limit_s = str(Path(__file__).parents[1]), time_limit.total_seconds()
    command = [sys.executable, "-I", "-c", _BOOT, root, reader, told[:4000].replace("\0", "")]
    try:
        done = subprocess.run(  # noqa: S603  # our own interpreter and code; what is told is one argument, not a shell's
            command,
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # Not our environment: passwords may stand in it.
            env={},
            timeout=limit_s,
            check=True,
        )
        answer = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        raise FetchFailed(
            f"{what} took longer than {limit_s:g} s to read: it is made to be slow, or far too large"
        ) from None
    except (subprocess.CalledProcessError, ValueError):
        raise FetchFailed(
            f"{what} cannot be read: its parser broke down, perhaps for want of memory"
        ) from None
    except OSError as error:
        raise FetchFailed(f"{what} cannot be read just now: {error.strerror}") from None
    if "error" in answer:
        raise FetchFailed(answer["error"])
    return answer["result"]


def main() -> None:
    """The child's program: bytes on stdin, the reader and what it is told as the last arguments, JSON on stdout."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT_S, CPU_LIMIT_S))
    answer: dict[str, Any]
    try:
        answer = {"result": pkgutil.resolve_name(sys.argv[2])(sys.stdin.buffer.read(), sys.argv[3])}
    except FetchFailed as error:
        answer = {"error": str(error)}
    # The answer is in ASCII, so that lone surrogates get through to the code that mends them.
    sys.stdout.write(json.dumps(answer))
