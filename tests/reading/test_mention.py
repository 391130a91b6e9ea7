"""Reading mentions: each one is taken, mended or refused, and nothing else ever happens."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contracts.examples import examples
from tocsin.core.errors import BadMention
from tocsin.core.mention import MAX_TEXT_BYTES, Author, Engagement, Mention, decode_mention, encode_mentions
from tocsin.reading import REASONS, check_time, read_json_line, read_mention

NOON = "2026-03-01T12:00:00Z"
AT_NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ISTANBUL = ZoneInfo("Europe/Istanbul")


def obj(**fields: Any) -> dict[str, Any]:
    return {"id": "1", "text": "Su ısıtıcı yine patladı", "created_at": NOON} | fields


def read(**fields: Any) -> Mention:
    return read_mention(obj(**fields), source="shop")


def refused(value: Any, **options: Any) -> BadMention:
    with pytest.raises(BadMention) as caught:
        read_mention(value, **({"source": "shop"} | options))
    assert caught.value.reason in REASONS
    return caught.value


def line_refused(line: bytes) -> BadMention:
    with pytest.raises(BadMention) as caught:
        read_json_line(line, source="shop")
    assert caught.value.reason in REASONS
    return caught.value


# -- one mention


def test_every_field_of_a_mention_is_read() -> None:
    mention = read(
        edited_at="2026-03-01T15:30:00+03:00",
        source="forum-tr",
        network="forum",
        url="https://forum.example/t/1",
        lang="tr-TR",
        title="Isıtıcı",
        country="TR",
        author={"id": 7, "name": "Ayşe", "handle": "@ayse", "followers": 120, "verified": True},
        in_reply_to=99,
        repost_of="98",
        thread="97",
        engagement={"likes": 1, "reposts": 2, "replies": 3, "views": 4},
        links=["https://a.example/1"],
        hashtags=["#ısıtıcı", "ısıtıcı", "geri"],
        media=[{"url": "https://a.example/p.jpg", "type": "photo"}],
    )
    assert mention == Mention(
        source="forum-tr",
        id="1",
        text="Su ısıtıcı yine patladı",
        created_at=AT_NOON,
        edited_at=AT_NOON + timedelta(minutes=30),
        network="forum",
        url="https://forum.example/t/1",
        lang="tr",
        title="Isıtıcı",
        country="TR",
        author=Author("7", "Ayşe", "@ayse", 120, True),
        in_reply_to="99",
        repost_of="98",
        thread="97",
        engagement=Engagement(1, 2, 3, 4),
        links=("https://a.example/1",),
        hashtags=("ısıtıcı", "geri"),
        media=("https://a.example/p.jpg",),
    )


def test_what_we_write_we_read_back_unchanged() -> None:
    mention = read(author="ion", lang="ro", brand="ceainic", text="Ceainicul s-a stricat din nou 😡")
    assert decode_mention(encode_mentions([mention]).strip()) == mention
    assert read_json_line(encode_mentions([mention]), source="other") == mention


def test_an_author_may_be_a_string_or_an_object_with_only_a_handle() -> None:
    assert read(author="jan").author == Author("jan")
    assert read(author=12).author == Author("12")
    assert read(author={"handle": "@jan"}).author == Author("@jan", handle="@jan")
    assert read(author={}).author is None
    assert read(author="").author is None


@pytest.mark.parametrize(
    ("given_lang", "lang"),
    [
        ("en-US", "en"),
        ("TR", "tr"),
        ("und", None),
        ("", None),
        (None, None),
        ("qme", None),
        ("in", "id"),
        ("nl_BE", "nl"),
    ],
)
def test_a_language_is_kept_without_its_region(given_lang: str | None, lang: str | None) -> None:
    mention = read(lang=given_lang)
    assert (mention.lang, mention.extra) == (lang, {})


def test_a_language_that_is_no_code_is_kept_beside() -> None:
    mention = read(lang="English")
    assert (mention.lang, mention.extra) == (None, {"lang": "English"})


def test_the_reader_gives_the_source_where_the_mention_names_none() -> None:
    assert read().source == "shop"
    assert read(source="").source == "shop"
    assert read(source="forum").source == "forum"
    fixed = read_mention(obj(source="forum"), source="shop", fix_source=True)
    assert (fixed.source, fixed.extra) == ("shop", {"source": "forum"})
    assert read_json_line(json.dumps(obj(source="forum")).encode(), source="shop", fix_source=True) == fixed
    assert refused(obj(), source=None).field == "source"
    assert refused(obj(source="a\nb")).field == "source"


def test_a_time_without_an_offset_is_refused_unless_a_zone_is_given() -> None:
    assert refused(obj(created_at="2026-03-01T12:00:00")).reason == "no_offset"
    local = read_mention(obj(created_at="2026-03-01 15:00"), source="shop", zone=ISTANBUL)
    assert local.created_at == AT_NOON
    assert local.created_at.tzinfo is UTC


@pytest.mark.parametrize(
    "value",
    ["yesterday", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00", "\ud800"],
)
def test_a_time_that_is_none_is_refused(value: str) -> None:
    bad = refused(obj(created_at=value))
    assert (bad.reason, bad.field) == ("bad_time", "created_at")


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("id", None, "missing_field"),
        ("id", "", "too_long"),
        ("id", "x" * 257, "too_long"),
        ("id", True, "bad_type"),
        ("id", 1.5, "bad_type"),
        ("id", 10**4000, "too_long"),
        ("text", None, "missing_field"),
        ("text", 5, "bad_type"),
        ("created_at", None, "missing_field"),
        ("created_at", 1767268800, "bad_type"),
        ("title", ["a"], "bad_type"),
        ("network", "n" * 65, "too_long"),
        ("thread", "t" * 257, "too_long"),
        ("links", 5, "bad_type"),
        ("hashtags", [5], "bad_type"),
        ("engagement", "many", "bad_type"),
    ],
)
def test_a_field_that_cannot_be_taken_is_named(field: str, value: object, reason: str) -> None:
    bad = refused(obj(**{field: value}))
    assert (bad.reason, bad.field) == (reason, field)


@pytest.mark.parametrize("value", [-1, 10**13, "many", 1.5, True, [1], 10**400, float("inf"), float("nan")])
def test_figures_that_are_negative_absurd_or_no_numbers_are_refused(value: object) -> None:
    assert refused(obj(author={"id": "a", "followers": value})).field == "author.followers"
    assert refused(obj(engagement={"likes": value})).field == "engagement.likes"


def test_figures_may_come_as_text_or_as_whole_floats() -> None:
    assert read(author={"id": "a", "followers": "1200"}).author == Author("a", followers=1200)
    assert read(engagement={"likes": 12.0, "views": "7.0"}).engagement == Engagement(likes=12, views=7)


def test_unknown_fields_are_kept_within_16_kilobytes() -> None:
    assert read(brand="kettle", score=1.5, nested={"a": [1, None]}).extra == {
        "brand": "kettle",
        "score": 1.5,
        "nested": {"a": [1, None]},
    }
    huge = read(brand="kettle", blob="x" * 20_000)
    assert huge.extra == {"brand": "kettle", "_dropped": ["blob"]}
    many = read(**{f"field{n}": "y" * 900 for n in range(1000)})
    assert len(msgspec.json.encode(many.extra)) <= 16 * 1024


def test_only_web_addresses_become_links() -> None:
    mention = read(
        url="javascript:alert(1)", links=["ftp://a.example", "https://a.example", "HTTP://b.example/x y"]
    )
    assert (mention.url, mention.links) == (None, ("https://a.example",))
    assert mention.extra == {
        "url": "javascript:alert(1)",
        "links": ["ftp://a.example", "HTTP://b.example/x y"],
    }


def test_a_text_of_5_megabytes_is_cut_between_characters() -> None:
    mention = read(text="ğ" * 2_500_000)
    assert mention.text == "ğ" * (MAX_TEXT_BYTES // 2)
    assert mention.truncated
    assert not read(text="a" * MAX_TEXT_BYTES).truncated
    odd = read(text="a" + "😀" * 20_000)
    assert len(odd.text.encode()) == MAX_TEXT_BYTES - 3


def test_a_flood_of_emoji_is_a_text_like_another() -> None:
    mention = read(text="😡" * 10_000)
    assert (len(mention.text), mention.truncated) == (10_000, False)


def test_nul_and_lone_surrogates_are_replaced() -> None:
    mention = read(
        id="a\0", text="ket\0tle \ud83d \ud83d\ude00", author={"id": "x", "name": "\udfff"}, note="\ud800"
    )
    assert (mention.id, mention.text) == ("a\ufffd", "ket\ufffdtle \ufffd 😀")
    assert mention.author == Author("x", name="\ufffd")
    assert mention.extra == {"note": "\ufffd"}
    encode_mentions([mention])
    line = b'{"id":"1","text":"a\\u0000b\\ud83d","created_at":"2026-03-01T12:00:00Z"}'
    assert read_json_line(line, source="shop").text == "a\ufffdb\ufffd"
    assert read_json_line(line.replace(b"\\u0000", b"\0"), source="shop").text == "a\ufffdb\ufffd"


@pytest.mark.parametrize("created_at", ["1970-01-01T00:00:00Z", "2025-11-30T11:59:59Z"])
def test_what_is_older_than_is_kept_is_refused(created_at: str) -> None:
    with pytest.raises(BadMention) as caught:
        check_time(
            read(created_at=created_at), AT_NOON, max_age=timedelta(days=90), max_ahead=timedelta(minutes=10)
        )
    assert caught.value.reason == "too_old"


@pytest.mark.parametrize("field", ["created_at", "edited_at"])
def test_one_row_dated_2099_moves_no_clock(field: str) -> None:
    with pytest.raises(BadMention) as caught:
        check_time(
            read(**{field: "2099-01-01T00:00:00Z"}),
            AT_NOON,
            max_age=timedelta(days=90),
            max_ahead=timedelta(minutes=10),
        )
    assert (caught.value.reason, caught.value.field) == ("in_future", field)


def test_ten_minutes_ahead_are_forgiven() -> None:
    mention = read(created_at="2026-03-01T12:10:00Z")
    check_time(mention, AT_NOON, max_age=timedelta(days=90), max_ahead=timedelta(minutes=10))
    with pytest.raises(BadMention):
        check_time(mention, AT_NOON, max_age=timedelta(days=90), max_ahead=timedelta(minutes=9))


# -- one line


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"id": "1", "text": "a"', "malformed"),
        (b"", "malformed"),
        (b'{"id": "1"} {"id": "2"}', "malformed"),
        (b'{"id":"1","text":"","created_at":"2026-03-01T12:00:00Z","score":NaN}', "malformed"),
        (b"[" * 40_000, "too_deep"),
        (b'{"a":' * 20_000, "too_deep"),
        (b"[" * 100_000, "too_large"),
        (b"[1]", "not_object"),
        (b'"text"', "not_object"),
        ('{"id":"1","text":"patladı"}'.encode("iso8859-9"), "encoding"),
        (b'{"id":"' + b"9" * 8_400_000 + b'"}', "too_large"),
        (b'{"id":' + b"9" * 6000 + b"}", "malformed"),
    ],
)
def test_a_line_that_is_no_mention_is_refused_with_its_reason(line: bytes, reason: str) -> None:
    assert line_refused(line).reason == reason


def test_the_fast_and_the_patient_way_give_the_same() -> None:
    author = {"id": "u", "name": "", "handle": None, "followers": 5, "verified": False}
    for fields in (
        {},
        {"author": "u", "lang": "en-GB", "url": "https://a.example/ü", "title": ""},
        {"author": author, "engagement": {}, "hashtags": ["#a", "", "a"], "links": []},
        {"created_at": "2026-03-01T12:00:00.1234567+01:00", "edited_at": NOON, "truncated": True},
        {"engagement": {"likes": 0}, "media": ["https://a.example/1"], "source": "else", "network": ""},
        {
            "lang": "qqq",
            "country": "NL",
            "text": "İyi 😀",
            "thread": "t",
            "in_reply_to": "r",
            "repost_of": "p",
        },
    ):
        line = json.dumps(obj(**fields)).encode()
        assert read_json_line(line, source="shop") == read_mention(json.loads(line), source="shop")


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=20)
    | st.just(NOON),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
mention_like = st.fixed_dictionaries(
    {"id": st.just("1") | anything, "text": st.just("x") | anything, "created_at": st.just(NOON) | anything},
    optional={
        name: anything for name in Mention.__struct_fields__ if name not in ("id", "text", "created_at")
    }
    | {"author": st.dictionaries(st.sampled_from(Author.__struct_fields__), anything) | anything}
    | {"engagement": st.dictionaries(st.sampled_from(Engagement.__struct_fields__), anything) | anything}
    | {"unknown": anything},
)


@pytest.mark.slow("many random records")
@settings(max_examples=examples(30), deadline=None)
@given(mention_like | anything, st.sampled_from([None, "shop"]), st.sampled_from([None, ISTANBUL]))
def test_whatever_comes_in_out_comes_a_mention_or_a_bad_mention(
    value: Any, source: str | None, zone: ZoneInfo | None
) -> None:
    try:
        mention = read_mention(value, source=source, zone=zone)
    except BadMention as bad:
        assert bad.reason in REASONS
        str(bad).encode()
    else:
        again = decode_mention(encode_mentions([mention]).strip())
        assert again == mention
        assert len(msgspec.json.encode(mention.extra)) <= 16 * 1024


@pytest.mark.slow("many random records")
@settings(max_examples=examples(30), deadline=None)
@given(mention_like, st.booleans())
def test_both_ways_agree_on_any_json(value: dict[str, Any], ascii_only: bool) -> None:
    try:
        line = json.dumps(value, ensure_ascii=ascii_only, allow_nan=False).encode()
    except (ValueError, UnicodeEncodeError):
        # Not JSON, or not UTF-8.
        return
    outcomes: list[object] = []
    for fast in (True, False):
        try:
            outcomes.append(
                read_json_line(line, source="shop") if fast else read_mention(json.loads(line), source="shop")
            )
        except BadMention as bad:
            outcomes.append((bad.reason, bad.field))
    assert outcomes[0] == outcomes[1]


@settings(max_examples=examples(50), deadline=None)
@given(st.binary(max_size=200))
def test_whatever_bytes_come_in_only_a_bad_mention_comes_out(line: bytes) -> None:
    try:
        read_json_line(line, source="shop")
    except BadMention as bad:
        assert bad.reason in REASONS
