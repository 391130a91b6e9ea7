"""History in Chromium, on a phone: a file that has no rows is refused, columns are corrected, the import is followed to its end,
and one of its authors is erased; with axe.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from api import erasures, imports
from api.app import create_app
from ops.imports.carrying_out import carry_out
from ops.run import erasures as erasing
from tests.browser.served import SeededApp, seeded_app, served
from tests.browser.test_page_in_a_browser import LAPTOP, sign_in, tab
from tests.browser.test_sources_in_a_browser import hold
from tocsin.settings import Loaded
from tocsin.settings.sections import Imports

ROWS = 240
"""Rows of the report: pieces enough to see the bar move."""
MOST_BYTES = 1024 * 1024


def carried_out(night: SeededApp, page: Page | None = None) -> str:
    """Carry out what waits, as the worker does; return its id. On `page`, the bar stands where the job does after each piece."""
    job = imports.claim(night.store, night.clock.now())
    assert job is not None

    def moved(progress: int, _counts: object) -> None:
        if page is not None:
            page.reload()
            expect(page.get_by_role("progressbar")).to_have_attribute("value", str(progress))

    carry_out(night.runtime, job.id, on_progress=moved)
    return job.id


def upload(page: Page, file: Path, content: bytes) -> None:
    """Send a file of this content, as a person does who has just come to the page."""
    file.write_bytes(content)
    page.goto("/imports")
    page.locator("#upload").set_input_files(file)
    page.get_by_role("button", name="Upload").click()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[SeededApp]:
    """The app of a night that takes files of a megabyte at most."""
    home = tmp_path / "home"
    home.mkdir()
    with seeded_app(home) as one:
        change = {"imports": Imports(upload_max_bytes=MOST_BYTES)}
        one.runtime.loaded = Loaded(one.runtime.settings.model_copy(update=change), {})
        one.app = create_app(one.runtime)
        with served(one):
            yield one


@pytest.mark.slow("brings in a file in a browser, to its end")
def test_history_is_brought_in_from_a_wrong_file_to_the_receipt_of_an_erasure(
    chromium: Browser, house: SeededApp, tmp_path: Path
) -> None:
    day = house.clock.now().strftime("%d/%m/2026")
    rows = [f"Orvane süt şişesi bozuk, iğrenç {n};{day} 01:{n % 60:02};ada{n % 3}" for n in range(ROWS)]
    report = "\n".join(["Ne;Ne zaman;Kim", *rows, "Orvane;gün değil;bob"]) + "\n"
    with tab(chromium, house, refused=422) as page:
        sign_in(page, house, "p_root")
        page.goto("/imports")
        hold(page, "imports")
        upload(page, tmp_path / "too-large.csv", b"Orvane\n" * MOST_BYTES)
        expect(page.get_by_text("The file is larger than 1 MB.")).to_be_visible()
        upload(page, tmp_path / "picture.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40)
        expect(page.get_by_role("heading", level=1)).to_have_text("uploaded-picture.csv")
        expect(page.get_by_role("alert")).to_contain_text("is a picture; give a file of rows")
        expect(page.get_by_role("button", name="Check it")).to_have_count(0)
        hold(page, "import-no-table")

        upload(page, tmp_path / "rapor.csv", report.encode("cp1254"))
        expect(page.get_by_role("heading", level=1)).to_have_text("uploaded-rapor.csv")
        page.get_by_label("Encoding").select_option("utf-8")
        page.get_by_role("button", name="Read it in this encoding").click()
        expect(page.locator("main")).to_contain_text("s\ufffdt")
        page.get_by_label("Encoding").select_option("cp1254")
        page.get_by_role("button", name="Read it in this encoding").click()
        expect(page.locator("main")).to_contain_text("süt şişesi bozuk, iğrenç")
        page.get_by_role("button", name="Check it").click()
        expect(page.locator("#fault-columns")).to_be_visible()
        hold(page, "import-form")
        page.get_by_label("Text", exact=True).select_option("Ne")
        page.get_by_label("Time of the post").select_option("Kim")
        page.get_by_role("button", name="Check it").click()
        expect(page.get_by_text("waits for its turn")).to_be_visible()
        hold(page, "import-waits")
        carried_out(house)
        # The page renews itself, and says of each row what was wrong.
        expect(page.get_by_text("line 2", exact=True)).to_be_visible()
        expect(page.locator("#job dl").get_by_text("0", exact=True).first).to_be_visible()

        page.get_by_role("link", name="Change the columns").click()
        page.get_by_label("Encoding").select_option("cp1254")
        page.get_by_role("button", name="Read it in this encoding").click()
        page.get_by_label("Text", exact=True).select_option("Ne")
        page.get_by_label("Time of the post").select_option("Ne zaman")
        page.get_by_label("Author (handle)").select_option("Kim")
        page.get_by_label("How times are written").select_option("dmy")
        page.get_by_role("button", name="Check it").click()
        expect(page.get_by_text("waits for its turn")).to_be_visible()
        id = carried_out(house)
        expect(page.get_by_role("button", name="Import it")).to_be_visible()
        expect(page.get_by_text(f"line {ROWS + 2}")).to_be_visible()
        hold(page, "import-checked")
        page.get_by_role("button", name="Import it").click()
        expect(page.get_by_role("progressbar")).to_have_attribute("value", "0")
        carried_out(house, page)
        page.reload()
        expect(page.get_by_text("It fills baselines.")).to_be_visible()
        expect(page.locator("#job dl").get_by_text(str(ROWS), exact=True)).to_be_visible()
        hold(page, "import-done")

        page.goto("/erasures")
        for wrong in ("ada7", " "):
            page.get_by_label("Handle or id").fill(wrong)
            page.get_by_role("button", name="Show what would be erased").click()
            expect(page.locator("#fault-value")).to_be_visible()
        page.get_by_label("Handle or id").fill("@ada1")
        page.get_by_role("button", name="Show what would be erased").click()
        expect(page.locator("#found dl").get_by_text(str(ROWS // 3), exact=True)).to_be_visible()
        page.get_by_label("I have checked it").check()
        page.get_by_role("button", name="Erase it").click()
        expect(page.get_by_text("waits for its turn")).to_be_visible()
        job = erasures.claim(house.store, house.clock.now())
        assert job is not None
        erasing.carry_out(house.runtime, job.id)
        # The receipt names nobody.
        expect(page.locator("#job")).to_contain_text("done")
        expect(page.locator("#job dl").get_by_text(str(ROWS // 3), exact=True)).to_be_visible()
        expect(page.locator("#job")).not_to_contain_text("ada1")
    # Every view in every shape is held elsewhere, with a job that waits; here are those that are done.
    with tab(chromium, house, LAPTOP, scheme="dark") as page:
        sign_in(page, house, "p_root")
        for path in ("/imports", f"/imports/{id}"):
            page.goto(path)
            hold(page, f"{path.strip('/').partition('/')[0]}-done-dark")
