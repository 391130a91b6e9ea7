"""Every kind of source that asks a network keeps the contract of networks, each with its fake on loopback."""

from __future__ import annotations

import pytest

import tests.contracts.networks as contract
from tests.contracts.networks import *  # noqa: F403  # the contract's tests are collected here
from tests.contracts.networks import applies
from tests.ingest.networks import NETWORKS
from tocsin.definitions.source_kinds import SOURCE_KINDS


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test, with the networks that it applies to."""
    if "network" in metafunc.fixturenames:
        name = metafunc.function.__name__
        metafunc.parametrize(
            "network", [one for one in NETWORKS.values() if applies(one, name)], ids=lambda n: n.kind
        )


def test_every_fake_is_of_a_kind_and_says_why_a_test_does_not_apply() -> None:
    assert set(NETWORKS) <= set(SOURCE_KINDS)
    for kind, network in NETWORKS.items():
        assert network.kind == kind
        assert network.shapes
        for test, reason in network.not_here.items():
            assert hasattr(contract, test), f"{kind}: there is no {test}"
            assert reason


def test_every_kind_that_asks_over_a_network_has_a_fake() -> None:
    # They speak no HTTP; `tests/ingest/test_sources.py` and a file of their own test them.
    own = {"file", "push", "imap", "kafka"}
    assert set(SOURCE_KINDS) - set(NETWORKS) == own
