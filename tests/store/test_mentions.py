"""A mention as a row and back: nothing is lost, on either engine, and every field has its columns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.stores import on_both_stores, store_at  # noqa: F401  # every test here runs on both engines
from tocsin.core.mention import Author, Engagement, Mention
from tocsin.store import schema as s
from tocsin.store.mentions import AUTHOR, ENGAGEMENT, LISTS, PLAIN, mention_columns, stored_mention

AT = datetime(2026, 11, 22, 9, 30, 0, 123456, tzinfo=UTC)
BARE = Mention("forum", "1", "Lumo is down", AT)
FULL = Mention(
    source="forum",
    id="2",
    text="Lumo is down again \N{FIRE}",
    created_at=AT,
    edited_at=AT + timedelta(minutes=5),
    network="forum",
    url="https://forum.example/2",
    lang="en",
    title="Down",
    country="NL",
    author=Author("u1", "Ana", "ana", 1200, verified=False),
    in_reply_to="1",
    repost_of="0",
    thread="t",
    engagement=Engagement(likes=0, views=10),
    links=("https://lumo.example/",),
    hashtags=("lumo",),
    media=("https://forum.example/a.png",),
    truncated=True,
    extra={"place": {"name": "Delft"}, "rank": [1, 2.5, None]},
)
JUDGED = {
    "hash": "0" * 16,
    "label": "neutral",
    "score_e4": 0,
    "confidence_e4": 0,
    "signature": 1,
    "repost": False,
    "triggers": [],
}


@pytest.mark.parametrize("mention", [BARE, FULL], ids=["bare", "full"])
def test_a_mention_comes_back_as_it_was_stored(tmp_path: Path, mention: Mention) -> None:
    store = store_at(tmp_path / "store.db")
    with store.write() as conn:
        store.insert_new(conn, s.mentions, [mention_columns(mention) | JUDGED])
    with store.read() as conn:
        row = conn.execute(select(*s.mention_columns)).one()
    store.close()
    assert stored_mention(row) == mention


def test_every_field_of_a_mention_has_its_columns() -> None:
    assert {*PLAIN, *LISTS, "author", "engagement", "extra"} == set(Mention.__struct_fields__)
    assert tuple(AUTHOR) == Author.__struct_fields__
    assert tuple(ENGAGEMENT) == Engagement.__struct_fields__
    assert set(mention_columns(FULL)) <= {column.name for column in s.mention_columns}
