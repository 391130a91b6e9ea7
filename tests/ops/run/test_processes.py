"""Which roles share a process, and what a process may have open."""

from __future__ import annotations

import platform
import resource
import threading
from pathlib import Path

import pytest

from api.server import MAX_CONNECTIONS, RESERVED_FILES, connections_allowed
from ops.run.arenas import share_arenas
from ops.run.children import pythons, way_to_start
from ops.run.handles import ENOUGH, raise_open_files
from ops.run.process import RunOptions
from ops.run.supervisor import PROCESSES
from tocsin.health.roles import ROLES


def test_every_role_runs_once_and_paging_shares_no_process_with_the_door() -> None:
    assert sorted(role for process in PROCESSES for role in process) == sorted(ROLES)
    assert ("alerts",) in PROCESSES


@pytest.fixture
def a_common_limit() -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
    yield min(hard, ENOUGH) if hard != resource.RLIM_INFINITY else ENOUGH
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_limit_of_open_files_is_raised_as_far_as_it_may(a_common_limit: int) -> None:
    assert raise_open_files() == a_common_limit
    assert raise_open_files() == a_common_limit


def test_connections_leave_open_files_to_the_databases(a_common_limit: int) -> None:  # it sets the limit
    assert connections_allowed() == 1024 - RESERVED_FILES
    raise_open_files()
    assert connections_allowed() == MAX_CONNECTIONS


def test_threads_share_their_memory_where_the_c_library_can_do_that() -> None:
    assert share_arenas() == (platform.libc_ver()[0] == "glibc")


def test_the_options_of_tocsin_up_are_those_of_its_processes() -> None:
    given = RunOptions(Path("t.toml"), None, "sqlite", "kafka://a:9092")
    assert given.typed() == ["--config", "t.toml", "--store", "sqlite", "--stream", "kafka://a:9092"]
    assert RunOptions().typed() == []


def test_only_a_process_of_one_thread_on_linux_is_copied() -> None:
    def starts_pythons(system: str) -> bool:
        return way_to_start(RunOptions(), 0, system).__qualname__.startswith(pythons.__name__)

    assert starts_pythons("darwin")
    end = threading.Event()
    other = threading.Thread(target=end.wait)
    other.start()
    assert starts_pythons("linux")
    end.set()
    other.join()


@pytest.mark.live
def test_a_process_that_is_no_copy_runs_the_same_command(tmp_path: Path) -> None:
    """The way of a system that cannot copy: the process takes the options and says with status 2 that they are wrong."""
    process = pythons(["--store", "mysql://x"], 0)(["auditor"], 1, ())
    assert process.wait(60) == 2
