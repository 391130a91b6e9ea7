"""A trial of each kind of source against its fake: `tocsin sources test`, the route and the button all come here."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ingest.trial import SHOWN, try_source
from tests.contracts.loopback import Network, Reply, posts
from tests.contracts.loopback import loopback as loopback
from tests.contracts.networks import Ear, Unlimited
from tests.contracts.networks import ear as ear
from tests.ingest.networks import NETWORKS


@pytest.fixture(params=NETWORKS.values(), ids=lambda one: one.kind)
def network(request: pytest.FixtureRequest) -> Network:
    found: Network = request.param
    return found


def test_the_newest_five_posts_of_each_kind_are_shown(ear: Ear) -> None:
    ear.world.posts = posts(SHOWN + 1)
    # Some networks take one request in some seconds, for which a trial waits.
    ear.world.budget = Unlimited()
    trial = try_source(ear.source(), ear.world.clock.now(), timedelta(seconds=10))
    assert trial.error is None
    assert {one.id for one in trial.newest} < ear.ids(*range(1, SHOWN + 2))
    times = [one.created_at for one in trial.newest]
    assert (len(times), times) == (SHOWN, sorted(times, reverse=True))
    assert trial.count >= SHOWN + 1


def test_a_network_that_refuses_is_said(ear: Ear) -> None:
    ear.world.fault = Reply(b"{}", 403)
    trial = try_source(ear.source(), ear.world.clock.now(), timedelta(seconds=1))
    assert trial.newest == []
    assert trial.error
    assert all(secret not in trial.error for secret in ear.network.environment.values())
