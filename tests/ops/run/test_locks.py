"""Locks on a data folder: one `tocsin up`, roles side by side, and no role while the folder is moved or restored."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ops.run.locks import hold_folder, own_folder, share_folder
from tocsin.core.errors import StoreUnavailable, WrongInput


def test_a_folder_has_one_tocsin_up_and_the_second_is_told_who_it_is(tmp_path: Path) -> None:
    with (
        hold_folder(tmp_path / "data"),
        pytest.raises(WrongInput, match=rf"process {os.getpid()}\) already runs"),
        hold_folder(tmp_path / "data"),
    ):
        pass
    with hold_folder(tmp_path / "data"):
        pass


def test_the_hold_lasts_as_long_as_anybody_shares_it(tmp_path: Path) -> None:
    with hold_folder(tmp_path) as lock:
        # As a child process gets it.
        shared = os.dup(lock)
    with pytest.raises(WrongInput, match="already runs"), hold_folder(tmp_path):
        pass
    os.close(shared)
    with hold_folder(tmp_path):
        pass


def test_roles_share_a_folder_and_a_move_or_a_restore_wants_it_alone(tmp_path: Path) -> None:
    with (
        share_folder(tmp_path),
        share_folder(tmp_path),
        pytest.raises(WrongInput, match="a tocsin run is at work"),
        own_folder(tmp_path),
    ):
        pass
    with own_folder(tmp_path):
        with pytest.raises(WrongInput, match="move or restore is at work"), share_folder(tmp_path):
            pass
        with pytest.raises(WrongInput, match="already runs"), hold_folder(tmp_path):
            pass


def test_a_folder_in_which_nothing_can_be_written_is_refused_in_one_line(tmp_path: Path) -> None:
    """As on a disk that became read-only, which `tocsin up` met with a traceback."""
    (tmp_path / "file").write_text("no folder")
    for folder in (tmp_path / "file", tmp_path / "file" / "data"):
        with (
            pytest.raises(StoreUnavailable, match=r"as the data folder: .*; check the folder's rights"),
            hold_folder(folder),
        ):
            pass
