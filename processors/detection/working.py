"""What a verdict is computed from, as it is kept beside its signal: the detector's state, the window and the promise."""

from __future__ import annotations

from typing import Any

import msgspec

from processors.detection.judgement import Judgement
from processors.detection.states import Standing
from processors.signals.types import Reading, Sensitivity, WindowCounts


class Working(msgspec.Struct, frozen=True):
    """`state` is the state of the detector that judged `window`, and `reading` the verdict that it gave. `zone` is the name of
    the monitor's zone at that time, `version` that of the detector.
    """

    version: str
    zone: str
    sensitivity: Sensitivity
    window: WindowCounts
    reading: Reading
    state: dict[str, Any]


def working(standing: Standing, reading: Reading, judged: Judgement) -> dict[str, Any]:
    """The working of this reading, as JSON values: some 6 KB."""
    one = judged.monitor
    kept = Working(
        standing.kind.detector.version,
        one.defined.value.timezone,
        one.sensitivity,
        judged.window,
        reading,
        msgspec.to_builtins(standing.state),
    )
    built: dict[str, Any] = msgspec.to_builtins(kept)
    return built
