"""Posts that were written for Tocsin beside those of the corpus: a file a language, a line a post, a tab between its
columns. `tweets` has few, each with its label and its text; the second opinion learns from them. The others have the facets of
a post between the two. `written` and `crises` are what the models of `training.data.FURTHER` learn beside the teacher. Those of
the corpus have more columns (`training/corpus`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

TWEETS: Final = Path(__file__).with_name("tweets")
WRITTEN: Final = Path(__file__).with_name("written")
"""Everyday talk and that of customers, a third of each label."""
CUSTOMERS: Final = Path(__file__).with_name("customers")
"""Posts of customers to companies' accounts, in English, whose other tweets have few of them."""
PLAIN: Final = Path(__file__).with_name("plain")
"""Everyday talk and that of customers in a plain voice: the other hands have more wit than real talk has."""
CRISES: Final = Path(__file__).with_name("crises")
"""Posts about each kind of crisis, threats and harm, and harmless ones with the same words."""
HARM: Final = Path(__file__).with_name("harm")
"""Insults, hate, threats and lewd remarks as strangers write them to each other, and angry or coarse posts that harm nobody."""

FACETED: Final = (WRITTEN, CUSTOMERS, PLAIN, CRISES, HARM)
"""The folders whose posts have facets."""


class Written(NamedTuple):
    """A post with its language and its label, and the value of each facet in the order of `tocsin.core.facets.FACETS`; no values
    where nobody labelled them.
    """

    language: str
    label: str
    facets: tuple[str, ...]
    text: str


def written(*folders: Path) -> Iterator[Written]:
    """The posts of these folders, in the order of their files."""
    for folder in folders:
        for path in sorted(folder.glob("*.tsv")):
            for line in path.read_text(encoding="utf-8").splitlines():
                label, *facets, text = line.split("\t")
                yield Written(path.stem, label, tuple(facets), text)
