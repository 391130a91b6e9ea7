"""Processes of `tocsin` for tests: copies of one Python that has read the code already.

A start of `python -m tocsin` spends a second or two of processor time on reading code. So one process for each test run, the
stock, reads it once, and each start is a copy of the stock: a process of its own, with its own number, memory, open files,
environment, signals and exit status. It differs from a new one in the reading alone, and in the order of a set of texts, which
all copies share. That is why `make chaos` starts new ones, as do the tests of the installed wheel and of the single container.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import random
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Final, Protocol

from ops.run.forked import Child, Forked
from tests.contracts.examples import WIDE

READ: Final = ("tocsin", "ingest", "processors", "alerts", "api", "ops.program", "ops.run", "ops.replay")
"""The packages whose modules the stock reads. A copy reads the others when it needs them, as a new process does."""
LONGEST: Final = 1 << 20
"""The longest message to the stock in bytes: the arguments and the environment of a start."""


class Process(Child, Protocol):
    """A started process that keeps its exit status."""

    @property
    def returncode(self) -> int | Any: ...


def start(
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    stdin: IO[bytes] | int = subprocess.DEVNULL,
    stdout: IO[bytes] | int = subprocess.DEVNULL,
    stderr: IO[bytes] | int = subprocess.DEVNULL,
) -> Process:
    """Start `tocsin ARGUMENTS` in a session of its own. `environment` is the whole environment."""
    if WIDE or "PYTEST_CURRENT_TEST" not in os.environ or not hasattr(os, "pidfd_open"):
        return subprocess.Popen(
            [sys.executable, "-m", "tocsin", *arguments],
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=environment,
            start_new_session=True,
        )
    return _STOCK.start(arguments, environment, (stdin, stdout, stderr))


def run(
    arguments: Sequence[str], *, environment: Mapping[str, str], input: bytes = b"", timeout: float = 90
) -> subprocess.CompletedProcess[bytes]:
    """Run `tocsin ARGUMENTS` to its end, with `input` as its stdin."""
    with TemporaryFile() as stdin, TemporaryFile() as stdout, TemporaryFile() as stderr:
        stdin.write(input)
        stdin.seek(0)
        process = start(arguments, environment=environment, stdin=stdin, stdout=stdout, stderr=stderr)
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        stdout.seek(0)
        stderr.seek(0)
        return subprocess.CompletedProcess(["tocsin", *arguments], status, stdout.read(), stderr.read())


class _Stock:
    """The tests' side of the stock, which starts with the first copy and ends with this process."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._owner = 0
        self._lock = threading.Lock()

    def start(
        self, arguments: Sequence[str], environment: Mapping[str, str], streams: Sequence[IO[bytes] | int]
    ) -> Process:
        nowhere = os.open(os.devnull, os.O_RDWR)
        try:
            files = [one if isinstance(one, int) else one.fileno() for one in streams]
            files = [nowhere if file == subprocess.DEVNULL else file for file in files]
            pid = self.ask(["start", list(arguments), dict(environment), os.getcwd()], files)
        finally:
            os.close(nowhere)
        return _Copy(self, pid)

    def ask(self, message: Sequence[Any], files: Sequence[int] = ()) -> int:
        with self._lock:
            if self._socket is None or self._owner != os.getpid():  # a forked child has a stock of its own
                self._socket, self._owner = _open(), os.getpid()
            socket.send_fds(self._socket, [json.dumps(message).encode()], files)
            answer = self._socket.recv(LONGEST)
            if not answer:
                raise RuntimeError("the stock of processes has ended; its stderr says why")
            number: int = json.loads(answer)
            return number


def _open() -> socket.socket:
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LONGEST)
        subprocess.Popen(  # it ends when `ours` closes, at the latest with this process
            [sys.executable, "-m", "tests.story.copies", str(its.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            cwd=Path(__file__).parents[2],
            pass_fds=(its.fileno(),),
            start_new_session=True,
        )
    return ours


class _Copy(Forked):
    """A copy. The stock is its parent and keeps its exit status until it is asked for."""

    def __init__(self, stock: _Stock, pid: int) -> None:
        super().__init__(pid)
        self.returncode: int | None = None
        self._stock = stock
        self._file = os.pidfd_open(pid)

    def _ended(self, within: float | None) -> int | None:
        if self.returncode is None:
            ends = select.poll()
            ends.register(self._file, select.POLLIN)
            if ends.poll(None if within is None else 1000 * within):
                self.returncode = self._stock.ask(["reap", self.pid])
                os.close(self._file)
        return self.returncode


def _serve(stock: socket.socket) -> None:
    """Start a copy for each message, and report how one has ended. Returns in each copy; the stock itself ends here."""
    while True:
        message, files, _, _ = socket.recv_fds(stock, LONGEST, 3)
        if not message:
            os._exit(0)
        what, *given = json.loads(message)
        if what == "reap":
            stock.send(json.dumps(os.waitstatus_to_exitcode(os.waitpid(given[0], 0)[1])).encode())
        elif not os.fork():
            _become(files, *given)
            stock.send(json.dumps(os.getpid()).encode())
            stock.close()
            return
        for file in files:
            os.close(file)


def _become(
    files: Sequence[int], arguments: Sequence[str], environment: Mapping[str, str], folder: str
) -> None:
    """Take what a new process would have been given."""
    os.setsid()
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    time.tzset()
    random.seed()
    sys.argv = ["tocsin", *arguments]


def _read() -> None:
    """Import what the roles and the player run on, as far as its libraries are there."""
    for name in READ:
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(getattr(package, "__path__", ()), f"{name}."):
            if not module.name.endswith("__main__") and ".migrations" not in module.name:
                with suppress(ImportError):
                    importlib.import_module(module.name)


_STOCK = _Stock()

if __name__ == "__main__":
    from tocsin.launcher import main

    gc.disable()
    _read()
    gc.freeze()
    gc.enable()
    _serve(socket.socket(fileno=int(sys.argv[1])))
    main()
