"""Registers a plugin for its own tests, as every command of Tocsin does at its start."""

from __future__ import annotations

from ops.plugins import register
from tocsin.plugin import Plugin

_known: list[Plugin] = []


def plug_in(plugin: Plugin) -> None:
    """Register the plugin, once for all tests of the process."""
    if plugin not in _known:
        register(plugin)
        _known.append(plugin)
