"""The command line knows every command that the pages name, and every command says how to use it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from ops.program import build_app
from tests.docs.pages import blocks, pages, prose, text
from tests.docs.reference import commands_of
from tocsin.settings import example_file, known_settings

RUN_AS_TYPED = {"", "sh", "console", "bash"}
# On this page `tocsin late` is a query about a brand of that name.
QUERIES = "docs/queries.md"
OPTIONS = re.compile(r"^-{1,2}[a-z][a-z-]*")


ROOT_COMMAND: Any = typer.main.get_command(build_app())
COMMANDS: dict[tuple[str, ...], Any] = dict(commands_of(ROOT_COMMAND))
LEAVES = {path: command for path, command in COMMANDS.items() if not getattr(command, "commands", None)}


def _split(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|<>;&")
    lexer.whitespace_split = True
    lexer.commenters = ""
    return list(lexer)


def commands_in(line: str) -> Iterator[list[str]]:
    """The words of each call of `tocsin` in a line of shell, without its redirections."""
    words: list[str] = []
    for word in [*_split(line.removeprefix("$ ").split("  #")[0]), ";"]:
        if set(word) <= set("|<>;&"):
            if words[:1] == ["tocsin"]:
                yield words[1:]
            words = []
        else:
            words.append(word)


def wrong_in(words: list[str]) -> str | None:
    """Why this call could not work; None where it could."""
    path: tuple[str, ...] = ()
    rest = list(words)
    known = _options(ROOT_COMMAND)
    while rest and (*path, rest[0]) in COMMANDS:
        path = (*path, rest.pop(0))
    if path not in LEAVES and not any(word in known for word in rest):
        return f"no command {' '.join(words)!r}" if rest or not path else None
    known |= _options(COMMANDS[path]) | {"--help"}
    unknown = [word for word in rest if (found := OPTIONS.match(word)) and found[0] not in known]
    return f"{' '.join(path)} knows no {', '.join(unknown)}" if unknown else None


def _options(command: Any) -> set[str]:
    return {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}


@pytest.mark.parametrize("page", pages())
def test_every_command_of_a_page_exists_with_its_options(page: str) -> None:
    typed = [line.strip() for block in blocks(page) if block.language in RUN_AS_TYPED for line in block.lines]
    in_blocks = [call for line in typed if "tocsin " in line for call in commands_in(line)]
    spans = re.findall(r"`(tocsin [^`]+)`", prose(page)) if page != QUERIES else []
    in_text = [call for span in spans for call in commands_in(_typed(span))]
    assert [wrong for call in [*in_blocks, *in_text] if (wrong := wrong_in(call))] == []


def _typed(span: str) -> str:
    """The span without the parts that stand for any command: `tocsin key ...`, `tocsin sources list|test NAME`."""
    return span.replace("...", "").replace("|", " ").split("'")[0]


def test_the_pages_do_show_commands() -> None:
    shown = [
        call
        for page in pages()
        for block in blocks(page)
        if block.language in RUN_AS_TYPED
        for line in block.lines
        for call in commands_in(line)
    ]
    assert len(shown) > 10


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("tocsin up --data here", None),
        ("echo '{}' | tocsin score", None),
        ("tocsin key create --role viewer --name 'the wall'  # shown once", None),
        ("tocsin --version", None),
        ("tocsin fly", "no command 'fly'"),
        ("tocsin key lose", "no command 'key lose'"),
        ("tocsin up --quickly", "up knows no --quickly"),
    ],
)
def test_the_check_of_commands_tells_right_from_wrong(line: str, wrong: str | None) -> None:
    (call,) = commands_in(line)
    assert wrong_in(call) == wrong


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_command_says_what_it_does_and_gives_an_example_that_exists(path: tuple[str, ...]) -> None:
    command = COMMANDS[path]
    assert command.help
    examples = [
        line.strip().removeprefix("Example: ")
        for line in (command.epilog or "").splitlines()
        if "tocsin " in line
    ]
    assert examples, f"tocsin {' '.join(path)} has no example"
    assert [wrong for line in examples for call in commands_in(line) if (wrong := wrong_in(call))] == []
    assert any(tuple(call[: len(path)]) == path for line in examples for call in commands_in(line))


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_option_and_argument_of_a_command_says_what_it_is(path: tuple[str, ...]) -> None:
    assert [parameter.name for parameter in COMMANDS[path].params if not parameter.help] == []


def test_every_setting_is_in_the_example_file_with_its_meaning() -> None:
    section, found = "", {}
    meaning = ""
    for line in example_file().splitlines():
        if line.startswith("["):
            section = line.strip("[]") + "."
        elif setting := re.match(r"# (\w+) = ", line):
            found[section + setting[1]] = meaning
        else:
            meaning = line.removeprefix("# ")
    assert found == {name: description for name, (description, _) in known_settings().items()}
    assert all(found.values())


def test_settings_that_the_pages_name_exist() -> None:
    known = set(known_settings())
    sections = {name.partition(".")[0] for name in known if "." in name}
    named = {
        name
        for page in pages()
        if not page.startswith("CHANGELOG")
        for name in re.findall(r"`(\w+\.\w+)`", prose(page))
        if name.partition(".")[0] in sections and name.partition(".")[2] not in ("db", "py", "md", "toml")
    }
    assert named - known == set()
    assert "alerting.blind_after_minutes" in named


def test_environment_variables_that_the_pages_name_are_read() -> None:
    known = {f"TOCSIN_{name.upper().replace('.', '__')}" for name in known_settings()}
    known |= {
        "TOCSIN_CONFIG",
        "TOCSIN_KEY",
        "TOCSIN_SCREENSHOTS",
        "TOCSIN_REQUIRE_BROWSER",
        "TOCSIN_REQUIRE_ENGINES",
        "TOCSIN_TEST_SEED",
        "TOCSIN_TEST_STORE",
    }
    known |= {"TOCSIN_ENGINES_CACHE"} | set(re.findall(r"\$\{(TOCSIN_\w+):-", text("docker-compose.yml")))
    named = {name for page in pages() for name in re.findall(r"\bTOCSIN_[A-Z_]+\b", "".join(text_of(page)))}
    assert named - known <= {"TOCSIN_SECTION__NAME"}


def text_of(page: str) -> Iterator[str]:
    yield prose(page)
    for block in blocks(page):
        yield "\n".join(block.lines) + "\n"
