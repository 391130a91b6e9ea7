"""docker-compose.yml and Dockerfile, as far as they can be tested without a container engine.

No container is started here. The tests start what the containers run: the commands, the health commands, the script that prepares
PostgreSQL, and Kafka's own reader of the environment (the class of its jar that its image starts with). They run on real engines,
with the environment that the file gives them. Only addresses, ports and the folder of the secrets differ.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml

from ops.run.roles import ROLES
from tests.docs.pages import ROOT, files, text
from tests.engines import free_port
from tests.engines.guard import GUARD
from tests.engines.jars import kafka_class_path
from tests.engines.kafka import java
from tests.engines.postgres import Postgres, start_postgres
from tests.inside import command
from tests.story import copies
from tests.test_packaging import build_wheel
from tocsin.settings import known_settings
from tocsin.version import __version__

COMPOSE: dict[str, Any] = yaml.safe_load(
    # Every variable has its default.
    re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text("docker-compose.yml"))
)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: one for name, one in SERVICES.items() if one["image"].startswith("tocsin:")}
WITH_ENGINES = {name: one for name, one in OURS.items() if "single" not in one["profiles"]}
SECRETS = "/run/secrets/"
FIRST = str(ROOT / "examples/first.yaml")
HEALTHY_WITHIN_S = 180
LOOK_AGAIN_S = 1.0
ENDS_WITHIN_S = 20


def of_profile(profile: str) -> set[str]:
    return {name for name, one in SERVICES.items() if profile in one["profiles"]}


def test_each_profile_starts_what_it_says() -> None:
    assert of_profile("single") == {"tocsin"}
    assert of_profile("roles") == {*ROLES, "postgres", "kafka"}
    assert of_profile("scale") == of_profile("roles") - {"processors"} | {"processors-scaled"}
    assert SERVICES["processors-scaled"]["deploy"]["replicas"] > 1
    assert all(one["profiles"] for one in SERVICES.values())
    for name, one in SERVICES.items():
        for other in one.get("depends_on", {}):
            assert set(one["profiles"]) <= set(SERVICES[other]["profiles"]), (name, other)


def test_each_role_is_a_service_of_its_own() -> None:
    roles = [one["command"] for one in WITH_ENGINES.values() if "roles" in one["profiles"]]
    assert sorted(roles) == sorted(["run", role] for role in ROLES)
    assert SERVICES["tocsin"]["command"] == ["up"]
    assert COMPOSE["services"]["tocsin"]["volumes"] == ["data:/var/lib/tocsin"]


def test_whichever_role_is_first_keeps_the_copy_from_before_an_upgrade_in_one_volume_that_is_its_own() -> (
    None
):
    for one in WITH_ENGINES.values():
        folder = one["environment"]["TOCSIN_STORE__COPIES_FOLDER"]
        assert one["volumes"] == [f"copies:{folder}"]
        assert re.search(rf"install -d -o tocsin -g tocsin -m 0700 .*{folder}$", text("Dockerfile"), re.M)


@pytest.mark.parametrize("one", SERVICES.values(), ids=SERVICES)
def test_every_image_is_pinned(one: dict[str, Any]) -> None:
    assert re.search(r":\d+\.\d+", one["image"]), one["image"]


def test_our_own_image_carries_the_version() -> None:
    assert {one["image"] for one in OURS.values()} == {f"tocsin:{__version__}"}


@pytest.mark.parametrize("one", SERVICES.values(), ids=SERVICES)
def test_every_service_is_limited_checked_and_without_rights(one: dict[str, Any]) -> None:
    assert set(one["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert one["healthcheck"]["test"][0] == "CMD"
    assert one["cap_drop"] == ["ALL"] and one["security_opt"] == ["no-new-privileges:true"]
    assert one["restart"] == "unless-stopped" and "max-size" in one["logging"]["options"]
    assert not one.get("privileged") and "network_mode" not in one and "pid" not in one
    if one in OURS.values():
        assert one["user"] == "10001:10001" and one["read_only"] and "cap_add" not in one


def test_only_the_page_is_published_and_on_loopback_alone() -> None:
    published = {name: one["ports"] for name, one in SERVICES.items() if "ports" in one}
    assert set(published) == {"tocsin", "api"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)
    assert COMPOSE["networks"]["inside"]["internal"]
    assert SERVICES["postgres"]["networks"] == SERVICES["kafka"]["networks"] == ["inside"]


@pytest.mark.live
def test_no_secret_stands_in_the_file() -> None:
    for name, one in SERVICES.items():
        mounted = set(one.get("secrets", []))
        for key, value in one.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|TOKEN|JAAS", key):
                secret = str(value).removeprefix("file:").removeprefix(SECRETS)
                assert secret in mounted, (name, key)
            assert not re.search(r"//[^/@]*:[^/@]*@", str(value)), (name, key)
    assert "secret" not in text(".gitignore").replace("deploy/secrets/", "")
    for where in COMPOSE["secrets"].values():
        assert where["file"].startswith("deploy/secrets/")
        assert subprocess.run(["git", "check-ignore", "-q", where["file"]], cwd=ROOT).returncode == 0
    assert not [name for name in files() if name.startswith("deploy/secrets")]


def test_every_setting_that_is_given_exists() -> None:
    known = {f"TOCSIN_{name.upper().replace('.', '__')}" for name in known_settings()}
    given = {key for one in OURS.values() for key in one["environment"]}
    given |= set(re.findall(r"^#?(TOCSIN_\w+)=", text("deploy/tocsin.env.example"), re.M))
    assert len(given) > 8
    assert given - known == set()


@pytest.mark.live
def test_the_secrets_are_made_once_and_closed_to_others(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    _make_secrets(folder)
    made = {path.name: path.read_text() for path in folder.iterdir()}
    assert set(made) == set(COMPOSE["secrets"])
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o444}
    assert len({made[name] for name in made}) == len(made)
    assert all(len(made[name]) == 32 for name in made if name.endswith("password"))
    assert f'"{made["kafka_password"]}"' in made["kafka_jaas"]
    _make_secrets(folder)
    assert {path.name: path.read_text() for path in folder.iterdir()} == made


def test_the_image_has_two_stages_one_base_and_no_root() -> None:
    lines = text("Dockerfile").splitlines()
    bases = [line.split()[1] for line in lines if line.startswith("FROM ")]
    assert len(bases) == 2 and len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", bases[0])
    final = lines[max(number for number, line in enumerate(lines) if line.startswith("FROM ")) :]
    user = [line for line in final if line.startswith("USER ")]
    assert user == ["USER 10001:10001"]
    assert [line for line in final if line.startswith("COPY ")] == [
        "COPY --from=build /opt/tocsin /opt/tocsin"
    ]
    assert 'ENTRYPOINT ["tocsin"]' in final


@pytest.mark.packaging
def test_what_is_copied_into_the_image_makes_the_whole_wheel(tmp_path: Path) -> None:
    """The wheel is built from only those files that the Dockerfile copies and .dockerignore lets through."""
    sources = [
        source
        for line in text("Dockerfile").splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    ]
    allowed = [line[1:] for line in text(".dockerignore").splitlines() if line.startswith("!")]
    assert sorted(sources) == sorted(allowed)
    tracked = [
        name for name in files() if name in sources or name.startswith(tuple(f"{one}/" for one in sources))
    ]
    for name in tracked:
        (tmp_path / "context" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / "context" / name)
    wheel = build_wheel(tmp_path / "context", tmp_path)
    with zipfile.ZipFile(wheel) as archive:
        brought = [name for name in archive.namelist() if not name.startswith("tocsin-")]
    # Of the contract suites the wheel has those that a plugin needs.
    forced = tomllib.loads(text("pyproject.toml"))["tool"]["hatch"]["build"]["targets"]["wheel"][
        "force-include"
    ]
    packages = [name for name in tracked if "/" in name and (name in forced or not name.startswith("tests/"))]
    assert len(brought) == len(packages) > 200


@pytest.mark.live
def test_the_single_container_comes_up_and_is_found_healthy(tmp_path: Path) -> None:
    service = SERVICES["tocsin"]
    given = _environment(service, {"TOCSIN_DATA": str(tmp_path / "data"), **_door()})
    # Before anything runs.
    assert _health(service, given).returncode == 1
    with _running(service, given):
        _until_healthy(service, given)


@pytest.mark.engines
def test_the_roles_come_up_on_the_engines_as_the_file_sets_them_up(tmp_path: Path) -> None:
    """Our script prepares PostgreSQL, the class of its image prepares Kafka, and each role and its check run as written."""
    secrets = tmp_path / "secrets"
    _make_secrets(secrets)
    with contextlib.ExitStack() as running:
        postgres = running.enter_context(start_postgres())
        _prepare(postgres, secrets)
        assert _is_ready(postgres)
        broker = running.enter_context(_kafka(tmp_path, secrets))
        places = {
            "@postgres:5432": f"@127.0.0.1:{postgres.port}",
            "kafka://kafka:9092": f"kafka://127.0.0.1:{broker}",
            SECRETS: f"{secrets}/",
        }
        given = {
            name: _environment(one, {"TOCSIN_DATA": str(tmp_path / name), **_door()}, places)
            for name, one in WITH_ENGINES.items()
            if "roles" in one["profiles"]
        }
        assert b"never reported" in _health(SERVICES["auditor"], given["auditor"]).stdout
        _move_what_the_single_container_had(tmp_path / "embedded", given["ingest"])
        for name in given:
            running.enter_context(_running(SERVICES[name], given[name], copy=True))
        for name in given:
            _until_healthy(SERVICES[name], given[name])
        _tocsin(given["api"], "backup", str(tmp_path / "monday.db"))
    assert (tmp_path / "monday.db").stat().st_size > 0


def _move_what_the_single_container_had(volume: Path, role: Mapping[str, str]) -> None:
    """Move as docs/deployment.md says: a role's own container copies the other's volume."""
    single = _environment(SERVICES["tocsin"], {"TOCSIN_DATA": str(volume)})
    _tocsin(single, "apply", FIRST)
    _tocsin(role, "move", "--data", str(volume))
    assert "nothing to change" in _tocsin(role, "apply", FIRST)


def _tocsin(given: Mapping[str, str], *arguments: str) -> str:
    """The output of a command in a container with this environment."""
    done = command(*arguments, environment=given)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    return done.stdout.decode()


def _make_secrets(folder: Path) -> None:
    subprocess.run(
        ["sh", "deploy/make-secrets.sh", str(folder)], cwd=ROOT, check=True, capture_output=True, timeout=30
    )


def _door() -> dict[str, str]:
    """Settings for the page with a port on loopback. In a container it is port 8085 on every address of the container."""
    return {"TOCSIN_API__HOST": "127.0.0.1", "TOCSIN_API__PORT": str(free_port())}


def _environment(
    service: Mapping[str, Any], ours: Mapping[str, str], places: Mapping[str, str] | None = None
) -> dict[str, str]:
    """A clean environment with the service's own variables, and with the places of this machine put in."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("TOCSIN_", "KAFKA_"))}
    return clean | _placed(service["environment"], places or {}) | dict(ours)


