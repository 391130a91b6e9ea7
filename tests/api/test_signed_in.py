"""What signing in leaves behind: where one lands, and the language of one's notices."""

from __future__ import annotations

from alerts.directory import read
from alerts.paging import words_of
from tests.alerts.fakes import Phone
from tests.api.test_getting_in import change, delivered
from tests.api.test_getting_in import house as house
from tests.api.visits import page, press, signed_in, visitor
from tests.browser.served import SeededApp
from tocsin.access.spoken import spoken_by
from tocsin.definitions.models import Channel, Person
from tocsin.definitions.repository import find


def test_who_signs_in_lands_where_they_wanted_to_be_and_nowhere_else(house: SeededApp) -> None:
    client = visitor(house)
    for path in ("/alerts/al_crisis", "/escalations/es_pr"):
        page(client, path, 401)
    assert client.post(f"/signin/{house.signin_token('p_pim')}").headers["location"] == "/escalations/es_pr"
    page(client, "/escalations/es_pr")
    assert client.post(f"/signin/{house.signin_token('p_pim')}").headers["location"] == "/", "once"
    for elsewhere in (
        "//elsewhere.example",
        "https://elsewhere.example/",
        "/\\elsewhere.example",
        "/../x",
        "/a" * 200,
    ):
        assert (
            visitor(house, tocsin_wanted=elsewhere)
            .post(f"/signin/{house.signin_token()}")
            .headers["location"]
            == "/"
        )


def test_who_chose_no_language_is_paged_in_that_of_the_browser_they_signed_in_with(house: SeededApp) -> None:
    change(house, channels=(Channel(kind="email"),))
    client, phone = visitor(house), Phone()
    client.post("/language", data={"language": "tr"})
    assert client.post(f"/signin/{house.signin_token()}").status_code == 303
    assert press(client, "/me", "channels/0/test")[0] == 303
    delivered(house, phone)
    assert phone.got[-1].subject.startswith("DENEME")
    with house.store.read() as conn:
        people = read(conn)
        assert words_of(people.people["Ada Yılmaz"], "UTC").language.code == "tr"
        assert find(conn, Person, "p_ada").value.language is None, "nothing was chosen for her"
    change(house, language="nl")
    with house.store.read() as conn:
        assert words_of(people.fresh(conn).people["Ada Yılmaz"], "UTC").language.code == "nl"
    # A browser that asks for nothing changes nothing, and who has ended leaves nothing.
    signed_in(house)
    root = signed_in(house, "p_root")
    with house.store.read() as conn:
        assert spoken_by(conn, "p_ada") == "tr"
    assert press(root, "/people/p_ada", "end")[0] == 303
    with house.store.read() as conn:
        assert spoken_by(conn, "p_ada") is None
