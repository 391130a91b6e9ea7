"""Plugins: packages that name a `tocsin.plugin.Plugin` in the entry points `tocsin.plugin`, loaded at the start of a command.

A plugin that cannot be loaded is said and left out: people must be paged even where somebody's package is broken.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Final

from tocsin.core.errors import WrongInput

# Loading the types would load all services, for commands that need none of them.
if TYPE_CHECKING:
    from tocsin.plugin import Plugin

GROUP: Final = "tocsin.plugin"


def load_plugins(found: Iterable[EntryPoint] | None = None) -> list[str]:
    """Register every installed plugin. Returns what went wrong, a line for each plugin that is left out."""
    wrong = []
    for entry in sorted(entry_points(group=GROUP) if found is None else found, key=lambda one: one.name):
        try:
            register(entry.load())
        except Exception as error:  # noqa: BLE001  # other people's code: whatever it raises, Tocsin goes on without it
            wrong.append(
                f"the plugin {entry.name!r} ({entry.value}) is left out: {type(error).__name__}: {error}"[
                    :500
                ]
            )
    return wrong


def register(plugin: Plugin) -> None:
    """Add the parts of a plugin to the registers. Raises `WrongInput` for a name that is taken, and then adds nothing."""
    from alerts.notifiers import registry
    from ingest import kinds
    from processors.understand import understander
    from tocsin.core.signal_kinds import SIGNAL_KINDS
    from tocsin.plugin import Plugin

    if not isinstance(plugin, Plugin):
        raise WrongInput(f"it names {type(plugin).__name__}, and not a tocsin.plugin.Plugin")
    signals = {one.kind for one in SIGNAL_KINDS}
    taken = [
        *(f"source {one.kind!r}" for one in plugin.sources if one.kind in kinds.KINDS),
        *(f"signal {one.kind!r}" for one in plugin.signals if one.kind in signals),
        *(f"notifier {kind!r}" for kind in plugin.notifiers if kind in registry.KINDS),
    ]
    if taken:
        raise WrongInput(f"there is a {', a '.join(taken)} already; take another name")
    made = [(one, kinds.resolved(one)) for one in plugin.sources]
    for source, parts in made:
        kinds.add(source, parts)
    for signal in plugin.signals:
        SIGNAL_KINDS.add(signal)
    understander.PLUGGED.extend(plugin.scorers)
    registry.KINDS.update(plugin.notifiers)
