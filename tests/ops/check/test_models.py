"""The doctor's check of the models: what is missing or damaged is named, before a text meets it."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ops.check.models import models
from processors.rescoring import Rescorer
from processors.understand import artefacts, linear
from processors.understand.artefacts import FOLDER
from tests.processors.corrections.test_corrections import Desk
from tests.stores import store_at
from tocsin.core.clock import SimulatedClock
from tocsin.store.port import Store


def said(store: Store) -> list[tuple[str, str, str]]:
    with store.read() as conn:
        return [(one.state, one.text, one.advice) for one in models(conn)]


@pytest.mark.slow("damages and reads the models")
def test_a_model_that_is_missing_damaged_or_anothers_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_at(tmp_path / "store.db")
    [whole] = said(store)
    assert whole == ("ok", "the models of en, tr, nl, ro, ar, de, es, fr, it, pl, pt, sv are whole", "")
    desk = Desk(store)
    desk.hear("Lumo is late", "Lumo is fine")
    assert said(store)[1][:2] == (
        "note",
        "stored mentions that these models have read anew: none so far; changed: 0",
    )
    Rescorer(store, SimulatedClock(datetime(2026, 3, 1, tzinfo=UTC))).once()
    assert said(store) == [whole]
    folder = tmp_path / "models"
    shutil.copytree(FOLDER, folder)
    for module in (artefacts, linear):
        monkeypatch.setattr(module, "FOLDER", folder)
    (folder / "sentiment-en.npz").unlink()
    shutil.copy(folder / "sentiment-nl.npz", folder / "sentiment-tr.npz")
    for kind in ("json", "npz"):
        (folder / f"facets-ro.{kind}").unlink()
    found = said(store)
    store.close()
    assert [(state, advice) for state, _, advice in found] == [("bad", "reinstall tocsin")] * 3
    assert found[0][1] == "the model facets-ro is not there"
    assert "sentiment-en.npz cannot be read" in found[1][1] and "No such file" in found[1][1]
    assert "sentiment-tr.npz cannot be read: its checksum is not that of its card" in found[2][1]
    # The texts of a language whose model is missing are an error, too, and not unscored without a word.
    assert "en" in linear.shipped_languages()
