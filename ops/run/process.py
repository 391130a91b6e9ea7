"""One process of roles: what `tocsin run` does, and each process of `tocsin up`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import structlog

from ops.run.locks import share_folder
from ops.run.roles import Hung, retry_until_there, run_roles
from ops.runtime import open_runtime
from tocsin.core.pulse import Pulse
from tocsin.logs import set_up


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the command line gave: a file of settings, a data folder, a store and a stream. All may be absent."""

    config: Path | None = None
    data: Path | None = None
    store: str | None = None
    stream: str | None = None

    def typed(self) -> list[str]:
        """The same as typed after a command."""
        named = {
            "--config": self.config,
            "--data": self.data,
            "--store": self.store,
            "--stream": self.stream,
        }
        return [part for name, value in named.items() if value is not None for part in (name, str(value))]


def run_process(
    options: RunOptions, roles: Sequence[str], parent: int | None = None, pulse: int | None = None
) -> None:
    """Run these roles until Ctrl-C. `parent` and `pulse` are as for `run_roles`."""
    retry = retry_until_there(structlog.get_logger().warning, parent, pulse)
    with open_runtime(options.config, options.data, options.store, options.stream, retry=retry) as runtime:
        settings = runtime.settings
        set_up(settings.log_level)
        embedded = "sqlite" in (settings.store.url, settings.stream.url)
        with share_folder(settings.data) if embedded else nullcontext():
            try:
                run_roles(runtime, roles, Pulse(), parent, pulse)
            except Hung:
                # A thread that hangs could hold up an orderly end. All that counts is in the store, and the log has the reason.
                os._exit(Hung.exit_code)
