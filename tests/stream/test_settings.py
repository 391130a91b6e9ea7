"""The settings of the embedded stream reach it, and a topic that lost its settings is waited for."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ops.runtime import open_runtime
from tocsin.core.errors import StreamFull, StreamUnavailable
from tocsin.stream.kafka.capacity import limits_of
from tocsin.stream.port import MENTIONS

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_the_embedded_stream_keeps_what_the_setting_allows_and_refuses_the_rest(tmp_path: Path) -> None:
    settings = tmp_path / "tocsin.toml"
    settings.write_text("[stream]\nmax_bytes = 1048576\npartitions = 3\n", encoding="utf-8")
    with open_runtime(settings, tmp_path / "data", durable=False) as runtime:
        assert runtime.stream.partitions(MENTIONS) == 3
        runtime.stream.append(MENTIONS, [(0, bytes(400 * 1024))], NOW)
        with pytest.raises(StreamFull):
            for _ in range(3):
                runtime.stream.append(MENTIONS, [(0, bytes(400 * 1024))], NOW)


def test_a_topic_that_is_gone_is_waited_for_and_no_error_of_ours() -> None:
    class Admin:
        @staticmethod
        def describe_configs(*_: object, **__: object) -> dict[str, dict[str, object]]:
            return {"topic": {}}

    with pytest.raises(StreamUnavailable, match="the topic mentions is not there any more"):
        limits_of(Admin(), "mentions")  # type: ignore[arg-type]  # all that is asked of it here
