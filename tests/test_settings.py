"""Settings come from defaults, a file, the environment and the command line; each says where, and errors take one line."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from tocsin.core.errors import WrongInput
from tocsin.settings import Settings, load, masked, reveal


def write(folder: Path, text: str) -> Path:
    path = folder / "tocsin.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, 'log_level = "debug"\n[api]\nport = 1\nhost = "::1"\nsession_hours = 2\n')
    env = {"TOCSIN_CONFIG": str(path), "TOCSIN_API__PORT": "2", "TOCSIN_API__SESSION_HOURS": "3"}
    loaded = load(None, env, {"api.port": 4, "store.url": None})
    api = loaded.settings.api
    assert type(loaded.settings) is Settings
    assert (loaded.settings.log_level, api.host, api.session_hours, api.port) == ("debug", "::1", 3, 4)
    assert loaded.origins == {
        "log_level": f"file {path}",
        "api.host": f"file {path}",
        "api.session_hours": "environment TOCSIN_API__SESSION_HOURS",
        "api.port": "command line",
    }
    assert load(None, {}).settings == Settings() and load(None, {}).origins == {}


def test_the_environment_gives_text_numbers_switches_and_names_between_commas() -> None:
    env = {
        "TOCSIN_DATA": "/srv/tocsin",
        "TOCSIN_LOG_LEVEL": "error",
        "TOCSIN_ALERTING__CONSOLE": "false",
        "TOCSIN_API__ALLOWED_HOSTS": "a.example, b.example,",
        "TOCSIN_API__TRUSTED_PROXIES": "",
        "TOCSIN_INGEST__FETCH_TIMEOUT_S": "2.5",
        "TOCSIN_SMTP__PASSWORD": "env:MAIL",
    }
    settings = load(None, env).settings
    assert (settings.data, settings.log_level) == (Path("/srv/tocsin"), "error")
    assert settings.alerting.console is False and settings.ingest.fetch_timeout_s == 2.5
    assert (settings.api.allowed_hosts, settings.api.trusted_proxies) == (("a.example", "b.example"), ())
    assert settings.smtp.password == "env:MAIL"


@pytest.mark.parametrize(
    "variable",
    ["TOCSIN_REQUIRE_BROWSER", "TOCSIN_API", "TOCSIN_API_PORT", "TOCSIN_CONFIG", "OTHER_API__PORT"],
)
def test_variables_that_are_none_of_ours_are_left_alone(variable: str) -> None:
    value = "" if variable == "TOCSIN_CONFIG" else "tcp://10.0.0.1:8085"
    assert load(None, {variable: value}).origins == {}


@pytest.mark.parametrize(
    ("env", "says"),
    [
        (
            {"TOCSIN_API__PORT": "x"},
            "environment TOCSIN_API__PORT: api.port = 'x': a whole number is needed",
        ),
        ({"TOCSIN_API__PORT": "70000"}, "api.port = '70000': a number of at most 65535 is needed"),
        (
            {"TOCSIN_LOG_LEVEL": "loud"},
            "environment TOCSIN_LOG_LEVEL: log_level = 'loud': choose one of: 'debug', 'info'",
        ),
        (
            {"TOCSIN_API__PROT": "1"},
            "environment TOCSIN_API__PROT: unknown setting 'api.prot'; known here: api.allowed_hosts, api.host",
        ),
        (
            {"TOCSIN_API__TLS__KEY": "1"},
            "environment TOCSIN_API__TLS__KEY: unknown setting 'api.tls__key'; known here",
        ),
        ({"TOCSIN_APIS__PORT": "1"}, "unknown setting 'apis"),
        (
            {"TOCSIN_INGEST__ALLOWED_PRIVATE_NETWORKS": '["10.0.0.0/8"]'},
            "environment TOCSIN_INGEST__ALLOWED_PRIVATE_NETWORKS: ingest.allowed_private_networks = '[\"10.0.0.0/8\"]': "
            "'[\"10.0.0.0/8\"]' is no network; write for example 10.0.0.0/8, and in the environment several with commas",
        ),
        (
            {"TOCSIN_API__TRUSTED_PROXIES": "10.0.0.1,nginx"},
            "environment TOCSIN_API__TRUSTED_PROXIES: api.trusted_proxies = '10.0.0.1,nginx': "
            "'nginx' is no address and no network; write for example 192.0.2.7 or 10.0.0.0/8",
        ),
        ({"TOCSIN_API__TRUSTED_PROXIES": "10.0.0.0/33"}, "'10.0.0.0/33' is no address and no network"),
        (
            {"TOCSIN_STORE__PASSWORD": "hunter2"},
            "environment TOCSIN_STORE__PASSWORD: store.password = '(set)': "
            "`password` must be given as env:NAME or file:PATH, not in plain text",
        ),
        ({"TOCSIN_STREAM__SASL_PASSWORD": "hunter2"}, "stream.sasl_password = '(set)': `sasl_password` must"),
        (
            {"TOCSIN_SMTP__PASSWORD": "hunter2"},
            "smtp.password = '(set)': `password` must be given as env:NAME",
        ),
    ],
)
def test_a_wrong_variable_is_named_with_its_value_and_the_choices(env: dict[str, str], says: str) -> None:
    with pytest.raises(WrongInput) as refused:
        load(None, env)
    assert says in str(refused.value) and "\n" not in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_proxies_are_addresses_and_networks_as_the_server_takes_them() -> None:
    given = {"TOCSIN_API__TRUSTED_PROXIES": "192.0.2.7, 10.1.2.3/8, 2001:DB8::1, *"}
    assert load(None, given).settings.api.trusted_proxies == ("192.0.2.7", "10.0.0.0/8", "2001:db8::1", "*")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[api]\nport = -1\n", "tocsin.toml: api.port = -1: a number of at least 0 is needed"),
        ("[api]\nprot = 1\n", "tocsin.toml: unknown setting 'api.prot'; known here: api.allowed_hosts"),
        ("[apis]\nport = 1\n", "unknown setting 'apis'"),
        ("api = 5\n", "tocsin.toml: api = 5: "),
        ("[api\n", "tocsin.toml: "),
        (
            "[api]\nallowed_hosts = [1]\n",
            "tocsin.toml: api.allowed_hosts = 1: a text is needed",
        ),
    ],
)
def test_a_wrong_file_is_named_with_setting_value_and_choices(tmp_path: Path, text: str, says: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(WrongInput) as refused:
        load(path, {})
    assert says in str(refused.value) and "\n" not in str(refused.value)


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(WrongInput, match=r"cannot read the settings file .*none\.toml: No such file"):
        load(tmp_path / "none.toml", {})
    (tmp_path / "latin.toml").write_bytes(b'[smtp]\nsender = "\xe9"\n')
    with pytest.raises(WrongInput, match=r"latin\.toml: "):
        load(None, {"TOCSIN_CONFIG": str(tmp_path / "latin.toml")})


def test_a_wrong_override_is_the_command_lines() -> None:
    with pytest.raises(
        WrongInput, match=r"command line: api\.port = 70000: a number of at most 65535 is needed"
    ):
        load(None, {}, {"api.port": 70000})


def test_secrets_are_read_when_used_and_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL", "hunter2")
    (tmp_path / "secret").write_text("hunter3\n", encoding="utf-8")
    assert (reveal("env:MAIL"), reveal(f"file:{tmp_path}/secret")) == ("hunter2", "hunter3")
    for wrong, says in {
        "env:NONE": "has no NONE",
        f"file:{tmp_path}/none": "cannot read the secret",
        "hunter2": "plain text",
    }.items():
        with pytest.raises(WrongInput, match=says):
            reveal(wrong)
    assert masked("smtp.password", "env:MAIL") == "(set)" and masked("smtp.password", None) is None
    assert masked("api.port", 1) == 1


def test_a_pipe_is_a_file_too(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    threading.Thread(target=pipe.write_text, args=("[api]\nport = 7\n",)).start()
    assert load(pipe, {}).settings.api.port == 7


@pytest.mark.parametrize(
    "name",
    [
        "alerting.blind_after_minutes",
        "ingest.feed_interval_s",
        "ingest.max_age_days",
        "ingest.max_ahead_minutes",
        "retention.authors_days",
        "retention.mentions_days",
        "retention.sample_hours",
        "retention.tallies_days",
    ],
)
def test_a_length_of_time_beyond_the_calendar_is_refused(name: str) -> None:
    with pytest.raises(WrongInput, match=name):
        load(None, {}, {name: 10**12})
