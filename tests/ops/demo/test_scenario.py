"""The demo's story keeps its promises, whatever the time of its end."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice, takewhile

import pytest
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from ops.demo.scenario import demo_mentions, live_mentions
from ops.demo.timeline import timeline
from ops.demo.world import BRAND, expected_per_hour
from tocsin.core.errors import WrongInput
from tocsin.core.mention import Mention, decode_mentions, encode_mentions

COMPETITORS = ("Kvikkado", "Trapuno")
AFTERNOON = datetime(2026, 11, 18, 13, 20, tzinfo=UTC)
NIGHT = datetime(2026, 6, 7, 2, 40, tzinfo=UTC)
LANGUAGES = ("en", "tr", "nl", "ro", "de", "fr")


@cache
def told(end: datetime = AFTERNOON) -> tuple[Mention, ...]:
    return tuple(demo_mentions(end))


def about(name: str, mentions: tuple[Mention, ...] | list[Mention]) -> list[Mention]:
    return [
        mention
        for mention in mentions
        if name.lower() in mention.full_text.lower() and "villa ondrello" not in mention.full_text.lower()
    ]


def between(mentions: list[Mention], since: datetime, until: datetime) -> list[Mention]:
    return [mention for mention in mentions if since <= mention.created_at < until]


@pytest.mark.slow("makes up days of talk twice")
def test_the_same_seed_tells_the_same_story_byte_for_byte() -> None:
    assert encode_mentions(list(demo_mentions(AFTERNOON))) == encode_mentions(list(told()))


@pytest.mark.slow("makes up days of talk twice")
def test_another_seed_tells_another_story() -> None:
    assert encode_mentions(list(demo_mentions(AFTERNOON, seed=2))) != encode_mentions(list(told()))


@pytest.mark.slow("writes two weeks of talk")
def test_the_story_is_in_order_and_within_its_two_weeks() -> None:
    times = [mention.created_at for mention in told()]
    assert times == sorted(times)
    assert times[0] >= AFTERNOON - timedelta(days=14)
    assert times[-1] < AFTERNOON


@pytest.mark.slow("makes up days of talk")
@pytest.mark.parametrize("end", [AFTERNOON, NIGHT])
def test_no_two_mentions_share_an_id_and_the_live_part_goes_on_without_a_seam(end: datetime) -> None:
    live = list(takewhile(lambda m: m.created_at < end + timedelta(hours=9), live_mentions(end)))
    assert all(mention.created_at >= end for mention in live)
    assert [m.created_at for m in live] == sorted(m.created_at for m in live)
    ids = [mention.key for mention in (*told(end), *live)]
    assert len(ids) == len(set(ids))
    known = {mention.id for mention in (*told(end), *live)}
    assert any(m.in_reply_to in {old.id for old in told(end)} for m in live)
    answered = {m.in_reply_to or m.repost_of for m in told(end)} - {None}
    assert answered <= known


@pytest.mark.slow("writes two weeks of talk")
@pytest.mark.parametrize("end", [AFTERNOON, NIGHT])
def test_brand_and_competitors_have_the_promised_volumes(end: datetime) -> None:
    assert 6_000 <= len(about(BRAND, told(end))) <= 9_000
    for competitor in COMPETITORS:
        assert 1_600 <= len(about(competitor, told(end))) <= 2_400


@pytest.mark.slow("tells days of talk")
def test_every_language_and_network_is_heard() -> None:
    brand = about(BRAND, told())
    languages = Counter(mention.lang for mention in brand)
    assert set(languages) == {*LANGUAGES, None}
    assert min(languages[lang] for lang in ("en", "tr", "nl", "ro")) > 600
    assert min(languages[lang] for lang in ("de", "fr")) > 60
    sources = {(mention.source, mention.network) for mention in told()}
    assert sources == {
        ("demo-mastodon", "mastodon"),
        ("demo-bluesky", "bluesky"),
        ("demo-forum", "forum"),
        ("demo-news-feed", "news"),
    }


def test_every_mention_of_a_monitored_name_carries_the_name() -> None:
    named = (BRAND.lower(), *(name.lower() for name in COMPETITORS))
    unnamed = [m for m in told() if not any(name in m.full_text.lower() for name in named)]
    assert all(m.in_reply_to is None and m.repost_of is None and m.engagement for m in unnamed)
    assert 0.03 < len(unnamed) / len(told()) < 0.12


def test_texts_are_whole_short_and_free_of_control_characters() -> None:
    for mention in told():
        assert 0 < len(mention.full_text) <= 500
        assert not re.search(r"[\x00-\x08\x0b-\x1f{}]|  |~", mention.full_text), mention.full_text


def test_ordinary_posts_rarely_say_the_same_words() -> None:
    times = timeline(AFTERNOON)
    own = [
        m.text
        for m in about(BRAND, told())
        if not m.repost_of and not m.in_reply_to and not times.flood_from <= m.created_at < times.flood_to
    ]
    assert len(set(own)) > 3_000
    assert len(set(own)) / len(own) > 0.85


def test_addresses_lead_nowhere() -> None:
    for mention in told():
        for address in (mention.url or "", *mention.links):
            host = re.sub(r"^https://([^/]+)/.*", r"\1", address)
            assert host.endswith((".test", ".example.org", ".example.com")), address


def test_nights_are_quiet_and_evenings_are_not() -> None:
    times = timeline(AFTERNOON)
    quiet_days = [m for m in about(BRAND, told()) if m.created_at < times.campaign_from]
    hours = Counter(m.created_at.hour for m in quiet_days)
    assert sum(hours[h] for h in (0, 1, 2, 3)) * 4 < sum(hours[h] for h in (17, 18, 19, 20))


def test_counts_vary_more_than_a_poisson_process_would() -> None:
    times = timeline(AFTERNOON)
    ratios = []
    for hour in range(24 * 8):
        at = times.start + timedelta(hours=hour)
        mean = expected_per_hour(BRAND, at)
        seen = len(between(about_before_campaign(), at, at + timedelta(hours=1)))
        if mean > 5:
            ratios.append((seen - mean) ** 2 / mean)
    assert 1.5 < sum(ratios) / len(ratios) < 12


@cache
def about_before_campaign() -> list[Mention]:
    return between(about(BRAND, told()), timeline(AFTERNOON).start, timeline(AFTERNOON).campaign_from)


@pytest.mark.slow("tells days of talk")
@pytest.mark.parametrize("end", [AFTERNOON, NIGHT])
def test_the_giveaway_is_five_to_eight_times_as_loud_for_three_hours_and_glad(end: datetime) -> None:
    times = timeline(end)
    usual = sum(expected_per_hour(BRAND, times.campaign_from + n * timedelta(hours=1)) for n in range(3))
    during = between(about(BRAND, told(end)), times.campaign_from, times.campaign_to)
    assert 5 <= len(during) / usual <= 8
    judge = SentimentIntensityAnalyzer().polarity_scores
    tones = [judge(m.text)["compound"] for m in during if m.lang == "en"]
    assert sum(tone > 0.05 for tone in tones) > 10 * sum(tone < -0.05 for tone in tones)


@pytest.mark.parametrize("end", [AFTERNOON, NIGHT])
def test_the_flood_is_one_text_from_a_few_thin_accounts_within_twenty_minutes(end: datetime) -> None:
    text, copies = Counter(m.text for m in told(end) if not m.repost_of).most_common(1)[0]
    flood = [m for m in told(end) if m.text == text]
    assert 150 <= copies == len(flood) <= 300
    assert flood[-1].created_at - flood[0].created_at <= timedelta(minutes=20)
    authors = {m.author for m in flood if m.author}
    assert 15 <= len(authors) <= 25
    assert all((author.followers or 0) < 10 for author in authors)
    assert flood[0].links


@pytest.mark.slow("makes up days of talk")
@pytest.mark.parametrize(
    "end", [AFTERNOON, NIGHT, AFTERNOON + timedelta(hours=5), AFTERNOON + timedelta(hours=9)]
)
def test_the_crisis_grows_within_half_an_hour_far_beyond_the_usual(end: datetime) -> None:
    times = timeline(end)
    brand = about(BRAND, told(end))
    usual = expected_per_hour(BRAND, times.crisis_at)
    before = between(brand, times.crisis_at - timedelta(hours=1), times.crisis_at)
    first_ten = between(brand, times.crisis_at, times.crisis_at + timedelta(minutes=10))
    full = between(brand, times.end - timedelta(minutes=45), times.end)
    assert len(before) < 4 * usual + 10
    assert len(first_ten) < 25
    assert len(full) / 0.75 > 10 * usual
    assert len(full) > 150


def test_the_crisis_begins_on_a_dutch_forum_and_spreads_over_languages_networks_and_people() -> None:
    times = timeline(AFTERNOON)
    crisis = [m for m in about(BRAND, told()) if "-crisis-" in m.id]
    first = crisis[0]
    assert (first.created_at, first.network, first.lang) == (times.crisis_at, "forum", "nl")
    begun = {lang: min(m.created_at for m in crisis if m.lang == lang) for lang in LANGUAGES}
    assert begun["nl"] < begun["tr"] < begun["en"] < begun["ro"] < max(begun["de"], begun["fr"])
    networks = {m.network for m in crisis}
    assert networks == {"forum", "mastodon", "bluesky", "news"}
    audiences = {m.author.followers or 0 for m in crisis if m.author}
    assert max(audiences) > 200_000
    assert (
        max(m.author.followers or 0 for m in told() if m.author and m.created_at < times.crisis_at) < 100_000
    )


def test_english_readers_hear_the_crisis_as_negative_and_ordinary_days_as_mixed() -> None:
    judge = SentimentIntensityAnalyzer().polarity_scores
    english = [m for m in about(BRAND, told()) if m.lang == "en"]
    crisis = [judge(m.full_text)["compound"] < -0.05 for m in english if "-crisis-" in m.id]
    usual = [judge(m.full_text)["compound"] < -0.05 for m in about_before_campaign() if m.lang == "en"]
    assert sum(crisis) / len(crisis) > 0.75
    assert sum(usual) / len(usual) < 0.3


@pytest.mark.parametrize("end", [AFTERNOON, NIGHT])
def test_after_the_end_the_crisis_calms_within_three_quarters_of_an_hour(end: datetime) -> None:
    live = list(takewhile(lambda m: m.created_at < end + timedelta(hours=3), live_mentions(end)))
    crisis = [m for m in live if "-crisis-" in m.id]
    assert len(between(crisis, end, end + timedelta(minutes=10))) > 30
    late = between(crisis, end + timedelta(minutes=45), end + timedelta(hours=3))
    assert len(late) < 20
    assert any(m.author and m.author.handle == "ondrello" for m in crisis)


@pytest.mark.slow("the demo's days of talk")
def test_the_live_part_never_ends_and_repeats_for_a_seed() -> None:
    assert list(islice(live_mentions(AFTERNOON), 3_000)) == list(islice(live_mentions(AFTERNOON), 3_000))


def test_mentions_survive_the_wire() -> None:
    some = list(told()[-500:])
    assert decode_mentions(encode_mentions(some)) == some


def test_the_story_names_no_real_brand() -> None:
    real = r"\b(gazelle|vanmoof|batavus|bosch|brompton|cowboy|sparta|tesla|twitter|facebook|reddit|bisan)\b"
    assert not [m.full_text for m in told() if re.search(real, m.full_text, re.IGNORECASE)]


@pytest.mark.parametrize(
    ("end", "days"), [(AFTERNOON.replace(tzinfo=None), 14), (AFTERNOON, 3), (AFTERNOON, 400)]
)
def test_a_story_that_cannot_be_told_is_refused(end: datetime, days: int) -> None:
    with pytest.raises(WrongInput):
        next(demo_mentions(end, days=days))


def test_a_crisis_that_leaves_no_time_to_grow_is_refused() -> None:
    with pytest.raises(WrongInput, match="40 minutes"):
        next(demo_mentions(AFTERNOON, crisis_before=timedelta(minutes=5)))
