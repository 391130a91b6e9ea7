"""How well the values of each facet are told, as a table of docs/understanding.md: `make bench-sentiment` prints it.

Measured on the tenth of the corpus that no fit has met, all languages together, since most values have ten posts in one of
them. A value is right where the writer of the post gave it, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from processors.understand.linear import LinearScorer
from tocsin.core.facets import FACETS, pairs
from training.corpus import LANGUAGES, posts
from training.data import is_held_out

Value = tuple[str, str]


def told_table() -> Iterator[str]:
    """The lines of the table: a line a value, and one a facet with all its values."""
    yield "| facet | value | posts that have it | right where it is said | found of its posts |"
    yield "| --- | --- | --: | --: | --: |"
    have, said, both = _counts()
    for facet, values in FACETS.items():
        for value in values:
            key = (facet, value)
            yield _line(facet, value, have[key], said[key], both[key])
        of_facet = [(facet, value) for value in values]
        yield _line(facet, "all", *(sum(one[key] for key in of_facet) for one in (have, said, both)))


def _line(facet: str, value: str, have: int, said: int, both: int) -> str:
    right = f"{both / said:.0%} of {said}" if said else "not said"
    return f"| {facet} | {value} | {have:,} | {right} | {f'{both / have:.0%}' if have else ''} |"


def _counts() -> tuple[Counter[Value], Counter[Value], Counter[Value]]:
    """By value, the posts that have it, those that it is said of, and those where both hold."""
    have: Counter[Value] = Counter()
    said: Counter[Value] = Counter()
    both: Counter[Value] = Counter()
    for language in LANGUAGES:
        held = [post for post in posts(language) if is_held_out(post.text)]
        read = LinearScorer(language).read([post.text for post in held])
        for post, (_, facets) in zip(held, read, strict=True):
            gold = {(facet, getattr(post, facet)) for facet in FACETS}
            told = set(pairs(facets))
            have.update(gold)
            said.update(told)
            both.update(gold & told)
    return have, said, both
