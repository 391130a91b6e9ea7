"""A query in plain words."""

from __future__ import annotations

from tocsin.query import explain, parse_query


def test_a_query_is_explained_as_a_tree_with_its_anchors() -> None:
    query = 'Şişecam (delay* OR "lost bag") -lang:tr followers>10k'
    assert explain(parse_query(query)) == (
        'query: Şişecam AND (delay* OR "lost bag") AND NOT lang:tr AND followers>10000\n'
        "\n"
        "A mention matches when this holds:\n"
        "  all of:\n"
        '    the word "Şişecam" (compared as "sisecam")\n'
        "    at least one of:\n"
        '      a word that begins with "delay"\n'
        '      the phrase "lost bag"\n'
        "    not:\n"
        '      the language is "tr"\n'
        "    its author has more than 10,000 followers\n"
        "\n"
        "What is looked for first (a mention that holds none of these is passed over):\n"
        "  sisecam"
    )


def test_tags_handles_addresses_and_fields_are_named_as_what_they_are() -> None:
    lines = explain(
        parse_query("#bell OR @bell* OR url:www.bell.example OR (gong source:news author:jane intent:news)")
    )
    for line in (
        'the hashtag "#bell"',
        'a handle that begins with "@bell"',
        'a link to, or below, "www.bell.example" (compared as "bell.example")',
        'Tocsin hears the intent "news" in it',
        'it came through the source "news"',
        'its author\'s handle, id or name is "jane"',
        "  @bell*",
    ):
        assert line in lines
