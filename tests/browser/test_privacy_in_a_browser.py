"""Retention and erasure in Chromium, on a phone: light, dark and without scripts; with axe."""

from __future__ import annotations

from datetime import timedelta

from playwright.sync_api import Browser, expect
from sqlalchemy import select

from api import erasures
from ops.run.erasures import carry_out
from processors.retention_runs import work_on
from tests.browser.served import SeededApp
from tests.browser.test_page_in_a_browser import PHONE, sign_in, tab
from tests.browser.test_sources_in_a_browser import hold
from tocsin.settings import Settings
from tocsin.store import schema as s


def test_what_is_kept_and_a_run_under_way_on_a_phone(chromium: Browser, night: SeededApp) -> None:
    now = night.clock.now()
    rows = [
        {"source": "s", "id": str(n), "created_at": now - timedelta(days=3), "rate": 1.0, "mention": {}}
        for n in range(700)
    ]
    with night.store.write() as conn:
        night.store.insert_new(conn, s.samples, rows)
    with tab(chromium, night, PHONE, scheme="dark") as page:
        sign_in(page, night, "p_root")
        page.goto("/retention")
        page.get_by_role("button", name="Run it now").click()
        expect(page.get_by_text("A run is under way: 0%")).to_be_visible()
        work_on(night.store, now, Settings())
        expect(page.get_by_role("progressbar")).not_to_have_attribute("value", "0", timeout=15_000)
        expect(page.get_by_text("A run is under way")).to_be_visible()
        hold(page, "retention-dark")
        while work_on(night.store, now, Settings()):
            pass
        # The page follows the run by itself.
        expect(page.get_by_role("button", name="Run it now")).to_be_visible(timeout=15_000)
        expect(page.locator("#runs tbody tr").first).to_contain_text("Robin Admin")
        hold(page, "retention-done-dark")


def test_an_author_is_erased_on_a_phone_without_scripts(chromium: Browser, night: SeededApp) -> None:
    m = s.mentions.c
    with night.store.read() as conn:
        handle = conn.execute(
            select(m.author_handle).where(m.author_handle.is_not(None)).limit(1)
        ).scalar_one()
    with tab(chromium, night, PHONE, scripts=False) as page:
        sign_in(page, night, "p_root")
        page.goto("/erasures")
        page.get_by_label("Handle or id").fill(f"@{handle}")
        page.get_by_role("button", name="Show what would be erased").click()
        expect(page.get_by_role("heading", name="What would be erased")).to_be_visible()
        page.get_by_label("I have checked it").check()
        page.get_by_role("button", name="Erase it").click()
        expect(page.get_by_text("waits for its turn")).to_be_visible()
        address = page.url
    job = erasures.claim(night.store, night.clock.now())
    assert job is not None
    carry_out(night.runtime, job.id)
    with tab(chromium, night, PHONE) as page:
        sign_in(page, night, "p_root")
        page.goto(address)
        expect(page.get_by_text("done", exact=False).first).to_be_visible()
        hold(page, "erasure-done")
        page.goto("/erasures")
        hold(page, "erasures")
