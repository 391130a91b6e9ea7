"""The notifier keeps the contract of notifiers."""

from __future__ import annotations

from pathlib import Path

import pytest
from tocsin.contracts.notifiers import Bench, NotifierContract
from tocsin_pond import ShoutNotifier


class TestShout(NotifierContract):
    @pytest.fixture
    def bench(self, tmp_path: Path) -> Bench:
        file = tmp_path / "shouts"
        return Bench(
            notifier=ShoutNotifier(),
            good={"path": str(file)},
            received=lambda: file.read_text("utf-8") if file.exists() else "",
            unusable=[{}, {"path": ""}, {"path": 7}],
            unreachable={"path": str(tmp_path / "nowhere" / "shouts")},
        )
