"""Notices in the reader's language: every sentence that alerts can say is translated, and a notice has no English left."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest

import alerts
from alerts.directory import Someone
from alerts.escalations.escalation import TEAM_NAMES
from alerts.message import CALLED, as_html
from alerts.outbox.test_notice import test_message as the_test_page
from alerts.reasons import REASONS, RECEIPTS, reason_of
from alerts.severity import RULES
from alerts.still import ORDINALS, how_long
from alerts.words import LANGUAGES, words_for
from api.pages.terms import PREFIXES
from api.pages.terms import REASONS as WHOLE_REASONS
from tests.alerts.scene import ADA, LEO, PEOPLE, PIA, Scene
from tocsin.core import signal_kinds
from tocsin.core.languages import plural_forms
from tocsin.core.sentences import Percentage, Sentence, listed
from tocsin.core.signal import TRIGGER_AUTHORS, Evidence
from tocsin.core.signal_kinds import SIGNAL_KINDS
from tocsin.health.reasons import PATTERNS
from tocsin.health.troubles import TROUBLES

OTHERS = tuple(code for code in LANGUAGES.codes if code != "en")
FOLDER = Path(alerts.__file__).parent
SAYING = ("say", "Sentence", "_moved")
WHOLE = set(WHOLE_REASONS.values())
CLOCKS = {"first assessment", "holding statement"}


@cache
def said_in_notices() -> frozenset[str]:
    """Every sentence of alerts that a person may read, by its English pattern."""
    found = {rule.name for rule in RULES} | set(ORDINALS) | set(TEAM_NAMES.values()) | set(CALLED.values())
    found |= CLOCKS | {one.counted for one in SIGNAL_KINDS}
    for path in (*FOLDER.rglob("*.py"), Path(signal_kinds.__file__)):
        found |= set(_spoken(ast.parse(path.read_text("utf-8"))))
    found |= set(re.findall(r'_\("([^"]+)"', (FOLDER / "notice.txt.j2").read_text("utf-8")))
    found |= {*PATTERNS, *TROUBLES, *REASONS, *RECEIPTS}
    return frozenset(found | {"Open the alert", "Open the page", "(no longer kept)"})


def _spoken(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        first = node.args[0]
        if name in SAYING and isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield first.value


def _places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_receipt_and_every_reason_that_names_something_is_known_by_its_pattern() -> None:
    """Whatever an outcome or a reason is made of in the code, the page can say it: "recorded for ..." stood in English before."""
    unknown = []
    for path in FOLDER.rglob("*.py"):
        for text in _written(ast.parse(path.read_text("utf-8"))):
            for piece in text.split("; "):
                if piece.partition(": ")[0] not in PREFIXES and not reason_of(piece) and piece not in WHOLE:
                    unknown.append((path.name, piece))
    assert unknown == []


def _written(tree: ast.AST) -> Iterator[str]:
    """The details of outcomes, and the reasons that have places, with an example in each place."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        outcome = isinstance(node.func, ast.Name) and node.func.id == "Outcome"
        given = [*node.args[1:2]] if outcome else []
        given += [one.value for one in node.keywords if one.arg in ("reason", "why", "why_now")]
        for one in given:
            if isinstance(one, ast.Constant) and isinstance(one.value, str) and outcome:
                yield one.value
            if isinstance(one, ast.JoinedStr):
                parts = [str(x.value) if isinstance(x, ast.Constant) else "\0" for x in one.values]
                yield re.sub(
                    "answered \0$|answered \0 and asks for a pause of \0",
                    lambda one: one[0].replace("\0", "503"),
                    "".join(parts).replace("\0 has ended", "al_1 has ended"),
                ).replace("\0", "Ada")


@pytest.mark.parametrize("code", OTHERS)
def test_every_sentence_of_a_notice_is_translated_with_the_same_places(code: str) -> None:
    catalogue = LANGUAGES[code].catalogue
    assert sorted(said_in_notices() - set(catalogue)) == []
    for english, translated in catalogue.items():
        forms = [translated] if isinstance(translated, str) else translated
        assert all(_places(form) == _places(english) for form in forms), english
        assert isinstance(translated, str) or len(forms) in (1, len(plural_forms(LANGUAGES[code].locale)))


@pytest.mark.parametrize(
    ("n", "said"), [(1, "1 mențiune"), (3, "3 mențiuni"), (24, "24 de mențiuni"), (1019, "1.019 mențiuni")]
)
def test_what_a_sentence_counts_has_the_form_of_its_language(n: int, said: str) -> None:
    assert LANGUAGES["ro"].say(Sentence("{n} mentions", n=n)) == said
    assert LANGUAGES["tr"].say(Sentence("{n} mentions", n=n)).endswith("bahsetme")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (None, "02:15 UTC+2 Sun 25 Oct"),
        ("tr", "02:15 UTC+2 25 Eki Paz"),
        ("nl", "02:15 UTC+2 zo 25 okt"),
        ("ro", "02:15 UTC+2 dum., 25 oct."),
    ],
)
def test_in_the_night_in_which_the_clocks_go_back_a_notice_says_which_hour(
    code: str | None, said: str
) -> None:
    words = words_for(code, "Europe/Amsterdam")
    assert words.clock(datetime(2026, 10, 25, 0, 15, tzinfo=UTC)) == said
    assert "UTC" not in words.clock(datetime(2026, 10, 25, 3, 15, tzinfo=UTC))


