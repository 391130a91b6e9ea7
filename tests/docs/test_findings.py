"""What four new users met in a real browser in November 2026: each defect, and the tests that would have caught it.

A test that is renamed or goes fails here, so that no defect loses its test unseen. The words that a native would not use are held
here too.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache

import pytest

from tests.docs.pages import ROOT

FINDINGS: dict[int, tuple[str, tuple[str, ...]]] = {
    1: (
        "a sign-in wall at 3am: no link by mail, sessions of 12 hours, a link to an escalation that is a 401",
        (
            "api/test_getting_in.py::test_a_link_is_mailed_to_who_is_known_and_strangers_hear_the_same",
            "api/test_getting_in.py::test_a_kept_device_stays_for_thirty_days_and_is_ended_from_ones_own_page",
            "api/test_getting_in.py::test_a_notices_link_shows_the_whole_card_and_does_each_thing_once",
            "api/test_getting_in.py::test_an_escalations_link_shows_it_without_privileged_notes_and_changes_nothing",
        ),
    ),
    2: (
        "tocsin.toml is written and never read, without a warning",
        ("ops/test_what_is_said.py::test_a_file_of_settings_that_lies_here_and_is_not_read_is_named",),
    ),
    3: (
        "all calm, with nothing that hears or rings",
        (
            "api/test_getting_in.py::test_an_installation_that_would_wake_nobody_says_so_on_every_page",
            "api/test_resources.py::test_status_is_never_calm_while_nothing_listens",
        ),
    ),
    4: (
        "items without an author count as people",
        (
            "processors/detection/test_trigger_habit.py::test_items_without_an_author_are_one_voice_of_their_source",
        ),
    ),
    5: (
        "a released escalation is overdue",
        ("api/test_page_says.py::test_no_clock_runs_on_after_release_and_a_decision_waits_for_the_review",),
    ),
    6: (
        "89 % negative is 16 of 18; the window and the peak are named nowhere",
        (
            "api/test_page_says.py::test_one_alert_tells_one_story_in_list_card_mail_api_feed_and_export",
            "alerts/test_message.py::test_a_notice_names_its_window_its_peak_and_who_is_in_it",
        ),
    ),
    7: (
        "the browser's language is not used; notices are English",
        (
            "api/test_getting_in.py::test_the_language_is_chosen_by_the_person_else_in_the_browser_else_by_the_browser",
            "alerts/test_words.py::test_every_sentence_of_a_notice_is_translated_with_the_same_places",
        ),
    ),
    8: (
        "times overlap names",
        ("api/test_page_says.py::test_names_stand_beside_long_times_and_small_rates_keep_their_figures",),
    ),
    9: (
        "unknown followers are 0 followers",
        (
            "api/test_page_says.py::test_a_reach_that_nobody_told_is_unknown_and_a_source_that_is_due_is_late_for_nobody",
        ),
    ),
    10: (
        "the demo is missed, prints one link, the wrong port, and calls nothing a lesson",
        (
            "ops/demo/test_visitor.py::test_the_clock_stands_until_it_is_let_go_and_then_runs_on_from_there",
            "ops/demo/test_visitor.py::test_the_demo_waits_plays_again_at_a_press_of_its_button_and_keeps_its_visitor_signed_in",
            "ops/demo/test_visitor.py::test_each_alert_of_the_demo_says_what_it_teaches_and_no_alert_elsewhere_does",
            "ops/test_what_is_said.py::test_the_demo_names_its_folder_and_prints_a_link_per_person_on_the_port_it_has",
        ),
    ),
    11: (
        "Dutch scrolls sideways",
        ("browser/test_page_in_a_browser.py::test_no_language_breaks_the_phones_page",),
    ),
    12: (
        "a refused stale form loses the sentence",
        ("api/test_page_says.py::test_what_was_typed_into_a_refused_form_is_shown_to_be_copied",),
    ),
    13: (
        "English inside other languages",
        (
            "api/test_page_says.py::test_a_refusal_is_said_in_the_readers_language",
            "api/test_page_says.py::test_reasons_and_receipts_are_said_in_the_readers_language",
            "api/test_page_says.py::test_a_query_is_explained_in_the_readers_language",
            "api/test_pages_language.py::test_every_string_of_the_page_is_translated",
            "alerts/test_words.py::test_every_receipt_and_every_reason_that_names_something_is_known_by_its_pattern",
        ),
    ),
    14: (
        "a prior is called usual",
        (
            "api/test_page_says.py::test_nothing_is_called_usual_while_a_monitor_learns_nor_tenfold_once_it_is_more",
        ),
    ),
    15: (
        "no e-mail channel in any example",
        ("docs/test_people.py::test_an_example_of_a_person_has_an_email_channel_an_address_and_a_language",),
    ),
    16: (
        "no trigger and no post on the first screen; two alerts with one title",
        (
            "api/test_page_says.py::test_two_alerts_of_one_monitor_have_two_titles_and_an_influential_author_is_named",
            "api/test_page_says.py::test_one_alert_tells_one_story_in_list_card_mail_api_feed_and_export",
        ),
    ),
    17: (
        "on course for ten times beside 31x",
        (
            "api/test_page_says.py::test_nothing_is_called_usual_while_a_monitor_learns_nor_tenfold_once_it_is_more",
        ),
    ),
    18: (
        "an old alert's chart has the last 24 hours",
        ("api/test_page_says.py::test_the_chart_of_an_alert_that_is_over_names_its_day",),
    ),
    19: (
        "rising terms are stop words and the brand",
        ("processors/detection/test_terms.py::test_the_brand_its_spellings_and_stop_words_are_no_terms",),
    ),
    20: (
        "doctor and apply print Python",
        (
            "ops/test_what_is_said.py::test_a_source_that_is_not_there_yet_needs_nobody_and_nothing_is_said_in_python",
        ),
    ),
    21: (
        "a healthy source is overdue by 26 s",
        (
            "api/test_page_says.py::test_a_reach_that_nobody_told_is_unknown_and_a_source_that_is_due_is_late_for_nobody",
        ),
    ),
    22: (
        "a test mail leads to no alert and has microseconds",
        ("alerts/test_findings.py::test_a_test_page_leads_to_ones_own_page_and_has_no_microseconds",),
    ),
    23: (
        "a calmed alert stands above the live crisis",
        (
            "alerts/test_views.py::test_what_has_calmed_stands_below_what_goes_on_however_severe_a_person_made_it",
        ),
    ),
    24: (
        "OpenAPI without security schemes, no RateLimit headers",
        ("api/test_page_says.py::test_the_api_says_how_a_caller_is_known_and_packs_what_is_long",),
    ),
    25: (
        "answers are not compressed",
        ("api/test_page_says.py::test_the_api_says_how_a_caller_is_known_and_packs_what_is_long",),
    ),
    26: (
        "what scrolls takes no focus, empty heads of tables",
        (
            "api/test_page_says.py::test_what_scrolls_can_be_reached_by_keyboard_and_every_table_has_words_in_its_head",
            "api/test_page_says.py::test_the_page_of_the_api_has_no_empty_head",
        ),
    ),
    27: (
        "the search is silent about operators",
        ("api/test_page_says.py::test_a_search_says_which_operators_it_does_not_know",),
    ),
    28: (
        "0.2 for 0.25",
        ("api/test_page_says.py::test_names_stand_beside_long_times_and_small_rates_keep_their_figures",),
    ),
    29: (
        "sentences that run into each other",
        ("api/test_page_says.py::test_names_stand_beside_long_times_and_small_rates_keep_their_figures",),
    ),
    30: (
        "mail drops an article's title",
        ("alerts/test_message.py::test_an_article_is_shown_with_its_title_before_its_text",),
    ),
    31: (
        "the raw reason exhaust",
        ("api/test_page_says.py::test_names_stand_beside_long_times_and_small_rates_keep_their_figures",),
    ),
    32: (
        "a post without a network is a network",
        ("alerts/test_findings.py::test_posts_without_a_network_are_not_a_network_of_their_own",),
    ),
    33: (
        "an influential author whom the card does not list",
        (
            "api/test_page_says.py::test_two_alerts_of_one_monitor_have_two_titles_and_an_influential_author_is_named",
        ),
    ),
    34: (
        "the brand's own posts are among those that matter",
        (
            "processors/test_own_accounts.py::test_own_posts_are_in_no_count_and_stand_apart_in_the_evidence",
            "api/test_page_says.py::test_posts_of_the_brands_own_accounts_stand_apart_on_the_card_and_are_marked_in_lists",
        ),
    ),
    35: (
        "nothing says that a setting needs a restart",
        ("ops/test_what_is_said.py::test_a_changed_setting_is_said_to_count_after_a_start",),
    ),
    36: (
        "a file that is not there yet is BAD",
        (
            "ops/test_what_is_said.py::test_a_source_that_is_not_there_yet_needs_nobody_and_nothing_is_said_in_python",
        ),
    ),
    37: (
        "the footer tells everybody of a setting",
        (
            "api/test_page_says.py::test_a_reach_that_nobody_told_is_unknown_and_a_source_that_is_due_is_late_for_nobody",
        ),
    ),
    38: (
        "a decision before the review, and the review offered again",
        ("api/test_page_says.py::test_no_clock_runs_on_after_release_and_a_decision_waits_for_the_review",),
    ),
    39: (
        "an escalation does not say who was told; due times without zone or date",
        (
            "api/test_page_says.py::test_no_clock_runs_on_after_release_and_a_decision_waits_for_the_review",
            "alerts/test_findings.py::test_what_is_due_of_an_escalation_is_mailed_with_its_day_and_zone",
        ),
    ),
    40: (
        "privileged is an unticked box",
        ("api/test_page_says.py::test_no_clock_runs_on_after_release_and_a_decision_waits_for_the_review",),
    ),
    41: (
        "/v1/alerts has no figures, /v1/status no ETag",
        (
            "api/test_page_says.py::test_one_alert_tells_one_story_in_list_card_mail_api_feed_and_export",
            "api/test_resources.py::test_status_says_what_is_wrong_in_plain_words",
        ),
    ),
    42: (
        "metrics say nothing of mentions, alerts, deliveries, heartbeats, BLIND; counters typed gauge",
        (
            "docs/test_monitoring.py::test_every_query_asks_for_series_and_labels_that_there_are",
            "docs/test_monitoring.py::test_promtool_takes_the_rules_the_queries_and_a_scrape",
        ),
    ),
    43: (
        "links sometimes on standard output, addresses on standard error",
        ("ops/test_what_is_said.py::test_what_a_person_opens_goes_to_standard_output_and_the_rest_does_not",),
    ),
}

NOT_SAID = {
    "tr": (
        "Kapsam dışı bırak",
        "Bekletme açıklaması",
        "işleyen saat yok",
        "ayrıcalıklı",
        "Ölü mektup",
        "Anılma",
        "yeniden yanıt:",
        "kanarya kayboldu",
        "Daha fazla: çöz",
        "itibarıyla",
        "üstlenme 0",
        "SEV2 ilet",
        "50× katı",
        "konuşmanın {times} katı",
        "ilke",
    ),
    "nl": (
        "gepraat",
        "Klokken",
        "er loopt geen klok",
        "Het ontwaakt vanzelf",
        "oppakken verlopen",
        "is gewoon",
        "Samenvatting van de invoer",
        "SEV2 doorgeven",
        "Afwijzen",
        "terugtoets",
        "dead letter",
    ),
    "ro": (
        "În drum spre de zece ori",
        "decât așteptat",
        "răspuns din nou:",
        "Mesaje moarte",
        "canarul s-a pierdut",
        "decât așteptat",
        "Declanșator",
        "testare pe istoric",
        "Testează",
    ),
}
"""Words that a native would not use, as they stood on the page."""

NO_WORD_BEGINS = {
    "tr": ("anılma", "izlemey", "bahsin", "alarm söz", "deneme çağrısı", "beklenen etkinlik"),
    "nl": ("alarmwoord", "inlog", "log in"),
    "ro": ("declanșato", "test retroactiv", "testul retroactiv", "îmbinat", "apel de test", "de serviciu"),
}
"""Beginnings of words that stood beside those of docs/translating.md for the same thing, great letters or small ones."""


@cache
def _names_in(file: str) -> frozenset[str]:
    return frozenset(re.findall(r"^def (test_\w+)", (ROOT / "tests" / file).read_text("utf-8"), re.MULTILINE))


def test_each_of_the_43_defects_has_its_tests() -> None:
    assert sorted(FINDINGS) == list(range(1, 44))
    named = [(number, *test.split("::")) for number, (_, tests) in FINDINGS.items() for test in tests]
    assert [one for one in named if one[2] not in _names_in(one[1])] == []


CATALOGUES = (
    "api/pages/locales",
    "api/pages/locales/hints",
    "api/pages/locales/refusals",
    "alerts/locales",
    "tocsin/health/locales",
)


@cache
def _said(code: str) -> tuple[str, ...]:
    """Every translation of this language."""
    return tuple(
        text
        for folder in CATALOGUES
        for value in tomllib.loads((ROOT / folder / f"{code}.toml").read_text("utf-8")).values()
        for text in ([value] if isinstance(value, str) else value)
    )


@pytest.mark.parametrize("code", sorted(NOT_SAID))
def test_no_word_is_back_that_a_native_would_not_use(code: str) -> None:
    assert [(word, text) for word in NOT_SAID[code] for text in _said(code) if word in text] == []
    begins = [rf"\b{word}" for word in NO_WORD_BEGINS[code]]
    found = [(word, text) for word in begins for text in _said(code) if re.search(word, text, re.IGNORECASE)]
    assert found == []


def test_no_turkish_ending_follows_a_place_in_braces() -> None:
    """The vowels of an ending follow those of the word before it, which is not known: SEV1'e, but SEV2'ye."""
    assert [text for text in _said("tr") if re.search(r"\}['’]?[a-zçğıöşü]", text)] == []


FORMAL = {
    # Sentences address with -iniz; what stands on a button is a bare imperative, as Turkish programs have it.
    "tr": re.compile(r"\b(?:sen|senin|sana|seni|musun|mısın|misin)\b", re.IGNORECASE),
    "ro": re.compile(
        r"\b(?:tu|tău|tale|ție|poți|vrei|ești)\b"
        r"|^(?:Testează|Încearcă|Alege|Scrie|Deschide|Verifică|Salvează|Adaugă|Trimite|Șterge)\b"
        r"|^(?-i:Acceptă|Refuză|Retrage|Dă|Uită)\b",
        re.IGNORECASE,
    ),
    # "{n} u" are hours.
    "nl": re.compile(r"(?<!\} )\b(?:u|uw|gelieve)\b"),
}
"""Words of the address that is not ours: tu in Romanian, sen in Turkish, u in Dutch (docs/translating.md)."""


@pytest.mark.parametrize("code", sorted(FORMAL))
def test_a_reader_is_addressed_in_one_way(code: str) -> None:
    wrong = [text for text in _said(code) if FORMAL[code].search(text)]
    assert wrong == []
