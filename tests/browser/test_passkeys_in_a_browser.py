"""Passkeys in Chromium, with its own virtual authenticator: made on one's page, and used to sign in."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect

from tests.api.test_getting_in import change
from tests.browser.served import SeededApp, seeded_app, served
from tests.browser.test_page_in_a_browser import sign_in, tab
from tests.browser.test_sources_in_a_browser import hold


@pytest.fixture
def house(tmp_path: Path) -> Iterator[SeededApp]:
    """The seeded app at an address with a name: passkeys are made for names."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        origin = f"http://localhost:{listener.getsockname()[1]}"
        with seeded_app(tmp_path, origin=origin) as one, served(one, listener):
            change(one, language=None)
            one.address = origin
            yield one


def device(page: Page) -> tuple[CDPSession, str]:
    """A device in the browser that keeps passkeys, and whose lock opens."""
    cdp = page.context.new_cdp_session(page)
    cdp.send("WebAuthn.enable")
    made = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    return cdp, cdp.send("WebAuthn.addVirtualAuthenticator", {"options": made})["authenticatorId"]


def test_a_passkey_is_made_on_a_phone_and_signs_in_without_a_name(
    chromium: Browser, house: SeededApp
) -> None:
    with tab(chromium, house, refused=403) as page:
        cdp, id = device(page)
        sign_in(page, house)
        page.goto("/me")
        page.get_by_label("Name of the new passkey").fill("work phone")
        page.get_by_role("button", name="Make a passkey").click()
        expect(page.get_by_text("The passkey is kept.")).to_be_visible()
        (kept,) = cdp.send("WebAuthn.getCredentials", {"authenticatorId": id})["credentials"]
        assert kept["rpId"] == "localhost" and kept["isResidentCredential"]
        hold(page, "me-passkeys")
        # The device has one already.
        page.get_by_role("button", name="Make a passkey").click()
        expect(page.get_by_text("No passkey was used.")).to_be_visible()
        hold(page, "me-passkeys-failed")
        page.get_by_role("button", name="Sign out", exact=True).first.click()
        expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_visible()
        hold(page, "signin-passkey")
        cdp.send("WebAuthn.setUserVerified", {"authenticatorId": id, "isUserVerified": False})
        page.get_by_role("button", name="Sign in with a passkey").click()
        expect(page.get_by_text("No passkey was used.")).to_be_visible()
        cdp.send("WebAuthn.setUserVerified", {"authenticatorId": id, "isUserVerified": True})
        page.get_by_role("button", name="Sign in with a passkey").click()
        expect(page.get_by_role("link", name="Ada Yılmaz")).to_be_visible()
        page.goto("/me")
        expect(page.get_by_text("last used")).to_be_visible()
        page.locator("#passkeys").get_by_role("button", name="Remove it").click()
        expect(page.get_by_text("Removed.")).to_be_visible()
        page.get_by_role("button", name="Sign out", exact=True).first.click()
        page.get_by_role("button", name="Sign in with a passkey").click()
        expect(page.get_by_text("This passkey belongs to nobody here.")).to_be_visible()
        hold(page, "signin-passkey-refused")


def test_at_another_address_the_page_says_where_passkeys_work(chromium: Browser, house: SeededApp) -> None:
    named = house.address
    house.address = named.replace("localhost", "127.0.0.1")
    with tab(chromium, house) as page:
        sign_in(page, house)
        page.goto("/me")
        expect(page.get_by_role("link", name=named)).to_be_visible()
        expect(page.get_by_role("button", name="Make a passkey")).to_have_count(0)
