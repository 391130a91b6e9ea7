"""What is kept as English text is known by its pattern, so that the page can say it: bad mentions, findings, ends of jobs."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

import pytest

from api.pages.formatting import Formatter
from api.pages.i18n import Languages
from api.pages.recorded import recorded
from tests.docs.pages import ROOT

KEPT: Final[dict[str, tuple[str, int]]] = {
    "tocsin/reading/fields.py": ("BadMention", 1),
    "tocsin/reading/files.py": ("BadMention", 1),
    "tocsin/reading/mention.py": ("BadMention", 1),
    "tocsin/reading/patient_json.py": ("BadMention", 1),
    "tocsin/reading/unpacked.py": ("BadMention", 1),
    "ingest/recorded/mapping.py": ("BadMention", 1),
    "ingest/recorded/opened.py": ("BadMention", 1),
    "ingest/recorded/records.py": ("BadMention", 1),
    "alerts/auditor.py": ("Finding", 2),
}
"""Where such texts are made, with what, and at which place among its arguments."""


def _texts(file: str) -> Iterator[str]:
    made, at = KEPT[file]
    for node in ast.walk(ast.parse((ROOT / file).read_text("utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == made and len(node.args) > at:
            yield from filter(None, (_example(node.args[at]),))


def _example(node: ast.expr) -> str | None:
    """The text with something in each place: a number where one stands in the code's own words, else a word."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Subscript):
        return _example(node.value)
    if not isinstance(node, ast.JoinedStr):
        return None
    parts = [str(one.value) if isinstance(one, ast.Constant) else "\0" for one in node.values]
    text = "".join(parts)
    for place in (r"at most \0", r"over \0", r"not \0$", r"\0 (?:bytes|cells|columns|signals|values|wait|days)", r"limit of \0",
                  r"(?:0 to|SEV|byte|entry|under|character|line of|than|old than) ?\0"):  # fmt: skip
        text = re.sub(place, lambda one: one[0].replace("\0", "12"), text)
    return text.replace("0x\0", "0xff").replace("\0", "created_at")


UNSAID: Final = re.compile(r"created_at: created_at$|^created_at is|^created_at: the header")
"""The name of an error and its words, as the library says them."""


@pytest.mark.parametrize("file", sorted(KEPT))
def test_every_text_that_is_kept_is_known_by_its_pattern(file: str) -> None:
    texts = list(_texts(file))
    assert texts
    assert [one for one in texts if recorded(one) is None and not UNSAID.search(one)] == []


def test_what_is_kept_is_said_in_the_readers_language_and_what_is_not_known_stays_as_it_came() -> None:
    dutch = Formatter(Languages()["nl"], ZoneInfo("UTC"), datetime(2026, 11, 29, tzinfo=UTC))
    say: Callable[[str], str] = dutch.recorded
    assert say("its process ended before it was done") == "het proces stopte voordat het klaar was"
    assert say("observed: judged 5, computed again 6").endswith("beoordeeld 5, opnieuw berekend 6")
    assert "Waargenomen" in say("observed: judged 5, computed again 6")
    assert say("<their own words>") == '<span lang="en">&lt;their own words&gt;</span>'
    told = "Lumo SEV1: a step is due and was not taken; a mention needs an id"
    assert (
        dutch.unseen(told)
        == "Lumo SEV1: een stap had gezet moeten zijn en is niet gezet; een vermelding heeft een id nodig"
    )


def test_a_hostile_text_is_not_weighed_for_long() -> None:
    assert recorded("is at version " * 5000) is None
