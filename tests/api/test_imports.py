"""History over the API and the page: a file is uploaded, looked at, mapped, checked, imported and taken out again."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from api import imports
from api.pages.terms import BAD_ROWS
from ops.imports.carrying_out import carry_out
from ops.runtime import Runtime
from tests.api.visits import CSRF, page, send, signed_in, words
from tests.api.world import World
from tests.browser.served import SeededApp, seeded_app
from tocsin.core.clock import SimulatedClock
from tocsin.definitions.models import Role
from tocsin.settings import Loaded, Settings
from tocsin.store.port import Store


def report(now: datetime, brand: str = "Lumo") -> bytes:
    """Two rows that are good and one that is not."""
    day = (now - timedelta(days=1)).strftime("%d.%m.%Y")
    rows = f"1;{day} 10:00;{brand} is <b>down</b>\n2;{day} 11:00;{brand} again\n3;soon;{brand}\n"
    return ("Nr;Datum;Bericht\n" + rows).encode("cp1254")


def work(store: Store, clock: SimulatedClock, settings: Settings) -> None:
    """Carry out everything that waits, as the worker does."""
    runtime = Runtime(Loaded(settings, {}), store, clock)
    while (job := imports.claim(store, clock.now())) is not None:
        carry_out(runtime, job.id)


def test_a_file_is_looked_at_checked_imported_and_taken_out_over_the_api(world: World) -> None:
    desk, admin = world.key(Role.COMMUNITY_MANAGER), world.key(Role.ADMIN)
    assert world.key(Role.VIEWER).get("/v1/imports").status_code == 403
    file = desk.post("/v1/imports/files?name=../a report.csv", content=report(world.now)).json()["file"]
    assert desk.get("/v1/imports/files").json() == {"items": [file]} == {"items": ["uploaded-a-report.csv"]}
    seen = desk.post("/v1/imports/look", json={"file": file}).json()
    assert (seen["encoding"], seen["columns"], seen["own"]) == ("utf-8", ["Nr", "Datum", "Bericht"], False)
    assert seen["guess"]["columns"] == {"text": "Bericht", "created_at": "Datum"}
    # One row is no time: the way in which times are written is for a person to say.
    mapping = {**seen["guess"], "dates": "dmy", "columns": {**seen["guess"]["columns"], "id": "Nr"}}
    checked = desk.post("/v1/imports", json={"file": file, "mapping": mapping})
    assert (checked.status_code, checked.json()["state"]) == (202, "queued")
    work(world.scene.store, world.scene.clock, world.runtime.settings)
    told = desk.get(f"/v1/imports/{checked.json()['id']}").json()
    assert (told["state"], told["counts"]["stored"], told["counts"]["bad"]) == ("done", 2, 1)
    assert [(one["line"], one["reason"]) for one in told["reasons"]] == [(4, "bad_time")]
    before = world.rows()

    brought = desk.post("/v1/imports", json={"file": file, "mapping": mapping, "kind": "import"}).json()
    work(world.scene.store, world.scene.clock, world.runtime.settings)
    assert desk.get(f"/v1/imports/{brought['id']}").json()["counts"]["stored"] == 2
    # An uploaded file goes again.
    assert desk.get("/v1/imports/files").json() == {"items": []}
    assert desk.post(f"/v1/imports/{brought['id']}/undo").status_code == 403
    assert admin.post(f"/v1/imports/{checked.json()['id']}/undo").status_code == 409
    assert admin.post(f"/v1/imports/{brought['id']}/undo").status_code == 202
    work(world.scene.store, world.scene.clock, world.runtime.settings)
    assert admin.get(f"/v1/imports/{brought['id']}").json()["state"] == "undone"
    after = world.rows()
    assert {name: after[name] for name in ("mentions", "matches", "tallies", "alerts")} == {
        name: before[name] for name in ("mentions", "matches", "tallies", "alerts")
    }


def test_what_is_wrong_is_said_and_an_upload_is_bounded(world: World) -> None:
    desk = world.key(Role.COMMUNITY_MANAGER)
    gone: dict[str, Any] = {"file": "../store.db", "mapping": {"source": "a"}}
    assert desk.post("/v1/imports", json=gone).status_code == 422
    wrong = {"file": "x", "mapping": {"source": "a", "columns": {"text": "a"}}}
    assert "created_at" in desk.post("/v1/imports", json=wrong).text
    assert desk.post("/v1/imports/look", json={"file": "none.csv"}).status_code == 422
    most = world.runtime.settings.imports.upload_max_bytes
    refused = desk.post("/v1/imports/files?name=a", content=b"a", headers={"Content-Length": str(most + 1)})
    assert refused.status_code == 413
    large = b"id,text\n" + b"1,aaaaaaaaaaaaaaaaaaaaaaaa\n" * 100_000
    assert desk.post("/v1/imports/files?name=large.csv", content=large).status_code == 201
    assert desk.get("/v1/imports/files").json() == {"items": ["uploaded-large.csv"]}
    id = desk.post("/v1/imports", json={"file": "uploaded-large.csv", "mapping": {"source": "a"}}).json()[
        "id"
    ]
    assert desk.post(f"/v1/imports/{id}/cancel").json()["state"] == "cancelled"


@pytest.mark.slow("an import from the file to its end")
def test_the_page_shows_the_columns_takes_the_correction_and_follows_the_job(tmp_path: Path) -> None:
    with seeded_app(tmp_path) as night:
        ada = signed_in(night)
        folder = tmp_path / "imports"
        folder.mkdir()
        (folder / "report.csv").write_bytes(report(night.clock.now(), "Orvane"))
        assert 'href="/imports/new?file=report.csv"' in page(ada, "/imports")
        (folder / "picture.csv").write_bytes(b"\x00\xff\xfe" * 100)
        for asked in ("", "&encoding=utf-8"):
            said = page(ada, f"/imports/new?file=picture.csv{asked}")
            assert 'role="alert"' in said and "Read it in this encoding" in said and "Check it" not in said
        form = page(ada, "/imports/new?file=report.csv")
        assert "Orvane is" in form and "<option selected>Bericht</option>" in form
        found = CSRF.search(form)
        assert found
        csrf = {"csrf": found[1]}
        typed = {"file": "report.csv", "encoding": "cp1254", "source": "desk", "dates": "dmy", **csrf}
        status, shown = send(ada, "/imports/new", {**typed, "zone": "Europe/Nowhere"})
        assert status == 422 and "Say which column holds the text" in shown
        typed |= {"column_text": "Bericht", "column_created_at": "Datum", "column_id": "Nr", "teach": "1"}
        status, shown = send(ada, "/imports/new", {**typed, "zone": "Europe/Nowhere"})
        assert status == 422 and "This time zone is not known." in shown
        status, shown = send(ada, "/imports/new", {**typed, "zone": "Europe/Istanbul", "what": "check"})
        assert status == 303 and "<progress" in shown and 'data-every="2000"' in shown

        with night.store.read() as conn:
            (job,) = imports.listed(conn)
        work(night.store, night.clock, night.runtime.settings)
        done = words(page(ada, f"/imports/{job.id}"))
        assert "new and matched by a monitor 2" in done and "line 4" in done
        _, shown = send(ada, f"/imports/{job.id}/start", csrf)
        work(night.store, night.clock, night.runtime.settings)
        with night.store.read() as conn:
            brought = imports.listed(conn)[0]
        assert "Undo the import" not in page(ada, f"/imports/{brought.id}")
        root = signed_in(night, "p_root")
        shown = page(root, f"/imports/{brought.id}")
        found = CSRF.search(shown)
        assert found and "Undo the import" in shown
        status, shown = send(root, f"/imports/{brought.id}/undo", {"csrf": found[1]})
        assert status == 303 and "Undoing an import" in shown
        assert send(ada, f"/imports/{imports_id(night)}/cancel", csrf)[0] == 303
        assert (folder / "report.csv").exists()


def imports_id(night: SeededApp) -> str:
    """The id of the newest job."""
    with night.store.read() as conn:
        return imports.listed(conn)[0].id


def test_every_reason_of_a_bad_row_has_words_of_its_own() -> None:
    files = [*Path("tocsin/reading").glob("*.py"), *Path("ingest/recorded").glob("*.py")]
    slugs = {one for file in files for one in re.findall(r'BadMention\(\s*"(\w+)"', file.read_text("utf-8"))}
    assert slugs and slugs <= set(BAD_ROWS)
