"""Reading strangers' bytes in a process of its own, with a limit of processor time and memory.

Parsers are slow on bytes that are made to be slow. The kernel ends a child that takes longer, and the worker's threads meanwhile
run on. On a machine with more work than cores the clock runs on while a child waits for its turn: that is no fault of its bytes.
The child gets nothing but the bytes, and prints its result as JSON.
"""

from __future__ import annotations

import json
import math
import pkgutil
import resource
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from ingest.source import FetchFailed

# Of processor time.
TIME_LIMIT = timedelta(seconds=10)
# How much longer a child may wait for its turn, by the clock.
PATIENCE = 9
# Address space, in bytes.
MEMORY_LIMIT = 1024**3
_BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from ingest.apart import main; main()"


def read_apart(
    reader: str, what: str, data: bytes, told: str = "", time_limit: timedelta = TIME_LIMIT
) -> Any:
    """The result of `reader` (`module:function` of ours, called with the bytes and `told`), which must be JSON values.

    `what` names the bytes in errors, such as "the feed". `time_limit` is processor time, in whole seconds. Raises `FetchFailed`
    as the reader does, and when the child reaches a limit.
    """
    root, limit_s = str(Path(__file__).parents[1]), math.ceil(time_limit.total_seconds())
    command = [sys.executable, "-I", "-c", _BOOT, root, reader, told[:4000].replace("\0", ""), str(limit_s)]
    too_slow = f"{what} took longer than {limit_s} s to read: it is made to be slow, or far too large"
    try:
        done = subprocess.run(  # noqa: S603  # our own interpreter and code; what is told is one argument, not a shell's
            command,
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # Not our environment: passwords may stand in it.
            env={},
            timeout=limit_s * PATIENCE,
            check=True,
        )
        answer = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        raise FetchFailed(
            f"{what} was not read within {limit_s * PATIENCE} s: the machine is too busy"
        ) from None
    except (subprocess.CalledProcessError, ValueError) as error:
        if getattr(error, "returncode", 0) == -signal.SIGXCPU:
            raise FetchFailed(too_slow) from None
        raise FetchFailed(
            f"{what} cannot be read: its parser broke down, perhaps for want of memory"
        ) from None
    except OSError as error:
        raise FetchFailed(f"{what} cannot be read just now: {error.strerror}") from None
    if "error" in answer:
        raise FetchFailed(answer["error"])
    return answer["result"]


def main() -> None:
    """The child's program: bytes on stdin; the reader, what it is told and its limit in seconds as the last arguments; JSON on
    stdout.
    """
    limit_s = int(sys.argv[4])
    # No file of what it held, where the kernel ends it.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s + 5))
    answer: dict[str, Any]
    try:
        answer = {"result": pkgutil.resolve_name(sys.argv[2])(sys.stdin.buffer.read(), sys.argv[3])}
    except FetchFailed as error:
        answer = {"error": str(error)}
    # The answer is in ASCII, so that lone surrogates get through to the code that mends them.
    sys.stdout.write(json.dumps(answer))
