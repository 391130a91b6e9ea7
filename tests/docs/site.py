"""What `make docs` changes on the way to the site, so that no link of the site is dead: mkdocs calls these functions.

A link out of docs/ leads into the checkout, which the site does not have: there only its words stand, with the path. A link
to the folder of decisions leads to the first of them, and all of them stand in the navigation.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

OUT: Final = re.compile(r"\[([^\]]+)\]\(\.\./([^)\s]+)\)")


def on_config(config: Any) -> Any:
    """Every decision gets its place in the navigation."""
    config.nav.append({"Decisions": [f"decisions/{name}" for name in _decisions(config)]})
    return config


def on_page_markdown(markdown: str, *, page: Any, config: Any, **_: Any) -> str:
    """The page without links that the site cannot follow."""
    first = f"](decisions/{_decisions(config)[0]})"
    inside = markdown.replace("](decisions/)", first)
    # A page of a folder below docs/ names its neighbours above it in the same way.
    return inside if "/" in page.file.src_uri else OUT.sub(_in_words, inside)


def _in_words(link: re.Match[str]) -> str:
    words, path = link.groups()
    return words if path in words else f"{words} (`{path}`)"


def _decisions(config: Any) -> list[str]:
    return sorted(one.name for one in (Path(config.docs_dir) / "decisions").glob("*.md"))
