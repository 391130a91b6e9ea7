"""The number of files and connections that a process may have open."""

from __future__ import annotations

import contextlib
import resource

# More than Tocsin ever opens. A hard limit may be without end, and some systems refuse such a soft one.
ENOUGH = 65_536


def raise_open_files() -> int:
    """Raise the soft limit of open files to the hard one; return what holds now.

    Many systems begin at 1,024, which a flood of connections would use up, and then no database could be opened.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # A system that refuses leaves the limit as it was; the service then keeps to fewer connections.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
