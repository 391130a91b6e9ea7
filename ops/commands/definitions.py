"""What people define, listed, ended and brought back: `tocsin monitors|people|policies|schedules|silences|expected-events`
with `list`, `end NAME` and `restore NAME`. `tocsin monitors` and `tocsin sources` have more (`ops.commands`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

import typer

from ops.commands.common import Config, Data, StoreUrl, operator

# Here, since the annotations of a nested function are looked up in its module.
Ref = Annotated[str, typer.Argument(metavar="NAME", help="Its name or id.")]
Ended = Annotated[bool, typer.Option("--ended", help="Those that were ended, the newest first.")]


@dataclass(frozen=True, slots=True)
class Endable:
    """A kind of definition: its group of commands, its key in `tocsin.definitions.models.KINDS`, its words, and an example.

    `ended` says what the end means.
    """

    group: str
    kind: str
    one: str
    ended: str
    example: str


SOURCES: Final = Endable(
    "sources", "source", "a source", "It is read no more. What it brought stays", "forum"
)
MONITORS: Final = Endable(
    "monitors",
    "monitor",
    "a monitor",
    "It alerts no more. Its mentions and alerts stay, and so does what it has learnt",
    "united",
)
GROUPS: Final = (
    Endable(
        "people",
        "person",
        "a person",
        "Nobody pages them, they cannot sign in, and their passkeys are gone for good",
        "ada",
    ),
    Endable(
        "policies",
        "policy",
        "a policy",
        "Its monitors go by the policy default, else by the built-in one",
        "night-watch",
    ),
    Endable("schedules", "schedule", "a schedule", "It pages nobody any more", "on-call"),
    Endable("silences", "silence", "a silence", "What it keeps back is looked at again", "moving"),
    Endable(
        "expected-events", "expected_event", "an expected event", "It explains no volume any more", "launch"
    ),
)
"""The kinds whose group of commands has these three alone."""

HELP: Final = {
    "people": "The people who sign in and are paged. Make one with: tocsin user create.",
    "policies": "Policies: who is paged, in what order.",
    "schedules": "Schedules: who is on call.",
    "silences": "Silences: when a monitor is kept quiet.",
    "expected-events": "Expected events: what explains a volume.",
}


def register(app: typer.Typer) -> None:
    """Add the groups of `GROUPS`."""
    for kind in GROUPS:
        group = typer.Typer(no_args_is_help=True, help=HELP[kind.group])
        add_list(group, kind)
        add_endings(group, kind)
        app.add_typer(group, name=kind.group)


def add_list(group: typer.Typer, kind: Endable) -> None:
    """Add `list` for this kind."""

    def list_defined(
        ended: Ended = False,
        config: Config = None,
        data: Data = None,
        store: StoreUrl = None,
    ) -> None:
        from ops.check.defined import ended_table, table
        from ops.runtime import open_runtime

        with open_runtime(config, data, store) as runtime, runtime.store.read() as conn:
            rows = list(ended_table(conn, kind.kind) if ended else table(conn, kind.kind))
        for row in rows:
            print("\t".join(row))

    said = f"List the {kind.group.replace('-', ' ')}: name, id, version, when each was changed last, what it says."
    group.command("list", help=said, epilog=f"Example: tocsin {kind.group} list")(list_defined)


def add_endings(group: typer.Typer, kind: Endable) -> None:
    """Add `end` and `restore` for this kind."""

    def end_defined(
        name: Ref,
        config: Config = None,
        data: Data = None,
        store: StoreUrl = None,
    ) -> None:
        from api.defining import end
        from ops.runtime import open_runtime
        from tocsin.definitions.models import KINDS
        from tocsin.definitions.references import naming

        with open_runtime(config, data, store) as runtime, runtime.store.write() as conn:
            was = end(conn, operator(), KINDS[kind.kind], name, runtime.clock.now())
            left = naming(conn, kind.kind, was.name, was.id)
        for other in left:
            typer.echo(f"{other.kind.replace('_', ' ')} {other.name!r} still names it", err=True)
        print(f"ended: {was.name}; bring it back with: tocsin {kind.group} restore {was.id}")

    def restore_defined(
        name: Ref,
        config: Config = None,
        data: Data = None,
        store: StoreUrl = None,
    ) -> None:
        from api.defining import bring_back_ended
        from ops.runtime import open_runtime
        from tocsin.definitions.models import KINDS

        with open_runtime(config, data, store) as runtime, runtime.store.write() as conn:
            settings, now = runtime.settings, runtime.clock.now()
            back = bring_back_ended(conn, settings, operator(), KINDS[kind.kind], name, now)
        print(f"restored: {back.name}")

    group.command(
        "end",
        help=f"End {kind.one}, which can be restored. {kind.ended}.",
        epilog=f"Example: tocsin {kind.group} end {kind.example}",
    )(end_defined)
    group.command(
        "restore",
        help=f"Bring {kind.one} that was ended back as it was, under the same id.",
        epilog=f"Example: tocsin {kind.group} restore {kind.example}",
    )(restore_defined)
