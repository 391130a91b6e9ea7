"""Records read into one batch, as after a poll that brings few of them."""

from __future__ import annotations

from collections.abc import Sequence

from processors.match import Matcher
from processors.storing.batch import Batch, read_batches
from tocsin.stream.port import Record


def read_batch(records: Sequence[Record], matcher: Matcher, sample_rate: float) -> Batch:
    """All of these records, decoded and matched, in one batch however many mentions they carry."""
    read = [batch for _, batch in read_batches(records, matcher, sample_rate, lambda: 10**9)]
    return read[0] if read else Batch()
