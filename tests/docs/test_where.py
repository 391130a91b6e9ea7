"""docs/where.md names eleven usual changes, each with files, registers, tests and pages that exist."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import ROOT, prose, text

PAGE = "docs/where.md"
CHANGES = dict(re.findall(r"^## (A .+?)\n(.*?)(?=^## )", text(PAGE), re.MULTILINE | re.DOTALL))
ROWS = ("code", "register", "held by", "docs")


def test_eleven_changes_are_told() -> None:
    assert len(CHANGES) == 11


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_names_its_code_its_register_what_holds_it_and_its_docs(change: str) -> None:
    rows = dict(re.findall(r"^\| ([a-z ]+) \| (.+) \|$", CHANGES[change], re.MULTILINE))
    assert tuple(rows) == ROWS
    assert "`tests/" in rows["held by"]


def test_every_file_and_folder_that_is_named_is_there() -> None:
    named = re.findall(r"`((?:[\w.]+/)+[\w.]*)`", prose(PAGE))
    assert len(named) > 50
    for path in named:
        new = re.search(r"NAME|NNNN", path)
        there = ROOT / (path[: path.rindex("/")] if new else path)
        assert there.exists(), path
        assert there.is_dir() if new or path.endswith("/") else there.is_file(), path


def test_every_name_stands_in_the_file_that_is_named_with_it() -> None:
    pairs = re.findall(r"`(\w+)` (?:in|\()\s*`([\w/]+\.py)`", prose(PAGE))
    pairs += re.findall(r"a `(\w+)`[^|`]*\(`([\w/]+\.py)`\)", prose(PAGE))
    assert len(pairs) >= 9
    for name, path in pairs:
        assert re.search(rf"\b{name}\b", text(path)), (name, path)
