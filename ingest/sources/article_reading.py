"""The words of an article, out of the HTML of its page, by trafilatura in a process of its own."""

from __future__ import annotations

from typing import Any

from ingest.apart import read_apart
from ingest.source import FetchFailed

LEAST_CHARS = 80
"""A text that is shorter is no article: the page wants a reader, a consent or a payment first."""


def article_apart(data: bytes, url: str) -> dict[str, str]:
    """`plain_article` in a child process. Raises `FetchFailed` as that does, and when the child reaches a limit."""
    found: dict[str, str] = read_apart(f"{__name__}:plain_article", "the article", data, url)
    return found


def plain_article(data: bytes, url: str) -> dict[str, str]:
    """The `text` of the article, and its `author` where the page names one. Raises `FetchFailed` where there is none."""
    import trafilatura

    try:
        found: Any = trafilatura.bare_extraction(
            data, url=url or None, include_comments=False, with_metadata=True
        )
    except Exception as error:  # noqa: BLE001  # a parser of other people's bytes: whatever it raises, this page failed
        raise FetchFailed(f"the article cannot be read: {type(error).__name__}"[:200]) from None
    text = str(getattr(found, "text", None) or "")
    if len(text) < LEAST_CHARS:
        raise FetchFailed("the page shows no article: it may want a consent, a payment or a browser")
    return {"text": text, "author": str(getattr(found, "author", None) or "")}
