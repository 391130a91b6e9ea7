"""The pictures in the README and docs/page.md: `python -m tests.browser.pictures docs/images`.

The pictures show the seeded night, so they are the same at every run on one machine.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, ViewportSize, sync_playwright

from tests.browser.conftest import ARGUMENTS, NAMES
from tests.browser.served import seeded_app, served

LARGEST_BYTES = 300_000
PHONE: ViewportSize = {"width": 360, "height": 740}
LAPTOP: ViewportSize = {"width": 1280, "height": 800}
PICTURES: dict[str, tuple[str, ViewportSize, str]] = {
    "overview.png": ("/", {"width": 1280, "height": 1080}, "light"),
    "alert-phone.png": ("/alerts/al_crisis", PHONE, "light"),
    "alert-dark.png": ("/alerts/al_crisis", {"width": 1280, "height": 1160}, "dark"),
    "queue-phone.png": ("/escalations", PHONE, "dark"),
    "escalation.png": ("/escalations/es_pr", LAPTOP, "light"),
}


def make_pictures(browser: Browser, folder: Path) -> list[Path]:
    """Draw every picture into the folder; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    with tempfile.TemporaryDirectory() as data, seeded_app(Path(data)) as one, served(one):
        for name, (path, size, scheme) in PICTURES.items():
            context = browser.new_context(
                viewport=size, base_url=one.address, color_scheme="dark" if scheme == "dark" else "light"
            )
            page = context.new_page()
            page.goto(f"/signin/{one.signin_token()}")
            page.locator("main").get_by_role("button").last.click()
            page.goto(path)
            page.screenshot(path=str(folder / name))
            made.append(folder / name)
            context.close()
    return made


def main() -> None:
    """Draw the pictures into the folder named on the command line."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.browser.pictures FOLDER")
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        sys.exit("no Chromium on this machine (Debian: apt-get install chromium-headless-shell)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        for made in make_pictures(browser, Path(sys.argv[1])):
            print(f"{made}  {made.stat().st_size // 1000} kB")
        browser.close()


if __name__ == "__main__":
    main()
