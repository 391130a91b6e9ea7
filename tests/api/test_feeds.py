"""Feeds and the wall by token: what programs and screens without a sign-in may read, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import feedparser
import pytest
from sqlalchemy import select, update

from alerts.alert import get
from alerts.on_call import shifts
from alerts.story import headline
from alerts.words import words_for
from api.auth.keys import create_key, list_keys, revoke_key
from api.feeds import FeedEntry, atom, calendar, rss
from tests.api.visits import HTML, page, signed_in, visitor, words
from tests.browser.night import NOW
from tests.browser.served import SeededApp, seeded_app
from tocsin.core.errors import WrongInput
from tocsin.core.text import unseen
from tocsin.definitions.models import Override, Policy, Role, Schedule, Silence, Step
from tocsin.definitions.repository import save
from tocsin.store import schema as s

HOUR = timedelta(hours=1)
HOSTILE = "a<b>&\"'\x0b\x00;,\\\r\nBEGIN:VEVENT\u202e😡" + "ü" * 90


@pytest.fixture
def night(tmp_path: Path) -> Iterator[SeededApp]:
    with seeded_app(tmp_path) as one:
        yield one


def token_of(one: SeededApp, *scopes: str) -> str:
    with one.store.write() as conn:
        return create_key(conn, name="-".join(scopes), role=Role.VIEWER, now=NOW, scopes=scopes)[1]


def unfolded(body: bytes) -> list[str]:
    assert all(len(line) <= 75 for line in body.split(b"\r\n"))
    return body.decode("utf-8").replace("\r\n ", "").split("\r\n")


def test_whatever_a_name_holds_stays_text_in_every_format() -> None:
    entry = FeedEntry(
        f"x:{HOSTILE}", HOSTILE, NOW, NOW, NOW + HOUR, "https://tocsin.example/alerts/1", HOSTILE, (HOSTILE,)
    )
    read = feedparser.parse(
        atom("Tocsin", "https://tocsin.example/f", "https://tocsin.example/", [entry], NOW)
    )
    assert not read.bozo and len(read.entries) == 1 and read.feed.updated == "2026-11-22T02:12:00Z"
    assert "\ufffd" in read.entries[0].title and "😡" in read.entries[0].title
    lines = unfolded(calendar("Tocsin", [entry]))
    assert lines.count("BEGIN:VEVENT") == 1 and lines.count("END:VEVENT") == 1
    summary = next(line for line in lines if line.startswith("SUMMARY:"))
    assert r"\;\,\\" in summary and r"\nBEGIN:VEVENT" in summary and not unseen(summary), (
        "nothing turns a line of the calendar around"
    )
    news = feedparser.parse(rss("Tocsin", "https://x/f", "https://x/", [entry], NOW))
    assert not news.bozo and news.version == "rss20" and len(news.entries) == 1
    assert news.entries[0].title == read.entries[0].title and news.entries[0].id == read.entries[0].id
    assert news.entries[0].published_parsed == read.entries[0].published_parsed
    for write in (atom, rss):
        assert feedparser.parse(write("Tocsin", "https://x/f", "https://x/", [], NOW)).bozo == 0


def test_a_calendar_says_who_the_schedule_says_at_each_moment() -> None:
    start = datetime(2031, 3, 3, tzinfo=UTC)
    swap = Override(person="Cem", starts_at=start + 30 * HOUR, ends_at=start + 36 * HOUR)
    schedule = Schedule(
        name="desk", rotation=("Ada", "Bo", "Bo"), starts_at=start, turn_hours=24, overrides=(swap,)
    )
    found = list(shifts(schedule, start - 12 * HOUR, start + 84 * HOUR))
    told = [
        (one.person, (one.starts_at - start) // HOUR, (one.ends_at - start) // HOUR, one.override)
        for one in found
    ]
    assert told == [
        ("Bo", -12, 0, False),
        ("Ada", 0, 24, False),
        ("Bo", 24, 30, False),
        ("Cem", 30, 36, True),
        ("Bo", 36, 72, False),
        ("Ada", 72, 84, False),
    ]


def test_parameters_that_others_add_to_the_address_of_a_feed_or_a_page_are_left_alone(
    night: SeededApp,
) -> None:
    client = visitor(night)
    assert client.get(f"/v1/feeds/{token_of(night, 'feed')}/alerts.atom?nocache=7").status_code == 200
    assert client.get(f"/wall/{token_of(night, 'wall')}?nocache=7").status_code == 200


def test_alerts_and_who_is_on_call_are_read_by_a_token_until_it_is_revoked(night: SeededApp) -> None:
    token, client = token_of(night, "feed"), visitor(night)
    with night.store.write() as conn:
        desk = Schedule(
            name="desk, night", rotation=("Ada Yılmaz", "Robin Admin"), starts_at=NOW, turn_hours=168
        )
        save(conn, desk, now=NOW, actor="root")
        name = "<Orvane & co> in every country and in every one of its shops"
        conn.execute(update(s.alerts).where(s.alerts.c.id == "al_ceo").values(monitor=name))
    base = f"/v1/feeds/{token}"
    answer = client.get(f"{base}/alerts.atom?lang=tr&tz=Europe/Istanbul")
    feed = feedparser.parse(answer.content)
    titles = [one.title for one in feed.entries]
    assert not feed.bozo and len(titles) == 4 and any("<Orvane & co>" in one for one in titles)
    with night.store.read() as conn:
        assert headline(get(conn, "al_crisis"), words_for("tr", "Europe/Istanbul")) in titles
        posts = conn.execute(
            select(s.mentions.c.text, s.mentions.c.author_handle, s.mentions.c.author_name)
        ).all()
    told = {one for post in posts for one in post if one}
    assert len(told) > 10 and not [one for one in told if one in answer.text], "no post and no author"
    # A rising term is a word of several texts: it drives what has no trigger.
    assert any("konusu: plastik, #orvane" in title for title in titles)
    # How many are negative stands in the title, and below one that has no room for it; never in both.
    for entry in feed.entries:
        below = "olumsuz (puanlanan 203 içinde 126). " in entry.summary
        assert below == (name in entry.title) != ("203 puanlananda 126 olumsuz" in entry.title)
    again = client.get(
        f"{base}/alerts.atom?lang=tr&tz=Europe/Istanbul", {"if-none-match": answer.headers["etag"]}
    )
    assert again.status_code == 304
    other = client.get(f"{base}/alerts.rss?lang=tr&tz=Europe/Istanbul")
    news = feedparser.parse(other.content)
    assert not news.bozo and [(one.title, one.id, one.link) for one in news.entries] == [
        (one.title, one.id, one.link) for one in feed.entries
    ]
    assert other.headers["content-type"].startswith("application/rss+xml")
    assert news.feed.links[-1].href.endswith("/alerts.rss")
    lines = unfolded(client.get(f"{base}/alerts.ics").content)
    assert lines.count("BEGIN:VEVENT") == 4 and any("Orvane baby food" in one for one in lines)
    with night.store.write() as conn:
        steps = (Step(after_minutes=0, targets=("schedule:desk, night", "person:Robin Admin")),)
        save(conn, Policy(name="by name", steps=steps), now=NOW, actor="root")
    shown = unfolded(client.get(f"{base}/on-call.ics").content)
    assert {one for one in shown if one.startswith("URL:")} == {
        f"URL:http://127.0.0.1:8085/{one}" for one in ("schedules", "policies")
    }
    shown = unfolded(client.get(f"{base}/on-call.ics?lang=nl").content)
    assert "X-WR-CALNAME:Tocsin: dienst" in shown
    assert "SUMMARY:Robin Admin (by name)" in shown, "no schedule relieves who is named themselves"
    assert r"SUMMARY:Ada Yılmaz (desk\, night)" in shown and r"SUMMARY:Robin Admin (desk\, night)" in shown
    assert client.get(f"{base}/alerts.atom?tz=Mars/Olympus").status_code == 422
    wall, reader = token_of(night, "wall"), token_of(night, "read")
    refusals = (f"/wall/{token}", f"/v1/feeds/{wall}/alerts.atom", f"/v1/feeds/{reader}/alerts.ics")
    cut = (f"/wall/{wall[:-1]}", f"/wall/{wall[:3]}", f"/v1/feeds/{token[:3]}/alerts.ics")
    assert {client.get(path).status_code for path in (*refusals, *cut)} == {404}
    assert client.get("/v1/alerts", {"authorization": f"Bearer {token}"}).status_code == 403
    with night.store.write() as conn:
        kinds = {key["name"]: key["kind"] for key in list_keys(conn)}
        revoke_key(conn, "feed", NOW)
    assert kinds == {"feed": "feed", "wall": "wall", "read": "API"}
    assert {
        client.get(f"{base}/{name}").status_code
        for name in ("alerts.atom", "alerts.rss", "alerts.ics", "on-call.ics")
    } == {404}


def test_a_key_for_an_address_can_be_nothing_else(night: SeededApp) -> None:
    with night.store.write() as conn, pytest.raises(WrongInput, match="stands in an address"):
        create_key(conn, name="both", role=Role.VIEWER, now=NOW, scopes=("feed", "read"))


def test_the_wall_is_loud_about_what_is_not_heard_and_offers_nothing_to_press(night: SeededApp) -> None:
    token = token_of(night, "wall")
    with night.store.write() as conn:
        hush = Silence(name="hush", starts_at=NOW - HOUR, ends_at=NOW + HOUR, reason="drill")
        save(conn, hush, now=NOW, actor="root")
    answer = visitor(night).get(f"/wall/{token}?lang=nl&tz=Europe/Istanbul")
    shown = words(answer.text)
    assert answer.status_code == 200 and answer.headers["refresh"] == "15"
    assert not re.search(r"<(a|form|button|script|input)\b", answer.text)
    assert "Orvane baby food" in shown and "BLIND orvane-forum" in shown and "05:12" in shown
    assert "STILTE alle monitors" in shown and "sinds" in shown
    assert "Orvane baby food" in words(page(signed_in(night), "/wall"))
    assert visitor(night).get("/wall", HTML).status_code == 401
    with night.store.write() as conn:
        revoke_key(conn, "wall", NOW)
    assert visitor(night).get(f"/wall/{token}").status_code == 404


def test_a_wall_of_an_empty_house_is_not_calm(tmp_path: Path) -> None:
    with seeded_app(tmp_path, empty=True) as one:
        shown = words(page(visitor(one), f"/wall/{token_of(one, 'wall')}"))
    assert "NOT READY" in shown and "calm" not in shown and "nobody would hear of one" in shown
