"""The grammar: what the parser accepts, how operators bind, and where exactly an error is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contracts.examples import examples
from tests.query.strategies import nodes
from tocsin.core.errors import WrongInput
from tocsin.query import QueryError, parse_query
from tocsin.query.literals import Literal
from tocsin.query.parser import MAX_CHARS, MAX_DEPTH
from tocsin.query.tree import And, Field, Followers, Handle, Not, Or, Phrase, Tag, Url, Word


def refused(query: str) -> QueryError:
    with pytest.raises(QueryError) as caught:
        parse_query(query)
    return caught.value


@pytest.mark.parametrize(
    ("typed", "root"),
    [
        ("tocsin", Word("tocsin")),
        ("delay*", Word("delay", prefix=True)),
        ("Tocsin,", Word("Tocsin")),
        ('"lost bag"', Phrase("lost bag")),
        ("„lost bag”", Phrase("lost bag")),
        ("#tocsin", Tag("tocsin")),
        ("＃tocsin", Tag("tocsin")),
        ("#toc*", Tag("toc", prefix=True)),
        ("@tocsin", Handle("tocsin")),
        ("@tocsin@social.example", Handle("tocsin@social.example")),
        ("@toc*", Handle("toc", prefix=True)),
        ("url:tocsin.example/news", Url("tocsin.example/news")),
        ("https://tocsin.example/a?b=1", Url("https://tocsin.example/a?b=1")),
        ("tocsin.example", Word("tocsin.example")),
        ("c++", Word("c++")),
        ("AT&T", Word("AT&T")),
        ("12:30", Word("12:30")),
        ("tocsin Emotion:ANGER", And((Word("tocsin"), Field("emotion", "anger")))),
        ("tocsin LANG:TR", And((Word("tocsin"), Field("lang", "tr")))),
        ("tocsin source:news", And((Word("tocsin"), Field("source", "news")))),
        ('tocsin source:"my feed"', And((Word("tocsin"), Field("source", "my feed")))),
        ("tocsin network:mastodon", And((Word("tocsin"), Field("network", "mastodon")))),
        ("tocsin author:@jane", And((Word("tocsin"), Field("author", "jane")))),
        ("tocsin followers>1000", And((Word("tocsin"), Followers(">", 1000)))),
        ("tocsin followers >= 10k", And((Word("tocsin"), Followers(">=", 10_000)))),
        ("tocsin followers<2m", And((Word("tocsin"), Followers("<", 2_000_000)))),
        ("tocsin followers<=1,000", And((Word("tocsin"), Followers("<=", 1000)))),
        ("tocsin followers=0", And((Word("tocsin"), Followers("=", 0)))),
        ("tocsin or", And((Word("tocsin"), Word("or")))),
        ('tocsin "OR"', And((Word("tocsin"), Phrase("OR")))),
        ("ORACLE", Word("ORACLE")),
        ("NOTHING ANDES", And((Word("NOTHING"), Word("ANDES")))),
    ],
)
def test_each_kind_of_term_is_understood(typed: str, root: object) -> None:
    assert parse_query(typed).root == root


A, B, C, D = (Word(name) for name in ("aaa", "bbb", "ccc", "ddd"))


@pytest.mark.parametrize(
    ("typed", "root"),
    [
        ("aaa AND bbb", And((A, B))),
        ("aaa bbb", And((A, B))),
        ("aaa bbb AND ccc", And((A, B, C))),
        ("aaa OR bbb ccc", Or((A, And((B, C))))),
        ("aaa OR bbb AND ccc OR ddd", Or((A, And((B, C)), D))),
        ("(aaa OR bbb) ccc", And((Or((A, B)), C))),
        ("aaa NOT bbb", And((A, Not(B)))),
        ("aaa -bbb", And((A, Not(B)))),
        ("aaa AND NOT bbb OR ccc", Or((And((A, Not(B))), C))),
        ("aaa -(bbb OR ccc)", And((A, Not(Or((B, C)))))),
        ('aaa -"bbb ccc"', And((A, Not(Phrase("bbb ccc"))))),
        ("aaa NOT NOT bbb", And((A, Not(Not(B))))),
        ("aaa-bbb", Word("aaa-bbb")),
        ("((aaa)) OR (bbb OR (ccc))", Or((A, B, C))),
        ("aaa(bbb)ccc", And((A, B, C))),
        ("aaa\n\tOR\u00a0bbb", Or((A, B))),
    ],
)
def test_not_binds_tighter_than_and_and_tighter_than_or(typed: str, root: object) -> None:
    assert parse_query(typed).root == root


@pytest.mark.parametrize(
    ("typed", "column", "words"),
    [
        ("", 1, "the query is empty"),
        (" \n ", 1, "the query is empty"),
        ('tocsin "lost bag', 8, "this quotation mark is never closed"),
        ("tocsin (bell OR gong", 8, "this parenthesis is never closed"),
        ("(tocsin (bell) gong", 1, "this parenthesis is never closed"),
        ("tocsin) bell", 7, "this parenthesis was never opened"),
        ("tocsin ()", 8, "there is nothing between these parentheses"),
        ("tocsin OR", 8, "nothing follows OR"),
        ("tocsin AND", 8, "nothing follows AND"),
        ("tocsin NOT", 8, "nothing follows NOT"),
        ("OR tocsin", 1, "nothing stands before OR"),
        ("(AND tocsin)", 2, "nothing stands before AND"),
        ("tocsin AND OR bell", 12, "OR cannot follow AND"),
        ("tocsin OR )", 11, "this parenthesis was never opened"),
        ("(tocsin OR )", 12, ") cannot follow OR"),
        ("tocsin - bell", 8, "a dash stands right before what it excludes"),
        ("tocsin & bell", 8, "& is not an operator here; expected AND"),
        ("tocsin || bell", 8, "|| is not an operator here; expected OR"),
        ("toc*sin", 4, "a * stands only at the end of a word"),
        ('"lost ba*"', 9, "a * does not work inside quotes"),
        ("tocsin ...", 8, "there is nothing to look for in '...'"),
        ('tocsin "?!"', 8, "there is nothing to look for in this phrase"),
        (
            "tocsin colour:red",
            8,
            "unknown field 'colour'; expected one of author, followers, lang, network, source, url, "
            "intent, emotion, crisis, harm",
        ),
        ("tocsin intent:rant", 15, "'rant' is no intent; expected one of complaint, question"),
        ("tocsin emotion: joy", 15, "emotion: has no value; expected a value, as in emotion:anger"),
        ("tocsin lang:english", 13, "'english' is not a language code"),
        ("tocsin lang:pt-br", 13, "'pt-br' is not a language code"),
        ("tocsin lang: en", 12, "lang: has no value"),
        ("tocsin followers>many", 8, "'followers>many' is not a number of followers"),
        ("tocsin followers:9", 8, "followers is compared"),
        ("tocsin followers>99999999999999999999999", 8, "nobody has that many followers"),
        ("url:tocsin", 1, "'tocsin' is not an address"),
        ("#", 1, "there is nothing to look for"),
        ("#toc-sin", 5, "'-' cannot stand in a hashtag"),
        ("@", 1, "a handle needs a name"),
        ("@toc'sin", 5, '"\'" cannot stand in a handle'),
        ("toc\x00sin", 4, "U+0000"),
        ("toc\udcffsin", 4, "U+DCFF"),
    ],
)
def test_an_error_names_the_column_and_what_was_expected(typed: str, column: int, words: str) -> None:
    error = refused(typed)
    first_line = str(error).splitlines()[0]
    assert (error.line, error.column) == (1, column)
    assert first_line.startswith(f"query, line 1, column {column}: ")
    assert words in first_line
    assert f"; expected {error.expected}" in first_line


@pytest.mark.parametrize(
    ("typed", "column", "words"),
    [
        ("NOT tocsin", 1, "NOT alone would match almost everything"),
        ("-tocsin -bell", 1, "NOT alone"),
        ("intent:complaint", 1, "intent alone would match almost everything"),
        ("lang:tr", 1, "lang alone would match almost everything"),
        ("followers>1000", 1, "followers alone"),
        ("author:jane source:news", 1, "author alone"),
        ("network:mastodon", 1, "network alone"),
        ("ab", 1, "'ab' is too short to be looked for alone"),
        ("ab*", 1, "'ab*' is too short"),
        ("😡", 1, "'😡' is too short"),
        ('"a"', 1, "too short"),
        ("Şişecam OR İŞ*", 12, "'İŞ*' is too short"),
        ("tocsin OR ab", 11, "'ab' is too short"),
        ("tocsin OR lang:tr", 11, "lang alone"),
        ("tocsin OR NOT bell", 11, "NOT alone"),
        ("tocsin OR (ab lang:tr)", 12, "'ab' is too short"),
        ("tocsin OR (bell OR (gong OR -ring))", 29, "NOT alone"),
        ("-(tocsin -bell)", 1, "NOT alone"),
    ],
)
def test_every_or_branch_needs_something_to_look_for(typed: str, column: int, words: str) -> None:
    error = refused(typed)
    assert (error.line, error.column) == (1, column)
    assert words in error.problem
    assert "three characters or more" in error.expected


@pytest.mark.parametrize(
    ("typed", "anchors"),
    [
        ("abc", {("word", "abc")}),
        ("abc*", {("prefix", "abc")}),
        ("#a", {("tag", "#a")}),
        ("@a", {("handle", "@a")}),
        ("url:a.b", {("url", "a.b")}),
        ('"to bee"', {("word", "bee")}),
        ("tocsin OR #bell OR gong*", {("word", "tocsin"), ("tag", "#bell"), ("prefix", "gong")}),
        ("air AND tocsin", {("word", "tocsin")}),
        ("(bell OR gong) AND air", {("word", "bell"), ("word", "gong")}),
        ("ab AND tocsin AND lang:tr", {("word", "tocsin")}),
        ("tocsin AND (bell OR lang:tr)", {("word", "tocsin")}),
        ("Şişecam", {("word", "sisecam")}),
        ("NOT (-tocsin OR lang:tr)", {("word", "tocsin")}),
        ("NOT (-tocsin -bell)", {("word", "tocsin"), ("word", "bell")}),
        ("x 😡😡😡", {("word", "😡😡😡")}),
    ],
)
def test_the_anchors_are_one_required_set_for_each_branch(typed: str, anchors: set[tuple[str, str]]) -> None:
    assert {(one.kind, one.needle) for one in parse_query(typed).anchors} == anchors


def test_the_literals_are_all_that_is_looked_for() -> None:
    query = parse_query('tocsin (delay* OR "lost bag") -#job lang:tr')
    assert query.literals == {
        Literal("word", "tocsin"),
        Literal("prefix", "delay"),
        Literal("word", "lost"),
        Literal("word", "bag"),
        Literal("tag", "#job"),
    }


def test_the_message_shows_the_query_with_a_caret_below_the_place() -> None:
    error = refused("tocsin\nOR 😡 (bell OR\n\tgong")
    assert (error.line, error.column) == (2, 6)
    assert str(error).splitlines()[1:] == ["  OR 😡 (bell OR", "        ^"]


def test_a_long_line_is_shown_around_the_place() -> None:
    typed = "tocsin " * 40 + "OR OR " + "bell " * 40
    shown, caret = str(refused(typed)).splitlines()[1:]
    assert len(shown) < 100
    assert shown.startswith("  ...") and shown.endswith("...")
    assert shown[caret.index("^") :].startswith("OR bell")


def test_an_error_in_a_query_is_wrong_input_with_exit_status_2() -> None:
    assert issubclass(QueryError, WrongInput)
    assert refused("(").exit_code == 2


def test_a_query_is_at_most_10000_characters() -> None:
    longest = "tocsin " + "x" * (MAX_CHARS - 7)
    assert parse_query(longest).text == longest
    error = refused(longest + "x")
    assert error.offset == MAX_CHARS
    assert "10,001 characters" in error.problem


def test_parentheses_may_be_many_but_the_tree_is_not_deep() -> None:
    assert parse_query("(" * 4000 + "tocsin" + ")" * 4000).root == Word("tocsin")
    assert parse_query("tocsin " + "NOT " * (MAX_DEPTH - 1) + "bell")
    assert "nested more than" in refused("tocsin " + "NOT " * (MAX_DEPTH + 1) + "bell").problem
    deep = "tocsin" + " (x OR (y" * 20 + "))" * 20
    assert "nested more than" in refused(deep).problem


def test_a_phrase_has_at_most_32_words() -> None:
    assert parse_query('"' + "bell " * 32 + '"')
    assert "33 words" in refused('"' + "bell " * 33 + '"').problem


def test_thousands_of_terms_are_no_deeper_than_two() -> None:
    query = parse_query(" OR ".join(f"w{number:03d}" for number in range(900)))
    assert isinstance(query.root, Or)
    assert len(query.root.parts) == len(query.anchors) == 900


@pytest.mark.slow("many cases")
@settings(max_examples=examples(50), deadline=None)
@given(nodes)
def test_what_is_printed_is_read_back_as_the_same_query(node: object) -> None:
    try:
        query = parse_query(str(node))
    except QueryError as error:
        assert "three characters or more" in error.expected or "nested" in error.problem
        return
    assert query.root == node
    assert parse_query(str(query)) == query


@settings(max_examples=examples(75), deadline=None)
@given(st.text(st.characters() | st.sampled_from('"()*-#@:<>&| ANDORNOT\n„”'), max_size=60))
def test_any_text_is_a_query_or_a_query_error(typed: str) -> None:
    try:
        query = parse_query(typed)
    except QueryError as error:
        assert 1 <= error.line <= typed.count("\n") + 1
        assert 1 <= error.column <= len(typed) + 1
        assert len(str(error).splitlines()) == 3
    else:
        assert parse_query(str(query)) == query
        assert query.anchors
