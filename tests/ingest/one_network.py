"""One network in a world of its own, for the tests of a single connector."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.contracts.loopback import Loopback, Network
from tests.contracts.networks import Ear


def ear_of(loopback: Loopback, network: Network, **settings: Any) -> Ear:
    """The fake of this network; its sources have these settings besides those of the contract."""
    with_these = replace(network, settings=lambda url: network.settings(url) | settings)
    return Ear(with_these, loopback.begin(with_these))
