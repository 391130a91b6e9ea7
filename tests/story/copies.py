"""Processes of `tocsin` for tests: copies of one Python that has read the code and the models already.

A start of `python -m tocsin` spends a second or two of processor time on reading them. So one process for each test run, the
stock, reads them once, for all workers, and each start is a copy of the stock: a process of its own, with its own number, memory,
open files, environment, signals and exit status. It differs from a new one in the reading, in the order of a set of texts, which
all copies share, and in the last step of its end. That is why `make chaos` starts new ones, as do the tests of the installed
wheel and of the single container.
"""

from __future__ import annotations

import atexit
import fcntl
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
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Final, Protocol

from ops.run.forked import Child, Forked
from tests.contracts.examples import WIDE

READ: Final = ("tocsin", "ingest", "processors", "alerts", "api", "ops")
"""The packages whose modules the stock reads."""
SPOKEN: Final = (
    "It is down again, and nobody answers the phone today",
    "De trein is weer te laat, en niemand zegt waarom",
    "Bugün hizmet yine çok kötü ve kimse yardım etmiyor",
    "Astăzi serviciul este foarte prost și nimeni nu răspunde",
)
"""A post in each language whose models the stock reads."""
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
    """The tests' side of the stock, which starts with the first copy and ends with the process that started it."""

    def __init__(self) -> None:
        self.shared: Path | None = None
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
            # A forked child has a stock of its own.
            if self._socket is None or self._owner != os.getpid():
                self._socket = _connect(self.shared) if self.shared else _open()
                self._owner = os.getpid()
            socket.send_fds(self._socket, [json.dumps(message).encode()], files)
            answer = self._socket.recv(LONGEST)
            if not answer:
                raise RuntimeError("the stock of processes has ended; its stderr says why")
            number: int = json.loads(answer)
            return number


def share(at: Path) -> None:
    """Take copies from the stock that listens at this path, for all workers of a run. The first of them starts it."""
    _STOCK.shared = at


def _connect(at: Path) -> socket.socket:
    """A stock of this process's own, which the shared one makes by a copy of itself."""
    ours = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LONGEST)
    with at.with_suffix(".lock").open("w") as one_at_a_time:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        try:
            ours.connect(str(at))
        except OSError:  # none has started yet, or the worker that started it has ended
            at.unlink(missing_ok=True)
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
                listener.bind(str(at))
                listener.listen(64)
                _kept.append(_open(listener))
            ours.connect(str(at))
    return ours


def _open(*listener: socket.socket) -> socket.socket:
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LONGEST)
        files = [one.fileno() for one in (its, *listener)]
        # It ends when `ours` closes, at the latest with this process.
        subprocess.Popen(
            [sys.executable, "-m", "tests.story.copies", *map(str, files)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            cwd=Path(__file__).parents[2],
            pass_fds=files,
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


def _split(life: socket.socket, listener: socket.socket) -> socket.socket:
    """Make a stock for each that connects. Returns in each of these; the shared one ends here, when `life` does."""
    waiting = select.poll()
    for one in (life, listener):
        waiting.register(one, select.POLLIN)
    while True:
        if any(file == life.fileno() for file, _ in waiting.poll()):
            os._exit(0)
        one, _ = listener.accept()
        if not os.fork():
            life.close()
            listener.close()
            return one
        one.close()


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
    """Import the whole product, as far as its libraries are there, and read its models."""
    for name in READ:
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(getattr(package, "__path__", ()), f"{name}."):
            if not module.name.endswith("__main__") and ".migrations" not in module.name:
                with suppress(ImportError):
                    importlib.import_module(module.name)
    _read_models()


def _read_models() -> None:
    """Understand a post in each language that has models. Each process that understands posts would read them anew."""
    from processors.understand import Understander, default_scorers
    from tocsin.core.mention import Mention

    at = datetime(2026, 3, 1, tzinfo=UTC)
    posts = [Mention(source="stock", id=text, text=text, created_at=at) for text in SPOKEN]
    Understander(default_scorers()).understand(posts)


_STOCK = _Stock()
_kept: list[socket.socket] = []
"""The lives of the stocks that this process has started for all workers."""


class _QuickEnd:
    """The end of a copy whose command is done: after all that is registered for the end, and without Python's last look at every
    object. That look would copy most of the memory that is shared with the stock, half the cost of a short command.
    """

    def __init__(self) -> None:
        self.status: int | None = None
        # What is registered first comes last.
        atexit.register(self._end)

    def run(self, command: Callable[[], None]) -> None:
        try:
            command()
            self.status = 0
        except SystemExit as ended:
            self.status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
            raise

    def _end(self) -> None:
        if self.status is not None:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(self.status)


if __name__ == "__main__":
    end = _QuickEnd()
    from tocsin.launcher import main

    gc.disable()
    _read()
    gc.freeze()
    gc.enable()
    given, *more = (socket.socket(fileno=int(number)) for number in sys.argv[1:])
    _serve(_split(given, *more) if more else given)
    end.run(main)
