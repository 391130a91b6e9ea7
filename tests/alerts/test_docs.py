"""docs/alerting.md agrees with the code."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from alerts.docs_tables import TABLES, filled
from tocsin.definitions.models import Policy

PAGE = Path("docs/alerting.md")


def test_the_tables_of_the_page_are_those_of_the_code() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert all(f"<!-- table: {name} -->" in page for name in TABLES)
    assert page == filled(page), "write filled(page) to the file"


def test_the_policy_on_the_page_is_a_policy() -> None:
    block = re.search(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None
    policy = Policy.model_validate(yaml.safe_load(block[1])["policies"][0])
    assert [step.after_minutes for step in policy.steps] == [0, 10]
