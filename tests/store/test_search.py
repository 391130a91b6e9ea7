"""A search finds the same mentions on every engine, and the index stays true through edits, deletions and retention."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, update

from tests.contracts.examples import examples
from tests.engines.postgres import Postgres
from tocsin.core.errors import WrongInput
from tocsin.store import schema as s
from tocsin.store.opening import open_store
from tocsin.store.port import Store
from tocsin.store.search import SearchPhrase, index_due, index_missing, matching, parse_search, within
from tocsin.store.words import GAP, MOST_WORDS, cut, words_of

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

TEXTS = {
    "tr-1": "Ankara'da su şişesi patladı, çocuklar İzmir'de hastanede! #skandal",
    "tr-2": "IŞIKLAR söndü; ISPANAK aldım, ılık bir akşam",
    "tr-3": "isiklar sondu, ispanak aldim",
    "nl-1": "Het water smaakt naar chloor, zegt de gemeente. Wéér een storing bij Brightwater?",
    "nl-2": "geen water in de wijk… één uur lang",
    "ro-1": "Apa rece și mâncare proastă în București, țara arde",
    "ro-2": "Bucuresti: apă caldă, şi atât",
    "en-1": "The bottle exploded. Don't drink the water! 😡😡 https://example.com/recall?batch=A-17",
    "en-2": "water the plants, then bottle the rest",
    "en-3": "@brightwater #Recall now! We paid $20 — or was it €20?",
    "en-4": "recalled: ａ ｆｕｌｌ　ｗｉｄｔｈ claim",
    "zh-1": "東京の水道水がまずい。水を飲まないで",
    "ko-1": "한국에서 물병이 폭발했다",
    "hi-1": "पानी की बोतल फट गई",
    "none": "!!! ... ???",
    "zwj": "hid\u200bden wa\u00adter 👨\u200d👩\u200d👧",
    "nul": "before\0after",
}
TITLED = {"titled": ("Bottle", "exploded at noon")}

FOUND = {
    "su": {"tr-1"},
    "şişesi": {"tr-1"},
    "SISESI PATLADI": {"tr-1"},
    "ankara": {"tr-1"},
    "Ankara'da": {"tr-1"},
    "izmir": {"tr-1"},
    "IZMIR": {"tr-1"},
    "#skandal": {"tr-1"},
    "skandal": {"tr-1"},
    "ışıklar": {"tr-2", "tr-3"},
    "ISPANAK": {"tr-2", "tr-3"},
    "ılık": {"tr-2"},
    "weer": {"nl-1"},
    "een": {"nl-1", "nl-2"},
    "één": {"nl-1", "nl-2"},
    "mancare": {"ro-1"},
    "ţara": {"ro-1"},
    "țara": {"ro-1"},
    "bucurești": {"ro-1", "ro-2"},
    "apă": {"ro-1", "ro-2"},
    "water": {"nl-1", "nl-2", "en-1", "en-2", "zwj"},
    "water bottle": {"en-1", "en-2"},
    '"the water"': {"en-1"},
    '"water the"': {"en-2"},
    '"the water': {"en-1"},
    "don't": {"en-1"},
    "don’t": {"en-1"},
    "example.com": {"en-1"},
    "https://example.com/recall?batch=A-17": {"en-1"},
    '"com example"': set(),
    "😡": {"en-1"},
    "😡😡": {"en-1"},
    "👩": {"zwj"},
    "recall": {"en-1", "en-3"},
    "#recall": {"en-3"},
    "@brightwater": {"en-3"},
    "brightwater": {"nl-1", "en-3"},
    "recall*": {"en-1", "en-3", "en-4"},
    "bri*": {"nl-1", "en-3"},
    '"the bot*"': {"en-1"},
    "$20": {"en-3"},
    "€20": {"en-3"},
    "$": {"en-3"},
    "full width": {"en-4"},
    "水": {"zh-1"},
    "水道水": {"zh-1"},
    "道の水": set(),
    "東京": {"zh-1"},
    "물병": {"ko-1"},
    "폭발": {"ko-1"},
    "पानी": {"hi-1"},
    "पान": set(),
    "hidden": {"zwj"},
    "after": {"nul"},
    "bottle exploded": {"en-1", "titled"},
    '"bottle exploded"': {"en-1"},
    "water AND bottle": set(),
    "bottle OR water": set(),
    "water NOT bottle": set(),
    "NEAR(water bottle)": set(),
    "words:water": set(),
    "-bottle": {"en-1", "en-2", "titled"},
    "water'": {"nl-1", "nl-2", "en-1", "en-2", "zwj"},
    "bottle ' OR 1=1 --": set(),
    "bottle & water | !x": set(),
    "wat\0er": set(),
    "wat": set(),
    "zzz": set(),
}


def row(id: str, text: str, title: str | None = None, **other: Any) -> dict[str, Any]:
    return {
        "source": "forum",
        "id": id,
        "created_at": NOW,
        "hash": "h",
        "text": text,
        "title": title,
        "truncated": False,
        "label": "neutral",
        "score_e4": 0,
        "confidence_e4": 0,
        "signature": 0,
        "repost": False,
        "triggers": [],
        "words": words_of(title, text),
        **other,
    }


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store with all the texts."""
    url = "sqlite"
    if request.param == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        url = server.database()
    made = open_store(url, tmp_path_factory.mktemp("search"), durable=False)
    rows = [row(id, text) for id, text in TEXTS.items()]
    rows += [row(id, text, title) for id, (title, text) in TITLED.items()]
    with made.write() as conn:
        assert made.insert_new(conn, s.mentions, rows) == len(rows)
    yield made
    made.close()


