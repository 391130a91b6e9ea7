"""docs/definitions.md names every field of every definition, and its file can be applied."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import pytest

from ops.transfer.apply import parse_document, plan
from tests.docs.pages import ROOT, blocks
from tests.stores import embedded_at
from tocsin.definitions.models import KINDS

PAGE = "docs/definitions.md"
SECTIONS = {
    "monitor": "monitors",
    "source": "sources",
    "person": "people",
    "schedule": "schedules",
    "policy": "policies",
    "silence": "silences",
    "expected_event": "expected_events",
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_of_a_definition_has_its_row(kind: str) -> None:
    section = (ROOT / PAGE).read_text().split(f"\n## {SECTIONS[kind]}\n")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    told = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(told) == sorted(set(KINDS[kind].model_fields) - {"name"})


def test_the_file_on_the_page_can_be_applied(tmp_path: Path) -> None:
    (file,) = (block for block in blocks(PAGE) if block.language == "yaml")
    with closing(embedded_at(tmp_path / "store.db")) as store, store.write() as conn:
        made = plan(conn, parse_document("\n".join(file.lines).encode()))
    assert {one.section for one in made} == set(SECTIONS.values())
