"""This version and the next one on one store: a step of the schema is taken while the present code writes and people answer."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select, text

from alerts.service import acknowledge
from processors.batch import Writer, read_batch
from processors.retention import drop_expired
from processors.understand import Understander, default_scorers
from processors.watch import watched
from tests.alerts.scene import ADA, Scene
from tests.store.test_migrations import NEXT, step
from tests.store.test_search import found
from tests.stores import on_both_stores, store_url  # noqa: F401  # a fixture that acts by itself
from tocsin.core.mention import Author, Mention, encode_mentions
from tocsin.settings import Settings
from tocsin.store import Store, migrating, open_store
from tocsin.store import schema as s
from tocsin.stream.port import Record

EXPANDED = """op.add_column('mentions', sa.Column('mood', sa.Text))
    op.add_column('alerts', sa.Column('colour', sa.Integer))
    op.create_table('moods', sa.Column('name', sa.Text, primary_key=True))
    op.create_index('mentions_by_mood', 'mentions', ['mood'])"""


def a_batch(store: Store, scene: Scene, number: int) -> None:
    """Ten mentions that match, three of them of another day, and an edit of one that was stored before."""
    mentions = [
        Mention(
            source="forum",
            id=f"{number}-{place}",
            text=f"lumo again {number}",
            created_at=scene.now - timedelta(days=place % 3),
            author=Author(id="ada"),
        )
        for place in range(10)
    ]
    if number:
        mentions.append(
            Mention(
                source="forum",
                id=f"{number - 1}-0",
                text="lumo edited",
                created_at=scene.now,
                edited_at=scene.now + timedelta(seconds=number),
            )
        )
    writer = Writer(store, Understander(default_scorers()), sample_rate=0.0)
    with store.read() as conn:
        matcher = watched(conn).matcher
    record = Record("mentions", 0, number, encode_mentions(mentions), scene.now)
    prepared = writer.understand(read_batch([record], matcher, 0.0))
    with store.write(alone=False) as conn:
        writer.write(conn, prepared, scene.now)


def test_the_present_code_goes_on_while_the_next_step_is_taken_and_after_it(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.over()
    stop, failures, written = threading.Event(), list[BaseException](), list[int]()
    present = open_store(store_url(tmp_path / "store.db"), tmp_path, durable=False)

    def write() -> None:
        try:
            while not stop.is_set():
                a_batch(present, scene, len(written))
                written.append(1)
        except BaseException as error:  # noqa: BLE001  # shown by the test
            failures.append(error)

    def wait_for_batches(count: int) -> None:
        wanted = len(written) + count
        while len(written) < wanted and not failures:
            stop.wait(0.01)

    writing = threading.Thread(target=write)
    writing.start()
    try:
        wait_for_batches(2)
        newer = open_store(store_url(tmp_path / "store.db"), tmp_path, durable=False)
        migrating.migrate(newer, "the store", to=NEXT, steps=step(tmp_path, EXPANDED))
        wait_for_batches(3)
        with scene.write() as conn:
            acknowledge(conn, scene.alert().id, ADA, scene.now)
        again = open_store(store_url(tmp_path / "store.db"), tmp_path, durable=False)  # a process starts anew
        wait_for_batches(1)
    finally:
        stop.set()
        writing.join()
    assert failures == []
    assert scene.alert().status == "acknowledged"
    with again.read() as conn:
        assert migrating.version(conn) == migrating.Version(NEXT, migrating.SCHEMA)
        stored = conn.execute(select(func.count()).select_from(s.mentions)).scalar_one()
        counted = conn.execute(select(func.sum(s.tallies.c.count))).scalar_one()
    assert stored == counted == 10 * len(written)
    assert len(found(again, "edited")) == len(written) - 1
    with newer.write() as conn:  # what the next version adds is there, and does not trouble this one
        conn.execute(text("UPDATE mentions SET mood = 'cross'"))
        conn.execute(text("INSERT INTO moods VALUES ('cross')"))
    a_batch(present, scene, len(written))
    with again.write(alone=False) as conn:
        drop_expired(conn, scene.now + timedelta(days=40), Settings())
    for store in (present, newer, again, scene.store):
        store.close()
