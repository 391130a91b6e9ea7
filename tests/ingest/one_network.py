"""One network in a world of its own, for the tests of a single connector."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.contracts.loopback import Loopback, Network, posts
from tests.contracts.networks import Ear, Heard, hear


def ear_of(loopback: Loopback, network: Network, **settings: Any) -> Ear:
    """The fake of this network; its sources have these settings besides those of the contract."""
    with_these = replace(network, settings=lambda url: network.settings(url) | settings)
    return Ear(with_these, loopback.begin(with_these))


def all_pages_heard(ear: Ear, count: int) -> Heard:
    """Two posts are heard first, and all others up to `count` after them, over several pages and without a gap."""
    ear.world.posts = posts(2)
    source = ear.source()
    first = hear(ear, source)
    ear.world.posts = posts(count)
    later = hear(ear, source, first.cursor)
    assert set(later.ids) == ear.ids(*range(3, count + 1))
    assert later.gaps == []
    return later
