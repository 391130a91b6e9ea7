"""Every view of the page at three sizes, in light and dark: axe finds nothing, nothing scrolls sideways, and it weighs little."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from api.auth.rules import PAGES
from tests.api.test_getting_in import link
from tests.api.test_wrong_input import FORMS, ODD, REFUSED
from tests.browser.axe import of_contrast, violations
from tests.browser.served import SeededApp
from tests.browser.test_page_in_a_browser import LAPTOP, PHONE, Scheme, sign_in, tab
from tests.browser.test_sources_in_a_browser import hold, hold_beside
from tests.browser.views import ADDRESSES, furnish
from tocsin.store import meta

TABLET: Final[ViewportSize] = {"width": 820, "height": 1180}
BYTES: Final = 150_000
"""The most that a view may weigh, compressed, with its style sheet and its script."""
WEIGHTS: Final = (
    "() => performance.getEntries().filter((e) => e.encodedBodySize).map((e) => e.encodedBodySize)"
)
SEEN: Final = """() => [matchMedia("(pointer: coarse)").matches,
  [...document.querySelectorAll("svg.chart:has(text)")].filter((one) => one.getClientRects().length).map((one) => {
    const size = parseFloat(getComputedStyle(one.querySelector("text")).fontSize);
    return (size * one.getBoundingClientRect().width) / one.viewBox.baseVal.width;
  })]"""
"""Whether it is touched, and the letters of each chart in pixels, as they are seen."""
LONG: Final = "ketel AND (lekkage OR ontploffing OR brandgevaar OR stroomstoring OR garantie"
TIMES: Final = ("starts_at", "ends_at", "from", "until")
SENT: Final = """([path, fields]) => {
  const form = document.createElement("form");
  form.method = "post";
  form.action = path;
  fields.csrf = document.querySelector("[name=csrf]").value;
  for (const [name, value] of Object.entries(fields)) {
    const field = document.createElement("textarea");
    field.name = name;
    field.value = value;
    form.append(field);
  }
  document.body.append(form);
  form.submit();
}"""
"""Sends a form as the view would: a field of its own refuses what is nonsense before it leaves."""
GREY: Final = '<p style="color: #555">on white</p>'
PALE: Final = '<b style="color: #aaa">on white</b>'
OVER: Final = '<div style="position: absolute; inset: 0; z-index: -1; background: #888"></div>'
SIZED: Final = """<html lang="en"><title>sized</title><main><h1>sized</h1>
<style>button { display: none } @media (max-width: 500px) { button { display: block } }
p { width: 90vw; overflow: auto; white-space: nowrap; font: 16px monospace }</style>
<p>ninety letters in one line, which is more than a tablet has room for, and a desk has plenty</p>
<button></button></main></html>"""
"""A document with a fault that only a phone shows, and one that lies in its width alone."""
SHAPES: Final[tuple[tuple[ViewportSize, bool, Scheme], ...]] = (
    (LAPTOP, False, "dark"),
    (PHONE, True, "light"),
    (TABLET, True, "dark"),
)
"""Each size, whether it is touched, and the scheme of `hold`. In the other scheme only what `hold` alone looks at is left out."""
OTHER: Final[Mapping[Scheme, Scheme]] = {"light": "dark", "dark": "light"}


def test_no_view_is_left_out() -> None:
    views = {path for method, path in PAGES if method == "GET"} - {"/static"}
    assert views == set(ADDRESSES), "each view has an address in tests/browser/views.py"


def test_axe_judges_every_way_in_which_text_is_painted(chromium: Browser) -> None:
    with tab(chromium, "http://127.0.0.1") as page:
        page.set_content(GREY + PALE)
        assert of_contrast(page) == [f"color-contrast: {PALE}"]
        page.set_content(GREY)
        assert of_contrast(page) == []
        # Once passed, it is judged again where something else lies behind it.
        for behind in (f'<div style="background: #888">{GREY}</div>', GREY + OVER):
            page.set_content(behind)
            assert of_contrast(page) == [f"color-contrast: {GREY}"], behind
        # Of many that are painted in one way, each that does not pass is named.
        page.set_content(3 * PALE)
        assert of_contrast(page) == 3 * [f"color-contrast: {PALE}"]


def test_axe_judges_what_another_size_shows_and_what_scrolls_there(chromium: Browser) -> None:
    with tab(chromium, "http://127.0.0.1", LAPTOP) as page:
        page.set_content(SIZED)
        assert violations(page) == violations(page) == []
        page.set_viewport_size(PHONE)
        scrolls, unnamed = "scrollable-region-focusable", "button-name"
        assert [one.partition(":")[0] for one in violations(page)] == [unnamed, scrolls]
        page.set_viewport_size(TABLET)
        assert [one.partition(":")[0] for one in violations(page)] == [scrolls]


@pytest.mark.slow("opens every view at three sizes")
def test_every_view_holds_at_three_sizes_in_light_and_dark(chromium: Browser, night: SeededApp) -> None:
    named = furnish(night)
    on: Scheme = "light"
    with tab(chromium, night, LAPTOP, scheme=on) as page:
        sign_in(page, night, "p_root")
        touch = page.context.new_cdp_session(page)
        for view, address in ADDRESSES.items():
            page.set_viewport_size(LAPTOP)
            page.goto(address.format_map(named))
            weighed = page.evaluate(WEIGHTS)
            assert sum(weighed) < BYTES, (view, weighed)
            for size, touched, scheme in SHAPES:
                page.set_viewport_size(size)
                touch.send("Emulation.setTouchEmulationEnabled", {"enabled": touched})
                # The scheme that is on comes first: a change paints the whole view anew.
                for turn in (on, OTHER[on]):
                    page.emulate_media(color_scheme=turn)
                    on = turn
                    look = hold if on == scheme else hold_beside
                    look(page, f"every{view.replace('/', '-')}-{on}")
                coarse, letters = page.evaluate(SEEN)
                assert coarse == touched
                assert all(9 < letter < 18 for letter in letters), (view, size)
            # A desk's pointer is back when the next view comes.
            touch.send("Emulation.setTouchEmulationEnabled", {"enabled": False})
        with night.store.write() as conn:
            meta.put(conn, "mode", "demo")
            meta.put(conn, meta.PLAY_AGAIN, meta.OFFERED)
        page.goto("/")
        for size, touched, scheme in SHAPES:
            page.set_viewport_size(size)
            touch.send("Emulation.setTouchEmulationEnabled", {"enabled": touched})
            page.emulate_media(color_scheme=scheme)
            hold(page, f"every-demo-{scheme}")


@pytest.mark.slow("sends every form")
def test_every_refused_form_holds_on_a_phone(chromium: Browser, night: SeededApp) -> None:
    named = furnish(night) | {"link": link(night)}
    with tab(chromium, night, PHONE, refused=422) as page:
        sign_in(page, night, "p_root")
        for route, (address, typed, _) in FORMS.items():
            if route.endswith("/{id}") and route.replace("{id}", "new") in FORMS:
                # The same template.
                continue
            below = "/channels" if route.endswith("}/channels") else ""
            _refused(page, address.format_map(named) + below, typed)
            assert page.locator(".fault").count(), route
            hold(page, f"refused{route.replace('/', '-')}")
        for route in ("/alerts/{id}/snooze", "/schedules/{id}/handover"):
            address, typed = REFUSED[route]
            _refused(page, address.format_map(named), typed)
            hold(page, f"refused{route.replace('/', '-')}")
        _refused(page, "/setup/brand", {"name": "Ketel", "shown": "x", "own": LONG})
        expect(page.locator("#fault-own pre")).to_contain_text("^")
        hold(page, "refused-query")
    with tab(chromium, night, PHONE, refused=410) as page:
        address, typed = REFUSED["/links/{token}/{action}"]
        page.goto(f"/links/{named['link']}")
        _refused(page, address.format_map(named), typed)
        hold(page, "refused-link")


def _refused(page: Page, address: str, typed: Mapping[str, str]) -> None:
    """The view that comes when this is sent."""
    if "csrf" not in page.content():
        page.goto("/settings")
    # A browser empties a field of times that holds anything else.
    given = {name: "" if name in TIMES and text == ODD else text for name, text in typed.items()}
    with page.expect_navigation():
        page.evaluate(SENT, [address, given])
