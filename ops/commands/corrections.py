"""`tocsin corrections`: give a mention its right label, learn from what people corrected, and roll a learnt model back."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from ops.commands.common import Config, Data, StoreUrl, user_here

Ref = Annotated[str, typer.Argument(metavar="MONITOR", help="Name or id of the monitor.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON, as the API has it.")]


def register(app: typer.Typer) -> None:
    """Add `corrections show|give|learn|rollback`."""
    corrections = typer.Typer(
        help="Right labels of mentions, and the models that are learnt from them.", no_args_is_help=True
    )
    app.add_typer(corrections, name="corrections", epilog="Example: tocsin corrections learn united")
    corrections.command("show", epilog="Example: tocsin corrections show united")(show)
    corrections.command("give", epilog="Example: tocsin corrections give united forum m1 negative")(give)
    corrections.command("learn", epilog="Example: tocsin corrections learn united")(learn)
    corrections.command("rollback", epilog="Example: tocsin corrections rollback united --to 2")(rollback)


def show(
    monitor: Ref, as_json: AsJson = False, data: Data = None, store: StoreUrl = None, config: Config = None
) -> None:
    """Print how many mentions people corrected for a monitor, and the models that were learnt from them, the newest first."""
    from ops.runtime import open_runtime
    from processors.corrections.learning import summary
    from tocsin.definitions.models import Monitor
    from tocsin.definitions.repository import find

    with open_runtime(config, data, store) as runtime, runtime.store.read() as conn:
        told = summary(conn, find(conn, Monitor, monitor).id)
    _print(told, as_json)


def give(
    monitor: Ref,
    source: Annotated[str, typer.Argument(help="Source of the mention.")],
    mention: Annotated[str, typer.Argument(help="Id of the mention in its source.")],
    label: Annotated[str, typer.Argument(help="negative, neutral or positive.")],
    data: Data = None,
    store: StoreUrl = None,
    config: Config = None,
) -> None:
    """Give a mention its right label for a monitor. Tallies and lists have it at once. The same label again confirms it."""
    from ops.runtime import open_runtime
    from processors.corrections.correct import correct
    from tocsin.definitions.models import Monitor
    from tocsin.definitions.repository import find

    with open_runtime(config, data, store) as runtime, runtime.store.write() as conn:
        one = find(conn, Monitor, monitor)
        by = _by(runtime)
        before = correct(runtime.store, conn, one.id, (source, mention), label, **by)
    print(f"{mention}: {label} for {one.name} (it was {before})")


def learn(
    monitor: Ref, as_json: AsJson = False, data: Data = None, store: StoreUrl = None, config: Config = None
) -> None:
    """Fit the monitor's model anew to all its corrections, five at least, and use it from the next batch on."""
    from ops.runtime import open_runtime
    from processors.corrections.learning import learn_from_corrections, summary
    from tocsin.definitions.models import Monitor
    from tocsin.definitions.repository import find

    with open_runtime(config, data, store) as runtime:
        with runtime.store.read() as conn:
            one = find(conn, Monitor, monitor)
        learn_from_corrections(runtime.store, one, **_by(runtime))
        with runtime.store.read() as conn:
            told = summary(conn, one.id)
    _print(told, as_json)


def rollback(
    monitor: Ref,
    to: Annotated[
        int | None,
        typer.Option("--to", min=0, help="A version; 0: the common model. Default: what was in use before."),
    ] = None,
    as_json: AsJson = False,
    data: Data = None,
    store: StoreUrl = None,
    config: Config = None,
) -> None:
    """Use an earlier model, or none, from the next batch on. Labels that are there stay."""
    from ops.runtime import open_runtime
    from processors.corrections import models
    from processors.corrections.learning import summary
    from tocsin.definitions.models import Monitor
    from tocsin.definitions.repository import find

    with open_runtime(config, data, store) as runtime, runtime.store.write() as conn:
        one = find(conn, Monitor, monitor)
        version = models.version_before(models.versions(conn, one.id)) if to is None else to
        models.use(conn, one.id, version, **_by(runtime))
        told = summary(conn, one.id)
    _print(told, as_json)


def _by(runtime: Any) -> dict[str, Any]:
    from tocsin.definitions.models import Role

    return {"now": runtime.clock.now(), "actor": user_here(), "role": Role.ADMIN.value}


def _print(told: Mapping[str, Any], as_json: bool) -> None:
    import msgspec

    if as_json:
        print(msgspec.json.encode(told).decode())
        return
    count = told["corrections"]
    print(f"{count} mention{'' if count == 1 else 's'} corrected")
    for one in told["models"]:
        print(_line(one))
    if not any(one["active"] for one in told["models"]):
        print("no learnt model is in use: the common model alone labels", file=sys.stderr)


def _line(one: dict[str, Any]) -> str:
    g = one["figures"]
    return (
        f"model {one['version']}{' (in use)' if one['active'] else ''}, {one['at']:%Y-%m-%d %H:%MZ}, {one['actor']}:"
        f" of {g['corrections']} corrected mentions {g['right_before']} right before and {g['right_after']} after,"
        f" of {g['others']} others {g['others_changed']} changed"
    )
