"""Podcasts: the forms of a transcript, and episodes with and without one."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from ingest.sources.transcripts import transcript
from tests.contracts.loopback import Loopback, Reply, posts
from tests.contracts.loopback import loopback as loopback
from tests.contracts.networks import hear
from tests.contracts.sources import NOW
from tests.ingest.networks.podcast import NETWORK
from tests.ingest.one_network import ear_of

SRT = "1\r\n00:00:01,000 --> 00:00:04,500\r\nDe ketel\r\nlekt.\r\n\r\n2\r\n00:00:05,000 --> 00:00:06,000\r\nAlweer.\r\n"
VTT = """WEBVTT - Ketelpraat

NOTE nothing of this is spoken

STYLE
::cue { color: red }

intro
00:01.000 --> 00:04.000 align:start
<v Ayşe>De <i>ketel</i> lekt.

01:00:01.000 --> 01:00:04.000
<v Ayşe>Alweer.

01:00:05.000 --> 01:00:06.000
<v.loud Jan>Bel ons.
"""
SEGMENTS = {
    "version": "1.0.0",
    "segments": [
        {"speaker": "Ayşe", "startTime": 0.5, "endTime": 1, "body": "De ketel lekt."},
        {"speaker": "Ayşe", "startTime": 1, "endTime": 2, "body": "Alweer."},
        {"speaker": "Jan", "startTime": 2, "endTime": 3, "body": "Bel ons."},
        {"body": 7},
        "no segment",
    ],
}
SPOKEN = "Ayşe: De ketel lekt. Alweer.\nJan: Bel ons."


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (SRT, "application/x-subrip", "De ketel lekt. Alweer."),
        (SRT, "application/srt", "De ketel lekt. Alweer."),
        (SRT, "", "De ketel lekt. Alweer."),
        (VTT, "text/vtt; charset=utf-8", SPOKEN),
        ("\ufeff" + VTT, "text/nonsense", SPOKEN),
        (json.dumps(SEGMENTS), "application/json", f"{SPOKEN} 7"),
        ("<cite>Jan:</cite><time>0:01</time><p>Bel &amp; vraag</p>", "text/html", "Jan:0:01Bel & vraag"),
        ("  De ketel\n  lekt. ", "text/plain", "De ketel\nlekt."),
        ("{[", "application/json", ""),
        ("WEBVTT", "text/vtt", ""),
    ],
)
def test_the_words_of_a_transcript_are_read_in_every_form(data: str, kind: str, words: str) -> None:
    assert transcript(data.encode(), kind) == words


def test_an_episode_comes_once_with_the_words_that_are_spoken_in_it(loopback: Loopback) -> None:
    ear = ear_of(loopback, NETWORK)
    ear.world.posts = posts(1)
    (found,) = hear(ear, ear.source()).mentions
    assert found.text == "Over ketels, 24\n\nAyse: De ketel lekt alweer (1)"
    assert (found.title, found.network) == ("Aflevering", "podcast")
    assert found.media == (f"{ear.world.url}/1001.mp3",)


def test_a_transcript_that_comes_later_is_an_edit(loopback: Loopback) -> None:
    ear = ear_of(loopback, NETWORK)
    (post,) = posts(1)
    ear.world.posts = [replace(post, author="silent")]
    first = hear(ear, ear.source())
    assert [one.text for one in first.mentions] == ["Over ketels, 24"]
    ear.world.posts = [post]
    ear.world.clock.advance(timedelta(hours=1))
    (after,) = hear(ear, ear.source(), first.cursor).mentions
    assert after.edited_at == NOW + timedelta(hours=1)
    assert "De ketel lekt" in after.text
    assert after.version_rank > first.mentions[0].version_rank


def test_an_episode_whose_transcript_cannot_be_read_comes_without(loopback: Loopback) -> None:
    ear = ear_of(loopback, NETWORK)
    ear.world.posts = posts(1)
    source = ear.source()
    cursor = source.fetch(None, NOW).cursor
    ear.world.fault = Reply(b"WEBVTT\n")
    ear.world.clock.advance(timedelta(seconds=5))
    (found,) = hear(ear, source, cursor).mentions
    assert (found.text, found.extra["not_read"]) == ("Over ketels, 24", "the transcript holds no words")
