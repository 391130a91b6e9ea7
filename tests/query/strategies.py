"""Random queries and mentions out of few words, so that they often meet."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import strategies as st

from tocsin.core.mention import Author, Mention
from tocsin.query.tree import And, Field, Followers, Handle, Node, Not, Or, Phrase, Tag, Url, Word

WHEN = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
WORDS = (
    "tocsin",
    "Çınar",
    "şişe",
    "vlucht",
    "întârziere",
    "air",
    "c++",
    "at&t",
    "😡",
    "OKUL",
    "or",
    "a",
    "3,5",
)
NAMES = ("tocsin", "Çınar", "air", "air_2")

_words = st.sampled_from(WORDS)
_names = st.sampled_from(NAMES)

leaves: st.SearchStrategy[Node] = st.one_of(
    st.builds(Word, _words, st.booleans()),
    st.builds(Phrase, st.lists(_words, min_size=1, max_size=3).map(" ".join)),
    st.builds(Tag, _names, st.booleans()),
    st.builds(Handle, _names, st.booleans()),
    st.builds(Url, st.sampled_from(("tocsin.example", "https://www.air.example/a/", "air.example/a"))),
    st.builds(Field, st.sampled_from(("source", "network")), st.sampled_from(("news", "my feed", "Ağ (1)"))),
    st.builds(Field, st.just("author"), st.sampled_from(("jane", "Jane Doe"))),
    st.builds(Field, st.just("lang"), st.sampled_from(("en", "tr"))),
    st.builds(Followers, st.sampled_from((">", ">=", "<", "<=", "=")), st.sampled_from((0, 10, 1000))),
)


def _flat(kind: type[And] | type[Or], parts: list[Node]) -> Node:
    """The node as the parser makes it: an AND holds no AND, and an OR holds no OR."""
    flat = [one for part in parts for one in (part.parts if isinstance(part, kind) else (part,))]
    return kind(tuple(flat))


nodes: st.SearchStrategy[Node] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.lists(inner, min_size=2, max_size=4).map(lambda parts: _flat(And, parts)),
        st.lists(inner, min_size=2, max_size=4).map(lambda parts: _flat(Or, parts)),
    ),
    max_leaves=8,
)

_glue = st.sampled_from(
    ("", " ", " ", " ", "_", "__", "'", "-", ", ", "\n", "#", "@", " #", " @", "....", "x")
)
texts = st.lists(st.tuples(_words | _names, _glue), max_size=7).map(
    lambda pairs: "".join(word + glue for word, glue in pairs)
)
_addresses = st.sampled_from(
    (
        "https://tocsin.example/x",
        "https://mytocsin.example",
        "http://WWW.AIR.example/a?b",
        "https://air.example/ab",
    )
)
authors = st.none() | st.builds(
    Author,
    st.sampled_from(("1", "jane")),
    name=st.sampled_from((None, "Jane Doe")),
    handle=st.sampled_from((None, "JANE")),
    followers=st.sampled_from((None, 0, 10, 5000)),
)
mentions = st.builds(
    Mention,
    source=st.sampled_from(("News", "my feed", "other")),
    id=st.just("1"),
    text=texts | st.tuples(texts, _addresses).map(" ".join),
    created_at=st.just(WHEN),
    network=st.sampled_from((None, "news", "ağ (1)")),
    url=st.none() | _addresses,
    lang=st.sampled_from((None, "en", "tr")),
    title=st.none() | texts,
    author=authors,
    links=st.lists(_addresses, max_size=1).map(tuple),
    hashtags=st.lists(_names, max_size=1).map(tuple),
)
