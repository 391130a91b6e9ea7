"""Two people edit one definition: the second chooses in Chromium, on a phone, field by field."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from tests.api.test_getting_in import change
from tests.browser.served import SeededApp
from tests.browser.test_page_in_a_browser import sign_in, tab
from tests.browser.test_sources_in_a_browser import hold
from tocsin.definitions.models import Person
from tocsin.definitions.repository import find


def test_the_second_of_two_edits_is_chosen_on_a_phone(chromium: Browser, night: SeededApp) -> None:
    with tab(chromium, night, refused=409) as page:
        sign_in(page, night, "p_root")
        page.goto("/people/p_pim")
        change(night, "p_pim", email="pim@orvane.example", quiet_hours=("22:00", "07:00"))
        page.get_by_label("E-mail (for sign-in links").fill("typed@orvane.example")
        page.get_by_label("Time zone").fill("Europe/Istanbul")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("changed it at")).to_be_visible()
        hold(page, "two-edits")
        expect(page.get_by_role("radio", name="Time zone, Yours")).to_be_checked()
        expect(
            page.get_by_role("radio", name="Quiet hours (a crisis rings all the same), Theirs")
        ).to_be_checked()
        page.get_by_role("radio", name="e-mail, Theirs").check()
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("Saved.")).to_be_visible()
    with night.store.read() as conn:
        pim = find(conn, Person, "p_pim").value
    assert (pim.email, pim.timezone, pim.quiet_hours) == (
        "pim@orvane.example",
        "Europe/Istanbul",
        ("22:00", "07:00"),
    )
