"""How well the values of each facet are told, as a table of docs/understanding.md: `make bench-sentiment` prints it.

Measured on the tenth of our own posts that no fit has met, some languages together, since most values have ten posts in one of
them. A value is right where the writer of the post gave it, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from processors.understand.linear import LinearScorer
from tocsin.core.facets import FACETS, pairs
from training.data import is_held_out
from training.facets import own_posts

Value = tuple[str, str]


def told_table(languages: Sequence[str]) -> Iterator[str]:
    """The lines of the table of some languages: a line a value, and one a facet with all its values."""
    yield "| facet | value | posts that have it | right where it is said | found of its posts |"
    yield "| --- | --- | --: | --: | --: |"
    have, said, both = _counts(languages)
    for facet, values in FACETS.items():
        for value in values:
            key = (facet, value)
            yield _line(facet, value, have[key], said[key], both[key])
        of_facet = [(facet, value) for value in values]
        yield _line(facet, "all", *(sum(one[key] for key in of_facet) for one in (have, said, both)))


def _line(facet: str, value: str, have: int, said: int, both: int) -> str:
    right = f"{both / said:.0%} of {said}" if said else "not said"
    return f"| {facet} | {value} | {have:,} | {right} | {f'{both / have:.0%}' if have else ''} |"


def _counts(languages: Sequence[str]) -> tuple[Counter[Value], Counter[Value], Counter[Value]]:
    """By value, the posts that have it, those that it is said of, and those where both hold."""
    have: Counter[Value] = Counter()
    said: Counter[Value] = Counter()
    both: Counter[Value] = Counter()
    for language in languages:
        held = [post for post in own_posts(language) if is_held_out(post[0])]
        read = LinearScorer(language).read([text for text, _ in held])
        for (_, gold), (_, facets) in zip(held, read, strict=True):
            told = set(pairs(facets))
            have.update(gold)
            said.update(told)
            both.update(gold & told)
    return have, said, both
