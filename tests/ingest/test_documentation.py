"""docs/sources.md is true: the tests read its examples, and it has every field, reason, kind and setting."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingest.kinds import KINDS, make_source
from tocsin.core.mention import Mention
from tocsin.definitions.models import SourceDef
from tocsin.reading import REASONS, iter_mentions, read_json_line
from tocsin.settings import Ingest, known_settings

PAGE = (Path(__file__).parents[2] / "docs" / "sources.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def section(title: str) -> str:
    after = re.split(rf"^#+ {title}$", PAGE, maxsplit=1, flags=re.MULTILINE)[1]
    return re.split(r"^#+ ", after, maxsplit=1, flags=re.MULTILINE)[0]


def documented(text: str) -> set[str]:
    """The names in the first column of the section's tables."""
    cells = re.findall(r"^\| (.*?) \|", text, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def test_the_example_mentions_are_read_the_same_from_json_and_csv() -> None:
    (lines,), (table,) = blocks("json"), blocks("csv")
    from_json = [read_json_line(line.encode(), source="page") for line in lines.splitlines()]
    stream = io.BytesIO(table.encode())
    bad: list[Any] = []
    from_csv = [m for _, m in iter_mentions(stream, source="page", on_bad=lambda *what: bad.append(what))]
    assert bad == []
    assert [m.key for m in from_csv] == [m.key for m in from_json] == [("page", "4711"), ("page", "4712")]
    assert [m.created_at for m in from_csv] == [m.created_at for m in from_json]
    assert from_csv[0].hashtags == ("ketel", "lek")
    assert not any(m.extra for m in from_json + from_csv)


def test_every_field_and_every_reason_is_on_the_page() -> None:
    assert documented(section("A mention")) == set(Mention.__struct_fields__) | set(REASONS)
    for reason, meaning in REASONS.items():
        if reason not in ("too_old", "in_future"):
            assert f"| `{reason}` | {meaning} |" in PAGE


def test_the_example_sources_can_be_made() -> None:
    examples = [one for block in blocks("yaml") for one in yaml.safe_load(block)["sources"]]
    made = [make_source(SourceDef.model_validate(one), Ingest.model_validate({})) for one in examples]
    assert {source.kind for source in made} == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_setting_of_every_kind_is_on_the_page(kind: str) -> None:
    assert documented(section(kind)) == set(KINDS[kind][0].model_fields)


def test_what_belongs_to_every_source_is_on_the_page() -> None:
    assert documented(section("Defining sources")) == set(SourceDef.model_fields)


def test_the_settings_that_the_page_names_exist_with_these_defaults() -> None:
    known = known_settings()
    named = set(re.findall(r"`((?:ingest|alerting)\.\w+)`", PAGE))
    assert named <= set(known)
    assert known["ingest.max_age_days"][1] == 90
    assert known["ingest.max_ahead_minutes"][1] == 10
