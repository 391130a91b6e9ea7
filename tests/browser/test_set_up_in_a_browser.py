"""The set-up in Chromium: from the link that a real `tocsin up` prints in an empty home to a page about a crisis, received by a
real mail server. By thumb on a phone, each step with axe; then by keyboard alone, without scripts.

The taps and the presses are counted, and docs/page.md names them.
"""

from __future__ import annotations

import email
import email.policy
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from api.pages.setup import TAPS
from tests.alerts.peers import SmtpPeer, smtp_peer
from tests.browser.test_page_in_a_browser import LAPTOP, tab
from tests.browser.test_sources_in_a_browser import hold
from tests.contracts.loopback import Loopback, Post
from tests.contracts.loopback import loopback as loopback
from tests.ingest.networks import NETWORKS
from tests.story.live import LOOPBACK, Tocsin, a_tocsin, post, until

CODE = re.compile(r"\b(\d{6})\b")
PAGE = Path(__file__).parents[2] / "docs" / "page.md"
MOST_TABS = 60
BUSY = 120.0
"""Seconds: the browser and the roles share the machine with the other tests."""
MOST_MINUTES = 10
"""The set-up promises so, and a person types slower than a test: the machine's share must be far below."""


@dataclass
class Thumb:
    """A thumb that counts its taps."""

    page: Page
    taps: int = 0

    def tap(self, what: Locator) -> None:
        self.taps += 1
        what.tap()

    def type(self, label: str, text: str) -> None:
        """One tap into the field, then the text."""
        field = self.page.get_by_label(label, exact=True)
        self.tap(field)
        field.fill(text)


@dataclass
class Keys:
    """A keyboard that counts its presses of Tab, Enter and Space; typing a text is not counted."""

    page: Page
    presses: int = 0

    def press(self, key: str) -> None:
        self.presses += 1
        self.page.keyboard.press(key)

    def skip(self) -> None:
        """Past what stands at the top of a view, as its first link offers."""
        self.press("Tab")
        expect(self.page.locator(":focus")).to_have_text("Skip to the content")
        self.press("Enter")

    def reach(self, what: Locator) -> None:
        for _ in range(MOST_TABS):
            self.press("Tab")
            if what.evaluate("one => one === document.activeElement"):
                return
        raise AssertionError(f"{what} is not reached by {MOST_TABS} presses of Tab")

    def enter(self, what: Locator) -> None:
        self.reach(what)
        self.press("Enter")

    def type(self, label: str, text: str) -> None:
        self.reach(self.page.get_by_label(label, exact=True))
        self.page.keyboard.type(text)

    def toggle(self, label: str) -> None:
        self.reach(self.page.get_by_label(label, exact=True))
        self.press("Space")


@pytest.fixture
def post_office() -> Iterator[SmtpPeer]:
    with smtp_peer() as peer:
        yield peer


@pytest.fixture
def empty(tmp_path: Path, post_office: SmtpPeer) -> Iterator[Tocsin]:
    """A `tocsin up` in an empty home, which may listen to loopback and mails by a real server."""
    mail = {"smtp__host": "127.0.0.1", "smtp__port": post_office.port, "smtp__security": "none"}
    fast = {"detection__tick_s": 1, "ingest__allowed_private_networks": LOOPBACK}
    with a_tocsin(tmp_path, **mail, **fast) as one:
        yield one


def subject(peer: SmtpPeer) -> str:
    """The subject of the newest mail. A long one is folded after its name, which reads as a space before it."""
    return str(email.message_from_bytes(peer.messages[-1], policy=email.policy.default)["subject"]).strip()


def arrived(peer: SmtpPeer, count: int) -> str:
    """The subject of this mail, once it has come."""
    until(lambda: len(peer.messages) >= count, f"mail {count} to arrive", BUSY)
    return subject(peer)


def caught_fire(count: int) -> list[dict[str, object]]:
    """What so many people write of a kettle at once."""
    said = "De ketel vloog in brand, gevaarlijk! The ketel caught fire"
    return [post(f"fire-{n}", f"{said} ({n})", author={"id": f"v{n}"}, network="forum") for n in range(count)]


def first_link(empty: Tocsin) -> str:
    """The path of the sign-in link that a first start prints."""
    printed = re.search(r"sign in within 15 minutes: http://[^/]+(/signin/\S+)", empty.up().said())
    assert printed
    return printed[1]


def leaking(loopback: Loopback) -> Loopback:
    """The world of the set-up: a feed in which nine people write of a kettle that leaks."""
    world, now = loopback.begin(NETWORKS["feed"]), datetime.now(UTC)
    world.posts = [Post(n, f"De ketel lekt alweer ({n})", now - timedelta(minutes=n)) for n in range(1, 10)]
    return world


def rings(page: Page, empty: Tocsin, peer: SmtpPeer) -> None:
    """The set-up is whole, and a crisis reaches the mailbox as the third mail."""
    until(lambda: _said(page, "Your monitors hear"), "the feed's posts to be heard", BUSY, every=1)
    expect(page.get_by_text("All four are done")).to_be_visible()
    assert empty.key().push(*caught_fire(8)).status_code == 202
    assert arrived(peer, 3).startswith("SEV1")


