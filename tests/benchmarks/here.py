"""Houses of the benchmarks for tests: on SQLite with a thread for each role, and on the real engines with copies of a process.

They test the code of the benchmarks; their figures mean nothing.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.place import Engines, House, Role, Used
from ops.run.roles import run_roles
from ops.runtime import Runtime
from tests.story import copies
from tocsin.core.clock import SystemClock
from tocsin.core.pulse import Pulse
from tocsin.settings import load
from tocsin.store.opening import open_store


@dataclass(slots=True)
class RoleHere:
    """A role that runs as with `tocsin run ...`, in a thread."""

    name: str
    thread: threading.Thread
    stop: threading.Event
    failed: list[BaseException] = field(default_factory=list)

    def mark(self) -> None:
        """Do nothing: no processor time is counted here."""

    def used(self) -> Used:
        if self.failed:
            raise self.failed[0]
        return Used(0.0, 0.0)

    def end(self, within_s: float = 15.0) -> None:
        self.stop.set()
        self.thread.join(within_s)
        assert not self.thread.is_alive()


class HouseHere(House):
    def start(self, *roles: str) -> RoleHere:  # type: ignore[override]  # it is used like the real one
        role = RoleHere("+".join(roles), threading.Thread(), Pulse())

        def work() -> None:
            loaded = load(environ=self.environ)
            store = open_store(loaded.settings.store.url, loaded.settings.data)
            runtime = Runtime(loaded, store, SystemClock())
            try:
                run_roles(runtime, roles, role.stop)
            except BaseException as error:  # noqa: BLE001  # said by `used`, in the thread that waits
                role.failed.append(error)
            finally:
                runtime.close()

        role.thread = threading.Thread(target=work, daemon=True)
        role.thread.start()
        self.roles.append(role)  # type: ignore[arg-type]  # see above
        return role


class HouseOfCopies(House):
    """A house whose roles are processes, as in `make bench`, and copies of one that has read the code already."""

    def start(self, *roles: str) -> Role:
        path = self.folder / f"{len(self.roles)}.log"
        with path.open("wb") as log:
            process = copies.start(
                ("run", *roles), environment={**os.environ, **self.environ}, stdout=log, stderr=log
            )
        name = f"{'+'.join(roles)} {1 + len(self.roles)}"
        self.roles.append(Role(name, process, path))  # type: ignore[arg-type]  # it has a process's words
        return self.roles[-1]


class EnginesOfCopies(Engines):
    """The real engines, with houses of copies."""

    def house(self, folder: Path, environ: Mapping[str, str], runtime: Runtime) -> House:
        return HouseOfCopies(self, folder, environ, runtime)


class EnginesHere(Engines):
    """The embedded engines, in place of the real ones."""

    def __init__(self) -> None:
        super().__init__(kafka=None, postgres=None)

    def settings(self) -> dict[str, str]:
        return {}

    def house(self, folder: Path, environ: Mapping[str, str], runtime: Runtime) -> House:
        return HouseHere(self, folder, environ, runtime)

    def cpu_s(self) -> dict[str, float]:
        return {"kafka": 0.0, "postgres": 0.0}
