"""Links lead somewhere, and the index names every page."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.docs.pages import ROOT, anchors, pages, prose, text
from tests.docs.site import on_config, on_page_markdown


@pytest.mark.parametrize("page", pages())
def test_every_relative_link_of_a_page_leads_to_a_file_and_a_heading(page: str) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        if not there.exists() or (anchor and anchor not in anchors(str(there.relative_to(ROOT)))):
            broken.append(target)
    assert broken == []


def test_the_index_names_every_page_of_the_documentation() -> None:
    named = set(re.findall(r"\]\(([\w.-]+\.md)\)", text("docs/README.md")))
    there = {Path(page).name for page in pages() if Path(page).parent == Path("docs")} - {"README.md"}
    assert named == there


def test_decisions_are_numbered_without_gaps_and_have_their_three_parts() -> None:
    decisions = [page for page in pages() if page.startswith("docs/decisions/")]
    assert [int(Path(page).name[:4]) for page in decisions] == list(range(1, len(decisions) + 1))
    for page in decisions:
        number = int(Path(page).name[:4])
        assert text(page).startswith(f"# {number}. "), page
        headings = re.findall(r"^## (.+)$", text(page), re.MULTILINE)
        assert headings == ["Context", "Choice", "Consequences"], page


def test_the_site_has_no_link_that_leaves_it_and_names_every_decision() -> None:
    config = SimpleNamespace(docs_dir=str(ROOT / "docs"), nav=[])
    named = on_config(config).nav[0]["Decisions"]
    assert [f"docs/{one}" for one in named] == [one for one in pages() if one.startswith("docs/decisions/")]
    for name in [one for one in pages() if re.fullmatch(r"docs/[^/]+", one)]:
        page = SimpleNamespace(file=SimpleNamespace(src_uri=name.removeprefix("docs/")))
        shown = on_page_markdown(text(name), page=page, config=config)
        assert "](../" not in shown and "](decisions/)" not in shown, name
    page = SimpleNamespace(file=SimpleNamespace(src_uri="tutorial.md"))
    for link, told in (
        ("[the file](../NOTICE)", "the file (`NOTICE`)"),
        ("[`NOTICE`](../NOTICE)", "`NOTICE`"),
    ):
        assert on_page_markdown(link, page=page, config=config) == told
