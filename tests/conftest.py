"""The real engines for the tests: one Apache Kafka and one PostgreSQL a run, started when the first test needs them.

A test says that it needs an engine by using the fixture `kafka` or `postgres`, by a parameter that begins with one of these
names, or by the mark `engines("kafka", "postgres")` when it starts its own. Where an engine cannot be had, these tests are left
out, and the run says so in its first and last line. (Kafka's jars come from Maven Central, once a machine.) With
TOCSIN_REQUIRE_ENGINES=1, as in CI, that ends the run as a failure.

The libraries of databases and of made-up examples are imported where they are used: importing them takes longer than the rest of
a start, and a pytest that a test starts uses none of them.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from tests import kinds, workers
from tests.contracts.examples import WIDE
from tests.engines import ALL_ON_POSTGRES, EnginesUnavailable
from tests.engines.kafka import Cluster, kafka_at_hand, start_kafka
from tests.story import copies

if TYPE_CHECKING:
    from tests.engines.postgres import Postgres


def postgres_at_hand() -> None:
    """Raise `EnginesUnavailable` where a PostgreSQL cannot be started."""
    from tests.engines import postgres

    postgres.postgres_at_hand()


ENGINES: dict[str, Callable[[], None]] = {"kafka": kafka_at_hand, "postgres": postgres_at_hand}
SMALLER = {
    frozenset({"kafka"}): "all but Apache Kafka",
    frozenset({"postgres"}): "all but PostgreSQL",
    frozenset(ENGINES): "the embedded engines only",
}
OMISSION = pytest.StashKey[str]()
QUIET_S = 0.4
"""The seconds at the end of a worker in which nothing may work any more."""


def pytest_configure(config: pytest.Config) -> None:
    # Collection makes hardly any cyclic garbage, and looking for it took a quarter of its time.
    gc.disable()
    _one_thread_for_matrices()
    config.pluginmanager.register(kinds.Kinds(), "tocsin-kinds")
    config.pluginmanager.register(LeftOut(), "tocsin-left-out")
    if config.pluginmanager.hasplugin("hypothesispytest"):
        _same_examples()
    if workers.is_worker(config):
        workers.begin_elsewhere(config)
        copies.share(workers.shared_folder(config) / "stock")
    else:
        config.pluginmanager.register(Controller(), "tocsin-controller")
        workers.into_memory()
    # httpx looks for this package at each request to an app. Where it is not installed, each look goes through all folders.
    if find_spec("sniffio") is None:
        sys.modules["sniffio"] = None  # type: ignore[assignment]  # Python's own sign that a module is not there
    # A shell starts background jobs with Ctrl-C ignored. The processes that tests start would inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # kafka-python reads its own files in a way that newer Pythons deprecate: a hundred lines of warnings that nobody here can
    # act on.
    config.addinivalue_line("filterwarnings", "ignore:(read_text|open_text) is deprecated:DeprecationWarning")


def _one_thread_for_matrices() -> None:
    """Let numpy's libraries work in one thread. Their threads wait for each other in a loop, on cores that the workers share."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def _same_examples() -> None:
    """Let every run try the same made-up examples, so that a run is red by what was changed. `make chaos` makes up others."""
    from hypothesis import settings

    settings.register_profile("tocsin", derandomize=not WIDE)
    settings.load_profile("tocsin")


# Before `-m` looks at the marks.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if needs := _engines_of(item):
            item.add_marker(pytest.mark.engines(*sorted(needs)))
    kinds.add_marks(items)
    if faults := kinds.faults(items) + workers.faults(items):
        _end(config, "; ".join(faults))
    if workers.is_worker(config):
        workers.in_order(items)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Spare Python the last look at all that the tests have made."""
    gc.freeze()


def pytest_collection_finish() -> None:
    """Let Python look for cyclic garbage less often, and never among imported objects. That saves a tenth of the suite's time."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    gc.enable()
    if "structlog" in sys.modules:
        _plain_errors()


def _plain_errors() -> None:
    """Log errors without colours and local variables, which take seconds of each. The product's own logs have neither."""
    import structlog

    *before, _ = structlog.get_config()["processors"]
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*before, plain])


