"""The page as a person meets it: in Chromium, on a phone and on a laptop, by day and by night, with and without scripts.

TOCSIN_SCREENSHOTS=FOLDER keeps a picture of every page. `python -m tests.browser.pictures docs/images` makes the README's
pictures.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Browser, Page, Route, ViewportSize, expect
from sqlalchemy import select, update

from alerts.alert import get
from tests.browser.pictures import LARGEST_BYTES, PICTURES, make_pictures
from tests.browser.served import SeededApp, seeded_app, served
from tocsin.core.clock import MINUTE, minute_of
from tocsin.core.facets import FACETS
from tocsin.store import schema as s
from tocsin.store.words import words_of

PHONE: ViewportSize = {"width": 360, "height": 740}
LAPTOP: ViewportSize = {"width": 1280, "height": 800}
PAGES = {
    "overview": "/",
    "alert": "/alerts/al_crisis",
    "alerts": "/alerts",
    "queue": "/escalations",
    "escalation": "/escalations/es_pr",
    "monitors": "/monitors",
    "monitor": "/monitors/m_orvane",
    "new-monitor": "/monitors/new",
    "mentions": "/mentions",
    "me": "/me",
    "wall": "/wall",
}
Scheme = Literal["light", "dark"]

CONTRAST = (Path(__file__).parent / "contrast.js").read_text("utf-8")
SMALL_TARGETS = """() => [...document.querySelectorAll("main button, main summary, .tabs a, main select, main input[type=text]")]
  .filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 43.5).map((e) => e.outerHTML.slice(0, 80))"""


@contextmanager
def tab(
    browser: Browser,
    one: SeededApp | str,
    size: ViewportSize = PHONE,
    *,
    scheme: Scheme = "light",
    scripts: bool = True,
    refused: int | None = None,
) -> Iterator[Page]:
    """A fresh browser window on an app, or at an address. Any message on its console fails the test, except for the one status
    that is expected.
    """
    context = browser.new_context(
        viewport=size,
        color_scheme=scheme,
        java_script_enabled=scripts,
        base_url=one if isinstance(one, str) else one.address,
        has_touch=size is PHONE,
    )
    page = context.new_page()
    page.set_default_timeout(15_000)
    complaints: list[str] = []
    page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda e: complaints.append(str(e)))
    # A request that a navigation breaks off is no failure. Navigation breaks off the stream of events by design.
    page.on(
        "requestfailed",
        lambda r: (
            complaints.append(r.url)
            if "/v1/events" not in r.url and r.failure != "net::ERR_ABORTED"
            else None
        ),
    )
    try:
        yield page
    finally:
        context.close()
    assert [c for c in complaints if refused is None or f"status of {refused} " not in c] == []


def sign_in(page: Page, one: SeededApp, person: str = "p_ada") -> None:
    page.goto(f"/signin/{one.signin_token(person)}")
    page.locator("main").get_by_role("button").last.click()
    expect(page.get_by_role("heading", level=2).first).to_be_visible()


def keep(page: Page, name: str) -> None:
    folder = os.environ.get("TOCSIN_SCREENSHOTS")
    if folder:
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


@pytest.mark.parametrize("size", [PHONE, LAPTOP], ids=["phone", "laptop"])
def test_a_tired_person_signs_in_reads_and_acknowledges_without_scripts(
    chromium: Browser, night: SeededApp, size: ViewportSize
) -> None:
    with tab(chromium, night, size, scripts=False) as page:
        sign_in(page, night)
        page.get_by_role("link", name="Orvane baby food").first.click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Orvane baby food")
        expect(page.get_by_text("214 mentions, 12 expected").first).to_be_visible()
        expect(page.get_by_text("Kuzey Haber").first).to_be_visible()
        button = page.get_by_role("button", name="Acknowledge")
        box = button.bounding_box()
        assert box and box["y"] + box["height"] <= size["height"], "reached without scrolling"
        # What it is about stands on the first screen, too: trigger, figures, span, and the top post of somebody else.
        for told in (".claim", ".story", "blockquote.lead"):
            seen = page.locator(told).first.bounding_box()
            assert seen and seen["y"] + seen["height"] <= size["height"], told
        button.click()
        expect(page.get_by_role("status").filter(has_text="It is yours now")).to_be_visible()
        expect(page.get_by_text("Ada Yılmaz has it").first).to_be_visible()
        page.locator("summary", has_text="Escalate to PR or Legal").click() if not page.get_by_label(
            "Why, in a sentence"
        ).first.is_visible() else None
        page.get_by_label("both", exact=True).check()
        page.locator("form[action$='/escalate'] textarea").fill("Three parents, one batch.")
        page.locator("form[action$='/escalate'] button").click()
        expect(page.get_by_role("heading", name="With PR or Legal")).to_be_visible()
    with night.store.read() as conn:
        assert get(conn, "al_crisis").status == "escalated"


@pytest.mark.parametrize("person", ["p_vic", "p_pim", "p_ioana"])
def test_no_language_breaks_the_phones_page(chromium: Browser, night: SeededApp, person: str) -> None:
    with tab(chromium, night) as page:
        sign_in(page, night, person)
        language = page.evaluate("document.documentElement.lang")
        assert language in ("tr", "nl", "ro")
        for name, path in PAGES.items():
            if name == "new-monitor":
                continue
            page.goto(path)
            assert page.evaluate("document.documentElement.scrollWidth") <= 360, f"{name} in {language}"
            keep(page, f"{name}-phone-{language}")


def test_a_name_of_many_letters_fits_the_phone(chromium: Browser, night: SeededApp) -> None:
    name = "Çokuzunmarkaadı" * 6
    with night.store.write() as conn:
        defined = conn.execute(select(s.definitions.c.definition).where(s.definitions.c.id == "m_orvane"))
        body = {**defined.scalar_one(), "name": name}
        mine = update(s.definitions).where(s.definitions.c.id == "m_orvane")
        conn.execute(mine.values(name=name, definition=body))
        conn.execute(update(s.alerts).values(monitor=name))
    with tab(chromium, night) as page:
        sign_in(page, night, "p_root")
        for path in ("/", "/alerts", "/escalations", "/monitors", "/monitors/m_orvane", "/alerts/al_crisis"):
            page.goto(path)
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path


def test_no_page_scrolls_sideways_where_a_phone_shows_its_letters_at_twice_the_size(
    chromium: Browser, night: SeededApp
) -> None:
    with tab(chromium, night) as page:
        sign_in(page, night, "p_root")
        page.set_viewport_size({"width": 180, "height": 370})
        for path in (
            "/",
            "/monitors",
            "/monitors/new",
            "/sources/new",
            "/sources/new?kind=imap",
            "/settings",
        ):
            page.goto(path)
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
        page.goto("/sources/new")
        name = page.get_by_role("link", name="appstore").bounding_box()
        assert name and name["width"] > name["height"], "the name of a kind stands on one line"


def test_a_page_that_nobody_renews_any_more_says_so_instead_of_looking_calm(
    chromium: Browser, night: SeededApp
) -> None:
    with tab(chromium, night, refused=503) as page:
        sign_in(page, night)
        page.goto("/")
        page.clock.install()
        page.goto("/")
        ribbon = page.locator("#no-answer")
        expect(ribbon).to_be_hidden()

        def away(route: Route) -> None:
            route.fulfill(status=503, body="away")

        page.route(f"{night.address}/", away)
        page.clock.fast_forward(25_000)
        expect(ribbon).to_be_hidden()
        page.clock.fast_forward(25_000)
        expect(ribbon).to_contain_text(
            re.compile(
                r"NO ANSWER Tocsin has not answered since \d\d:\d\d\. What this page shows may be old\."
            )
        )
        keep(page, "overview-without-an-answer-phone")
        page.unroute(f"{night.address}/", away)
        page.clock.fast_forward(25_000)
        expect(ribbon).to_be_hidden()


def test_the_keyboard_alone_is_enough(chromium: Browser, night: SeededApp) -> None:
    with tab(chromium, night, LAPTOP) as page:
        sign_in(page, night)
        page.goto("/alerts/al_crisis")
        page.keyboard.press("Tab")
        expect(page.locator(":focus")).to_have_text("Skip to the content")
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        expect(page.locator(":focus")).to_have_text("Acknowledge")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", "where the focus is can be seen"
        page.goto("/")
        page.keyboard.press("a")
        expect(page.locator(":focus")).to_contain_text("Acknowledge")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status").filter(has_text="It is yours now")).to_be_visible()


def test_the_link_in_a_notice_is_one_tap_without_signing_in(chromium: Browser, night: SeededApp) -> None:
    with tab(chromium, night, scripts=False) as page:
        page.goto(f"/links/{night.action_token()}")
        keep(page, "link-phone-light")
        page.get_by_role("button", name="Acknowledge as Ada Yılmaz").click()
        expect(page.get_by_text("It is yours now")).to_be_visible()


def test_hurtful_words_are_shown_when_asked_for(chromium: Browser, night: SeededApp) -> None:
    with tab(chromium, night, scripts=False) as page:
        sign_in(page, night)
        page.goto("/alerts/al_crisis")
        threat = page.get_by_text("foc la birouri")
        expect(threat).to_be_hidden()
        page.get_by_text("Possibly hurtful: show the post").click()
        expect(threat).to_be_visible()


def test_a_mention_is_corrected_with_one_tap_and_what_was_learnt_is_rolled_back(
    chromium: Browser, night: SeededApp
) -> None:
    learnable(night)
    with tab(chromium, night, scripts=False) as page:
        sign_in(page, night)
        page.goto("/mentions?monitor=m_orvane")
        for number in range(5):
            post = page.locator("li.post", has_text=f"number {number} of many")
            expect(post.locator(".tone")).to_have_text("negative")
            post.get_by_role("button", name="positive").click()
            expect(post.locator(".tone")).to_have_text("positive")
        page.goto("/monitors/m_orvane")
        page.get_by_role("button", name="Learn from them").click()
        expect(
            page.get_by_text("Of 5 corrected mentions, 0 were right before and 5 are right now.")
        ).to_be_visible()
        expect(page.get_by_text("in use", exact=True)).to_be_visible()
        page.get_by_role("button", name="Roll back to the common model").click()
        expect(page.get_by_text("in use", exact=True)).to_have_count(0)
        expect(page.get_by_role("button", name="Use this one")).to_be_visible()


def learnable(night: SeededApp) -> None:
    """Give a monitor five mentions that the common model takes for complaints."""
    nothing: dict[str, list[str]] = {facet: [] for facet in FACETS}
    with night.store.write() as conn:
        for number in range(5):
            text = f"orvane is insanely sick, wicked, brutal number {number} of many"
            at = night.clock.now() - (number + 1) * MINUTE
            shared = {
                "source": "forum",
                "id": f"l{number}",
                "created_at": at,
                "label": "negative",
                "lang": "en",
            }
            shared |= {
                "network": "forum",
                "signature": number + 1,
                "repost": False,
                "triggers": [],
                **nothing,
            }
            mention = {"hash": "0" * 16, "text": text, "truncated": False, "score_e4": -1, "confidence_e4": 1}
            match = {"monitor_id": "m_orvane", "minute": minute_of(at), "partition": 0, "reach": 1}
            night.store.insert_new(conn, s.mentions, [shared | mention | {"words": words_of(None, text)}])
            night.store.insert_new(conn, s.matches, [shared | match])


def test_the_overview_renews_itself_when_something_happens(chromium: Browser, night: SeededApp) -> None:
    with tab(chromium, night, LAPTOP) as page, tab(chromium, night) as other:
        with page.expect_request("**/v1/events"):
            sign_in(page, night)
        expect(page.get_by_text("unanswered")).to_have_count(1)
        sign_in(other, night, "p_root")
        other.goto("/alerts/al_crisis")
        other.get_by_role("button", name="Acknowledge").click()
        expect(page.get_by_text("Robin Admin has it")).to_be_visible(timeout=30_000)
        expect(page.get_by_text("unanswered")).to_have_count(0)


def test_somebody_elses_change_is_explained_on_a_page_that_leads_back(
    chromium: Browser, night: SeededApp
) -> None:
    with (
        tab(chromium, night, LAPTOP, scripts=False, refused=412) as slow,
        tab(chromium, night, LAPTOP, scripts=False) as fast,
    ):
        sign_in(slow, night)
        sign_in(fast, night, "p_root")
        slow.goto("/alerts/al_crisis")
        fast.goto("/alerts/al_crisis")
        fast.locator("summary", has_text="Dismiss").click()
        fast.get_by_label("Reason").select_option("handled")
        fast.locator("form[action$='/dismiss'] button").click()
        expect(fast.get_by_role("status").filter(has_text="Dismissed.")).to_be_visible()
        slow.locator("summary", has_text="Snooze").click()
        with slow.expect_response("**/snooze") as answer:
            slow.locator("form[action$='/snooze'] button").click()
        assert answer.value.status == 412
        expect(slow.get_by_text("Robin Admin, dismissed")).to_be_visible()
        slow.get_by_role("link", name="Look again").click()
        expect(slow.get_by_role("heading", level=1)).to_have_text("Orvane baby food")


def test_a_refused_form_begins_at_the_field_that_is_wrong(chromium: Browser, night: SeededApp) -> None:
    with tab(chromium, night, refused=422) as page:
        sign_in(page, night, "p_root")
        page.goto("/people/new")
        page.get_by_label("Name").fill("Zed")
        zone = page.get_by_label("Time zone")
        zone.fill("Mars")
        page.get_by_role("button", name="Save").click()
        expect(page.locator("#fault-timezone")).to_be_visible()
        expect(zone).to_be_focused()
        page.keyboard.press("Control+a")
        page.keyboard.type("UTC")
        page.keyboard.press("Enter")
        expect(page.locator(".flash")).to_have_text("Saved.")


def test_back_to_a_refused_form_shows_the_form_and_asks_for_nothing(
    chromium: Browser, night: SeededApp
) -> None:
    """A browser asks whether to send a form again where it goes back to the answer of one."""
    with tab(chromium, night, refused=422) as page:
        sign_in(page, night, "p_root")
        page.goto("/people/new")
        page.get_by_label("Name").fill("Zed")
        page.get_by_label("Time zone").fill("Mars")
        page.get_by_role("button", name="Save").click()
        expect(page.locator("#fault-timezone")).to_be_visible()
        page.goto("/alerts")
        answer = page.go_back()
        assert answer is not None and answer.request.method == "GET" and answer.status == 200
        expect(page.get_by_label("Time zone")).to_be_visible()
        page.reload()
        expect(page.locator("#fault-timezone")).to_have_count(0)


def test_a_wrong_query_is_pointed_at_where_it_is_wrong(chromium: Browser, night: SeededApp) -> None:
    with tab(chromium, night, scripts=False, refused=422) as page:
        sign_in(page, night)
        page.goto("/monitors/new")
        page.get_by_label("Name").fill("Porridge")
        page.get_by_label("Words to listen for").fill('orvane AND "porridge')
        page.get_by_role("button", name="Save").click()
        expect(page.locator("#fault-query pre")).to_contain_text("^")
        expect(page.get_by_label("Words to listen for")).to_have_attribute("aria-invalid", "true")
        keep(page, "wrong-query-phone-light")
        page.get_by_label("Words to listen for").fill("orvane AND porridge")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Porridge")
    with night.store.read() as conn:
        names = (
            conn.execute(select(s.definitions.c.name).where(s.definitions.c.kind == "monitor"))
            .scalars()
            .all()
        )
    assert "Porridge" in names


def test_what_a_query_hears_is_shown_while_it_is_typed_and_a_late_answer_never_wins(
    chromium: Browser, night: SeededApp
) -> None:
    held: list[Route] = []
    asked: list[str] = []

    def slow(route: Route) -> None:
        if route.request.method != "POST":
            route.continue_()
            return
        asked.append(parse_qs(route.request.post_data or "")["query"][0])
        if len(asked) == 1:
            held.append(route)
        else:
            route.continue_()

    with tab(chromium, night, refused=422) as page:
        sign_in(page, night)
        page.route("**/monitors/new", slow)
        page.goto("/monitors/new")
        field = page.get_by_label("Words to listen for")
        with page.expect_request(lambda request: request.method == "POST"):
            field.press_sequentially("kuzey", delay=5)
        field.fill("plastic or plastik")
        held[0].continue_()
        expect(page.locator("#warnings mark.hit")).to_have_text("or")
        expect(page.locator("#live-said")).to_contain_text("the operator is written OR.")
        assert "kuzey" not in page.locator("#tried-now").inner_text().lower(), "the late answer was dropped"
        expect(field).to_be_focused()
        field.fill("plastic OR plastik")
        expect(page.locator("#tried mark.hit").first).to_have_text(re.compile("plasti[ck]", re.IGNORECASE))
        keep(page, "query-tried-phone-light")
        field.fill('plastic "')
        expect(page.locator("#fault-query pre")).to_contain_text("^")
        expect(field).to_have_attribute("aria-describedby", "fault-query")
        assert page.locator("#query-said [role=alert]").count() == 0
        assert len(asked) == 4, "one asking for each pause, and none while another is on its way"


def test_an_empty_house_can_be_begun_from_a_phone(chromium: Browser, tmp_path: Path) -> None:
    with seeded_app(tmp_path, empty=True) as one, served(one), tab(chromium, one) as page:
        sign_in(page, one)
        keep(page, "empty-phone-light")
        page.get_by_role("link", name="New monitor").first.click()
        expect(page.get_by_role("heading", level=1)).to_have_text("New monitor")


def test_paper_shows_the_alert_without_the_buttons(chromium: Browser, night: SeededApp) -> None:
    with tab(chromium, night, LAPTOP) as page:
        sign_in(page, night)
        page.goto("/alerts/al_crisis")
        page.emulate_media(media="print")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        for hidden in page.locator("button").all():
            expect(hidden).to_be_hidden()


def test_the_readmes_pictures_can_be_made_and_are_small(chromium: Browser, tmp_path: Path) -> None:
    made = make_pictures(chromium, tmp_path)
    assert {one.name for one in made} == set(PICTURES)
    assert all(5_000 < one.stat().st_size < LARGEST_BYTES for one in made)


def test_every_picture_that_the_readme_may_show_is_there() -> None:
    folder = Path(__file__).parents[2] / "docs" / "images"
    assert {one.name for one in folder.glob("*.png")} == set(PICTURES)
