"""Plugins: the example package adds one of each, and a broken or greedy package is said and left out."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from alerts.notifiers import registry
from alerts.notifiers.port import Notice
from ingest import kinds
from ingest.source import Source
from ops.plugins import GROUP, load_plugins
from processors.signals.registry import detectors
from processors.understand import Understander, default_scorers, understander
from tests.ingest.house import NOON, House
from tests.ingest.house import house as house
from tocsin.core.clock import MINUTE
from tocsin.core.signal_kinds import SIGNAL_KINDS
from tocsin.definitions.models import SourceDef
from tocsin.definitions.source_kinds import SOURCE_KINDS
from tocsin.settings import Ingest, Settings

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "tocsin-pond"


@pytest.fixture(autouse=True)
def registers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The registers are as before, after each test."""
    monkeypatch.syspath_prepend(str(EXAMPLE))
    monkeypatch.setattr(understander, "PLUGGED", [])
    for name in ("_kinds", "judged"):
        monkeypatch.setattr(
            SIGNAL_KINDS, name, dict(SIGNAL_KINDS._kinds) if name == "_kinds" else SIGNAL_KINDS.judged
        )
    before: list[tuple[dict[str, Any], dict[str, Any]]] = [
        (one, dict(one)) for one in (SOURCE_KINDS, kinds.KINDS, registry.KINDS)
    ]
    yield
    for one, was in before:
        one.clear()
        one.update(was)
    sys.modules.pop("tocsin_pond", None)


def entry(value: str, name: str = "pond") -> EntryPoint:
    return EntryPoint(name, value, GROUP)


def test_the_example_adds_one_of_each(house: House, tmp_path: Path) -> None:
    assert load_plugins([entry("tocsin_pond:PLUGIN")]) == []
    house.define("garden", "pond", frogs=3)
    assert house.worker().collect_once() == 30
    house.clock.advance(MINUTE)
    assert house.worker().collect_once() == 3
    mentions = house.streamed()
    assert {one.source for one in mentions} == {"garden"}
    (said,) = Understander(default_scorers()).understand(mentions[:1])
    assert (said.lang, said.label, said.model) == ("eo", "positive", "pond-eo-1")
    assert "croak" in [one.name for one in detectors(NOON.tzinfo)]  # type: ignore[arg-type]  # NOON has a zone
    made = registry.KINDS["shout"].make(Settings())
    notice = Notice(
        id="n", alert_id="a", escalation_id=None, person_id="p", person="Ada", channel="shout",
        target={"path": str(tmp_path / "out")}, kind="page", severity=1, subject="frogs", text="", html="",
        facts={}, created_at=NOON,
    )  # fmt: skip
    assert made.send(notice).status == "sent"
    assert (tmp_path / "out").read_text() == "frogs!\n"


def test_the_source_of_the_example_goes_on_at_its_cursor() -> None:
    load_plugins([entry("tocsin_pond:PLUGIN")])
    definition = SourceDef.model_validate({"name": "garden", "kind": "pond"})
    source: Source = kinds.make_source(definition, Ingest())
    first = source.fetch(None, NOON)
    assert source.fetch(first.cursor, NOON).mentions == []
    assert len(source.fetch({"minute": "x"}, NOON).mentions) == len(first.mentions) == 10


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("tocsin_nowhere:PLUGIN", "ModuleNotFoundError"),
        ("tocsin_pond:NONE", "AttributeError"),
        ("tocsin_pond:Croak", "not a tocsin.plugin.Plugin"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_said_and_left_out(value: str, why: str) -> None:
    (wrong,) = load_plugins([entry(value)])
    assert "the plugin 'pond'" in wrong
    assert why in wrong
    assert "pond" not in SOURCE_KINDS


def test_a_name_that_is_taken_is_refused_with_all_of_the_plugin() -> None:
    wrong = load_plugins([entry("tocsin_pond:PLUGIN", "a"), entry("tocsin_pond:PLUGIN", "b")])
    assert len(wrong) == 1
    assert "there is a source 'pond', a signal 'croak', a notifier 'shout' already" in wrong[0]
    assert len(understander.PLUGGED) == 1