def _placed(environment: Mapping[str, str], places: Mapping[str, str]) -> dict[str, str]:
    placed = {}
    for name, value in environment.items():
        for there, here in places.items():
            value = value.replace(there, here)
        placed[name] = value
    return placed


@contextlib.contextmanager
def _running(service: Mapping[str, Any], given: Mapping[str, str], *, copy: bool = False) -> Iterator[None]:
    """Run the service's command until the end of the block. SIGTERM must end it within the grace period of the file."""
    process = (
        copies.start(service["command"], environment=given)
        if copy
        else subprocess.Popen(
            [sys.executable, "-m", "tocsin", *service["command"]],
            env=given,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    )
    try:
        yield
        assert process.poll() is None, f"{service['command']} ended by itself with {process.returncode}"
        process.send_signal(signal.SIGTERM)
        process.wait(ENDS_WITHIN_S)
        assert service["stop_grace_period"] == f"{ENDS_WITHIN_S}s"
    finally:
        process.kill()
        process.wait()


def _health(service: Mapping[str, Any], given: Mapping[str, str]) -> CompletedProcess[bytes]:
    """Run the service's health check, in its environment."""
    kind, program, *arguments = service["healthcheck"]["test"]
    assert (kind, program) == ("CMD", "tocsin")
    return command(*arguments, environment=given)


def _until_healthy(service: Mapping[str, Any], given: Mapping[str, str]) -> None:
    deadline = time.monotonic() + HEALTHY_WITHIN_S
    while (last := _health(service, given)).returncode and time.monotonic() < deadline:
        time.sleep(LOOK_AGAIN_S)
    assert last.returncode == 0, last.stdout + last.stderr


def _prepare(postgres: Postgres, secrets: Path) -> None:
    """Prepare PostgreSQL as the image does in an empty volume, with our script."""
    with postgres.admin() as conn:
        # The test server has one already.
        conn.execute("DROP ROLE tocsin")
    mounted = next(one for one in SERVICES["postgres"]["volumes"] if ":/docker-entrypoint-initdb.d:ro" in one)
    for script in sorted((ROOT / mounted.split(":")[0]).iterdir()):
        assert os.access(script, os.X_OK)
        done = subprocess.run(
            [str(script)],
            env=postgres.environment()
            | {"POSTGRES_USER": "admin", "TOCSIN_PASSWORD_FILE": str(secrets / "tocsin_password")},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr


def _is_ready(postgres: Postgres) -> bool:
    _, *check = SERVICES["postgres"]["healthcheck"]["test"]
    here = [str(postgres.port) if word == "5432" else word for word in check]
    return subprocess.run(here, env=postgres.environment(), timeout=30).returncode == 0


@contextlib.contextmanager
def _kafka(room: Path, secrets: Path) -> Iterator[int]:
    """The broker of the file. Yields its port. The entry point of its image calls the same class to configure and format it."""
    clients, controller, inside = free_port(), free_port(), free_port()
    service = SERVICES["kafka"]
    given = dict(os.environ) | _placed(
        service["environment"],
        {
            "CLIENTS://:9092": f"CLIENTS://127.0.0.1:{clients}",
            "kafka:9092": f"127.0.0.1:{clients}",
            ":9093": f":{controller}",
            ":9094": f":{inside}",
            "/var/lib/kafka/data": str(room / "kafka-data"),
            SECRETS: f"{secrets}/",
        },
    )
    assert len(base64.urlsafe_b64decode(given["CLUSTER_ID"] + "==")) == 16
    folders = {name: room / name for name in ("default", "mounted", "final")}
    for folder in folders.values():
        folder.mkdir()
    (folders["default"] / "server.properties").touch()
    program = [*java(kafka_class_path()), *given["KAFKA_OPTS"].split()]
    setup = [word for name, folder in folders.items() for word in (f"--{name}-configs-dir", str(folder))]
    _must([*program, "kafka.docker.KafkaDockerWrapper", "setup", *setup], given)
    log = (room / "kafka.log").open("wb")
    with log:
        process = subprocess.Popen(
            [*program, "kafka.Kafka", str(folders["final"] / "server.properties")],
            env=given,
            cwd=room,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    GUARD.watch(process.pid, signal.SIGKILL)
    try:
        check = [word.replace("/9092", f"/{clients}") for word in service["healthcheck"]["test"][1:]]
        deadline = time.monotonic() + HEALTHY_WITHIN_S
        while subprocess.run(check, capture_output=True, timeout=30).returncode:
            assert process.poll() is None and time.monotonic() < deadline, (room / "kafka.log").read_text()[
                -2000:
            ]
            time.sleep(0.2)
        yield clients
    finally:
        process.kill()
        process.wait()
        GUARD.forget(process.pid)


def _must(command: Sequence[str], environment: Mapping[str, str]) -> None:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
