"""Every view of the page at three sizes, in light and dark: axe finds nothing, nothing scrolls sideways, and it weighs little."""

from __future__ import annotations

from typing import Final

import pytest
from playwright.sync_api import Browser, ViewportSize

from api.auth.rules import PAGES
from tests.browser.served import SeededApp
from tests.browser.test_page_in_a_browser import LAPTOP, PHONE, Scheme, sign_in, tab
from tests.browser.test_sources_in_a_browser import hold, of_colours
from tests.browser.views import ADDRESSES, furnish
from tocsin.store import meta

TABLET: Final[ViewportSize] = {"width": 820, "height": 1180}
BYTES: Final = 150_000
"""The most that a view may weigh, compressed, with its style sheet and its script."""
WEIGHTS: Final = (
    "() => performance.getEntries().filter((e) => e.encodedBodySize).map((e) => e.encodedBodySize)"
)
LETTERS: Final = """() => [...document.querySelectorAll("svg.chart:has(text)")]
  .filter((one) => one.getClientRects().length)
  .map((one) => {
    const size = parseFloat(getComputedStyle(one.querySelector("text")).fontSize);
    return (size * one.getBoundingClientRect().width) / one.viewBox.baseVal.width;
  })"""
"""The letters of each chart in pixels, as they are seen."""
SHAPES: Final[dict[str, tuple[tuple[ViewportSize, Scheme], ...]]] = {
    "held in the hand": ((PHONE, "light"), (TABLET, "dark")),
    "on a desk": ((LAPTOP, "dark"),),
}
"""The shapes of each kind of device. In the other scheme only what depends on colours is asked again."""


def test_no_view_is_left_out() -> None:
    views = {path for method, path in PAGES if method == "GET"} - {"/static"}
    assert views == set(ADDRESSES), "each view has an address in tests/browser/views.py"


@pytest.mark.slow("opens every view at three sizes")
@pytest.mark.parametrize("device", SHAPES)
def test_every_view_holds_in_light_and_dark(chromium: Browser, night: SeededApp, device: str) -> None:
    named, ((size, _), *_) = furnish(night), SHAPES[device]
    with tab(chromium, night, size) as page:
        sign_in(page, night, "p_root")
        for view, address in ADDRESSES.items():
            page.goto(address.format_map(named))
            weighed = page.evaluate(WEIGHTS)
            assert sum(weighed) < BYTES, (view, weighed)
            for shape, scheme in SHAPES[device]:
                page.set_viewport_size(shape)
                page.emulate_media(color_scheme="dark" if scheme == "light" else "light")
                of_colours(page, view)
                page.emulate_media(color_scheme=scheme)
                hold(page, f"every{view.replace('/', '-')}-{scheme}")
                assert all(9 < size < 18 for size in page.evaluate(LETTERS)), (view, shape)
        with night.store.write() as conn:
            meta.put(conn, "mode", "demo")
            meta.put(conn, meta.PLAY_AGAIN, meta.OFFERED)
        page.goto("/")
        hold(page, f"every-demo-{scheme}")
