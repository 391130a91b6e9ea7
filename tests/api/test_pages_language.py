"""The page in four languages: every string that the page can show has its translation, with the same places to fill in."""

from __future__ import annotations

import ast
import re
import shutil
import string
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

from api import mailing
from api.pages import (
    channels,
    definition_form,
    erasures,
    flash,
    imports,
    links,
    me,
    passkeys,
    problem,
    settings_page,
    terms,
)
from api.pages.formatting import Formatter
from api.pages.i18n import CATALOGUES, Languages, plural_forms
from api.pages.lessons import LESSONS
from api.pages.source_labels import LABELS
from ingest.kinds import KINDS
from processors.explanation import explain
from processors.signals import calculation
from tests.alerts.test_words import said_in_notices
from tests.api.test_refusals import sentences as refusals
from tests.api.visits import page, signed_in
from tests.browser.served import SeededApp, seeded_app
from tocsin.core.signal import Facts
from tocsin.core.signal_kinds import SIGNAL_KINDS
from tocsin.definitions.source_kinds import SOURCE_KINDS
from tocsin.query.explain import SENTENCES
from tocsin.query.lint import WORDS
from tocsin.store import schema as s

FOLDER = Path(terms.__file__).parent
LANGUAGES = Languages()
NOW = datetime(2026, 11, 22, 2, 12, tzinfo=UTC)
OTHERS = tuple(code for code in LANGUAGES.codes if code != "en")
ONE = re.compile(r"""(?<![\w.])_\(\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')""")
MANY = re.compile(r"""(?<![\w.])_n\(\s*"([^"]*)",\s*"([^"]*)\"""")
TABLES = (
    terms.SEVERITIES,
    terms.STATUSES,
    terms.LABELS,
    terms.ROLES,
    terms.DISMISSALS,
    terms.VERDICTS,
    terms.ABILITIES,
    terms.BACKTESTS,
    terms.RETENTION,
    terms.ERASING,
    terms.ERASED,
    erasures.FAULTS,
    terms.HELD,
    terms.BAD_ROWS,
    terms.FIELDS,
    terms.IMPORTS,
    terms.IMPORT_KINDS,
    terms.IMPORT_COUNTS,
    terms.IMPORT_FIELDS,
    terms.IMPORT_DATES,
    imports.FAULTS,
    terms.OUTCOMES,
    terms.TRIGGERS,
    terms.ACTIONS,
    terms.FACET_NAMES,
    terms.INTENTS,
    terms.EMOTIONS,
    terms.CRISES,
    terms.HARMS,
    terms.FIGURES,
    terms.STEP_NAMES,
    flash.DONE,
    problem.TITLES,
    links.REFUSALS,
    me.FAULTS,
    passkeys.LACKS,
    problem.ADVICE,
    problem.DETAILS,
    problem.ON_THE_PAGE,
    terms.BASELINES,
    terms.CHANGES,
    terms.CHANNELS,
    terms.SETUP,
    terms.SETUP_WHY,
    terms.WHYS,
    terms.ASKED,
    terms.PROTECTIONS,
    channels.FAULTS,
    definition_form.FAULTS,
    settings_page.FAULTS,
    mailing.FAULTS,
    terms.PLACES,
    terms.NEW,
    terms.PREFIXES,
    terms.REASONS,
)


@cache
def said() -> frozenset[str]:
    """Every string without a number that the page can show."""
    found = (
        {words for signal in SIGNAL_KINDS for words in (signal.means, signal.claim, signal.lesson) if words}
        | said_in_notices()
        | SENTENCES
        | set(WORDS.values())
    )
    found |= hints_of_sources() | set(LESSONS) | refusals() | words_of_formulas()
    for table in TABLES:
        found |= set(table.values())
    for template in (FOLDER / "templates").glob("*.html"):
        for double, single in ONE.findall(template.read_text("utf-8")):
            found.add((double or single).replace('\\"', '"'))
    for module in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and _named(node.func) in ("translate", "Sentence")
                and node.args
                and isinstance(node.args[0], ast.Constant)
            ):
                found.add(str(node.args[0].value))
    return frozenset(found)


def words_of_formulas() -> set[str]:
    """The sentences of the arithmetic that explanations show."""
    places = [*Path(calculation.__file__).parent.glob("*.py"), Path(explain.__file__)]
    calls = (node for path in places for node in ast.walk(ast.parse(path.read_text("utf-8"))))
    return {
        str(node.args[0].value)
        for node in calls
        if isinstance(node, ast.Call)
        and _named(node.func) == "Sentence"
        and isinstance(node.args[0], ast.Constant)
    }


