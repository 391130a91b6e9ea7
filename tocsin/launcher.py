"""The command `tocsin`: makes the services of a wheel importable, then starts the program in `ops`.

No service can be imported before this module has run, so it knows the program by name alone.
"""

from __future__ import annotations

import atexit
import gc
import pkgutil
import sys
from pathlib import Path

SERVICES = Path(__file__).parent / "_services"
PROGRAM = "ops.program:main"
GARBAGE_FROM = 20_000
"""The number of new objects after which Python looks for garbage that refers to itself."""


def main() -> None:
    """Run the command line. Exit status: 0 done, 1 the work found a problem, 2 wrong use or input, 130 interrupted."""
    # Python looks for garbage after every 700 objects that stay, and the modules of a role are some hundred thousand: a tenth
    # of a start is spent on looking where there is nothing.
    gc.set_threshold(GARBAGE_FROM, *gc.get_threshold()[1:])
    # At its end, too, Python looks through all objects, several times. The system takes back the memory of a process anyhow.
    atexit.register(gc.freeze)
    find_services()
    pkgutil.resolve_name(PROGRAM)()


def find_services() -> None:
    """Make the folders of the services importable where they lie inside the package, as in an installation from a wheel."""
    if SERVICES.is_dir() and str(SERVICES) not in sys.path:
        sys.path.insert(0, str(SERVICES))


if __name__ == "__main__":
    main()
