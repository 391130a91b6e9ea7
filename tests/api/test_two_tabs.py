"""Two tabs of one's own page: the second one to save is shown both, and takes theirs or its own, field by field."""

from __future__ import annotations

import re

from tests.api.visits import CSRF, night, page, send, signed_in, words  # noqa: F401  # `night` is a fixture
from tests.browser.served import SeededApp
from tocsin.definitions.models import Person
from tocsin.definitions.repository import find

HIDDEN = re.compile(r'name="(version|read_at)" value="(\d*)"')


def test_the_second_of_two_tabs_chooses_and_overwrites_nothing(night: SeededApp) -> None:  # noqa: F811
    ada = signed_in(night)
    opened = page(ada, "/me")
    # Both tabs were opened at the same version.
    form = {"csrf": CSRF.findall(opened)[0], **dict(HIDDEN.findall(opened))}
    first = {**form, "language": "nl", "timezone": "Europe/Istanbul", "quiet_from": "", "quiet_to": ""}
    second = {
        **form,
        "language": "tr",
        "timezone": "Europe/Bucharest",
        "quiet_from": "23:00",
        "quiet_to": "07:00",
    }
    assert send(ada, "/me", first)[0] == 303
    status, shown = send(ada, "/me", second)
    assert status == 409
    assert "Europe/Istanbul" in words(shown) and 'value="Europe/Bucharest"' in shown
    assert own(night).timezone == "Europe/Istanbul"
    # A fault on the way asks for the choice again.
    again = {**second, **dict(HIDDEN.findall(shown)), "take.timezone": "theirs", "take.language": "mine"}
    assert send(ada, "/me", {**again, "quiet_to": "soon"})[0] == 422
    assert send(ada, "/me", {**again, "take.quiet_hours": "mine"})[0] == 303
    saved = own(night)
    assert (saved.language, saved.timezone, saved.quiet_hours) == (
        "tr",
        "Europe/Istanbul",
        ("23:00", "07:00"),
    )


def own(one: SeededApp) -> Person:
    with one.store.read() as conn:
        return find(conn, Person, "p_ada").value
