"""The notifier that prints one block on standard error, for the person at the machine."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TextIO

from alerts.notifiers.port import Notice, Outcome


class ConsoleNotifier:
    """Prints the notice's lines in a frame. `out` defaults to standard error as it is at that moment."""

    kind = "console"
    honours_id = False
    time_limit = timedelta(seconds=5)

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out

    def send(self, notice: Notice) -> Outcome:
        rule = "-" * 72
        marked = "REPEAT " if notice.repeat_of else ""
        block = f"{rule}\n{marked}{notice.kind} for {notice.person}\n{_printable(notice.text)}{rule}\n"
        try:
            out = self._out or sys.stderr
            out.write(block)
            out.flush()
        except (OSError, ValueError) as error:
            return Outcome("failed", f"the console cannot be written: {error}")
        return Outcome("sent", "printed")


def _printable(text: str) -> str:
    """The text without control characters: a post must not steer the terminal."""
    return "".join(c for c in text if c == "\n" or (c >= " " and c != "\x7f" and not "\x80" <= c <= "\x9f"))
