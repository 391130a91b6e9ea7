"""Posts that were written for Tocsin with a label and nothing else: a file a language, a line a post, label, tab, text.

`tweets` has few posts in seven languages; the second opinion learns from them. `written` has many in the languages whose models
the teacher teaches (`training/data.py`). Those of the corpus have more columns (`training/corpus`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

TWEETS: Final = Path(__file__).with_name("tweets")
WRITTEN: Final = Path(__file__).with_name("written")


class Written(NamedTuple):
    """A post with its language and its label."""

    language: str
    label: str
    text: str


def written(folder: Path) -> Iterator[Written]:
    """The posts of a folder, in the order of its files."""
    for path in sorted(folder.glob("*.tsv")):
        for line in path.read_text(encoding="utf-8").splitlines():
            label, text = line.split("\t")
            yield Written(path.stem, label, text)
