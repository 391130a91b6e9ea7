"""docs/chaos.md says what was broken on purpose, and by which test or run. Each of these is there, under the name that it has.

`PROMISES` holds what is promised about outages, each with the tests that keep it. A test that is renamed or goes fails here.
"""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from benchmarks.__main__ import BENCHMARKS
from tests.chaos.__main__ import KINDS, WALKS
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs/chaos.md").read_text("utf-8")
# How the page begins what it tells of a run, where it does not name the command.
TOLD = {"live": "Live", "replay": "Replays", "brokers": "Three brokers", "scaling": "backlog"}
PROMISES: dict[str, tuple[str, ...]] = {
    "who rings when, in text, where every channel is away from minute 0 to 30": (
        "story/test_every_channel_away.py::test_a_crisis_whose_every_channel_is_away_for_half_an_hour",
    ),
    "an unanswered SEV1 or SEV2 has a due time in the future, in every state": (
        "alerts/test_walks.py::test_whatever_happens_in_whatever_order",
        "chaos/test_chaos.py::test_whatever_dies_freezes_or_is_cut_the_same_is_stored_and_each_decision_rings_once",
    ),
    "a failed or unknown delivery uses nothing up": (
        "alerts/test_outages.py::test_ten_minutes_away_use_nothing_up",
        "alerts/test_outages.py::test_a_round_that_reached_nobody_does_not_count_and_one_that_reached_somebody_does",
    ),
    "an unanswered crisis goes on ringing at its pace, and says for how long and what changed": (
        "alerts/test_outages.py::test_an_unanswered_crisis_rings_everybody_every_five_minutes",
        "alerts/test_outages.py::test_an_unanswered_review_rings_each_morning",
        "alerts/test_outages.py::test_a_repeated_page_says_for_how_long_and_what_has_changed",
    ),
    "what waits rings at once, once, when its channel works again": (
        "alerts/test_outages.py::test_who_has_been_reached_is_not_rung_again_when_the_channel_is_back",
        "alerts/test_outages.py::test_notices_that_cannot_leave_do_not_pile_up",
    ),
    "a crisis that reaches nobody is said on the page, in status, metrics and by the auditor": (
        "api/test_reach.py::test_a_crisis_that_reaches_nobody_is_said_everywhere_until_somebody_answers",
    ),
    "a person who could not be reached is not paged: record, card, auditor, and the next person's page": (
        "api/test_reach.py::test_a_person_who_could_not_be_reached_is_said_where_the_next_one_was",
        "alerts/test_outages.py::test_the_next_person_of_the_round_is_asked_at_once_and_told_who_could_not_be_reached",
    ),
    "mail servers that hang, greylist, or refuse one": (
        "alerts/test_notifiers.py::test_where_a_mail_breaks_decides_the_outcome",
        "story/test_strange_receivers.py::test_somebody_is_rung_within_a_minute_whatever_one_receiver_does",
        "story/test_strange_receivers.py::test_a_mail_server_that_hangs_delays_nobody_elses_ring_and_has_reached_nobody",
    ),
    "a webhook that answers after its time-out": (
        "story/test_strange_receivers.py"
        "::test_a_receiver_that_answers_after_its_time_gets_the_same_id_again_and_nobody_calls_that_delivered",
    ),
    "429 and 503 with Retry-After": (
        "alerts/test_notifiers.py::test_a_receiver_may_ask_for_a_pause_in_seconds_or_by_a_date",
        "story/test_strange_receivers.py"
        "::test_a_receiver_that_asks_for_an_hour_is_left_alone_for_five_minutes_and_the_next_person_is_asked_at_once",
        "alerts/test_pauses.py::test_a_short_pause_is_waited_for",
    ),
    "500 for an hour": (
        "story/test_strange_receivers.py::test_a_webhook_that_answers_500_for_long_rings_again_when_it_is_well",
    ),
    "redirects": (
        "alerts/test_notifiers.py::test_what_a_webhook_answers_decides_the_outcome",
        "test_net.py::test_a_redirect_to_a_private_address_is_refused_even_when_the_caller_follows",
    ),
    "DNS that fails": (
        "story/test_strange_receivers.py"
        "::test_a_receiver_that_says_nothing_or_has_no_address_does_not_hold_up_the_next_person",
        "test_net.py::test_a_name_server_that_changes_its_answer_between_check_and_connection_gains_nothing",
    ),
    "a clock that jumps an hour forward and back: ladders and acknowledgements": (
        "alerts/test_set_back.py::test_an_unanswered_crisis_keeps_its_pace_through_a_clock_that_jumps_an_hour_ahead_and_back",
        "alerts/test_set_back.py::test_an_acknowledgement_made_while_the_clock_was_ahead_lasts_as_long_as_any",
    ),
    "the same: sessions, sign-in links and the links of pages": (
        "api/test_sessions.py::test_a_clock_that_jumps_ahead_and_is_set_back_takes_no_session_and_no_link_away",
    ),
    "the same: windows, sources, partitions": (
        "processors/test_ticker.py::test_after_a_clock_was_set_back_monitors_are_judged_and_minutes_close_as_ever",
        "ingest/test_leases.py::test_a_lease_by_a_clock_that_was_ahead_passes_on_when_nobody_renews_it",
        "stream/test_sqlite_stream.py::test_nobody_who_sets_the_clock_ends_or_prolongs_a_membership",
    ),
    "a disk that fills and empties again": (
        "story/test_bad_input.py::test_a_full_disk_is_said_and_with_room_everything_accepted_is_there",
        "store/test_postgres_store.py::test_a_full_disk_is_said_and_nothing_is_half_done_in_a_statement_or_at_commit",
    ),
    "a store that is read-only for a while": (
        "alerts/test_worker.py::test_a_store_that_nobody_can_write_for_a_while_costs_no_page_and_doubles_none",
        "store/test_read_only_disk.py::test_a_disk_that_becomes_read_only_loses_nothing_that_was_accepted",
    ),
    "processes that are stopped and continued": (
        "alerts/test_outbox.py::test_a_worker_that_wakes_too_late_changes_nothing",
        "ingest/test_leases.py::test_a_worker_that_slept_through_its_lease_moves_no_cursor",
        "ops/run/test_watchdog.py::test_a_stopped_process_is_ended_and_started_again_and_the_others_go_on",
    ),
    "a partition that stands still": (
        "alerts/test_standing.py::test_a_partition_that_stands_still_is_blind_within_two_minutes_and_heard_again_when_it_moves",
    ),
    "load: fifty dashboards; ten thousand open alerts": (
        "benchmarks/test_benchmarks.py::test_dashboards_ask_while_mentions_are_pushed_and_alerts_acknowledged",
        "benchmarks/test_benchmarks.py::test_the_queue_is_read_and_answered_among_many_alerts",
    ),
}


