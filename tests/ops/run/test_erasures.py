"""A person asks to be forgotten: counted, confirmed, erased everywhere in pieces, and on record without a name."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, update

from alerts.forgetting import Quotes, forgotten
from alerts.typed import Typed
from api import erasures
from ops.run import erasures as worker
from ops.runtime import Runtime
from processors.erasure import SKEW, erase_removed
from processors.forgetting import Subject, erase_posts
from tests.api.visits import CSRF, night, page, send, signed_in, words  # noqa: F401  # `night` is a fixture
from tests.processors.test_retention import NOW, counted, drop_all, found, keep, notice
from tests.processors.test_retention import store as store
from tests.stores import on_both_stores  # noqa: F401  # a fixture that acts by itself
from tocsin.core.clock import SimulatedClock
from tocsin.core.errors import Conflict, StoreUnavailable, WrongInput
from tocsin.intake.dead_letters import dead_letter_row, record_dead_letter
from tocsin.settings import Loaded, Settings
from tocsin.store import schema as s
from tocsin.store.port import Store

ADA = erasures.subject_of("author", "@Ada")
WORDS = "brightwater leaks into my kitchen"


def asked(store: Store, subject: Subject = ADA, at: datetime = NOW) -> str:
    with store.read() as conn:
        seen = erasures.preview(conn, subject)
    return erasures.ask(store, subject, seen.counts["posts"], now=at, actor="Lea", role="legal").id


def carried_out(store: Store, id: str) -> erasures.Erasure:
    runtime = Runtime(Loaded(Settings(), {}), store, SimulatedClock(NOW))
    assert erasures.claim(store, NOW, id) is not None
    worker.carry_out(runtime, id)
    with store.read() as conn:
        return erasures.get(conn, id)


def a_life(store: Store) -> None:
    """Everything that the store may hold of Ada, and something of Ben."""
    keep(store, days=40, id="old", text=WORDS)
    # She goes by a pseudonym there.
    drop_all(store)
    keep(store, days=1, id="new", text=WORDS)
    keep(store, days=1, id="new", text=WORDS + " again", edited=NOW)
    keep(store, days=1, id="ben", text="brightwater is fine", author="ben")
    keep(store, days=1, id="passed on", text="RT " + WORDS, author="ben")
    keep(store, days=0.5, id="sampled", text="nothing to see")
    with store.write() as conn:
        m = s.mentions
        conn.execute(update(m).where(m.c.id == "passed on").values(repost_of="new"))
        conn.execute(
            update(m).where(m.c.author_id == "ben").values(author_handle="ben", author_name="Ben K.")
        )
        label = {"monitor_id": "m", "source": "forum", "label": "neutral", "was": "negative", "at": NOW}
        conn.execute(insert(s.corrections), [{**label, "id": id, "actor": "x"} for id in ("new", "ben")])
        text = f"Well known: ada (12K), ben (9K)\n1. [reach 12K] {WORDS} again\n2. [reach 9K] brightwater is fine\nlink\n"
        body = {"text": text, "html": f"<p>1. [reach 12K] {WORDS} again</p>", "facts": {}}
        subject = "SEV4 Lumo: ada (120,000 followers) speaks against it"
        conn.execute(insert(s.notices), {**notice(body), "subject": subject})
        for name in ("ada", "adam"):
            letter = json.dumps({"author": name, "n": 1}).encode()
            record_dead_letter(
                conn, dead_letter_row(now=NOW, source="forum", reason="bad", message=name, payload=letter)
            )
        they_typed(conn)
        refused = [{"line": 3, "reason": "bad_author", "message": "author 'Ada' has no id"}]
        batch = {"id": "b", "at": NOW, "source": "forum", "accepted": 0, "keys": {}}
        conn.execute(insert(s.batches), {**batch, "rejected": refused})
        conn.execute(insert(s.batches), {**batch, "id": "c", "rejected": []})
        job = {
            "id": "i",
            "seq": 1,
            "kind": "import",
            "at": NOW,
            "actor": "x",
            "state": "done",
            "beat_at": NOW,
        }
        counts = {"progress": 100, "file": "a.csv", "teach": False, "position": 9, "counts": {}}
        conn.execute(insert(s.imports), {**job, **counts, "reasons": refused})


def they_typed(conn: Connection) -> None:
    """Two lines that name Ada, one of them privileged, and one that names Adam."""
    line = {"at": NOW, "actor": "Lea", "role": "pr", "action": "note"}
    said = (("a1", 1, "@Ada again, as in May"), ("a1", 2, "Adam wrote"))
    conn.execute(
        insert(s.alert_timeline),
        [{**line, "alert_id": id, "seq": seq, "reason": text} for id, seq, text in said],
    )
    entry = {**line, "escalation_id": "e1", "seq": 1, "text": "a letter to ada", "privileged": True}
    conn.execute(insert(s.escalation_entries), entry)


def test_what_people_typed_is_listed_and_loses_the_name_only_where_a_person_says_so(store: Store) -> None:
    with store.write() as conn:
        they_typed(conn)
        told = {"text": "SEV1\n@ada again, as in May\nhttps://t.example/ada\n", "html": "<p>@ada again</p>"}
        conn.execute(insert(s.notices), notice({**told, "facts": {"monitor": "ada"}}))
        seen = erasures.preview(conn, ADA)
    assert seen.typed == [Typed("alert", "a1", 1), Typed("escalation", "e1", 1)]
    job = carried_out(store, asked(store))
    assert job.counts.get("typed", 0) == 0
    assert everywhere(store, "letter to ada") == ["escalation_entries"]
    job = carried_out(store, asked(store, replace(ADA, typed=True), NOW + timedelta(minutes=1)))
    assert job.counts["typed"] == 2
    with store.read() as conn:
        assert list(
            conn.execute(select(s.alert_timeline.c.reason).order_by(s.alert_timeline.c.seq)).scalars()
        ) == [
            "@… again, as in May",
            "Adam wrote",
        ]
        assert conn.execute(select(s.escalation_entries.c.text)).scalar_one() == "a letter to …"
        body = conn.execute(select(s.notices.c.body)).scalar_one()
    # A link of ours, and what a rule reads, stay whole.
    assert body["text"] == "SEV1\n@… again, as in May\nhttps://t.example/ada\n"
    assert (body["html"], body["facts"]) == ("<p>@… again</p>", {"monitor": "ada"})


@pytest.mark.parametrize("name", ["Çağlar", "çağlar"])
def test_a_name_is_found_in_capitals_of_any_alphabet(store: Store, name: str) -> None:
    line = {"at": NOW, "actor": "Lea", "role": "pr", "action": "note", "alert_id": "a1", "seq": 1}
    with store.write() as conn:
        conn.execute(insert(s.alert_timeline), {**line, "reason": "ÇAĞLAR has 5% of it"})
        found = erasures.preview(conn, erasures.subject_of("author", name))
    assert found.counts["typed"] == 1


def test_an_author_goes_from_everywhere_and_what_was_counted_stays(store: Store) -> None:
    a_life(store)
    tallied = [counted(store, t) for t in (s.seen, s.matches, s.tallies)]
    id = asked(store)
    with store.read() as conn:
        seen = erasures.preview(conn, ADA)
    assert seen.counts == {
        "posts": 2,
        "reposts": 1,
        "corrections": 1,
        "samples": 1,
        "notices": 1,
        "dead_letters": 1,
        "refusals": 2,
        "typed": 2,
    }
    job = carried_out(store, id)
    assert (job.state, job.subject, job.progress) == ("done", None, 100)
    assert dict(job.counts) == {name: n for name, n in seen.counts.items() if name != "typed"}
    assert found(store, "brightwater") == {"ben"}
    assert [counted(store, t) for t in (s.seen, s.matches, s.tallies)] == tallied
    with store.read() as conn:
        assert list(conn.execute(select(s.corrections.c.id)).scalars()) == ["ben"]
        assert list(conn.execute(select(s.dead_letters.c.message)).scalars()) == ["adam"]
        subject, body = conn.execute(select(s.notices.c.subject, s.notices.c.body)).one()
        audit = [(row.action, json.dumps(row.detail)) for row in conn.execute(select(s.audit))]
    assert subject == "SEV4 Lumo: … (120,000 followers) speaks against it"
    assert body["text"].splitlines() == [
        "Well known: … (12K), ben (9K)",
        "1. [reach 12K] …",
        "2. [reach 9K] brightwater is fine",
        "link",
    ]
    assert body["html"] == "<p>1. [reach 12K] …</p>"
    told = [one for one in audit if one[0].startswith("erasure.")]
    assert [action for action, _ in told] == ["erasure.asked", "erasure.done"]
    assert not any(word in detail.lower() for _, detail in told for word in ('"ada"', "leaks"))
    assert not everywhere(store, "leaks into")


def everywhere(store: Store, text: str) -> list[str]:
    """The tables that still hold the text."""
    with store.read() as conn:
        return [
            t.name
            for t in s.metadata.sorted_tables
            if any(text in str(tuple(row)) for row in conn.execute(select(t)))
        ]


def test_what_was_still_in_the_stream_goes_when_it_is_stored(store: Store) -> None:
    keep(store, days=1)
    carried_out(store, asked(store))
    keep(store, days=1, id="late")
    erase_removed(store, NOW + SKEW + timedelta(minutes=1))
    assert found(store, "brightwater") == set()


def test_a_kill_between_two_pieces_loses_and_doubles_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_life(store)
    id = asked(store)

    def dies(*given: Any) -> int:
        erase_posts(*given)
        raise StoreUnavailable("killed")

    with monkeypatch.context() as patched:
        patched.setattr(worker, "erase_posts", dies)
        assert carried_out(store, id).state == "failed"
    with store.write() as conn:
        assert erasures.get(conn, id).subject is not None
        erasures.again(conn, id, NOW)
    job = carried_out(store, id)
    assert (job.state, job.counts["posts"], job.counts["reposts"], job.counts["notices"]) == ("done", 2, 1, 1)
    assert not everywhere(store, "leaks into")


def test_one_network_of_several_and_one_post(store: Store) -> None:
    keep(store, days=1, id="a")
    keep(store, days=1, id="b")
    keep(store, days=1, id="c", author="cid")
    with store.write() as conn:
        m = s.mentions
        conn.execute(update(m).where(m.c.id == "a").values(network="bluesky"))
        conn.execute(update(m).where(m.c.id == "b").values(network="mastodon"))
        conn.execute(
            update(m)
            .where(m.c.id == "c")
            .values(url="https://x.example/c", author_handle="cid", network="bluesky")
        )
    carried_out(store, asked(store, erasures.subject_of("author", "ada", "bluesky")))
    assert found(store, "brightwater") == {"b", "c"}
    carried_out(store, asked(store, erasures.subject_of("post", "https://x.example/c")))
    assert found(store, "brightwater") == {"b"}


def test_it_is_confirmed_by_its_count_and_nothing_is_no_job(store: Store) -> None:
    keep(store, days=1)
    with pytest.raises(Conflict, match="1 posts by now"):
        erasures.ask(store, ADA, 0, now=NOW, actor="Lea", role="legal")
    with pytest.raises(WrongInput):
        erasures.ask(store, replace(ADA, value="nobody"), 9, now=NOW, actor="Lea", role="legal")
    for value in ("", " @ ", "a\x00b"):
        with pytest.raises(WrongInput):
            erasures.subject_of("author", value)


def test_a_notice_keeps_its_own_words() -> None:
    quotes = Quotes(frozenset({"down again"}), frozenset({"ada"}))
    body = {"text": "ada is our monitor\n1. [reach 2] down again (ada)\ndown again\n", "facts": {}}
    assert forgotten(body, quotes) == body
    assert forgotten({"facts": {}}, quotes) == {"facts": {}}
