"""A secret that is shown once: what nobody saw is worth nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from api.auth.keys import list_keys
from ops.output import NotShown, show_once
from tests.inside import command
from tests.processors.test_retention import keep
from tests.stores import prepare
from tests.story import copies
from tocsin.core.errors import StoreUnavailable
from tocsin.store import schema as s
from tocsin.store.sqlite.engine import SqliteStore

FULL = Path("/dev/full")
KEY = ("key", "create", "--role", "viewer", "--name", "wallboard")


@contextmanager
def full_disk() -> Iterator[int]:
    with FULL.open("wb") as full:
        yield full.fileno()


@contextmanager
def closed_pipe() -> Iterator[int]:
    read, write = os.pipe()
    os.close(read)
    try:
        yield write
    finally:
        os.close(write)


OUTPUTS = [
    pytest.param(full_disk, marks=pytest.mark.skipif(not FULL.exists(), reason="only Linux has /dev/full")),
    closed_pipe,
]


def typed(folder: Path, words: tuple[str, ...], stdout: int, stderr: int) -> int:
    """The exit status of `tocsin WORDS` on this folder."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
    return copies.start(
        [*words, "--data", str(folder)], environment=inherited, stdout=stdout, stderr=stderr
    ).wait(60)


def typed_into(folder: Path, stdout: int, *words: str) -> tuple[int, list[str]]:
    """The exit status of `tocsin WORDS` with this standard output, and the lines on its standard error."""
    said = folder / "said.txt"
    with said.open("wb") as errors:
        status = typed(folder, words, stdout, errors.fileno())
    return status, said.read_text().splitlines()


@pytest.mark.live
@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("words", [KEY, ("signin",)], ids=["key", "signin"])
def test_a_key_and_a_link_that_cannot_be_printed_are_taken_back(
    output: Callable[[], Any], words: tuple[str, ...], tmp_path: Path
) -> None:
    """They stayed, and the closed pipe ended with 0."""
    prepare(tmp_path / "store.db")
    with output() as stdout:
        status, lines = typed_into(tmp_path, stdout, *words)
    problems = [line for line in lines if line.startswith("tocsin: ")]
    assert (status, len(problems), len(lines)) == (1, 1, 2)
    assert "cannot be printed" in problems[0] and "it was taken back" in problems[0]
    with SqliteStore(tmp_path / "store.db").read() as conn:
        assert [key["name"] for key in list_keys(conn) if key["revoked_at"] is None] == []
        assert conn.execute(select(func.count()).select_from(s.signin_links)).scalar_one() == 0
        ended = conn.execute(select(s.audit.c.action).order_by(s.audit.c.seq)).scalars().all()
    if words == KEY:
        assert ended == ["key.made", "key.revoked"]
        # The name is free again.
        assert command(*KEY, "--data", tmp_path).returncode == 0


def test_what_was_printed_stays(capsys: pytest.CaptureFixture[str]) -> None:
    show_once("key", "tcs_1", pytest.fail, otherwise="end it", above=["key wall:"])
    assert capsys.readouterr() == ("tcs_1\n", "key wall:\n")


def test_where_standard_output_is_closed_nothing_can_be_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", None)
    taken: list[str] = []
    with pytest.raises(NotShown, match="standard output is closed"):
        show_once("key", "tcs_1", lambda: taken.append("key"), otherwise="end it")
    assert taken == ["key"]


def test_what_can_be_neither_shown_nor_taken_back_is_told_with_the_next_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away() -> None:
        raise StoreUnavailable("the store is away")

    monkeypatch.setattr("sys.stdout", None)
    with pytest.raises(NotShown) as told:
        show_once("key", "tcs_1", away, otherwise="end it with: tocsin key revoke wall")
    assert str(told.value) == (
        "the key cannot be printed (standard output is closed), and could not be taken back (the store is away); "
        "end it with: tocsin key revoke wall"
    )


@pytest.mark.live
@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("words", [("key", "revoke", "nobody"), ("sources", "list")], ids=["wrong", "empty"])
def test_a_command_that_prints_nothing_does_not_mind_where_it_would_go(
    output: Callable[[], Any], words: tuple[str, ...], tmp_path: Path
) -> None:
    """A second line said that the output cannot be written, and the status was 1."""
    prepare(tmp_path / "store.db")
    with output() as stdout:
        status, lines = typed_into(tmp_path, stdout, *words)
    assert (status, len(lines)) == (2 if "revoke" in words else 0, 1)


@pytest.mark.live
@pytest.mark.parametrize("output", OUTPUTS)
def test_what_is_asked_for_is_done_where_nobody_reads_what_it_says(
    output: Callable[[], Any], tmp_path: Path
) -> None:
    """`tocsin erase --yes | head -1` erased nothing, and ended with 0."""
    prepare(tmp_path / "store.db")
    keep(SqliteStore(tmp_path / "store.db"), days=1, id="m1", text="it leaks")
    with output() as stdout:
        status, lines = typed_into(tmp_path, stdout, "erase", "author", "@ada", "--yes")
    with SqliteStore(tmp_path / "store.db").read() as conn:
        assert conn.execute(select(s.erasures.c.state)).scalars().all() == ["done"]
    lost = [line for line in lines if line.startswith("tocsin: the output cannot be written")]
    assert (status, len(lost)) == ((0, 0) if output is closed_pipe else (1, 1))


@pytest.mark.live
@pytest.mark.parametrize("output", OUTPUTS)
def test_notes_that_cannot_be_written_are_lost_and_the_work_is_done(
    output: Callable[[], Any], tmp_path: Path
) -> None:
    """It ended with 1, or with 0 in the middle of the work."""
    prepare(tmp_path / "store.db")
    file = tmp_path / "copy.db"
    with output() as stderr, (tmp_path / "out").open("wb") as out:
        assert typed(tmp_path, ("backup", str(file)), out.fileno(), stderr) == 0
        assert typed(tmp_path, KEY, out.fileno(), stderr) == 0
    assert file.is_file() and (tmp_path / "out").read_text().startswith("tcs_")


@pytest.mark.live
def test_a_closed_pipe_leaves_the_status_as_it_is(tmp_path: Path) -> None:
    """A role that is not at work was told with 0."""
    prepare(tmp_path / "store.db")
    with closed_pipe() as stdout:
        assert typed_into(tmp_path, stdout, "health", "auditor") == (1, [])


def test_a_group_without_a_command_says_that_one_is_missing() -> None:
    done = command("key")
    assert done.returncode == 2 and b"create" in done.stdout
    assert done.stderr.decode().splitlines() == ["tocsin: a command is missing (see tocsin key --help)"]
