"""History in Chromium: a file is uploaded on a phone, its columns are corrected, a check is asked for and followed; with axe."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, ViewportSize, expect

from api import imports
from ops.imports.carrying_out import carry_out
from tests.browser.served import SeededApp, seeded_app, served
from tests.browser.test_page_in_a_browser import LAPTOP, PHONE, Scheme, sign_in, tab
from tests.browser.test_sources_in_a_browser import hold

TABLET: ViewportSize = {"width": 820, "height": 1180}
SHAPES: list[tuple[ViewportSize, Scheme]] = [
    (TABLET, "light"),
    (TABLET, "dark"),
    (LAPTOP, "light"),
    (LAPTOP, "dark"),
    (PHONE, "dark"),
]


def carried_out(night: SeededApp) -> str:
    """Carry out what waits, as the worker does; return its id."""
    job = imports.claim(night.store, night.clock.now())
    assert job is not None
    carry_out(night.runtime, job.id)
    return job.id


@pytest.mark.slow("drives a browser through seven views in six shapes")
def test_a_file_is_uploaded_its_columns_are_corrected_and_its_check_is_followed(
    chromium: Browser, tmp_path: Path
) -> None:
    file = tmp_path / "rapport.csv"
    folder = tmp_path / "home"
    folder.mkdir()
    with seeded_app(folder) as night, served(night):
        day = night.clock.now().strftime("%d/%m/2026")
        file.write_text(f"Wat;Wanneer;Wie\nOrvane ketel lekt;{day} 01:00;ada\nOrvane;geen dag;bob\n")
        with tab(chromium, night) as page:
            sign_in(page, night, "p_root")
            page.goto("/imports")
            hold(page, "imports")
            page.locator("#upload").set_input_files(file)
            page.get_by_role("button", name="Upload").click()
            expect(page.get_by_role("heading", level=1)).to_have_text("uploaded-rapport.csv")
            hold(page, "import-form")
            page.get_by_label("Text", exact=True).select_option("Wat")
            page.get_by_label("Time of the post").select_option("Wanneer")
            page.get_by_label("Author (handle)").select_option("Wie")
            page.get_by_label("How times are written").select_option("dmy")
            page.get_by_role("button", name="Check it").click()
            expect(page.get_by_text("waits for its turn")).to_be_visible()
            hold(page, "import-waits")
            id = carried_out(night)
            # The page renews itself.
            expect(page.get_by_role("button", name="Import it")).to_be_visible()
            expect(page.get_by_text("line 3")).to_be_visible()
            hold(page, "import-checked")
        for size, scheme in SHAPES:
            with tab(chromium, night, size, scheme=scheme) as page:
                sign_in(page, night, "p_root")
                for path in ("/imports", "/imports/new?file=uploaded-rapport.csv", f"/imports/{id}"):
                    page.goto(path)
                    hold(page, f"{path.partition('?')[0].strip('/').replace('/', '-')}-{scheme}")
