"""Markup of strangers as the plain text that a reader of the page would see."""

from __future__ import annotations

import html
import re

MAX_HTML_CHARS = 512 * 1024
"""Of one text; the rest is not read."""

_BREAKS = re.compile(r"<\s*(?:br|/p|/div|/li|/h[1-6]|/tr|/blockquote)\b[^>]{0,200}>", re.IGNORECASE)


def html_to_text(markup: str) -> str:
    """The text that a reader of the page would see: no tags, scripts or styles, entities decoded, one blank line at most."""
    import nh3

    # Half a surrogate pair is no text for the sanitizer.
    whole = markup[:MAX_HTML_CHARS].encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    broken = _BREAKS.sub("\n", whole)
    text = html.unescape(nh3.clean(broken, tags=set(), link_rel=None))
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
