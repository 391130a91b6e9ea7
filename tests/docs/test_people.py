"""A person in the documentation: an e-mail channel, an address and a language, as the definition has them."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from tocsin.definitions.models import Person

ROOT = Path(__file__).parents[2]


def test_an_example_of_a_person_has_an_email_channel_an_address_and_a_language() -> None:
    """Finding 15: no example had an e-mail channel, and a person's address and language were documented nowhere."""
    blocks = re.findall(
        r"```yaml\n(people:.*?)```", (ROOT / "docs/alerting.md").read_text("utf-8"), re.DOTALL
    )
    people = [Person.model_validate(one) for block in blocks for one in yaml.safe_load(block)["people"]]
    assert any(one.email and one.language and "email" in {c.kind for c in one.channels} for one in people)
    assert "kind: email" in (ROOT / "examples/first.yaml").read_text("utf-8")