def found(store: Store, typed: str, source: str = "forum") -> set[str]:
    with store.read() as conn:
        answers = []
        # Both ways of finding them give the same.
        for rare in (True, False):
            says = matching(conn, parse_search(typed), rare=rare)
            ids = select(s.mentions.c.id).where(says, s.mentions.c.source == source)
            answers.append(set(conn.execute(ids).scalars()))
    assert answers[0] == answers[1]
    return answers[0]


@pytest.mark.parametrize("typed", FOUND)
def test_what_is_typed_finds_the_same_on_every_engine(store: Store, typed: str) -> None:
    assert found(store, typed) == FOUND[typed]


def contains(words: list[str], phrase: SearchPhrase) -> bool:
    """Whether the words contain the phrase, word by word."""
    *whole, last = phrase.words
    for at in range(len(words) - len(whole)):
        ends = words[at + len(whole)]
        if words[at : at + len(whole)] == whole and (
            ends == last or (phrase.beginning and ends.startswith(last))
        ):
            return True
    return False


PLAIN = r"""su ŞU İ ı bottle bot* " ' \ * #su @x 水 水道 😡 - ( ) : & | ! <-> AND NEAR { } ^ + . a $ % %s :x é ß"""
PIECES = st.sampled_from([*PLAIN.split(), "\0", "\ud800"])


@settings(
    max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(texts=st.lists(PIECES, max_size=8).map("".join), typed=st.lists(PIECES, max_size=6).map(" ".join))
def test_whatever_is_typed_at_whatever_text_does_what_the_words_say(
    store: Store, texts: str, typed: str
) -> None:
    try:
        phrases = parse_search(typed)
    except WrongInput:
        return
    words = cut(texts)
    with store.write() as conn:
        conn.execute(delete(s.mentions).where(s.mentions.c.source == "typed"))
        store.insert_new(conn, s.mentions, [row("1", texts, source="typed")])
    expected = {"1"} if all(contains(words, phrase) for phrase in phrases) else set()
    assert found(store, typed, "typed") == expected


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "no word"),
        ("   ", "no word"),
        ("?!", "no word"),
        ('""', "no word"),
        ("\0", "no word"),
        ("*", "no word"),
        ("x" * 257, "at most 256 characters"),
        ("a " * 33, "at most 32 words"),
        ("水" * 33, "at most 32 words"),
        ("a*", "2 letters"),
    ],
)
def test_what_cannot_be_looked_for_is_said(typed: str, said: str) -> None:
    with pytest.raises(WrongInput, match=said):
        parse_search(typed)


def test_a_very_long_text_is_found_by_its_first_words_alike(store: Store) -> None:
    monotonous = "ha " * 20_000 + "end"
    varied = " ".join(f"w{n}" for n in range(MOST_WORDS)) + " beyond"
    # The letter with the longest spelling.
    worst = "\ufdfb" * 21_000
    with store.write() as conn:
        store.insert_new(
            conn,
            s.mentions,
            [
                row(str(n), text, source="long")
                for n, text in enumerate((monotonous, varied, worst, "q" * 150))
            ],
        )
    assert found(store, '"ha ha ha"', "long") == {"0"}
    assert found(store, f"w{MOST_WORDS - 1}", "long") == {"1"}
    assert found(store, "beyond", "long") == set()
    assert found(store, "جل", "long") == {"2"}
    assert found(store, "q" * 150, "long") == {"3"}
    assert found(store, "q" * 149, "long") == set()


