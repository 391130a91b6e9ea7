"""`tocsin apply FILE`: makes and changes the definitions that a YAML file names."""

from __future__ import annotations

from pathlib import Path

import typer

from ops.commands.common import Config, Data, StoreUrl


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "apply", epilog="Examples: tocsin apply brand.yaml --dry-run; tocsin apply --export > all.yaml"
    )(apply)


def apply(
    file: Path | None = typer.Argument(
        None, help="YAML with sources, monitors, policies, people, schedules, silences."
    ),
    dry_run: bool = typer.Option(False, "--dry-run", help="Print the difference, change nothing."),
    export: bool = typer.Option(
        False, "--export", help="Print what is defined, as such a file, wherever it was made."
    ),
    config: Config = None,
    data: Data = None,
    store: StoreUrl = None,
) -> None:
    """Make and change the definitions of FILE, and print the difference. The same file again changes nothing."""
    from ops.runtime import open_runtime
    from ops.transfer.apply import apply as apply_changes
    from ops.transfer.apply import plan, read_document
    from tocsin.core.errors import WrongInput

    if export:
        if file is not None or dry_run:
            raise WrongInput("--export reads what is defined and takes no FILE and no --dry-run")
        _print_definitions(config, data, store)
        return
    if file is None:
        raise WrongInput("name a file to apply, or say --export (see tocsin apply --help)")
    document = read_document(file)
    with open_runtime(config, data, store) as runtime:
        if dry_run:
            with runtime.store.read() as conn:
                changes = plan(conn, document, str(file))
        else:
            with runtime.store.write() as conn:
                changes = plan(conn, document, str(file))
                apply_changes(conn, changes, runtime.clock.now(), "tocsin apply")
    for change in changes:
        print("\n".join(change.lines()))
    made = sum(change.what == "make" for change in changes)
    verb = "would be " if dry_run else ""
    print(f"{made} {verb}made, {len(changes) - made} {verb}changed" if changes else "nothing to change")


def _print_definitions(config: Path | None, data: Path | None, store: str | None) -> None:
    from ops.runtime import open_runtime
    from ops.transfer.definitions_file import stored_sections, written

    with open_runtime(config, data, store) as runtime, runtime.store.read() as conn:
        text = written(stored_sections(conn))
    if not text:
        typer.echo("nothing is defined yet", err=True)
    typer.echo(text, nl=False)
