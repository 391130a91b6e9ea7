"""The command line with one command alone is the whole one, as far as that command goes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from ops.program import build_app
from tests.docs.reference import commands_of
from tests.inside import command


def told(*arguments: str) -> dict[tuple[str, ...], Any]:
    """What the command line for these arguments tells of each of its commands, by the command's path."""
    root: Any = typer.main.get_command(build_app(arguments))
    return {path: (one.help, one.epilog, [told_of(p) for p in one.params]) for path, one in commands_of(root)}


def told_of(parameter: Any) -> tuple[Any, ...]:
    return (
        parameter.name,
        parameter.opts,
        parameter.required,
        parameter.multiple,
        repr(parameter.default),
        str(parameter.param_type_name),
        getattr(parameter, "help", None),
    )


def test_a_command_that_is_asked_for_is_there_as_in_the_whole_command_line() -> None:
    whole = told()
    names = {path[0] for path in whole if path}
    assert len(names) > 25
    for name in names:
        alone = told(name, "--help")
        assert alone == {path: one for path, one in whole.items() if path[:1] in ((), (name,))}, name


@pytest.mark.parametrize("arguments", [(), ("--help",), ("--log-level", "debug", "export"), ("expotr",)])
def test_without_the_name_of_a_command_in_the_first_place_every_command_is_there(
    arguments: tuple[str, ...],
) -> None:
    assert told(*arguments) == told()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("dead-letters", "list", "--limit", "0"), "--limit '0': a number of at least 1 is needed"),
        (("dead-letters", "list", "--limit", "x"), "--limit 'x': a whole number is needed"),
        (("detect", "--false-alerts-per-week", "0"), "'0': a number of at least 0.001 is needed"),
        (("alerts", "snooze", "al_1", "--minutes", "9" * 80), f"--minutes '{'9' * 40}': "),
    ],
)
def test_a_value_that_does_not_fit_is_refused_in_the_words_of_settings_and_forms(
    arguments: tuple[str, ...], says: str
) -> None:
    done = command(*arguments)
    said = done.stderr.decode()
    assert (done.returncode, said.count("\n")) == (2, 1)
    assert said.startswith("tocsin: ") and says in said and "Input should" not in said


def test_a_mistyped_command_is_told_in_one_line_with_the_one_that_was_meant() -> None:
    done = command("expotr")
    assert done.returncode == 2
    assert done.stderr.decode().count("\n") == 1
    assert "'export'" in done.stderr.decode()


@pytest.mark.live
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("typed", [("config", "example"), ("match", "acme", "-")])
def test_output_that_finds_no_room_is_told_in_one_line(typed: tuple[str, ...]) -> None:
    """`match` took it for an error of the file that it read, all others ended with a traceback."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "tocsin", *typed],
            input=b'{"text": "acme"}\n' * 2000,
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
        )
    said = done.stderr.decode()
    assert (done.returncode, said.count("\n")) == (1, 1)
    assert said.startswith("tocsin: the output cannot be written: No space left on device; make room")
