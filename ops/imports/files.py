"""`tocsin import`: files brought in at once, each as a job of its own that the page shows too."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from api import imports
from api.imports import CHECK, IMPORT, Import
from ingest.recorded.guess import look
from ingest.recorded.mapping import ColumnMapping
from ops.imports.carrying_out import carry_out
from ops.runtime import Runtime
from tocsin.core.errors import WrongInput
from tocsin.core.faults import fault_of
from tocsin.reading import source_name

ACTOR, ROLE = "tocsin import", "admin"


@dataclass(slots=True)
class RowTotals:
    """Rows of all files so far: read, stored as new, known before, refused. `unmatched` ones match no monitor."""

    mentions: int = 0
    stored: int = 0
    duplicates: int = 0
    unmatched: int = 0
    bad: int = 0

    def add(self, counts: Mapping[str, int]) -> None:
        self.mentions += counts["read"] - counts["bad"] - counts["too_old"]
        self.stored += counts["stored"]
        self.duplicates += counts["known"]
        self.unmatched += counts["unmatched"]
        self.bad += counts["bad"] + counts["too_old"]


def import_files(
    runtime: Runtime,
    files: Sequence[Path],
    *,
    source: str | None,
    tz: str | None,
    given: Mapping[str, Any] | None = None,
    check: bool = False,
    teach: bool = True,
    on_progress: Callable[[RowTotals], None] = lambda _totals: None,
    on_job: Callable[[Import], None] = lambda _job: None,
) -> RowTotals:
    """Import the files, or only check them. Known mentions are counted and change nothing.

    `given` has what a person said of the mapping; the rest is guessed, and a file of Tocsin's own form needs none. `on_progress`
    gets the totals after each piece, `on_job` each job once it has ended. Raises `WrongInput` for a missing file, a mapping that
    cannot be, and a file that cannot be read.
    """
    for path in files:
        if not path.is_file():
            raise WrongInput(f"no file {path}")
    totals = RowTotals()
    for path in files:
        mapping = mapping_for(runtime, path, {**(given or {}), "source": source, "zone": tz})
        job = _carried_out(runtime, path, mapping, check, teach, totals, on_progress)
        on_job(job)
        if job.message:
            raise WrongInput(f"{path.name}: {job.message}")
        totals.add(job.counts)
    return totals


def mapping_for(runtime: Runtime, path: Path, given: Mapping[str, Any]) -> ColumnMapping:
    """The mapping of this file: what is given, else what is guessed. Raises `WrongInput` for one that cannot be."""
    said = {name: value for name, value in given.items() if value}
    try:
        seen = look(path, said.get("encoding"), runtime.settings.imports.max_bytes)
        columns = dict(said.pop("columns", {}))
        guess: dict[str, Any] = {"source": source_name(path.name)[:128] or "history"}
        if columns or not seen.own:
            guess = {**seen.guess, "columns": {**seen.guess["columns"], **columns}}
        return ColumnMapping.model_validate({**guess, **said})
    except ValidationError as error:
        first = error.errors()[0]
        raise WrongInput(f"{path.name}: {'.'.join(map(str, first['loc']))}: {fault_of(first)}") from None


def _carried_out(
    runtime: Runtime,
    path: Path,
    mapping: ColumnMapping,
    check: bool,
    teach: bool,
    so_far: RowTotals,
    on_progress: Callable[[RowTotals], None],
) -> Import:
    store, now, kind = runtime.store, runtime.clock.now(), CHECK if check else IMPORT
    with store.write() as conn:
        job = imports.ask(conn, kind, path.name[:256], mapping, now=now, actor=ACTOR, role=ROLE, teach=teach)
    imports.claim(store, now, job.id)

    def told(_percent: int, counts: Mapping[str, int]) -> None:
        totals = RowTotals(so_far.mentions, so_far.stored, so_far.duplicates, so_far.unmatched, so_far.bad)
        totals.add(counts)
        on_progress(totals)

    try:
        carry_out(runtime, job.id, path, told)
    except BaseException:
        with store.write() as conn:
            imports.cancel(conn, job.id, runtime.clock.now())
        raise
    with store.read() as conn:
        return imports.get(conn, job.id)


def undo(runtime: Runtime, id: str) -> None:
    """Take an import out at once. Raises `NotFound`, `IllegalTransition` or `Conflict` where that cannot be."""
    store, now = runtime.store, runtime.clock.now()
    with store.write() as conn:
        job = imports.ask_undo(conn, id, now=now, actor=ACTOR, role=ROLE)
    imports.claim(store, now, job.id)
    carry_out(runtime, job.id)


def looked(runtime: Runtime, path: Path, given: Mapping[str, Any]) -> str:
    """What the file looks like and how it would be read, for a person."""
    seen = look(path, given.get("encoding"), runtime.settings.imports.max_bytes)
    by = mapping_for(runtime, path, given)
    lines = [f"{path.name}: {seen.shape}, {seen.encoding}, {len(seen.columns)} columns"]
    lines += [
        f"  {column}: {next((row[column] for row in seen.rows if column in row), '')[:60]}"
        for column in seen.columns
    ]
    lines.append("read as Tocsin's own form" if not by.columns else "read as:")
    lines += [f"  {field} = {column}" for field, column in by.columns.items()]
    lines.append(
        f"  source {by.source}; times {by.dates}, zone {by.zone or 'UTC'}; network {by.network or '-'}"
    )
    if seen.doubt and by.columns and not given.get("dates"):
        lines.append("day and month may be exchanged: say --dates dmy or --dates mdy")
    return "\n".join(lines)


def told(job: Import) -> str:
    """What came of one job, with the first reasons."""
    counts = job.counts
    first = f"{job.file}: {job.id}: {counts['read']} rows, {counts['stored']} "
    first += "would be stored" if job.kind == CHECK else "stored"
    first += f", {counts['known']} known, {counts['unmatched']} match no monitor, {counts['too_old']} too old"
    first += f", {counts['bad']} bad"
    return "\n".join([first, *(f"  line {one['line']}: {one['message']}" for one in job.reasons)])
