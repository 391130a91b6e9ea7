"""`.ci/install`, by which make fills its environment: uv installs, and pip does where uv cannot."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYTHON = """#!/bin/sh
case "$*" in
  "-m pip"*"config list") printf '%b' "$SETTINGS" ;;
  "-c import uv") [ -z "$NO_UV" ] ;;
  "-m uv"*) echo "uv $UV_DEFAULT_INDEX $UV_FIND_LINKS $SSL_CERT_FILE" >>"$SAID"; exit "$UV_ENDS" ;;
  "-m pip"*"-c requirements.lock uv") exit "$UV_COMES" ;;
  "-m pip"*"install"*) echo "pip $*" >>"$SAID" ;;
esac
"""
"""A Python with a pip and a uv that install nothing and say what they were asked."""

INDEX = "index" + "-url"
"""pip's setting. No file may hold it as one word: a registry of somebody's own would stand beside it."""

pytestmark = pytest.mark.live


def installed(
    folder: Path, settings: str = "", *, uv_ends: int = 0, no_uv: str = "", uv_comes: int = 0
) -> list[str]:
    """What pip and uv were asked for a package, in order."""
    python, said = folder / "python", folder / "said"
    python.write_text(PYTHON)
    python.chmod(0o700)
    given = {
        "SETTINGS": settings,
        "SAID": str(said),
        "UV_ENDS": str(uv_ends),
        "NO_UV": no_uv,
        "UV_COMES": str(uv_comes),
    }
    done = subprocess.run(
        [ROOT / ".ci" / "install", python, "-e", "."],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **given},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return [" ".join(line.split()) for line in said.read_text().splitlines()]


BY_PIP = "pip -m pip --disable-pip-version-check --quiet install --no-compile -e ."


def test_uv_installs(tmp_path: Path) -> None:
    assert installed(tmp_path) == ["uv"]


def test_uv_is_told_what_pip_is_told_of_the_registry(tmp_path: Path) -> None:
    told = (
        f"global.{INDEX}='https://packages.example/simple'\n:env:.find-links='/wheels'\n"
        ":env:.cert='/etc/ca.pem'\n:env:.default-timeout='180'\nglobal.disable-pip-version-check='1'\n"
    )
    assert installed(tmp_path, told) == ["uv https://packages.example/simple /wheels /etc/ca.pem"]


@pytest.mark.parametrize(
    "told",
    [
        f"global.extra-{INDEX}='https://packages.example/simple'",
        "install.no-index='1'",
        "x.find-links='/a\\\\n/b'",
    ],
)
def test_pip_installs_where_it_is_told_what_uv_is_not(tmp_path: Path, told: str) -> None:
    assert installed(tmp_path, f"{told}\n") == [BY_PIP]


def test_pip_installs_where_uv_cannot_be_had(tmp_path: Path) -> None:
    assert installed(tmp_path, no_uv="1", uv_comes=1) == [BY_PIP]


def test_pip_installs_where_uv_fails(tmp_path: Path) -> None:
    assert installed(tmp_path, uv_ends=2) == ["uv", BY_PIP]
