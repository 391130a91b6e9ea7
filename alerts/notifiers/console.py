"""The notifier that prints one block on standard error, for the person at the machine."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TextIO

from alerts.notifiers.port import Notice, Outcome
from tocsin.core.text import lines_of, one_line


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
        block = f"{rule}\n{marked}{notice.kind} for {one_line(notice.person, 256)}\n{lines_of(notice.text)}{rule}\n"
        try:
            out = self._out or sys.stderr
            out.write(block)
            out.flush()
        except (OSError, ValueError) as error:
            return Outcome("failed", f"the console cannot be written: {error}")
        return Outcome("sent", "printed")
