"""Which of two brands a text calls the better one in so many words: "left B for A", "A beats B", "never again B".

The templates are data in comparisons.toml, which says how one is written. They are few and sure, where the weights of `contrast`
know the tone of a text alone. A template behind a negator ("I would never say A beats B") is not heard.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from processors.understand.lexicon import lexicon_of

OURS, THEIRS = "\x01", "\x02"
"""The signs that stand for the names of the brand and of the others in a text."""
_SWAPPED: Final = str.maketrans(OURS + THEIRS, THEIRS + OURS)
_TOKEN: Final = re.compile(rf"[{OURS}{THEIRS}]|[^\W_]+(?:'[^\W_]+)?|[^\w\s]")
_ANYTHING: Final = r"(?:[^. ]\S* ){0,4}"
_NEGATED_WITHIN: Final = 2
"""A negator counts so many tokens before a template."""

Named = Sequence[tuple[bool, tuple[int, int]]]
"""The names in a text: whether it is the brand's own, and where it stands."""


def side_of(language: str | None, folded: str, named: Named) -> int:
    """1 where the brand is called the better one, -1 where it is called the worse one, 0 where nothing says so, or both do.

    Where the text says it of the other one alone ("never again B, from now on A"), the brand is taken to be the opposite.
    """
    if language not in templates():
        return 0
    tokens = _tokens(folded, named)
    if _any_side(language).search(tokens) is None:
        return 0
    return _side(language, tokens) or -_side(language, tokens.translate(_SWAPPED))


def _side(language: str, tokens: str) -> int:
    better, worse = _sides(language)
    return int(_is_said(better, tokens, language)) - int(_is_said(worse, tokens, language))


def _tokens(folded: str, named: Named) -> str:
    """The tokens of a text, with a space behind each. A name is one token, without the sign of a handle or a tag before it."""
    parts: list[str] = []
    at = 0
    for ours, (begin, end) in named:
        parts += (folded[at:begin].rstrip("@#"), OURS if ours else THEIRS)
        at = end
    text = " ".join([*parts, folded[at:]]).replace("’", "'")
    return "".join(f"{token} " for token in _TOKEN.findall(text))


def _is_said(pattern: re.Pattern[str], tokens: str, language: str) -> bool:
    negates = lexicon_of(language).negates
    for found in pattern.finditer(tokens):
        before = tokens[: found.start()].rsplit(maxsplit=_NEGATED_WITHIN)[-_NEGATED_WITHIN:]
        if not any(map(negates, before)):
            return True
    return False


@cache
def written() -> str:
    """The content of comparisons.toml."""
    return Path(__file__).with_name("comparisons.toml").read_text(encoding="utf-8")


@cache
def templates() -> dict[str, tuple[str, ...]]:
    """By language, the templates."""
    return {language: tuple(found) for language, found in tomllib.loads(written()).items()}


@cache
def _any_side(language: str) -> re.Pattern[str]:
    """The templates, whichever name stands where: most texts have none, and are looked through once."""
    anyone = f"[{OURS}{THEIRS}]"
    return _any_of(_patterns(language, None, {"A": anyone, "B": anyone}))


@cache
def _sides(language: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What says that the brand is the better one, and what says that it is the worse one."""
    return (
        _any_of(_patterns(language, "A", {"A": OURS, "B": THEIRS})),
        _any_of(_patterns(language, "B", {"A": THEIRS, "B": OURS})),
    )


def _patterns(language: str, needed: str | None, names: dict[str, str]) -> Iterator[str]:
    for template in sorted(templates()[language], key=len, reverse=True):
        tokens = template.split()
        if needed is None or needed in tokens:
            yield "".join(_pattern(token, names) for token in tokens)


def _any_of(patterns: Iterator[str]) -> re.Pattern[str]:
    return re.compile(rf"(?<!\S)(?:{'|'.join(patterns)})")


def _pattern(one: str, names: dict[str, str]) -> str:
    if one == "~":
        return _ANYTHING
    if one in names:
        return f"{names[one]} "
    return f"{re.escape(one[:-1])}\\S* " if one.endswith("*") else f"{re.escape(one)} "
