"""The house rules that a test can check: licences, lengths, no traces of the machines that this was made on."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from functools import cache
from pathlib import PurePosixPath

import pytest

from tests.docs.pages import ROOT, files, text

LONGEST = 500
CATALOGUE = "a language of the page: a line for each string"
LONGER = {
    "CHANGELOG.md": "a line for each change that somebody notices, which one looks up by its heading",
    "api/pages/locales/nl.toml": CATALOGUE,
    "api/pages/locales/ro.toml": CATALOGUE,
    "api/pages/locales/tr.toml": CATALOGUE,
    "docs/commands.md": "every command, written by the code, a section each, which one looks up by its name",
    "docs/sources.md": "every kind of source with its settings, a section each, which one looks up by its name",
    "processors/understand/harm_words.toml": "the words of twelve languages, which one looks up by kind and language",
    "processors/understand/triggers.toml": "the terms of twelve languages, which one looks up by category and language",
    "tests/api/test_resources.py": "every resource held to the same manners",
    "tocsin/store/schema.py": "every table, in one place",
    "training/terms.toml": "the terms of twelve languages, which one looks up by value and language",
}
PROSE_OR_CODE = {".py", ".md", ".js", ".css", ".html", ".j2", ".toml", ".yaml", ".sh", ".cfg"}
SERVICES = ("tocsin", "ingest", "processors", "alerts", "api", "ops")


def readable() -> list[str]:
    """Every file that is text, except this one, which names the traces."""
    binary = {".png", ".gz", ".ico", ".db", ".npz"}
    here = "tests/docs/test_rules.py"
    return [name for name in files() if PurePosixPath(name).suffix not in binary and name != here]


@pytest.mark.live
def test_the_files_that_are_looked_at_are_those_that_git_knows() -> None:
    """`files` reads .gitignore itself, so that these tests need no git. This test compares the result with git's."""
    listed = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, text=True)
    assert set(files()) == {name for name in listed.splitlines() if (ROOT / name).is_file()}


def test_no_file_is_longer_than_a_thought_without_a_reason() -> None:
    long = {
        name
        for name in readable()
        if PurePosixPath(name).suffix in PROSE_OR_CODE and len(text(name).splitlines()) > LONGEST
    }
    assert long - LONGER.keys() == set()
    assert LONGER.keys() - set(files()) == set()


@pytest.mark.slow("reads every file once for each pattern")
@pytest.mark.parametrize(
    "trace",
    # What stands before a path is looked at behind its first letters: Python finds those ten times as quickly.
    [
        # Folders of a machine that this was made on.
        r"/(?<![\w.$~/\-]/)(?:work|root)/\w",
        r"/home/(?<![\w.$~\-]/home/)\w",
        r"/tmp/(?<![\w.$~\-]/tmp/)\w",
        # The address of a package registry.
        r"\b(?:extra-)?index-url\b|\btrusted-host\b",
        r"\b(?:artifactory|jfrog|devpi|nexus)\b",
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
        r"\b(?:ghp|gho|glpat|xox[bp])[-_][A-Za-z0-9]{16,}",
    ],
)
def test_no_file_holds_a_trace_of_a_machine_a_registry_or_a_secret(trace: str) -> None:
    assert [name for name in readable() if re.search(trace, text(name))] == []


def test_the_licence_is_apaches_and_the_notice_names_what_asks_for_it() -> None:
    assert "Apache License" in text("LICENSE")
    notice = text("NOTICE")
    assert "Copyright (c) 2016 C.J. Hutto" in notice
    assert "Permission is hereby granted, free of charge" in notice
    assert "Attribution-Share-Alike License" in re.sub(r"\s+", " ", notice)
    assert "lid.176.ftz" in notice


def test_the_changelog_has_the_version_that_the_code_states() -> None:
    version = re.search(r'__version__ = "(.+)"', text("tocsin/version.py"))
    assert version is not None
    assert re.search(
        rf"^## \[.*\].*{re.escape(version[1])}|^## \[{re.escape(version[1])}\]", text("CHANGELOG.md"), re.M
    )


@cache
def modules() -> dict[str, tuple[bool, tuple[str, ...]]]:
    """Of each file of code: whether it says what it is, and its public classes."""
    found = {}
    for name in files():
        if name.endswith(".py") and name.split("/")[0] in SERVICES:
            tree = ast.parse(text(name))
            classes = (node.name for node in tree.body if isinstance(node, ast.ClassDef))
            found[name] = (
                bool(ast.get_docstring(tree)),
                tuple(one for one in classes if not one.startswith("_")),
            )
    return found


@pytest.mark.slow("parses every module")
def test_every_module_says_what_it_is() -> None:
    silent = [name for name, (says, _) in modules().items() if not name.endswith("__init__.py") and not says]
    assert len(modules()) > 150
    assert silent == []


def test_every_exception_to_a_rule_has_its_reason_beside_it() -> None:
    bare = re.compile(r"#\s*(?:noqa(?::\s*[A-Z0-9, ]+)?|type:\s*ignore(?:\[[\w\-, ]+\])?)\s*$")
    found = [
        f"{name}:{number}"
        for name in files()
        if name.endswith(".py") and name.split("/")[0] in SERVICES
        for number, line in enumerate(text(name).splitlines(), 1)
        if bare.search(line)
    ]
    assert found == []


def test_no_comment_breaks_a_value_apart() -> None:
    """The formatter breaks a line that a comment makes too long. A comment stands above its value."""
    broken = re.compile(r"= \(\n +[^\n]*[^,\n] +# [^\n]*\n *\)")
    assert [name for name in files() if name.endswith(".py") and broken.search(text(name))] == []


def test_what_is_locked_satisfies_what_is_asked_for() -> None:
    project = tomllib.loads(text("pyproject.toml"))["project"]
    asked = [
        *project["dependencies"],
        *(one for extra in project["optional-dependencies"].values() for one in extra),
    ]
    names = {re.split(r"[<>=\[ ]", one)[0].lower().replace("_", "-") for one in asked} - {"tocsin"}
    locked = {line.split("==")[0].lower().replace("_", "-") for line in text("requirements.lock").split()}
    assert names - locked == set()
    assert (ROOT / "Makefile").is_file()


@pytest.mark.slow("parses all code")
def test_no_public_class_name_stands_in_two_folders() -> None:
    where: dict[str, set[str]] = {}
    for name, (_, classes) in modules().items():
        for one in classes:
            where.setdefault(one, set()).add(str(PurePosixPath(name).parent))
    assert {name: folders for name, folders in where.items() if len(folders) > 1} == {}
