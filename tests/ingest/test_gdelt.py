"""GDELT's search: its tone, its steps, its plain-text complaints and its JSON that is none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ingest.source import FetchFailed
from ingest.sources.gdelt import MOST_ARTICLES
from tests.contracts.loopback import Loopback, Reply, posts
from tests.contracts.loopback import loopback as loopback
from tests.contracts.networks import hear
from tests.contracts.sources import NOW
from tests.ingest.networks.gdelt import NETWORK
from tests.ingest.one_network import ear_of

STEP = timedelta(minutes=15)


def test_the_tone_stays_what_it_is_a_figure_of_the_network(loopback: Loopback) -> None:
    ear = ear_of(loopback, NETWORK)
    ear.world.posts = posts(1)
    (found,) = hear(ear, ear.source()).mentions
    assert found.extra == {"gdelt_tone": -4.0}
    assert (found.lang, found.country, found.network) == ("nl", "Netherlands", "news")
    assert (found.title, found.text) == ("De ketel lekt alweer (1)", "")


def test_without_the_tone_each_look_is_one_request(loopback: Loopback) -> None:
    ear = ear_of(loopback, NETWORK, tone=False)
    ear.world.posts = posts(1)
    (found,) = hear(ear, ear.source()).mentions
    assert (found.extra, len(ear.world.requests)) == ({}, 1)


def test_a_step_that_fills_a_list_alone_is_a_gap_and_the_next_one_is_heard(loopback: Loopback) -> None:
    ear = ear_of(loopback, NETWORK, tone=False)
    step = NOW - 2 * STEP
    ear.world.posts = [replace(one, at=step) for one in posts(MOST_ARTICLES + 20)]
    ear.world.posts += [replace(one, at=step + STEP) for one in posts(3, first=900)]
    heard = hear(ear, ear.source())
    assert len(set(heard.ids)) == MOST_ARTICLES + 3
    (gap,) = heard.gaps
    assert (gap.start, gap.end) == (step, step + STEP)


def test_what_gdelt_says_in_plain_text_is_said(loopback: Loopback) -> None:
    ear = ear_of(loopback, NETWORK, tone=False)
    ear.world.fault = Reply(b"Your query was too short or too long.\n")
    with pytest.raises(FetchFailed, match="GDELT answered: Your query was too short"):
        ear.source().fetch(None, NOW)


def test_backslashes_that_json_does_not_know_are_read(loopback: Loopback) -> None:
    ear = ear_of(loopback, NETWORK, tone=False)
    article = (
        rb'{"articles": [{"url": "https:\/\/a.example\/1", "title": "C:\Ketel \"lek\" \\d", '
        rb'"seendate": "20260301T113000Z", "domain": "a.example", "language": "Klingon"}]}'
    )
    ear.world.fault = Reply(article)
    (found,) = hear(ear, ear.source()).mentions
    assert (found.id, found.title, found.lang) == ("https://a.example/1", 'C:\\Ketel "lek" \\d', None)
