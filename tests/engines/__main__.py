"""`python -m tests.engines [--brokers N] [-- COMMAND ...]`: runs the real engines while COMMAND runs, or until Ctrl-C.

COMMAND finds the engines in TOCSIN_STREAM__URL and TOCSIN_STORE__URL, and its exit status is ours. Without a COMMAND these two
are printed as lines for a shell. Everything ends with this process.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from types import FrameType

from tests.engines import EnginesUnavailable
from tests.engines.kafka import start_kafka
from tests.engines.postgres import start_postgres


def main(arguments: Sequence[str]) -> int:
    """Run the engines. Returns the command's exit status, 0 when asked to end, or 1 where the engines cannot be had."""
    asked = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _end)
    try:
        with start_postgres() as postgres, start_kafka(asked.brokers, hurried=False) as kafka:
            urls = {"TOCSIN_STREAM__URL": kafka.url, "TOCSIN_STORE__URL": postgres.database()}
            if asked.command:
                return _run(asked.command, urls)
            for name, value in urls.items():
                print(f"{name}={value}", flush=True)
            print("engines: both run; Ctrl-C ends them", file=sys.stderr, flush=True)
            threading.Event().wait()
    except EnginesUnavailable as error:
        print(f"engines: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.engines", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--brokers", type=int, default=1, choices=(1, 3), help="brokers of the Kafka (default 1)"
    )
    parser.add_argument(
        "command", nargs="*", help="after --: what to run with the engines in its environment"
    )
    return parser


def _run(command: Sequence[str], urls: dict[str, str]) -> int:
    """Run the command in the foreground.

    Ctrl-C reaches it from the terminal, SIGTERM from here. Either way, wait until it ends.
    """
    child: subprocess.Popen[bytes] | None = None
    asked_to_end = False

    def hand_on(_signal: int, _frame: FrameType | None) -> None:
        nonlocal asked_to_end
        asked_to_end = True
        if child is not None:
            child.terminate()

    signal.signal(signal.SIGTERM, hand_on)
    # The command has got Ctrl-C too.
    signal.signal(signal.SIGINT, lambda _signal, _frame: None)
    child = subprocess.Popen(command, env=os.environ | urls)
    if asked_to_end:
        child.terminate()
    status = child.wait()
    return 128 - status if status < 0 else status


def _end(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
