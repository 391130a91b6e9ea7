"""The notifier that prints one block on standard error, for the person at the machine.

Others may read what is printed, above all where it becomes a log. So no link there acts for anybody, and posts are shown
on a terminal only.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TextIO

from alerts.notifiers.port import Notice, Outcome
from tocsin.core.text import lines_of, one_line


class ConsoleNotifier:
    """Prints the notice in a frame: its lines on a terminal, its subject and link elsewhere. `out` defaults to standard
    error as it is at that moment.
    """

    kind = "console"
    honours_id = False
    time_limit = timedelta(seconds=5)

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out

    def send(self, notice: Notice) -> Outcome:
        rule = "-" * 72
        marked = "REPEAT " if notice.repeat_of else ""
        begins = f"{rule}\n{marked}{notice.kind} for {one_line(notice.person, 256)}\n"
        try:
            out = self._out or sys.stderr
            lines = lines_of(notice.impersonal_text) if out.isatty() else _brief(notice)
            out.write(f"{begins}{lines}{rule}\n")
            out.flush()
        except (OSError, ValueError) as error:
            return Outcome("failed", f"the console cannot be written: {error}")
        return Outcome("sent", "printed")


def _brief(notice: Notice) -> str:
    """The notice without a post, as a log may hold it."""
    return f"{one_line(notice.subject, 300)}\n{one_line(str(notice.facts.get('link', '')), 2000)}\n"