def test_an_empty_home_is_set_up_on_a_phone_until_its_page_has_arrived(
    chromium: Browser, empty: Tocsin, post_office: SmtpPeer, loopback: Loopback
) -> None:
    world, link = leaking(loopback), first_link(empty)
    with tab(chromium, empty.url, refused=422) as page:
        thumb, began = Thumb(page), time.monotonic()
        page.goto(link)
        thumb.tap(page.locator("main").get_by_role("button").last)
        expect(page.get_by_role("heading", level=1)).to_have_text("Set-up")
        hold(page, "setup")
        thumb.tap(page.get_by_role("link", name="Go on here"))
        at(page, "The brand", "setup-brand")
        thumb.type("Its name, as people write it", "Ketel")
        thumb.tap(page.get_by_role("button", name="Propose a query"))
        expect(page.get_by_text("job advertisements")).to_be_visible()
        hold(page, "setup-proposed")
        thumb.tap(page.get_by_role("button", name="Save and go on"))
        at(page, "Where to listen", "setup-listen")
        for network in ("bluesky", "mastodon", "lemmy", "hackernews"):
            # This machine reaches nothing outside.
            page.get_by_label(network, exact=True).uncheck()
        row = page.locator("#feed")
        thumb.tap(row.get_by_role("checkbox"))
        thumb.type("Address of the feed: feed", f"{world.url}/feed")
        thumb.tap(row.get_by_role("button", name="Test it"))
        expect(page.locator("mark.hit").first).to_have_text("ketel")
        hold(page, "setup-tested")
        thumb.tap(page.get_by_role("button", name="Save and go on"))
        at(page, "Whom to wake", "setup-wake")
        page.get_by_label("Address", exact=True).fill("nobody")
        page.get_by_role("button", name="Send a code there").click()
        expect(page.locator("#fault-to")).to_be_visible()
        hold(page, "setup-wrong")
        thumb.type("Address", "robin@orvane.example")
        thumb.tap(page.get_by_role("button", name="Send a code there"))
        expect(page.get_by_label("The code that arrived")).to_be_visible()
        code = CODE.search(arrived(post_office, 1))
        assert code and len(post_office.messages) == 1
        hold(page, "setup-code")
        thumb.type("The code that arrived", code[1])
        thumb.tap(page.get_by_role("button", name="It rang"))
        expect(page.get_by_text("Proven: this channel reaches you.")).to_be_visible()
        thumb.tap(page.get_by_role("link", name="Go on to the next step"))
        thumb.tap(page.get_by_role("button", name="Page me now"))
        expect(page.get_by_role("heading", name="What happened to the test page")).to_be_visible()
        assert arrived(post_office, 2).startswith("TEST")
        page.goto("/setup/ring")
        hold(page, "setup-ring")
        thumb.tap(page.get_by_role("button", name="It rang"))
        expect(page.get_by_text("NOT READY")).to_have_count(0)
        rings(page, empty, post_office)
        minutes = (time.monotonic() - began) / 60
        hold(page, "setup-done")
    print(f"{thumb.taps} taps, {minutes:.1f} minutes with each view held against axe")
    assert thumb.taps == TAPS and minutes < MOST_MINUTES


def _said(page: Page, text: str) -> bool:
    """Whether the end of the set-up says so now."""
    page.goto("/setup")
    return page.get_by_text(text).count() > 0


def at(page: Page, heading: str, name: str) -> None:
    """The view with this heading has come, and holds."""
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    hold(page, name)


def test_an_empty_home_is_set_up_by_keyboard_alone_and_without_scripts_until_its_page_has_arrived(
    chromium: Browser, empty: Tocsin, post_office: SmtpPeer, loopback: Loopback
) -> None:
    world, link = leaking(loopback), first_link(empty)
    with tab(chromium, empty.url, LAPTOP, scripts=False) as page:
        keys = Keys(page)
        heading = page.get_by_role("heading", level=1)
        page.goto(link)
        keys.enter(page.locator("main").get_by_role("button").last)
        expect(heading).to_have_text("Set-up")
        keys.skip()
        keys.enter(page.get_by_role("link", name="Go on here"))
        expect(heading).to_have_text("The brand")
        keys.skip()
        keys.type("Its name, as people write it", "Ketel")
        keys.enter(page.get_by_role("button", name="Propose a query"))
        expect(page.get_by_text("job advertisements")).to_be_visible()
        keys.skip()
        keys.enter(page.get_by_role("button", name="Save and go on"))
        expect(heading).to_have_text("Where to listen")
        keys.skip()
        keys.toggle("bluesky")
        keys.toggle("mastodon")
        keys.toggle("feed")
        keys.type("Address of the feed: feed", f"{world.url}/feed")
        keys.enter(page.locator("#feed").get_by_role("button", name="Test it"))
        expect(page.locator("mark.hit").first).to_have_text("ketel")
        keys.skip()
        keys.enter(page.get_by_role("button", name="Save and go on"))
        expect(heading).to_have_text("Whom to wake")
        keys.skip()
        keys.type("Address", "robin@orvane.example")
        keys.enter(page.get_by_role("button", name="Send a code there"))
        expect(page.get_by_label("The code that arrived")).to_be_visible()
        code = CODE.search(arrived(post_office, 1))
        assert code
        # The address leads to the channels, past what stands at the top.
        keys.type("The code that arrived", code[1])
        keys.enter(page.get_by_role("button", name="It rang"))
        expect(page.get_by_text("Proven: this channel reaches you.")).to_be_visible()
        keys.enter(page.get_by_role("link", name="Go on to the next step"))
        expect(heading).to_have_text("Did it ring?")
        # What is missing stands at the top with its links, until the feed was heard.
        keys.skip()
        keys.enter(page.get_by_role("button", name="Page me now"))
        expect(page.get_by_role("heading", name="What happened to the test page")).to_be_visible()
        assert arrived(post_office, 2).startswith("TEST")
        keys.skip()
        keys.enter(page.get_by_role("button", name="It rang"))
        expect(page.get_by_text("NOT READY")).to_have_count(0)
        rings(page, empty, post_office)
    print(f"{keys.presses} presses of Tab, Enter and Space")
    assert f"{keys.presses} presses of Tab, Enter and Space" in PAGE.read_text("utf-8")