def test_a_headline_has_no_plural_of_one() -> None:
    silent = SIGNAL_KINDS.of("spread")
    assert silent.headline_of(_seen(1.0)) == "one mention"
    assert silent.headline_of(_seen(2.0)) == "2 mentions"
    words = words_for(None, "UTC")
    assert words.plural("peak {n} mention in {span}", "peak {n} mentions in {span}", 1, span="5 min") == (
        "peak 1 mention in 5 min"
    )


def _seen(observed: float) -> Evidence:
    now = datetime(2031, 3, 5, tzinfo=UTC)
    return Evidence(
        rule="made up",
        baseline="protected",
        since=now,
        window_start=now,
        window_end=now,
        observed=observed,
        expected=0.0,
        lower=0.0,
        upper=0.0,
        level=0.95,
        count=int(observed),
    )


def test_a_sentence_is_said_in_another_language_with_whatever_fills_it() -> None:
    sentence = Sentence(
        "Still, for {time}: nobody has answered.", time=how_long(timedelta(hours=2, minutes=5))
    )
    assert sentence == "Still, for the third hour: nobody has answered."
    assert LANGUAGES["nl"].say(sentence) == "Nog steeds, al het derde uur: niemand heeft gereageerd."
    assert how_long(timedelta(hours=30)) == "the 31st hour"
    assert LANGUAGES["tr"].say(how_long(timedelta(hours=30))) == "31. saat"
    moved = listed([Sentence("negative {now}, was {before}", now=Percentage(0.5), before=Percentage(0.25))])
    assert (moved, LANGUAGES["tr"].say(moved)) == ("negative 50%, was 25%", "olumsuz %50, önceki %25")
    # A name is a name, also where it reads like a word of ours.
    named = Sentence("Could not be reached: {people}.", people="Sign in")
    assert LANGUAGES["nl"].say(named) == "Kon niet worden bereikt: Sign in."


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("sky: the cursor is too old: Wikimedia keeps 7 days",
         "sky: de plaats waar we waren is te oud: Wikimedia bewaart 7 dagen"),
        ("fails for 9 min: X answered 403", "faalt al 9 min: X antwoordde 403"),
        ("press: <b>their own words</b>", "press: <b>their own words</b>"),
        (Sentence("Could not be reached: {people}.", people="ada"), "Kon niet worden bereikt: ada."),
    ],
)  # fmt: skip
def test_why_something_was_not_heard_is_said_in_the_readers_language(told: str, said: str) -> None:
    assert words_for("nl", "UTC").unseen(told) == said


ENGLISH = re.compile(
    r"\b(the|and|expected|answer|seen|since|nobody|within|reach|why|due|escalated|person|page)\b",
    re.IGNORECASE,
)
WORDS_OF_OTHERS = ("everything is on fire", "Lumo", "https://tocsin.example")


@pytest.mark.parametrize("code", OTHERS)
def test_a_page_a_repeat_an_escalation_and_a_test_have_no_english_left(code: str, tmp_path: Path) -> None:
    people = tuple(one.model_copy(update={"language": code}) for one in PEOPLE)
    scene = Scene(tmp_path, people=people)
    scene.over(
        negative_over=True, networks=2, networks_heard=2, triggers={"safety": TRIGGER_AUTHORS}, voices=20
    )
    scene.wait(minutes=40)
    with scene.write() as conn:
        scene.escalate(conn, ADA, scene.alert().id, "both", "everything is on fire")
    scene.wait(minutes=20)
    told = [*scene.notices()]
    assert {one.person for one in told} >= {ADA.name, PIA.name, LEO.name}
    assert {one.kind for one in told} >= {"page", "overdue"}
    words = words_for(code, "Europe/Istanbul")
    assert words.language.code == code
    page = the_test_page(
        Someone("person_ada", people[0]), "https://tocsin.example", datetime(2031, 3, 5, tzinfo=UTC), "123456"
    )
    for subject, text in [
        *((one.subject, one.body["text"]) for one in told),
        (page.subject, page.body["text"]),
    ]:
        left = f"{subject}\n{text}"
        for one in WORDS_OF_OTHERS:
            left = left.replace(one, "")
        assert ENGLISH.search(left) is None, left


def test_the_html_says_its_language() -> None:
    assert "<html lang='tr'>" in as_html("bir\niki\nhttps://x", "https://x", "Uyarıyı açın", "tr")
