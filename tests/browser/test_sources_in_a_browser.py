"""Sources as an admin meets them in Chromium: one is added, tried, changed and ended; every page of it is held against axe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from api.app import create_app
from tests.browser.axe import of_contrast_beside, violations
from tests.browser.served import SeededApp, seeded_app, served
from tests.browser.test_page_in_a_browser import CONTRAST, LAPTOP, PHONE, SMALL_TARGETS, keep, sign_in, tab
from tests.contracts.loopback import INGEST, Loopback, posts
from tests.contracts.loopback import loopback as loopback
from tests.ingest.networks import NETWORKS
from tocsin.settings import Loaded

OVERLAPPING = """() => {
  const all = [...document.querySelectorAll("main button, main input[type=text]")]
    .filter((e) => e.checkVisibility()).map((e) => [e, e.getBoundingClientRect()]);
  const meet = (p, q) => p.left < q.right - 1 && q.left < p.right - 1 && p.top < q.bottom - 1 && q.top < p.bottom - 1;
  return all.flatMap(([a, p], n) => all.slice(n + 1).filter(([b, q]) => meet(p, q))
    .map(([b]) => a.outerHTML.slice(0, 60) + " and " + b.outerHTML.slice(0, 60)));
}"""
LOOK = f"""() => [document.documentElement.scrollWidth, ({CONTRAST})(), ({OVERLAPPING})(), ({SMALL_TARGETS})()]"""
"""All of `hold_beside` but axe."""


@pytest.fixture
def hearing(tmp_path: Path) -> Iterator[SeededApp]:
    """An app that may listen to loopback."""
    with seeded_app(tmp_path) as one:
        settings = one.runtime.settings.model_copy(update={"ingest": INGEST})
        one.runtime.loaded = Loaded(settings, {})
        one.app = create_app(one.runtime)
        with served(one):
            yield one


def hold(page: Page, name: str) -> None:
    """Fits, can be read, can be touched, and axe finds nothing."""
    hold_beside(page, name)
    assert violations(page) == [], name


def hold_beside(page: Page, name: str) -> None:
    """Fits, can be read and touched, in a second scheme too: what `hold` looks at beside it depends on no colour."""
    width = page.viewport_size["width"] if page.viewport_size else 0
    contrast, (wide, pale, over, small) = of_contrast_beside(page, LOOK)
    assert wide <= width, f"{name} scrolls sideways"
    assert pale == [], f"{name}: too little contrast"
    assert contrast == [], name
    assert over == [], f"{name}: one lies over another"
    if width == PHONE["width"]:
        assert small == [], f"{name}: too small for a thumb"
    keep(page, f"{name}-{width}")


def test_an_admin_adds_tries_changes_and_ends_a_source(
    chromium: Browser, hearing: SeededApp, loopback: Loopback
) -> None:
    world = loopback.begin(NETWORKS["feed"])
    world.posts = posts(9)
    with tab(chromium, hearing, refused=422) as page:
        sign_in(page, hearing, "p_root")
        page.goto("/sources/new")
        hold(page, "source-kinds")
        page.locator("a[href='/sources/new?kind=feed']").first.click()
        hold(page, "source-form")
        page.get_by_label("Name").fill("forum")
        page.get_by_label("Address").fill("nowhere")
        page.get_by_role("button", name="Save").click()
        expect(page.locator("[id='fault-s.url']")).to_be_visible()
        hold(page, "source-fault")
        page.get_by_label("Address").fill(f"{world.url}/feed")
        page.get_by_role("button", name="Try it").click()
        expect(page.get_by_text("De ketel lekt alweer (9)")).to_be_visible()
        hold(page, "source-tried")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()
        hold(page, "source")
        page.get_by_role("button", name="Show its newest posts").click()
        expect(page.get_by_text("De ketel lekt alweer (5)")).to_be_visible()
        page.get_by_role("link", name="Edit").click()
        expect(page.get_by_label("Address")).to_have_value(f"{world.url}/feed")
        page.get_by_label("Listening").uncheck()
        page.get_by_role("textbox", name="Language").fill("nl")
        hold(page, "source-edit")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()
        page.get_by_role("link", name="Edit").click()
        expect(page.get_by_role("textbox", name="Language")).to_have_value("nl")
        expect(page.get_by_label("Listening")).not_to_be_checked()
        page.get_by_text("End this source").click()
        page.get_by_role("button", name="End it").click()
        expect(page.get_by_role("heading", level=2).first).to_be_visible()
        page.goto("/")
        expect(page.get_by_role("link", name="forum", exact=True)).to_have_count(0)


def test_the_form_of_a_kind_with_many_settings_fits_a_laptop(chromium: Browser, hearing: SeededApp) -> None:
    with tab(chromium, hearing, LAPTOP, scheme="dark") as page:
        sign_in(page, hearing, "p_root")
        page.goto("/sources/new?kind=x_stream")
        hold(page, "source-many")
