"""The documentation as the tests read it: every Markdown page, its fenced blocks, links, tables and marked lists."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Block:
    """A fenced block: its language (may be empty) and its lines."""

    page: str
    language: str
    lines: tuple[str, ...]


@cache
def files() -> tuple[str, ...]:
    """Every file of the project that .gitignore does not name, as a path from the root. This starts no process."""
    patterns = [one.rstrip("/") for one in text(".gitignore").split() if not one.startswith("#")]
    found = []
    for folder, folders, names in os.walk(ROOT):
        at = Path(folder).relative_to(ROOT)
        folders[:] = [name for name in folders if name != ".git" and not _ignored(at / name, patterns)]
        found += [str(at / name) for name in names if name != ".git" and not _ignored(at / name, patterns)]
    return tuple(sorted(found))


def _ignored(path: Path, patterns: Sequence[str]) -> bool:
    """Whether the patterns name the path, as git reads them.

    Only two kinds of pattern occur: a name anywhere, or a path from the root.
    """
    return any(fnmatch(str(path) if "/" in pattern else path.name, pattern) for pattern in patterns)


@cache
def pages() -> tuple[str, ...]:
    return tuple(name for name in files() if name.endswith(".md"))


@cache
def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str) -> Iterator[Block]:
    for language, body in re.findall(r"^```(\w*)\n(.*?)^```", text(page), re.DOTALL | re.MULTILINE):
        yield Block(page, language, tuple(body.splitlines()))


def prose(page: str) -> str:
    """The page without its fenced blocks."""
    return re.sub(r"^```.*?^```", "", text(page), flags=re.DOTALL | re.MULTILINE)


def anchors(page: str) -> set[str]:
    """The anchors of a page's headings, as hosts of git repositories make them."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", heading.lower())
        found.add(plain.replace(" ", "-"))
    return found


def marked(page: str, name: str) -> str:
    """The text between `<!-- list: NAME -->` and `<!-- end -->`."""
    found = re.search(rf"<!-- list: {re.escape(name)} -->\n(.*?)<!-- end -->", text(page), re.DOTALL)
    assert found is not None, f"{page} has no list {name!r}"
    return found[1]
