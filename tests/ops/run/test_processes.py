"""Which roles share a process, and what a process may have open."""

from __future__ import annotations

import platform
import resource

import pytest

from api.server import MAX_CONNECTIONS, RESERVED_FILES, connections_allowed
from ops.run.arenas import share_arenas
from ops.run.handles import ENOUGH, raise_open_files
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
