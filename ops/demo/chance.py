"""Random draws of the demo's story: the same seed gives the same story."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping


def seeded(seed: int, *parts: str) -> random.Random:
    return random.Random("/".join((str(seed), *parts)))  # noqa: S311 - a story that must repeat, nothing secret


def pick(rng: random.Random, weights: Mapping[str, float]) -> str:
    """A key, with a chance in proportion to its weight."""
    left = rng.random() * sum(weights.values())
    for key, weight in weights.items():
        left -= weight
        if left < 0:
            return key
    return next(reversed(list(weights)))


def poisson(rng: random.Random, mean: float) -> int:
    """A Poisson draw by Knuth's product of uniforms (The Art of Computer Programming, 3.4.1). Means here stay below thirty."""
    floor, drawn, product = math.exp(-mean), 0, rng.random()
    while product > floor:
        drawn += 1
        product *= rng.random()
    return drawn


def poisson_large(rng: random.Random, mean: float) -> int:
    """A Poisson draw by the normal approximation, for means of a hundred and more."""
    return max(0, round(rng.gauss(mean, math.sqrt(mean))))
