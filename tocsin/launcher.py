"""The command `tocsin`: makes the services of a wheel importable, then starts the program in `ops`.

No service can be imported before this module has run, so it knows the program by name alone.
"""

from __future__ import annotations

import pkgutil
import sys
from pathlib import Path

SERVICES = Path(__file__).parent / "_services"
PROGRAM = "ops.program:main"


def main() -> None:
    """Run the command line. Exit status: 0 done, 1 the work found a problem, 2 wrong use or input, 130 interrupted."""
    find_services()
    pkgutil.resolve_name(PROGRAM)()


def find_services() -> None:
    """Make the folders of the services importable where they lie inside the package, as in an installation from a wheel."""
    if SERVICES.is_dir() and str(SERVICES) not in sys.path:
        sys.path.insert(0, str(SERVICES))


if __name__ == "__main__":
    main()
