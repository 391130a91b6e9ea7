"""A mention as a row of `mentions` and back.

Every field of `Mention` is a column of its own name; those of its author and its engagement are columns too, named in `AUTHOR`
and `ENGAGEMENT`. A new plain field needs no line here.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any, Final

from sqlalchemy import Row

from tocsin.core.mention import Author, Engagement, Mention

AUTHOR: Final = {
    "id": "author_id",
    "name": "author_name",
    "handle": "author_handle",
    "followers": "followers",
    "verified": "verified",
}
"""The columns of an author, by field of `Author`."""

ENGAGEMENT: Final = Engagement.__struct_fields__
"""The columns of an engagement, named as its fields."""

LISTS: Final = ("links", "hashtags", "media")
"""Fields of which the store keeps null instead of an empty list."""

PLAIN: Final = tuple(
    name for name in Mention.__struct_fields__ if name not in ("author", "engagement", "extra", *LISTS)
)
"""Fields that are columns as they are."""

_plain = attrgetter(*PLAIN)
_author = attrgetter(*AUTHOR)
_engagement = attrgetter(*ENGAGEMENT)
_author_columns = attrgetter(*AUTHOR.values())
_NO_AUTHOR: Final = dict.fromkeys(AUTHOR.values())
_NO_ENGAGEMENT: Final = dict.fromkeys(ENGAGEMENT)


def mention_columns(mention: Mention) -> dict[str, Any]:
    """The columns that hold what the mention itself says, by name."""
    author, engagement = mention.author, mention.engagement
    return {
        **dict(zip(PLAIN, _plain(mention), strict=True)),
        **(dict(zip(AUTHOR.values(), _author(author), strict=True)) if author else _NO_AUTHOR),
        **(dict(zip(ENGAGEMENT, _engagement(engagement), strict=True)) if engagement else _NO_ENGAGEMENT),
        **{name: getattr(mention, name) or None for name in LISTS},
        "extra": mention.extra or None,
    }


def stored_mention(row: Row[Any]) -> Mention:
    """The mention that a row with the columns of `schema.mention_columns` holds; `lang` is the one that was understood."""
    figures = _engagement(row)
    values: dict[str, Any] = dict(zip(PLAIN, _plain(row), strict=True))
    values |= {name: tuple(getattr(row, name) or ()) for name in LISTS}
    return Mention(
        **values,
        author=Author(*_author_columns(row)) if row.author_id is not None else None,
        engagement=Engagement(*figures) if any(figure is not None for figure in figures) else None,
        extra=row.extra or {},
    )
