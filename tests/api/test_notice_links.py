"""The link of a notice: its card, its button, and whose it is today."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from alerts.alert import get
from tests.api.visits import night as night
from tests.api.visits import (
    page,
    visitor,
    words,
)
from tests.browser.served import SeededApp
from tocsin.definitions.models import Person, Role
from tocsin.definitions.repository import find, save


def test_the_link_of_a_notice_shows_the_card_and_acknowledges_once(night: SeededApp) -> None:
    client, token = visitor(night), night.action_token()
    shown = words(page(client, f"/links/{token}"))
    assert "SEV1 crisis unanswered Orvane baby food" in shown and "Acknowledge as Ada Yılmaz" in shown
    first = client.post(f"/links/{token}", data={"csrf": ""})
    assert first.status_code == 200 and "It is yours now" in first.text
    with night.store.read() as conn:
        assert get(conn, "al_crisis").acknowledged_by == "Ada Yılmaz"
    assert client.post(f"/links/{token}").status_code == 410
    assert "used already" in page(client, f"/links/{token}")
    for cut in ("x" * 43, token[:-1], token[:12], "x"):
        shown = page(client, f"/links/{cut}", 410)
        assert "is not whole" in shown and "tocsin signin" in shown, "the way to the alert stands there"
        assert (
            client.post(f"/links/{cut}").status_code == client.post(f"/links/{cut}/snooze").status_code == 410
        )


def _changed(app: SeededApp, **fields: Any) -> None:
    """Change what is defined of Ada."""
    with app.store.write() as conn:
        ada = find(conn, Person, "p_ada")
        save(conn, ada.value.model_copy(update=fields), now=app.clock.now(), actor="root", id=ada.id)


def test_the_link_of_somebody_who_left_shows_and_does_nothing(night: SeededApp) -> None:
    client, token = visitor(night), night.action_token()
    _changed(night, active=False)
    for answer in (client.get(f"/links/{token}"), client.post(f"/links/{token}", data={"csrf": ""})):
        assert answer.status_code == 403
        assert "no longer active" in answer.text
        assert "Orvane" not in answer.text
    with night.store.read() as conn:
        assert get(conn, "al_crisis").acknowledged_by is None


def test_a_link_may_no_more_than_the_role_of_today(night: SeededApp) -> None:
    client, token = visitor(night), night.action_token()
    _changed(night, role=Role.VIEWER)
    shown = words(page(client, f"/links/{token}"))
    assert "Your role may not acknowledge any more" in shown and "Acknowledge as" not in shown
    refused = client.post(f"/links/{token}", data={"csrf": ""})
    assert refused.status_code == 410 and "the role viewer may not acknowledge" in refused.text
    with night.store.read() as conn:
        assert get(conn, "al_crisis").acknowledged_by is None
    _changed(night, role=Role.PR)
    assert client.post(f"/links/{token}", data={"csrf": ""}).status_code == 200


def test_the_reader_of_a_link_is_spoken_to_in_their_own_language_and_zone(night: SeededApp) -> None:
    shown = words(page(visitor(night), f"/links/{night.action_token(person='p_ioana')}"))
    assert "Preiau ca Ioana Munteanu" in shown and "din 03:40" in shown


def test_an_expired_link_still_shows_the_card_but_no_button(night: SeededApp) -> None:
    token = night.action_token()
    night.clock.advance(timedelta(days=4))
    shown = words(page(visitor(night), f"/links/{token}"))
    assert "This link has expired" in shown and "Acknowledge as" not in shown
    assert visitor(night).post(f"/links/{token}").status_code == 410
