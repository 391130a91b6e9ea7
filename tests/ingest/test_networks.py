"""Every kind of source that asks a network keeps the contract of networks, each with its fake on loopback."""

from __future__ import annotations

import pytest

import tests.contracts.networks as contract
from ingest.sources import github, reddit, stackexchange
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


def test_the_budgets_are_the_limits_that_the_networks_name() -> None:
    """Written out from their documentation, so that a slip in a connector's own number is seen."""
    named = {
        "discourse": (200, 60),
        "gdelt": (1, 5),
        "github": (60, 3600),
        "hackernews": (10_000, 3600),
        "mastodon": (300, 300),
        "mastodon_stream": (300, 300),
        "reddit": (100, 60),
        "stackexchange": (300, 86_400),
        "youtube_comments": (10_000, 86_400),
    }
    budgets = {kind: NETWORKS[kind].budget for kind in named}
    assert {kind: (one.requests, one.per_s) for kind, one in budgets.items() if one is not None} == named
    more = (reddit.BUDGET, github.BUDGET_WITH_TOKEN, stackexchange.BUDGET_WITH_KEY)
    assert [(one.requests, one.per_s) for one in more] == [(1, 60), (5000, 3600), (10_000, 86_400)]
