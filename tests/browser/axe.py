"""axe-core in the pages of the tests. Each way in which text is painted is held against its rule of contrast once."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any, Final
from weakref import WeakSet

from playwright.sync_api import BrowserContext, Page

AXE: Final = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
PAINTS: Final = (Path(__file__).parent / "paints.js").read_text("utf-8")
SHAPED: Final = ("scrollable-region-focusable", "link-in-text-block")
"""The rules that look at sizes or colours. All others look at the document, and at which of its elements are shown."""
SHAPE: Final = """(shaped) => {
  const shown = [...document.querySelectorAll("*")].map((e) => {
    const { right, width, height } = e.getBoundingClientRect();
    return e.checkVisibility({ visibilityProperty: true }) + (width && height ? "" : "0") + (right < 0 ? "-" : "");
  });
  const looked = window.lookedAtByAxe ??= new Set(), now = document.documentElement.outerHTML + shown.join();
  const again = looked.has(now);
  looked.add(now);
  return axe.run(document, {
    resultTypes: ["violations"],
    ...(again ? { runOnly: shaped } : { rules: { "color-contrast": { enabled: false } } }),
  }).then((found) => found.violations.map((v) => v.id + ": " + v.nodes.map((n) => n.html.slice(0, 90)).join(" | ")));
}"""

_passed: set[int] = set()
"""The ways of painting text that axe has passed in this process."""
_brought: WeakSet[BrowserContext] = WeakSet()
"""The windows whose views bring axe along."""


def violations(page: Page) -> list[str]:
    """What axe finds, but for `of_contrast`. Where a second size shows the same elements, only the rules of SHAPED are asked."""
    _bring(page)
    found: list[str] = page.evaluate(SHAPE, SHAPED)
    return found


def of_contrast(page: Page) -> list[str]:
    """What axe finds by its rule of contrast, which takes most of its time."""
    return of_contrast_beside(page, "() => null")[0]


def of_contrast_beside(page: Page, other: str) -> tuple[list[str], Any]:
    """What axe finds by its rule of contrast, and what another script says of the same view, in one call."""
    _bring(page)
    # One text, since playwright packs each member of a list by itself on both sides.
    known = " ".join(map(str, _passed))
    beside, said = page.evaluate(f"async (known) => [({other})(), await ({PAINTS})(known)]", known)
    _passed.update(said["passes"])
    return said["violations"], beside


def _bring(page: Page) -> None:
    """After the first look, every view of this tab brings axe along."""
    if page.context not in _brought:
        _brought.add(page.context)
        page.context.add_init_script(AXE)
        page.evaluate(AXE)
