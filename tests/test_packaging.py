"""The wheel: it has one name in site-packages, holds every file that is read at run time, and runs where nothing else of ours is.

It is installed into a fresh, offline environment. A path file gives that environment the dependencies of the tests'
environment, and nothing of the checkout.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from email.parser import Parser
from pathlib import Path, PurePosixPath

import pytest

from tocsin.version import __version__

pytestmark = pytest.mark.packaging

ROOT = Path(__file__).parents[1]
SERVICES = ("alerts", "api", "ingest", "ops", "processors")


def build_wheel(source: Path, folder: Path) -> Path:
    """Build the wheel of the folder `source`, by the build backend that pyproject.toml names."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(build, cwd=source, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    return build_wheel(ROOT, folder)


@pytest.fixture(scope="module")
def names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a fresh environment's commands, with the wheel in it."""
    home = tmp_path_factory.mktemp("fresh")
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check", "-q"]
    done = subprocess.run(
        [*pip, "install", "--no-deps", "--no-index", "--no-compile", str(wheel)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    site = subprocess.check_output(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
    ).strip()
    # A folder named in a path file is searched, but path files inside it are not read: the checkout stays out of sight.
    dependencies = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    (Path(site) / "dependencies.pth").write_text("\n".join(dependencies) + "\n", encoding="utf-8")
    return home / "bin"


def run(
    installed: Path, room: Path, *command: str, typed: str = "", status: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run a command of the fresh environment, in a folder that holds nothing of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TOCSIN_", "PYTHON"))}
    done = subprocess.run(
        [str(installed / command[0]), *command[1:]],
        input=typed,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=room,
        env=kept
        | {
            "HOME": str(room),
            "TOCSIN_DATA": str(room / "data"),
            # Hypothesis keeps its tables of Unicode there, and makes them for more than a second where there are none.
            "HYPOTHESIS_STORAGE_DIRECTORY": str(ROOT / ".hypothesis"),
        },
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done


def test_the_wheel_brings_one_name_into_site_packages(names: list[str]) -> None:
    assert {PurePosixPath(name).parts[0] for name in names} == {"tocsin", f"tocsin-{__version__}.dist-info"}


def test_the_four_services_lie_inside_the_package(names: list[str]) -> None:
    inside = {PurePosixPath(name).parts[2] for name in names if name.startswith("tocsin/_services/")}
    assert inside == set(SERVICES)


def test_every_file_of_the_packages_is_in_the_wheel_and_no_other(names: list[str]) -> None:
    tracked = subprocess.check_output(
        ["git", "ls-files", "-co", "--exclude-standard", "tocsin", *SERVICES], cwd=ROOT, text=True
    ).split()
    expected = {
        name if name.startswith("tocsin/") else f"tocsin/_services/{name}"
        for name in tracked
        if (ROOT / name).is_file()
    }
    brought = {name for name in names if not name.startswith("tocsin-")}
    suites = {name for name in brought if name.startswith("tocsin/contracts/")}
    assert brought - suites == expected
    assert {PurePosixPath(name).stem for name in suites} > {
        "sources",
        "networks",
        "detectors",
        "scorers",
        "notifiers",
    }
    assert all((ROOT / "tests" / name.removeprefix("tocsin/")).is_file() for name in suites)
    kinds = {PurePosixPath(name).suffix for name in brought}
    assert kinds >= {".py", ".sql", ".toml", ".yaml", ".txt", ".html", ".css", ".js", ".j2", ".typed"}


def test_the_wheel_states_its_licence_and_what_it_needs(wheel: Path, names: list[str]) -> None:
    info = f"tocsin-{__version__}.dist-info"
    assert {f"{info}/licenses/LICENSE", f"{info}/licenses/NOTICE"} <= set(names)
    with zipfile.ZipFile(wheel) as archive:
        metadata = Parser().parsestr(archive.read(f"{info}/METADATA").decode("utf-8"))
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    needed = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert len(needed) > 20
    assert not [line for line in needed if line.startswith(("pytest", "hatchling", "mypy"))]


def test_the_installed_command_finds_its_services(installed: Path, tmp_path: Path) -> None:
    assert run(installed, tmp_path, "tocsin", "--version").stdout == f"tocsin {__version__}\n"
    where = "from tocsin.launcher import find_services; find_services(); import alerts, tocsin; print(alerts.__file__)"
    found = run(installed, tmp_path, "python", "-c", where).stdout
    assert "/_services/alerts/" in found
    assert str(ROOT) not in found


def test_the_installed_command_scores_and_explains(installed: Path, tmp_path: Path) -> None:
    line = '{"text": "I am furious, the worst service ever"}\n'
    answer = json.loads(run(installed, tmp_path, "tocsin", "score", typed=line).stdout)
    assert (answer["label"], answer["lang"]) == ("negative", "en")
    assert "acme" in run(installed, tmp_path, "tocsin", "explain", "acme OR @acme").stdout
    refused = run(installed, tmp_path, "tocsin", "explain", "NOT acme", status=2)
    assert "Traceback" not in refused.stderr


def test_the_installed_pipeline_plays_a_recording_to_its_notices(installed: Path, tmp_path: Path) -> None:
    shutil.copy(ROOT / "examples" / "first.yaml", tmp_path)
    end = (ROOT / "examples" / "talk.jsonl").read_bytes().splitlines(keepends=True)[-150:]
    (tmp_path / "talk.jsonl").write_bytes(b"".join(end))
    played = ("tocsin", "replay", "--monitors", "first.yaml", "--data", "kept", "--json", "talk.jsonl")
    alerts = [json.loads(line) for line in run(installed, tmp_path, *played).stdout.splitlines()]
    assert alerts
    notices = run(installed, tmp_path, "tocsin", "export", "notices", "--data", "kept").stdout.splitlines()
    assert notices


def test_the_installed_page_has_its_templates_languages_and_static_files(
    installed: Path, tmp_path: Path
) -> None:
    program = """
from tocsin.launcher import find_services
find_services()
from fastapi.testclient import TestClient
from api.app import create_app
from ops.runtime import open_runtime
with open_runtime() as runtime:
    page = TestClient(create_app(runtime), base_url="http://127.0.0.1")
    for path, language in (("/signin", "en"), ("/signin", "tr"), ("/static/tocsin.css", "en"), ("/static/tocsin.js", "en")):
        answer = page.get(path, headers={"accept": "text/html", "accept-language": language})
        print(answer.status_code, len(answer.content) > 500, f'lang="{language}"' in answer.text)
"""
    shown = run(installed, tmp_path, "python", "-c", program).stdout.splitlines()
    assert shown[:2] == ["200 True True"] * 2
    assert [line[:8] for line in shown[2:]] == ["200 True"] * 2


def test_the_installed_feed_parser_runs_in_its_own_process(installed: Path, tmp_path: Path) -> None:
    program = """
from tocsin.launcher import find_services
find_services()
from ingest.sources.feed_parsing import parse_apart
feed = b"<rss version='2.0'><channel><item><guid>1</guid><title>Ketel lekt</title></item></channel></rss>"
print([entry["id"] for entry in parse_apart(feed, "application/rss+xml").entries])
"""
    assert run(installed, tmp_path, "python", "-c", program).stdout == "['1']\n"


def test_the_demos_story_is_in_the_wheel(installed: Path, tmp_path: Path) -> None:
    program = """
from datetime import UTC, datetime
from itertools import islice
from tocsin.launcher import find_services
find_services()
from ops.demo.monitors import demo_setup
from ops.demo.scenario import demo_mentions
print(len(demo_setup()["monitors"]) > 0, len(list(islice(demo_mentions(datetime(2026, 3, 1, tzinfo=UTC)), 50))))
"""
    assert run(installed, tmp_path, "python", "-c", program).stdout == "True 50\n"


def test_the_example_plugin_is_built_installed_and_heard(installed: Path, tmp_path: Path) -> None:
    """The last test of this environment: the plugin stays in it."""
    example = tmp_path / "tocsin-pond"
    shutil.copytree(ROOT / "docs" / "examples" / "tocsin-pond", example)
    built = build_wheel(example, tmp_path)
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(installed / "python"),
        "--disable-pip-version-check",
        "-q",
    ]
    done = subprocess.run(
        [*pip, "install", "--no-deps", "--no-index", str(built)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "one post a frog and minute" in run(installed, tmp_path, "tocsin", "sources", "kinds").stdout
    heard = run(installed, tmp_path, "tocsin", "sources", "test", "--kind", "pond", "--set", "frogs=3").stdout
    assert len(heard.splitlines()) == 5
    said = run(installed, tmp_path, "tocsin", "score", typed='{"text": "terura", "lang": "eo"}\n').stdout
    assert json.loads(said)["model"] == "pond-eo-1"
    # Its own tests hold its parts to the suites that the wheel brings.
    # Its plugin takes two seconds to load.
    quick = ("-p", "no:cacheprovider", "-p", "no:schemathesis")
    tests = run(installed, example, "python", "-m", "pytest", "-q", *quick, "tests").stdout
    assert " passed" in tests
