"""What came of a notice and how a job ended is kept as English: a walk over the code finds each text, and asks for it in four
languages.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from html import unescape
from typing import Final
from zoneinfo import ZoneInfo

import pytest

from api.pages.formatting import Formatter
from api.pages.i18n import Languages
from tests.api.test_refusals import ROOMS
from tests.docs.pages import ROOT
from tocsin.core.sentences import Sentence

LANGUAGES: Final = Languages()
OTHERS: Final = tuple(code for code in LANGUAGES.codes if code != "en")
JOBS: Final = (
    "ops/run/jobs.py",
    "ops/run/backtests.py",
    "ops/run/imports.py",
    "ops/run/erasures.py",
    "ops/imports/carrying_out.py",
)
"""Where a job ends with a word."""

ENDS: Final = ("finish", "fail", "_fail")
PASSED_ON: Final = (
    "message",
    "str(error)",
    "str(error)[:500] or type(error).__name__",
    "str(error) or type(error).__name__",
)
"""Words of an error: those of ours are refusals and troubles, which are walked where they are made."""

NAMES: Final = {
    "status": "503",
    "code": "503",
    "asked": "30",
    "LONGEST": "0:20:00",
    "self._kind.longest": "6:00:00",
}
"""What stands in a place of which the code says only the name."""


def formatter(code: str) -> Formatter:
    return Formatter(LANGUAGES[code], ZoneInfo("UTC"), datetime(2026, 11, 29, tzinfo=UTC))


@cache
def receipts() -> tuple[str, ...]:
    """The detail of every `Outcome`, with an example in each place. Calls whose detail is passed on are not among them."""
    found = (
        node.args[1]
        for room in (*ROOMS, "ops")
        for path in sorted((ROOT / room).rglob("*.py"))
        # Parsing is what costs.
        if "Outcome(" in (text := path.read_text("utf-8"))
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Outcome" and len(node.args) > 1
    )
    return tuple(one for node in found for one in _example(node))


@cache
def ends() -> tuple[str, ...]:
    """Every word with which a job ends, with an example in each place."""
    return tuple(text for file in JOBS for text in _ends(file))


def _ends(file: str) -> Iterator[str]:
    for node in ast.walk(ast.parse((ROOT / file).read_text("utf-8"))):
        given: list[ast.expr] = []
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in ENDS:
            given = [one.value for one in node.keywords if one.arg == "message"] + node.args[3:]
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "message":
            given = [node.value]
        for one in given:
            if ast.unparse(one) not in PASSED_ON:
                yield from _example(one)


def _example(node: ast.expr) -> Iterator[str]:
    """The text that this expression makes. Raises for an expression of which the walk cannot say what it makes."""
    if isinstance(node, ast.IfExp):
        yield from _example(node.body)
        yield from _example(node.orelse)
    elif isinstance(node, ast.Constant):
        yield str(node.value)
    else:
        assert isinstance(node, ast.JoinedStr), f"say it in words that stand here: {ast.unparse(node)}"
        yield "".join(str(one.value) if isinstance(one, ast.Constant) else _place(one) for one in node.values)


def _place(node: ast.expr) -> str:
    assert isinstance(node, ast.FormattedValue)
    name = ast.unparse(node.value)
    if name in ("error", "refused"):
        return str(Sentence("a webhook channel needs `url`, an address with http or https"))
    return NAMES.get(name, "XQZ")


def _english(text: str) -> set[str]:
    """The words of a text that only English has: those of names and of the trade stay as they are."""
    return set(re.findall(r"\b[a-z]{4,}\b", text)) - {"webhook", "http", "https", "console", "mail"}


@pytest.mark.parametrize("code", OTHERS)
def test_every_receipt_is_said_in_the_readers_language(code: str) -> None:
    fmt, found = formatter(code), receipts()
    assert len(found) > 25
    said = {text: fmt.said(text) for text in found}
    assert [(text, one) for text, one in said.items() if _english(text) & _english(one)] == []
    assert all(one.count("XQZ") == text.count("XQZ") for text, one in said.items()), "what others said stays"


@pytest.mark.parametrize("code", OTHERS)
def test_every_end_of_a_job_is_said_in_the_readers_language(code: str) -> None:
    fmt, found = formatter(code), ends()
    assert set(found) >= {"its process ended before it was done", "it took longer than 0:20:00"}
    said = {text: unescape(str(fmt.trouble(text))) for text in found}
    assert [(text, one) for text, one in said.items() if _english(text) & _english(one)] == []


@pytest.mark.parametrize("code", OTHERS)
def test_a_job_that_a_refusal_or_an_engine_ended_says_so_in_the_readers_language(code: str) -> None:
    fmt = formatter(code)
    for text in (
        "not CSV: line contains NUL",
        "the store /data/store.db cannot be used just now: database or disk is full",
        "[Errno 28] No space left on device: '/data/imports'",
        "KeyError: 'x'",
    ):
        said = str(fmt.trouble(text))
        assert "cannot be" not in said and "left on" not in said and said != text, said
    assert str(formatter("en").trouble("not CSV: XQZ")) == "not CSV: XQZ"
