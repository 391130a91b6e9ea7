"""Reading mentions from outside: one at a time, and out of files. Input that cannot be read raises or gives a `BadMention` with
a reason.
"""

from __future__ import annotations

from tocsin.reading.files import iter_mentions, source_name
from tocsin.reading.lines import as_they_are
from tocsin.reading.mention import (
    MAX_LINE_BYTES,
    REASONS,
    check_time,
    read_json_line,
    read_mention,
    require_readable,
)
from tocsin.reading.patient_json import decoded

__all__ = [
    "MAX_LINE_BYTES",
    "REASONS",
    "as_they_are",
    "check_time",
    "decoded",
    "iter_mentions",
    "read_json_line",
    "read_mention",
    "require_readable",
    "source_name",
]