@cache
def names_in(file: str) -> frozenset[str]:
    """The names of the tests in a file, methods included."""
    tree = ast.parse((ROOT / "tests" / file).read_text("utf-8"))
    return frozenset(
        one.name
        for one in ast.walk(tree)
        if isinstance(one, ast.FunctionDef) and one.name.startswith("test_")
    )


def rows(heading: str) -> list[list[str]]:
    """The cells of each row of the table below a heading."""
    below = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in below.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines[1:]]


@pytest.mark.parametrize("promise", PROMISES)
def test_each_promise_about_outages_has_its_tests(promise: str) -> None:
    named = [test.split("::") for test in PROMISES[promise]]
    assert [(file, name) for file, name in named if name not in names_in(file)] == []


def test_everything_that_was_broken_on_purpose_names_what_repeats_it() -> None:
    for row in rows("What was broken on purpose"):
        assert len(row) == 4 and all(row), row
        by = row[3]
        files = re.findall(r"`tests/([\w/]+\.py)`", by)
        assert [file for file in files if not names_in(file)] == []
        assert files or "make chaos" in by or "benchmarks" in by or by == "by hand", row


def test_every_run_that_is_named_can_be_made_and_every_run_there_is_is_told() -> None:
    named = {
        one
        for words in re.findall(r'CHAOS_ARGS="?([a-z -]+)|tests\.chaos ([a-z-]+)', PAGE)
        for part in words
        for one in part.split()
        if not one.startswith("-")
    }
    assert named - {*KINDS, WALKS} == set()
    assert {row[0] for row in rows("How it is tested") if row[0] in {*KINDS, WALKS}} == {*KINDS, WALKS}
    assert set(re.findall(r"python -m benchmarks ([a-z]+)", PAGE)) <= set(BENCHMARKS)
    for kind in KINDS:
        told = TOLD.get(kind, rf"tests\.chaos {kind}[ `]")
        assert re.search(told, PAGE), f"nothing tells of a run of {kind}"
