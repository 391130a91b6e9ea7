"""The real engines for whoever asks: one Apache Kafka and one PostgreSQL a run, started when the first test wants them.

A test says that it needs them by using the fixtures `kafka` or `postgres`, by a parameter that begins with one of these names, or
by the mark `engines("kafka", "postgres")` when it starts its own. Where they cannot be had (Kafka's jars come from Maven Central,
once a machine) these tests are left out and the run says so in its first and last line; with TOCSIN_REQUIRE_ENGINES=1 (as in CI)
that ends the run as a failure.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator

import pytest

from tests import stores
from tests.engines import EnginesUnavailable
from tests.engines.kafka import Cluster, kafka_at_hand, start_kafka
from tests.engines.postgres import Postgres, postgres_at_hand, start_postgres

ENGINES: dict[str, Callable[[], None]] = {"kafka": kafka_at_hand, "postgres": postgres_at_hand}
SMALLER = {
    frozenset({"kafka"}): "all but Apache Kafka",
    frozenset({"postgres"}): "all but PostgreSQL",
    frozenset(ENGINES): "the embedded engines only",
}
OMISSION = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "engines(*names): starts real engines of its own: kafka, postgres (default: both)"
    )
    # A shell starts what it runs in the background with Ctrl-C ignored, which the processes that tests start would inherit.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # kafka-python reads its own files in a way that newer Pythons call old: a hundred lines that nobody here can act on.
    config.addinivalue_line("filterwarnings", "ignore:(read_text|open_text) is deprecated:DeprecationWarning")


@pytest.hookimpl(trylast=True)  # after what the command line deselects
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what cannot be run here. Nothing is looked for unless a test needs it."""
    needs = {item: _engines_of(item) for item in items}
    missing = {
        name: reason for name in sorted(frozenset().union(*needs.values())) if (reason := _why_not(name))
    }
    if not missing or config.option.collectonly:
        return
    left_out = [item for item in items if needs[item] & missing.keys()]
    why = "; ".join(missing.values())
    if os.environ.get("TOCSIN_REQUIRE_ENGINES") == "1":
        pytest.exit(
            f"the real engines are demanded (TOCSIN_REQUIRE_ENGINES=1) and cannot be had: {why}", returncode=1
        )
    for item in left_out:
        item.add_marker(pytest.mark.skip(reason=f"LEFT OUT: {why}"))
    config.stash[OMISSION] = (
        f"SMALLER SUITE, {SMALLER[frozenset(missing)]}: {len(left_out)} of {len(items)} tests LEFT OUT: {why}"
    )


def pytest_report_collectionfinish(config: pytest.Config) -> str | list[str]:
    """The first line of a run."""
    return config.stash.get(OMISSION, [])


def pytest_unconfigure(config: pytest.Config) -> None:
    """The last line of a run."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and (omission := config.stash.get(OMISSION, "")):
        reporter.write_line(omission)


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


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running PostgreSQL; `postgres.database()` gives the URL of a new, empty database."""
    with start_postgres({"fsync": "off"}) as server:
        yield server


@pytest.fixture(autouse=True)
def store_by_environment(request: pytest.FixtureRequest) -> Iterator[None]:
    """TOCSIN_TEST_STORE=postgres: every test that takes its store from `tests.stores` runs on PostgreSQL."""
    if not stores.BY_ENVIRONMENT:
        yield
        return
    with stores.on_postgres(request.getfixturevalue("postgres")):
        yield


@pytest.fixture(scope="session")
def kafka() -> Iterator[Cluster]:
    """A running Apache Kafka of one broker; tests keep apart by their topics' prefix."""
    with start_kafka() as cluster:
        yield cluster