def test_words_come_back_as_they_went_in(store: Store) -> None:
    said = [None, "", "a", "a b a", f"a {GAP} b", "# 水 道 😡 $"]
    with store.write() as conn:
        store.insert_new(
            conn, s.mentions, [row(str(n), "", source="back", words=words) for n, words in enumerate(said)]
        )
    m = s.mentions
    with store.read() as conn:
        rows = conn.execute(select(m.c.words).where(m.c.source == "back").order_by(m.c.id))
        assert list(rows.scalars()) == said
    with store.write() as conn:
        conn.execute(delete(m).where(m.c.source == "back"))


def test_an_edit_a_deletion_and_new_figures_keep_the_index_true(store: Store) -> None:
    m = s.mentions
    mine = m.c.source == "edits"
    with store.write() as conn:
        store.insert_new(
            conn, m, [row("1", "first words", source="edits"), row("2", "first", source="edits")]
        )
    # An edit replaces the row.
    with store.write() as conn:
        conn.execute(delete(m).where(mine, m.c.id == "1"))
        store.insert_new(conn, m, [row("1", "second thoughts", source="edits")])
        conn.execute(update(m).where(mine).values(likes=7))
    assert found(store, "first", "edits") == {"2"}
    assert found(store, "second", "edits") == {"1"}
    with store.write() as conn:
        conn.execute(update(m).where(mine, m.c.id == "2").values(words="third one"))
        index_due(conn)
        conn.execute(delete(m).where(mine, m.c.id == "1"))
    assert found(store, "second", "edits") == found(store, "first", "edits") == set()
    assert found(store, "third", "edits") == {"2"}


def test_what_older_code_stored_is_given_its_words_a_piece_at_a_time(store: Store) -> None:
    old = [{**row(str(n), f"old text {n}", "Titled", source="old")} for n in range(5)]
    for one in old:
        # Older code has no such column.
        del one["words"]
    with store.write() as conn:
        store.insert_new(conn, s.mentions, old)
    assert found(store, "old text", "old") == set()
    with store.write() as conn:
        assert [index_missing(conn, limit=3) for _ in range(3)] == [3, 2, 0]
    assert found(store, '"old text 3"', "old") == {"3"}
    assert found(store, "titled 4", "old") == {"4"}


def test_sqlites_index_survives_a_vacuum_and_finds_itself_whole(tmp_path: Path) -> None:
    store = open_store("sqlite", tmp_path)
    with store.write() as conn:
        store.insert_new(conn, s.mentions, [row(str(n), f"word{n}") for n in range(50)])
        conn.execute(delete(s.mentions).where(s.mentions.c.id.in_([str(n) for n in range(0, 50, 2)])))
    with sqlite3.connect(tmp_path / "store.db", isolation_level=None) as plain:
        plain.execute("VACUUM")
        plain.execute("INSERT INTO mention_words (mention_words, rank) VALUES ('integrity-check', 1)")
    assert [found(store, f"word{n}") for n in (0, 1, 49)] == [set(), {"1"}, {"49"}]
    store.close()


def test_rows_that_another_tool_inserts_are_indexed_and_deleted_like_ours(tmp_path: Path) -> None:
    store = open_store("sqlite", tmp_path)
    with store.write() as conn:
        conn.execute(insert(s.mentions), [row(str(n), f"word{n} all") for n in range(3)])
        conn.execute(delete(s.mentions).where(s.mentions.c.id == "0"))
        conn.execute(update(s.mentions).where(s.mentions.c.id == "1").values(words="changed all"))
        index_missing(conn)
        conn.execute(delete(s.mentions).where(s.mentions.c.id == "2"))
    assert [found(store, typed) for typed in ("all", "changed", "word0", "word1", "word2")] == [
        {"1"},
        {"1"},
        set(),
        set(),
        set(),
    ]
    with store.write() as conn:
        conn.exec_driver_sql("INSERT INTO mention_words (mention_words, rank) VALUES ('integrity-check', 1)")
    store.close()


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


def test_a_search_without_an_end_is_ended_and_so_are_many_short_ones(store: Store) -> None:
    soon = timedelta(milliseconds=50)
    with (
        pytest.raises(WrongInput, match="narrow it"),
        store.read() as conn,
        within(conn, soon, "narrow it"),
    ):
        conn.exec_driver_sql(ENDLESS)
    with (
        pytest.raises(WrongInput, match="narrow it"),
        store.read() as conn,
        within(conn, soon, "narrow it") as look,
    ):
        while True:
            look()
    # The connection is as it was: the limit was of that search.
    with store.read() as conn:
        assert conn.exec_driver_sql("SELECT 1").scalar() == 1