class LeftOut:
    """Leaves out the tests that cannot run here. It looks for an engine only where a test needs one."""

    # After what the command line deselects.
    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        if config.option.collectonly:
            return
        needs = {item: _engines_of(item) for item in items}
        missing = {
            name: reason for name in sorted(frozenset().union(*needs.values())) if (reason := _why_not(name))
        }
        if not missing:
            return
        left_out = [item for item in items if needs[item] & missing.keys()]
        why = "; ".join(missing.values())
        if os.environ.get("TOCSIN_REQUIRE_ENGINES") == "1":
            _end(config, f"the real engines are demanded (TOCSIN_REQUIRE_ENGINES=1) and cannot be had: {why}")
            return
        for item in left_out:
            item.add_marker(pytest.mark.skip(reason=f"LEFT OUT: {why}"))
        config.stash[OMISSION] = (
            f"SMALLER SUITE, {SMALLER[frozenset(missing)]}: {len(left_out)} of {len(items)} tests LEFT OUT: {why}"
        )
        if workers.is_worker(config):
            workers.tell(config, omission=config.stash[OMISSION])

    def pytest_report_collectionfinish(self, config: pytest.Config) -> str | list[str]:
        """The first line of a run."""
        return config.stash.get(OMISSION, [])

    def pytest_unconfigure(self, config: pytest.Config) -> None:
        """The last line of a run."""
        if omission := config.stash.get(OMISSION, ""):
            _print(config, omission)


class Controller(workers.Controller):
    """The controller of a run on several workers: says first and last what the workers have left out."""

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any) -> None:
        said = self.heard(node)
        if "end" in said:
            pytest.exit(said["end"], returncode=1)
        if "omission" in said and OMISSION not in node.config.stash:
            node.config.stash[OMISSION] = said["omission"]
            _print(node.config, said["omission"])


def _end(config: pytest.Config, why: str) -> None:
    """Fail the run before its first test."""
    if workers.is_worker(config):
        workers.tell(config, end=why)
    else:
        pytest.exit(why, returncode=1)


def _print(config: pytest.Config, line: str) -> None:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.write_line(line)


def _engines_of(item: pytest.Item) -> frozenset[str]:
    wanted = {name for name in ENGINES if name in getattr(item, "fixturenames", ())}
    for mark in item.iter_markers("engines"):
        wanted |= set(mark.args or ENGINES)
    given = getattr(item, "callspec", None)
    for value in given.params.values() if given else ():
        wanted |= {name for name in ENGINES if isinstance(value, str) and value.startswith(name)}
    return frozenset(wanted)


def _why_not(name: str) -> str:
    try:
        ENGINES[name]()
    except EnginesUnavailable as error:
        return str(error)
    return ""


@pytest.fixture(scope="session", autouse=True)
def no_thread_turns_at_the_end() -> Iterator[None]:
    """Fail where a test has left a thread that works on for nothing: it would take its worker's time from all later tests."""
    yield
    before = time.process_time()
    time.sleep(QUIET_S)
    used = time.process_time() - before
    left = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    assert used < QUIET_S / 4, f"threads that tests left use {used:.1f} s of {QUIET_S} s: one of {left}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running PostgreSQL; `postgres.database()` gives the URL of a new, empty database."""
    from tests.engines.postgres import start_postgres

    with start_postgres({"fsync": "off"}) as server:
        yield server


@pytest.fixture(autouse=True)
def store_by_environment(request: pytest.FixtureRequest) -> Iterator[None]:
    """With TOCSIN_TEST_STORE=postgres, run every test that takes its store from `tests.stores` on PostgreSQL."""
    if not ALL_ON_POSTGRES:
        yield
        return
    from tests import stores

    with stores.on_postgres(request.getfixturevalue("postgres")):
        yield


@pytest.fixture(scope="session")
def kafka() -> Iterator[Cluster]:
    """A running Apache Kafka of one broker. Each test has a prefix of its own for its topics."""
    with start_kafka() as cluster:
        yield cluster
