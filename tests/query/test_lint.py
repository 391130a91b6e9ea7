"""What is legal in a query and likely wrong."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings

from tests.contracts.examples import examples
from tests.query.strategies import WHEN, mentions, nodes
from tocsin.core.mention import Mention
from tocsin.query import Asked, QueryError, lint, parse_query
from tocsin.query.evaluate import compile_node, searched
from tocsin.query.lint import LEAST_EMPTIED, LEAST_SAMPLED, LEAST_SPARED, MOST, WORDS, Lint, Weighing
from tocsin.query.redundancy import emptied, redundancies
from tocsin.query.tree import And, Node, Not, Or


def found(query: str) -> list[tuple[str, str]]:
    return [_shown(query, one) for one in lint(parse_query(query))]


def _shown(query: str, one: Lint) -> tuple[str, str]:
    return one.kind, query[one.at : one.at + one.length]


@pytest.mark.parametrize(
    ("query", "warnings"),
    [
        ("tocsin or bell", [("operator", "or")]),
        ("tocsin VEYA bell", [("operator", "VEYA")]),
        ("tocsin OR bell late", [("mixed", "bell late")]),
        ("tocsin OR (bell late)", []),
        ("tocsin OR bell NOT (job OR shop)", [("mixed", "bell NOT (job OR shop)")]),
        ("gong (bell late OR tocsin)", [("mixed", "bell late")]),
        ("İstanbul OR istanbul", [("duplicate", "istanbul")]),
        ("tocsin late TOCSIN", [("duplicate", "TOCSIN")]),
        ("delay* OR delayed", [("covered", "delayed")]),
        ('bags OR "lost bags"', [("covered", '"lost bags"')]),
        ("tocsin OR (tocsin late)", [("covered", "tocsin late")]),
        ("tocsin OR tocsin* OR #tocsin OR @tocsin", []),
        ('"tocsin"', [("quotes", '"tocsin"')]),
        ('tocsin "or"', []),
        ("air", [("short", "air")]),
        ("air lang:en -job", [("short", "air")]),
        ("air france", []),
        ("#air", []),
        ("tocsin OR için", [("common", "için")]),
        ("için tocsin", []),
        ("delayed -delay*", [("empties", "-delay*")]),
        ("#tocsin -tocsin", [("empties", "-tocsin")]),
        ("(bell OR gong) NOT (gong OR bell)", [("empties", "NOT (gong OR bell)")]),
        ("(bell OR gong) -bell", []),
        ('"coca cola"', [("variant", '"coca cola"')]),
        ('"coca cola" OR #cocacola', []),
        ("Tommys", [("variant", "Tommys")]),
        ("Tommys OR tomys", []),
        ("H&Mode", [("variant", "H&Mode")]),
        ("tocsin", []),
        ("(orvane OR #orvane) NOT job", []),
    ],
)
def test_each_rule_warns_at_its_place_and_of_nothing_else(
    query: str, warnings: list[tuple[str, str]]
) -> None:
    assert found(query) == warnings


def test_a_warning_names_its_line_and_column_and_says_what_to_do() -> None:
    [one] = lint(parse_query("tocsin\n or bell"))
    assert (one.line, one.column) == (2, 2)
    assert str(one) == 'line 2, column 2: "or" is looked for as a word; the operator is written OR'


def hears(node: Node, mention: Mention) -> bool:
    return compile_node(node)(Asked(mention, searched(mention)))


def without(node: Node, gone: Node) -> Node:
    """The node without this part of an OR or AND. A group and its first term begin at one place, so the place does not tell."""
    if isinstance(node, Not):
        return replace(node, part=without(node.part, gone))
    if not isinstance(node, And | Or):
        return node
    parts = tuple(without(part, gone) for part in node.parts if part is not gone)
    return replace(node, parts=parts) if len(parts) > 1 else parts[0]


@pytest.mark.slow("made-up queries and mentions")
@settings(max_examples=examples(30), deadline=None)
@given(node=nodes, mention=mentions)
def test_a_term_that_changes_nothing_changes_nothing(node: Node, mention: Mention) -> None:
    try:
        query = parse_query(str(node))
    except QueryError:
        assume(False)
    for one in redundancies(query.root):
        assert hears(without(query.root, one.node), mention) == hears(query.root, mention), one
    for exclusion in emptied(query.root):
        if isinstance(query.root, And) and any(part is exclusion for part in query.root.parts):
            assert not hears(query.root, mention), exclusion


@pytest.mark.parametrize(
    "query",
    [
        " OR ".join(f"wo{n}rd" for n in range(900)),
        " OR ".join(['"' + " ".join(f"w{n}" for n in range(30)) + '"'] * 80),
        "x" * 4900 + "* OR " + "x" * 4900,
        "(" * 30 + "tocsin OR bell late" + ")" * 30,
        "(" * 4990 + "tocsin" + ")" * 4990,
    ],
)
def test_the_longest_queries_are_read_in_no_time_and_the_warnings_are_few(query: str) -> None:
    parsed, began = parse_query(query), time.process_time()
    assert len(lint(parsed)) <= MOST
    assert time.process_time() - began < 0.5


# -- what is counted in mentions -------------------------------------------------------------------------------------------


def weighed(query: str, sampled: dict[str, int], kept: dict[str, int], monitors: str = "") -> list[str]:
    """The warnings after so many posts of the sample and kept mentions, by their text."""
    weighing = Weighing(parse_query(query), monitors)
    for texts, count in ((sampled, weighing.sampled), (kept, weighing.kept)):
        for text, times in texts.items():
            for _ in range(times):
                mention = Mention(source="s", id="1", text=text, created_at=WHEN)
                count(Asked(mention, searched(mention)))
    return [str(one.words) for one in weighing.warnings()]


def test_a_term_that_is_everywhere_floods_unless_another_narrows_it_down() -> None:
    talk = {"fine weather today": LEAST_SAMPLED // 2, "hello": LEAST_SAMPLED // 2}
    assert weighed("tocsin OR today", talk, {}) == [
        WORDS["floods"].format(term="today", share="50%", n=LEAST_SAMPLED)
    ]
    assert weighed("tocsin today", talk, {}) == []
    assert weighed("today", {"fine weather today": LEAST_SAMPLED - 1}, {}) == [], "too few to say"


def test_an_exclusion_that_leaves_out_all_or_nothing_is_said_where_that_is_known() -> None:
    jobs, talk = {"a job at tocsin": LEAST_EMPTIED}, {"tocsin rings": LEAST_SPARED}
    assert weighed("tocsin -job", jobs, {}) == [WORDS["leaves_out_all"].format(term="-job", n=LEAST_EMPTIED)]
    assert weighed("tocsin -job", jobs, talk) == []
    assert weighed("tocsin -job", {}, talk) == [WORDS["leaves_out_none"].format(term="-job", n=LEAST_SPARED)]
    assert weighed("tocsin -job", {}, talk, monitors="tocsin NOT job") == [], "kept mentions have none"
    assert weighed("tocsin -job", talk, {}, monitors="tocsin NOT job") != []


def test_an_exclusion_inside_a_branch_is_weighed_where_the_match_hangs_on_it() -> None:
    jobs, talk = {"a job at tocsin": LEAST_EMPTIED}, {"tocsin rings": LEAST_SPARED}
    all_, none = (WORDS[kind] for kind in ("leaves_out_all", "leaves_out_none"))
    nested = "acme OR (tocsin -job)"
    assert weighed(nested, jobs, {}) == [all_.format(term="-job", n=LEAST_EMPTIED)]
    assert weighed(nested, {}, talk) == [none.format(term="-job", n=LEAST_SPARED)]
    heard_beside = {"a job at tocsin and acme": LEAST_EMPTIED}
    assert weighed(nested, heard_beside, {}) == [], (
        "another branch hears it, so the exclusion decides nothing"
    )
    assert weighed("rings (acme OR (tocsin -job))", jobs, {}) == [], "nor where the match fails beside it"
    assert weighed("rings (acme OR (tocsin -job))", {}, talk) == [none.format(term="-job", n=LEAST_SPARED)]
    assert weighed("-shop (acme OR (tocsin -job))", jobs, {}) == [all_.format(term="-job", n=LEAST_EMPTIED)]
    assert weighed("acme NOT (tocsin -job)", jobs, talk) == [], "under NOT it adds, and is none"
