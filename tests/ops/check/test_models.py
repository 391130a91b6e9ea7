"""The doctor's check of the models: what is missing or damaged is named, before a text meets it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ops.check.models import models
from processors.understand import artefacts, linear
from processors.understand.artefacts import FOLDER


def said() -> list[tuple[str, str, str]]:
    return [(one.state, one.text, one.advice) for one in models()]


def test_a_model_that_is_missing_damaged_or_anothers_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert said() == [("ok", "the models of en, tr, nl, ro are whole", "")]
    folder = tmp_path / "models"
    shutil.copytree(FOLDER, folder)
    for module in (artefacts, linear):
        monkeypatch.setattr(module, "FOLDER", folder)
    (folder / "sentiment-en.npz").unlink()
    shutil.copy(folder / "sentiment-nl.npz", folder / "sentiment-tr.npz")
    for kind in ("json", "npz"):
        (folder / f"facets-ro.{kind}").unlink()
    found = said()
    assert [(state, advice) for state, _, advice in found] == [("bad", "reinstall tocsin")] * 3
    assert found[0][1] == "the model facets-ro is not there"
    assert "sentiment-en.npz cannot be read" in found[1][1] and "No such file" in found[1][1]
    assert "sentiment-tr.npz cannot be read: its checksum is not that of its card" in found[2][1]
    # The texts of a language whose model is missing are an error, too, and not unscored without a word.
    assert "en" in linear.shipped_languages()
