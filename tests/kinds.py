"""The kinds of tests, and what a test of each kind may do.

A test without a mark is a *unit* test: it starts no process, uses no engine and no browser, and takes less than five seconds of
processor time. `make quick` runs the unit tests. A mark names every other kind. The marks `engines` and `browser`
follow from the fixtures of a test and from its folder, so nobody has to write them.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.contracts.examples import WIDE

KINDS: Final = ("engines", "browser", "live", "packaging", "chaos", "slow")
"""The marks, explained in pyproject.toml. A test with none of them gets the mark `unit`."""

_MARKS: Final = frozenset(KINDS)

UNIT_WITHIN_S: Final = 5.0

UNUSED_PLUGINS: Final = ("-p", "no:hypothesispytest", "-p", "no:anyio")
"""Options for a pytest that a test starts: without the plugins that take a quarter of its start and that it does not need."""

FOLDERS: Final = {"tests/browser/": "browser", "tests/chaos/": "chaos"}
"""The beginning of a path, and the mark of all tests there."""

STARTS: Final = frozenset(
    {"subprocess.Popen", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.system"}
)
"""The audit events with which Python announces a new process."""


class Kinds:
    """The plugin that marks tests, and fails unit tests that do what they may not."""

    def __init__(self) -> None:
        self._started: list[str] | None = None
        """The processes that the running unit test has started. None while a test of another kind runs."""
        sys.addaudithook(self._audit)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._started = [] if is_unit(item) else None
        try:
            return (yield)
        finally:
            self._started = None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        if not is_unit(item):
            return (yield)
        # Processor time: the wall clock of a shared machine says more about its other guests than about the test.
        before = time.process_time()
        result = yield
        took = time.process_time() - before
        if self._started:
            pytest.fail(
                f"a test without a mark starts no process, and this one started {self._started[0]}: mark it"
                " `live` (or what else it is: tests/kinds.py)"
            )
        if took > UNIT_WITHIN_S and not WIDE:
            pytest.fail(
                f"a test without a mark takes less than {UNIT_WITHIN_S:.0f} s of processor time, and this one"
                f" took {took:.1f} s: make it quicker, or mark it `slow` with the reason"
            )
        return result

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._started is not None and event in STARTS:
            self._started.append(f"{event} {arguments[:2]!r}"[:200])


def is_unit(item: pytest.Item) -> bool:
    return item.get_closest_marker("unit") is not None


def add_marks(items: list[pytest.Item]) -> None:
    """Add the marks of folders, and the mark `unit` to tests without a mark."""
    for item in items:
        for begin, kind in FOLDERS.items():
            if item.nodeid.startswith(begin):
                item.add_marker(kind)
        if _MARKS.isdisjoint(mark.name for mark in item.iter_markers()):
            item.add_marker(pytest.mark.unit)


def faults(items: list[pytest.Item]) -> list[str]:
    """The faults in the marks of these tests."""
    return [
        f"{item.nodeid}: say why it is slow: pytest.mark.slow('the reason')"
        for item in items
        if any(not mark.args for mark in item.iter_markers("slow"))
    ]