def hints_of_sources() -> set[str]:
    """What each setting of each kind of source of ours is called, what stands beside it, and its price and limit."""
    parts = [part for kind in SOURCE_KINDS for part in KINDS[kind] if hasattr(part, "model_fields")]
    described = {one.description for part in parts for one in part.model_fields.values()}
    told = {words for kind in SOURCE_KINDS.values() for words in (kind.price, kind.limit)}
    named = {name for part in parts for name in part.model_fields}
    assert named == set(LABELS), named ^ set(LABELS)
    return told | {str(one) for one in described} | set(LABELS.values())


def counted() -> set[str]:
    """Every string with a number that the page can show, by its English plural."""
    modules = [*FOLDER.glob("*.py"), FOLDER.parent.parent / "alerts" / "story.py"]
    calls = (node for module in modules for node in ast.walk(ast.parse(module.read_text("utf-8"))))
    return {
        many
        for template in (FOLDER / "templates").glob("*.html")
        for _, many in MANY.findall(template.read_text("utf-8"))
    } | {
        str(node.args[1].value)
        for node in calls
        if isinstance(node, ast.Call)
        and _named(node.func) == "plural"
        and len(node.args) > 1
        and isinstance(node.args[1], ast.Constant)
    }


def _named(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.slow("asks for many answers")
@pytest.mark.parametrize("code", OTHERS)
def test_every_string_of_the_page_is_translated(code: str) -> None:
    catalogue = LANGUAGES[code].catalogue
    assert sorted((said() | counted()) - set(catalogue)) == []


@pytest.mark.slow("reads every template and every module of the page")
@pytest.mark.parametrize("code", OTHERS)
def test_no_translation_is_left_of_a_string_that_is_gone(code: str) -> None:
    assert sorted(set(LANGUAGES[code].catalogue) - said() - counted()) == []


@pytest.mark.parametrize("code", OTHERS)
def test_translations_fill_in_the_same_places(code: str) -> None:
    for english, translated in LANGUAGES[code].catalogue.items():
        for form in [translated] if isinstance(translated, str) else translated:
            assert _places(form) == _places(english), (english, form)
            assert form.strip(), english


@pytest.mark.parametrize("code", OTHERS)
def test_counted_strings_have_the_forms_of_their_language_or_one_for_all(code: str) -> None:
    language = LANGUAGES[code]
    for many in counted():
        found = language.catalogue[many]
        assert isinstance(found, list) and len(found) in (1, len(plural_forms(language.locale))), many


def test_romanian_counts_as_romanians_do() -> None:
    locale = LANGUAGES["ro"].locale
    assert plural_forms(locale) == ("one", "few", "other")
    forms = {n: locale.plural_form(n) for n in (1, 0, 2, 19, 20, 100, 101, 119, 120)}
    assert [n for n, form in forms.items() if form == "few"] == [0, 2, 19, 101, 119]
    assert [n for n, form in forms.items() if form == "other"] == [20, 100, 120]
    assert [_alerts("ro", n) for n in (1, 2, 21)] == ["1 alertă", "2 alerte", "21 de alerte"]
    assert (_alerts("tr", 3), _alerts("en", 1), _alerts("en", 0)) == ("3 uyarı", "1 alert", "0 alerts")


def test_the_page_says_which_of_two_hours_is_meant_when_the_clocks_go_back() -> None:
    at = datetime(2026, 10, 25, 0, 15, tzinfo=UTC)
    fmt = Formatter(LANGUAGES["en"], ZoneInfo("Europe/Amsterdam"), at)
    assert fmt.time_text(at) == "02:15 UTC+2"
    assert fmt.between_text(at, at + timedelta(hours=1)) == "02:15 UTC+2–02:15 UTC+1"
    assert fmt.time_text(at + timedelta(hours=2)) == "03:15"


def test_the_page_says_one_mention_and_romanian_puts_de_behind_twenty() -> None:
    now = datetime(2031, 3, 5, tzinfo=UTC)

    def said(code: str, observed: float) -> str:
        fmt = Formatter(LANGUAGES[code], ZoneInfo("UTC"), now)
        return fmt.claim(
            Facts(kind="volume", score=1.0, observed=observed, expected=0.2, ratio=5.0, windows_over=1)
        )

    assert said("en", 1) == "1 mention, 0.2 expected"
    assert said("en", 2) == "2 mentions, 0.2 expected"
    assert said("nl", 1) == "1 vermelding, 0,2 verwacht"
    assert said("ro", 24) == "24 de mențiuni, așteptate 0,2"


@pytest.mark.parametrize("code", ["nl", "ro", "tr"])
def test_what_each_kind_of_signal_claims_is_in_the_readers_language(code: str) -> None:
    """A claim that has one form in the catalogue stood in English."""
    shown = Formatter(LANGUAGES[code], ZoneInfo("UTC"), NOW)
    for signal in SIGNAL_KINDS:
        facts = Facts(kind=signal.kind, score=4.0, observed=12.0, expected=3.0, ratio=4.0, windows_over=2)
        seen, due = (shown.figure(getattr(facts, name), signal.kind) for name in signal.figures)
        english = signal.claim.format(share=seen, usual=due, observed=seen, expected=due, n=seen)
        assert shown.claim(facts) != english, signal.kind


def _alerts(code: str, n: int) -> str:
    return LANGUAGES[code].plural("{n} alert", "{n} alerts", n, str(n))


@pytest.mark.parametrize(
    ("person", "accept", "expected"),
    [
        ("nl", "tr", "nl"),
        ("de", "tr-TR,tr;q=0.9", "tr"),
        (None, "de;q=1, ro;q=0.8, nl;q=0.9", "nl"),
        (None, "tr;q=0", "en"),
        (None, "nl;q=much, ro", "ro"),
        (None, None, "en"),
        (None, ",;q=,," * 500, "en"),
    ],
)
def test_the_persons_own_language_comes_first_then_the_browsers(
    person: str | None, accept: str | None, expected: str
) -> None:
    assert LANGUAGES.choose(person, accept).code == expected


GERMAN = """
"Alerts" = "Warnungen"
"{span} ago" = "vor {span}"
"{n} alert" = "{n} Warnung"
"{n} alerts" = ["{n} Warnung", "{n} Warnungen"]
"reach {n}" = "Reichweite {n}"
"since {time}" = "seit {time}"
"""


@pytest.fixture
def with_german(tmp_path: Path) -> Languages:
    """The page's languages and one more, which has a catalogue and nothing else."""
    folder = tmp_path / "locales"
    shutil.copytree(CATALOGUES, folder)
    (folder / "de.toml").write_text(GERMAN, encoding="utf-8")
    return Languages(folder)


def test_a_catalogue_is_all_that_a_further_language_needs(with_german: Languages) -> None:
    assert with_german.codes == ("en", "de", "nl", "ro", "tr")
    german = Formatter(with_german.choose(None, "de-AT,en;q=0.5"), ZoneInfo("Europe/Berlin"), NOW)
    assert german.plural("{n} alert", "{n} alerts", 1) == "1 Warnung"
    assert german.plural("{n} alert", "{n} alerts", 1200) == "1.200 Warnungen"
    assert german.number(1234.5) == "1.234" and german.number(3.25) == "3,2"
    assert german.percent(0.42) == "42\xa0%" and german.compact(1_240_000) == "1,2\xa0Mio."
    assert german.time_text(NOW - timedelta(days=40)) == "13. Okt. 04:12"
    assert german.time_text(NOW - timedelta(days=400)) == "18. Okt. 2025 04:12"
    assert german.duration(timedelta(hours=2, minutes=5)) == "2 Std. 5 Min."
    # A string that the catalogue lacks stays English.
    assert german.translate("Sign out") == "Sign out"


def test_the_page_is_drawn_in_a_language_that_only_has_a_catalogue(
    tmp_path: Path, with_german: Languages
) -> None:
    with seeded_app(tmp_path / "data", languages=with_german) as one:
        _speaks(one, "p_ada", "de")
        german = signed_in(one, "p_ada")
        front, card = page(german, "/"), page(german, "/alerts/al_crisis")
    assert '<html lang="de">' in front and "Warnungen</a>" in front
    assert re.search(r"\d Warnung(en)?</span>", front)
    assert re.search(r"vor \d+ Min\.</time>", card)
    assert re.search(r"Reichweite \d", card) and re.search(r"\d+,\d×|\d\xa0%", card)


def _speaks(one: SeededApp, person: str, code: str) -> None:
    d = s.definitions
    with one.store.write() as conn:
        there = conn.execute(select(d.c.definition).where(d.c.id == person)).scalar_one()
        conn.execute(update(d).where(d.c.id == person).values(definition={**there, "language": code}))
