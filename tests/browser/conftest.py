"""Chromium for the browser tests: the system's own, driven by playwright.

The headless shell is taken where there is one: the same engine without a desktop's windows, for two thirds of the processor time.
Where there is no Chromium, the tests are left out, and the run says so. With TOCSIN_REQUIRE_BROWSER=1, as in CI, that is a
failure.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.served import SeededApp, seeded_app, served

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# With a limit of one renderer, a window keeps the process that it began with, and its first view starts no second one.
ARGUMENTS = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--renderer-process-limit=1")
MISSING = "LEFT OUT: the browser tests need a Chromium on the machine (Debian: apt-get install chromium-headless-shell)"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print which tests were left out, also where skips are not listed."""
    left_out = [r for r in terminalreporter.stats.get("skipped", []) if MISSING in str(r.longrepr)]
    if left_out:
        terminalreporter.write_line(f"{len(left_out)} tests {MISSING}")


# The browser closes with this folder: its loop runs in the main thread, where other tests have their own.
@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        if os.environ.get("TOCSIN_REQUIRE_BROWSER") == "1":
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture
def night(tmp_path: Path) -> Iterator[SeededApp]:
    with seeded_app(tmp_path) as one, served(one):
        yield one
