"""Dead letters and a held outbox, as a browser draws them and a hand uses them."""

from __future__ import annotations

from typing import Literal

import pytest
from playwright.sync_api import Browser, ViewportSize, expect
from sqlalchemy import select

from alerts.outbox import hold
from tests.browser.served import SeededApp
from tests.browser.test_page_in_a_browser import (
    CONTRAST,
    LAPTOP,
    PHONE,
    SMALL_TARGETS,
    keep,
    sign_in,
    tab,
)
from tocsin.intake.dead_letters import dead_letter_row, record_dead_letter
from tocsin.store import schema as s

HOSTILE = (
    b'{"id": "1", "text": "<b onload=alert(1)> \x1b[31m \xe2\x80\xae", "created_at": "soon", "x": "'
    + b"y" * 900
)


@pytest.fixture
def letter(night: SeededApp) -> str:
    now = night.runtime.clock.now()
    with night.store.write() as conn:
        hold.hold(conn, now, "restored")
        return record_dead_letter(
            conn,
            dead_letter_row(
                now=now,
                source="a-feed-with-a-rather-long-name-indeed",
                reason="bad_time",
                message="created_at 'soon' is no time in ISO 8601, such as 2026-03-01T09:30:00+03:00",
                payload=HOSTILE,
            ),
        )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, LAPTOP], ids=["phone", "laptop"])
def test_letters_and_the_hold_fit_can_be_read_and_can_be_touched(
    chromium: Browser, night: SeededApp, letter: str, size: ViewportSize, scheme: Literal["light", "dark"]
) -> None:
    shape = "phone" if size is PHONE else "laptop"
    with tab(chromium, night, size, scheme=scheme) as page:
        sign_in(page, night, "p_root")
        for name, path in {"letters": "/dead-letters", "letter": f"/dead-letters/{letter}"}.items():
            page.goto(path)
            expect(page.get_by_text("HELD")).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], name
            assert page.evaluate(CONTRAST) == [], f"{name}: too little contrast"
            if size is PHONE:
                assert page.evaluate(SMALL_TARGETS) == [], f"{name}: too small for a thumb"
            keep(page, f"{name}-{shape}-{scheme}")


@pytest.mark.parametrize("person", ["p_vic", "p_pim", "p_ioana"])
def test_the_hold_fits_in_every_language(
    chromium: Browser, night: SeededApp, letter: str, person: str
) -> None:
    with tab(chromium, night) as page:
        sign_in(page, night, person)
        page.goto("/")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        # Only administrators have this button.
        expect(page.locator(".ribbon.blind form")).to_have_count(0)


def test_a_letter_is_mended_and_the_outbox_released_by_hand(
    chromium: Browser, night: SeededApp, letter: str
) -> None:
    with tab(chromium, night, scripts=False) as page:
        sign_in(page, night, "p_root")
        page.get_by_role("link", name="Input that could not be read").click()
        page.get_by_role("link", name="a-feed").click()
        expect(page.locator("pre")).to_contain_text("<b onload=alert(1)> \\x1b[31m \\u202e")
        button = page.get_by_role("button", name="Hand it over again")
        button.click()
        expect(page.get_by_text("It still cannot be read as a mention")).to_be_visible()
        now = night.runtime.clock.now().isoformat()
        page.locator("textarea").fill(f'{{"id": "1", "text": "mended", "created_at": "{now}"}}')
        button.click()
        expect(page.get_by_text("Handed over again: it counts")).to_be_visible()
        page.get_by_role("button", name="Discard the waiting notices").click()
        expect(page.get_by_text("HELD")).to_have_count(0)
    with night.store.read() as conn:
        assert (
            conn.execute(select(s.dead_letters.c.attempts).where(s.dead_letters.c.id == letter)).scalar() == 3
        )
