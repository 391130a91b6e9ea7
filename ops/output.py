"""What a command prints, where it may be refused: the disk is full, or nobody reads any more.

A secret that is shown once is printed by `show_once`: what nobody saw is taken back. A command that does more than print says it
by `tell`: its work is done all the same. Notes on standard error are lost there (`lenient`).
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final, TextIO, cast

from tocsin.core.errors import TocsinError

# The disk, the quota or the file under the output takes no more.
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


_losses: Final[list[OSError]] = []


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
    for line in above:
        note(line)
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
    """Print a line of a command whose work or status counts: it goes on where that cannot be written. `first_loss` says why."""
    try:
        print(line, flush=True)  # noqa: T201  # the result of a command
    except OSError as error:
        stdout_to_nowhere()
        _losses.append(error)


def first_loss() -> OSError | None:
    """Why `tell` could not write, the first time since this was asked."""
    lost, _losses[:] = list(_losses), []
    return lost[0] if lost else None


class _Lenient:
    """A text stream whose lines may be lost: its disk is full, or nobody reads it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError:
            return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def lenient(stream: TextIO) -> TextIO:
    """The stream, for notes: where they cannot be written they are lost, and the work goes on."""
    return cast(TextIO, _Lenient(stream))


def stdout_to_nowhere() -> None:
    """Throw away what waits to be written, and all that follows. Python would complain when it flushes at the end."""
    # A standard output that was closed before the start is None, and takes everything.
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def note(line: str) -> None:
    """Print a line for the person who typed the command, on standard error, where it can be written."""
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)  # noqa: T201  # notes on the result


def _reason(error: BaseException) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else "it was broken off"
