"""A query proposed for a brand, and the marks of a query's words in a text."""

from __future__ import annotations

import pytest

from tests.query.test_evaluate import holds
from tocsin.definitions.models import Monitor
from tocsin.query import parse_query
from tocsin.query.found import marked
from tocsin.query.lint import lint
from tocsin.query.proposal import LEFT_OUT, own_accounts, propose, query_of, words_in


def test_a_name_is_proposed_as_people_write_it() -> None:
    found = propose("Vaillant", handles=["@vaillant_nl"], hashtags=["#warmte"], products=["ecoTEC plus"])
    assert [(one.text, one.why) for one in found.hears] == [
        ("Vaillant", "name"),
        ("Vaillant*", "endings"),
        ("Vailant", "spelling"),
        ("#Vaillant", "hashtag"),
        ("#warmte", "hashtag"),
        ("@vaillant_nl", "handle"),
        ("@Vaillant", "handle"),
        ('"ecoTEC plus"', "product"),
    ]
    assert [one.why for one in found.leaves_out if one.ticked] == ["jobs"]
    assert [one.text for one in propose("Ben & Jerry").hears] == [
        '"Ben & Jerry"',
        "BenJerry",
        '"Ben & Jery"',
        '"Ben and Jerry"',
        "#BenJerry",
        "@BenJerry",
    ]
    assert holds('"Ben & Jerry"', "ijs van Ben Jerry"), "an & that stands alone is no word of a phrase"
    assert '"AT T"' in [one.text for one in propose("AT&T").hears]
    assert [one.text for one in found.hears if not one.ticked] == ["@Vaillant"], "it may be another's"
    assert all(one.ticked for one in propose("Orvane").hears)


@pytest.mark.parametrize(
    "name",
    ["Orvane", "AND", "x", 'He said "no"', "3M", "€", "小米手机", "a\\b", "Şişecam", "-job", "#tag", "a*b:c"],
)
def test_whatever_is_proposed_can_be_parsed(name: str) -> None:
    found = propose(name, [name], [name], [name])
    for one in found.hears:
        parse_query(one.text)
    whole = query_of([one.text for one in found.hears], [one.text for one in found.leaves_out])
    assert (whole == "") == (not found.hears)
    if whole:
        parse_query(whole)


@pytest.mark.parametrize(
    "name", ["Orvane", "Kettle & Sons", "Coffee Republic", "H&M Home", "Rabobank", "Şişecam", "Türk Telekom"]
)
def test_a_proposal_is_not_warned_of(name: str) -> None:
    found = propose(name, ["@orvane_nl"], ["#orvanelove"], ["Nutri Plus"])
    whole = query_of([one.text for one in found.hears], [one.text for one in found.leaves_out])
    assert [str(one.words) for one in lint(parse_query(whole))] == []


def test_accounts_of_the_brand_are_taken_as_networks_write_them() -> None:
    typed = [
        "@vaillant_nl",
        "vaillant",
        "@vaillant",
        " vaillant@mastodon.example ",
        "vaillant.bsky.example",
        "@",
        "",
    ]
    assert own_accounts(typed) == [
        "@vaillant_nl",
        "@vaillant",
        "@vaillant@mastodon.example",
        "@vaillant.bsky.example",
    ]
    for one in own_accounts(["a b", "x" * 200, "@@a@@b", "小米"]):
        Monitor(name="x", query="ketel", own_accounts=(one,))


def test_what_is_left_out_is_not_heard() -> None:
    found = propose("Orvane")
    query = query_of([one.text for one in found.hears], list(LEFT_OUT.values()))
    assert holds(query, "Orvane'nin tadı bozuk") and holds(query, "weer #ORVANE")
    assert not holds(query, "we are hiring at Orvane") and not holds(query, "Orvane: 20% kortingscode")
    assert not holds(query, "Orvane : offre d’emploi à Lyon") and not holds(query, "Orvane Gewinnspiel!")
    assert not holds(query, "Orvane كود خصم جديد")


def test_the_words_of_a_query_are_marked_in_any_spelling_and_the_pieces_make_the_text() -> None:
    query = parse_query('(sisecam OR "baby food" OR orv*) NOT job')
    text = "ŞİŞECAM: Baby—food orvanes, job"
    pieces = marked(query, text)
    assert "".join(piece for piece, _ in pieces) == text
    assert [piece for piece, hit in pieces if hit] == ["ŞİŞECAM", "Baby—food", "orvanes"]
    assert marked(query, "") == [] and marked(query, "nothing") == [("nothing", False)]


def test_a_typed_list_is_cut_at_commas_and_lines() -> None:
    assert words_in(" a,  b c \n\n,d") == ["a", "b c", "d"]
