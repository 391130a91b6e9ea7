"""docs/coverage.md is true: each kind of source says what it hears, at what cost, and what it cannot hear."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import ROOT, text
from tests.ingest.networks import NETWORKS
from tests.ingest.networks.__main__ import OTHERS, table
from tocsin.definitions.source_kinds import SOURCE_KINDS

PAGE = "docs/coverage.md"
ROWS = ["heard", "delay", "cost", "credentials", "limits", "terms", "not heard", "shapes"]


def sections() -> dict[str, dict[str, str]]:
    """The rows of each section's table, by the kind that is its heading."""
    parts = re.split(r"^### (\w+)$", text(PAGE), flags=re.MULTILINE)[1:]
    return {
        kind: dict(re.findall(r"^\| ([a-z ]+) \| (.+) \|$", body, re.MULTILINE))
        for kind, body in zip(parts[::2], parts[1::2], strict=True)
    }


def test_every_kind_has_a_section_and_every_section_a_kind() -> None:
    headings = re.findall(r"^### (\w+)$", text(PAGE), re.MULTILINE)
    assert headings == sorted(SOURCE_KINDS)


@pytest.mark.parametrize("kind", sorted(SOURCE_KINDS))
def test_a_section_says_everything(kind: str) -> None:
    section = sections()[kind]
    assert list(section) == ROWS
    assert section["credentials"] != "none" or not SOURCE_KINDS[kind].needs_key
    assert section["cost"].split()[0] == SOURCE_KINDS[kind].price.split()[0]


@pytest.mark.parametrize("kind", sorted(NETWORKS))
def test_the_shapes_come_from_the_documentation_that_the_fake_names(kind: str) -> None:
    assert sections()[kind]["shapes"] == NETWORKS[kind].shapes


def test_the_table_of_all_contract_suites_is_on_the_page() -> None:
    """`python -m tests.ingest.networks` prints it; what is no network has its shapes from its own section as well."""
    assert "\n".join(table()) in text(PAGE)
    assert {*NETWORKS, *OTHERS} == set(SOURCE_KINDS)
    for kind, (file, shapes) in OTHERS.items():
        assert sections()[kind]["shapes"] == shapes
        assert (ROOT / file).is_file()
