"""Erasure over the API and on the page: who may, what is counted, the tick, and the job."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert, select

from api import erasures
from ops.run import erasures as worker
from tests.api.visits import CSRF, night, page, send, signed_in, words  # noqa: F401  # `night` is a fixture
from tests.api.world import World
from tests.browser.served import SeededApp
from tocsin.definitions.models import Role
from tocsin.store import schema as s


def test_the_api_counts_asks_and_tells_and_only_legal_and_administrators_may(world: World) -> None:
    legal = world.key(Role.LEGAL)
    named = {"what": "author", "value": "nobody-of-that-name"}
    for role in (Role.VIEWER, Role.COMMUNITY_MANAGER, Role.PR):
        assert world.key(role).post("/v1/erasures/preview", json=named).status_code == 403
    seen = legal.post("/v1/erasures/preview", json=named).json()
    assert (seen["counts"]["posts"], seen["networks"], seen["complete"]) == (0, {}, True)
    assert legal.post("/v1/erasures", json={**named, "posts": 0}).status_code == 422
    assert legal.get("/v1/erasures").json() == []
    assert legal.get("/v1/erasures/none").status_code == 404


def test_the_page_shows_what_would_go_and_erases_it_after_a_tick(night: SeededApp) -> None:  # noqa: F811
    one, admin = night, signed_in(night, "p_root")
    with one.store.write() as conn:
        handle, texts = _most_heard(conn)
        said = {"seq": 900, "at": one.clock.now(), "actor": "Ada", "role": "pr", "action": "note"}
        line = {**said, "alert_id": "al_crisis", "reason": f"{handle} again"}
        conn.execute(insert(s.alert_timeline), line)
    csrf = CSRF.findall(page(admin, "/erasures"))[0]
    form = {"csrf": csrf, "what": "author", "value": f"@{handle}", "network": ""}
    status, shown = send(admin, "/erasures", form)
    assert (status, f"posts {len(texts)} " in words(shown)) == (200, True)
    assert 'href="/alerts/al_crisis"' in shown and "1 line" in words(shown)
    assert 'name="typed"' in shown and "Backups and exports keep" in shown
    status, shown = send(admin, "/erasures", {**form, "posts": str(len(texts))})
    assert (status, "Tick the box that says that you have checked it." in shown) == (422, True)
    status, shown = send(admin, "/erasures", {**form, "posts": str(len(texts)), "sure": "1", "typed": "1"})
    assert (status, "waits for its turn" in words(shown), handle in shown) == (
        200,
        True,
        False,
    ) or status == 303
    again = send(admin, "/erasures", {**form, "posts": str(len(texts)), "sure": "1", "typed": "1"})
    assert again[0] == status, "the same one at the same moment is the same answer"
    with one.store.read() as conn:
        assert len(erasures.listed(conn)) == 1
    job = erasures.claim(one.store, one.clock.now())
    assert job is not None
    worker.carry_out(one.runtime, job.id)
    assert "done" in words(page(admin, f"/erasures/{job.id}"))
    assert "… again" in words(page(admin, "/alerts/al_crisis"))
    status, shown = send(admin, "/erasures", form)
    assert (status, "Nothing of that author" in shown) == (422, True)


def _most_heard(conn: Any) -> tuple[str, list[str]]:
    m = s.mentions.c
    handle = conn.execute(select(m.author_handle).where(m.author_handle.is_not(None)).limit(1)).scalar_one()
    return handle, list(conn.execute(select(m.text).where(m.author_handle == handle)).scalars())
