"""The shell completes commands, their parts and their options."""

from __future__ import annotations

import pytest

from tests.inside import command


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("tocsin sour", {"sources"}),
        ("tocsin sources ", {"list", "look", "test", "kinds", "end", "restore"}),
        ("tocsin mcp --", {"--url", "--key-file", "--act", "--help"}),
        ("tocsin nothing-like-it", set()),
    ],
)
def test_a_shell_is_told_what_could_follow(typed: str, offered: set[str]) -> None:
    words = typed.split(" ")
    asked = {"_TOCSIN_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(len(words) - 1)}
    said = command(environment=asked)
    assert set(said.stdout.decode().split()) == offered
    assert said.returncode == 0
