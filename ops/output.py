"""Standard output that may refuse what is printed: its disk is full, or nobody reads it any more.

A secret that is shown once is printed by `show_once`: what nobody saw is taken back.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable, Sequence

from tocsin.core.errors import TocsinError

# The disk, the quota or the file under the output takes no more.
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class NotShown(TocsinError):
    """What is shown once could not be printed. The message says why, and what became of it."""


def show(text: str) -> None:
    """Print the text now, and not when the process ends. Where it cannot be written it is thrown away. Raises `OSError`."""
    if sys.stdout is None:
        raise OSError(errno.EBADF, "standard output is closed")
    try:
        print(text, flush=True)  # noqa: T201  # the result of a command
    except OSError:
        stdout_to_nowhere()
        raise


def show_once(
    what: str,
    secret: str,
    take_back: Callable[[], object],
    *,
    otherwise: str,
    above: Sequence[str] = (),
) -> None:
    """Print a secret that nobody can be shown again, now and not when the process ends. Lines `above` it go to standard error.

    Where that fails, or is interrupted, `take_back` makes the secret worthless. Raises `NotShown`, which names the secret by
    `what`, or with `otherwise` where it could not be taken back: what a person does then.
    """
    with contextlib.suppress(OSError):
        for line in above:
            print(line, file=sys.stderr, flush=True)  # noqa: T201  # notes on the result
    try:
        show(secret)
    except BaseException as error:
        wrong = f"the {what} cannot be printed ({_reason(error)})"
        try:
            take_back()
        except TocsinError as kept:
            raise NotShown(f"{wrong}, and could not be taken back ({kept}); {otherwise}") from None
        if isinstance(error, OSError):
            raise NotShown(f"{wrong}; it was taken back, and is worth nothing") from None
        raise


def tell(line: str) -> None:
    """Print a line of a command whose status counts, too: it goes on where nobody reads any more."""
    try:
        print(line)  # noqa: T201  # the result of a command
    except BrokenPipeError:
        stdout_to_nowhere()


def stdout_to_nowhere() -> None:
    """Throw away what waits to be written, and all that follows. Python would complain when it flushes at the end."""
    # A standard output that was closed before the start is None, and takes everything.
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _reason(error: BaseException) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else "it was broken off"
