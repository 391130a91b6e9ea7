"""How `tocsin up` starts its processes: as copies of itself where it can, else as Pythons of their own.

A copy shares the memory of all code that the supervisor has read, and reads none of it again: half the processor time of a start,
and 100 MB less on a small machine. Only Linux copies a process safely, and only one of a single thread.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final, TypeAlias

from ops.run.forked import Child, Forked
from ops.run.process import RunOptions, run_process
from ops.run.roles import ENDS
from tocsin.core.errors import TocsinError
from tocsin.logs import say

PROGRAM: Final = (sys.executable, "-m", "tocsin", "run")
INTERRUPTED: Final = 130


Start: TypeAlias = Callable[[Sequence[str], int, Sequence[int]], Child]
"""Starts a process of these roles. The process says through the first open file that all is well. The others are the
supervisor's own.
"""


def way_to_start(options: RunOptions, lock: int, system: str = sys.platform) -> Start:
    """The way for this machine and moment. Every process shares the open file `lock`. Call it when all engines are closed."""
    if system == "linux" and threading.active_count() == 1:
        return _copies(options)
    return pythons(options.typed(), lock)


def pythons(options: Sequence[str], lock: int, program: Sequence[str] = PROGRAM) -> Start:
    """Start each process as a command of its own."""

    def start(roles: Sequence[str], pulse: int, _own: Sequence[int]) -> Child:
        # A session of its own: Ctrl-C reaches only the supervisor, and it stops the children itself.
        return subprocess.Popen(  # noqa: S603  # our own program, our own options
            [*program, *roles, "--parent", str(os.getpid()), "--pulse", str(pulse), *options],
            start_new_session=True,
            pass_fds=(lock, pulse),
        )

    return start


def _copies(options: RunOptions) -> Start:
    """Start each process as a copy of this one. Open files are shared by themselves, the lock among them."""
    # The collector of a copy does not write to the memory that is here now, so copies go on sharing it.
    gc.freeze()

    def start(roles: Sequence[str], pulse: int, own: Sequence[int]) -> Child:
        process = multiprocessing.get_context("fork").Process(
            target=_run_copy, args=(options, roles, os.getpid(), pulse, own)
        )
        # A copy that is told to end before it is ready hears it then.
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDS)
        return _Copy(process)

    return start


def _run_copy(options: RunOptions, roles: Sequence[str], parent: int, pulse: int, own: Sequence[int]) -> None:
    os.setsid()
    for file in own:
        os.close(file)
    # The name in lists of processes. The command line there is the supervisor's.
    with suppress(OSError):
        Path("/proc/self/comm").write_text(f"tocsin {roles[0]}", encoding="ascii")
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDS)
        run_process(options, roles, parent, pulse)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except TocsinError as error:
        say(str(error))
        sys.exit(error.exit_code)


class _Copy(Forked):
    def __init__(self, process: BaseProcess) -> None:
        assert process.pid is not None
        super().__init__(process.pid)
        self._process = process

    def _ended(self, within: float | None) -> int | None:
        if within != 0:
            self._process.join(within)
        return self._process.exitcode
