"""Markup of strangers as the plain text that a reader of the page would see."""

from __future__ import annotations

import html
import re

MAX_HTML_CHARS = 512 * 1024
"""Of one text; the rest is not read."""

MAX_TAGS, MAX_OPEN = 20_000, 200
"""Tags of one text, and tags that are open at the same time."""

_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]{0,40})[^<>]{0,2000}>?")
_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
_BREAKS = re.compile(r"<\s*(?:br|/p|/div|/li|/h[1-6]|/tr|/blockquote)\b[^>]{0,200}>", re.IGNORECASE)


def html_to_text(markup: str) -> str:
    """The text that a reader of the page would see: no tags, scripts or styles, entities decoded, one blank line at most."""
    import nh3

    # Half a surrogate pair is no text for the sanitizer.
    whole = markup[:MAX_HTML_CHARS].encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    broken = _BREAKS.sub("\n", whole)
    bare = _TAG.sub("", broken) if is_tangled(whole) else nh3.clean(broken, tags=set(), link_rel=None)
    text = html.unescape(bare)
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def is_tangled(markup: str) -> bool:
    """Whether it has more tags, or more tags within each other, than people write. Parsers take minutes over such texts, as
    they look at all open tags for every new one.
    """
    is_open = 0
    for count, tag in enumerate(_TAG.finditer(markup), 1):
        if tag[2].lower() not in _VOID:
            is_open = max(0, is_open - 1) if tag[1] else is_open + 1
        if count > MAX_TAGS or is_open > MAX_OPEN:
            return True
    return False
