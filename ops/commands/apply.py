"""`tocsin apply FILE`: makes and changes the definitions that a YAML file names."""

from __future__ import annotations

from pathlib import Path

import typer

from ops.commands.common import Config, Data, StoreUrl


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("apply", epilog="Example: tocsin apply brand.yaml --dry-run")(apply)


def apply(
    file: Path = typer.Argument(
        ..., help="YAML with sources, monitors, policies, people, schedules, silences."
    ),
    dry_run: bool = typer.Option(False, "--dry-run", help="Print the difference, change nothing."),
    config: Config = None,
    data: Data = None,
    store: StoreUrl = None,
) -> None:
    """Make and change the definitions of FILE, and print the difference. The same file again changes nothing."""
    from ops.runtime import open_runtime
    from ops.transfer.apply import apply as apply_changes
    from ops.transfer.apply import plan, read_document

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
