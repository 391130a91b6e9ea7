"""Loading of settings: defaults, then the file, then the environment, then the command line. Nothing else reads them.

pydantic-settings reads the environment and lays the layers over each other. This module adds the parts that the library lacks:
the origin of each value, a refusal of variables that name no setting, and errors of one line that name the place.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from tocsin.core.errors import WrongInput
from tocsin.core.faults import fault_of
from tocsin.core.sentences import Sentence
from tocsin.settings.sections import SECTIONS, Settings
from tocsin.settings.shown import known_settings, masked

PREFIX: Final = "TOCSIN_"
# Between section and name in a variable.
BETWEEN: Final = "__"


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings in force, and the origin of each (as `section.name`): file, environment or command line, as a `Sentence`."""

    settings: Settings
    origins: Mapping[str, str]


def load(
    config: Path | None = None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Loaded:
    """The settings from defaults, then the file, then the environment, then `overrides` (keys as `section.name`; None is no
    override).

    Raises `WrongInput` that names the file or variable, the setting, the value and what would be right.
    """
    env = os.environ if environ is None else environ
    path = config or (Path(env["TOCSIN_CONFIG"]) if env.get("TOCSIN_CONFIG") else None)
    given = {key: value for key, value in (overrides or {}).items() if value is not None}
    variables, file = _Environment(env), InitSettingsSource(_Readable, _read(path) if path else {})
    origins = dict.fromkeys(_keys(file()), Sentence("file {path}", path=str(path)))
    origins |= {
        key: Sentence("environment {variable}", variable=_variable(key)) for key in _keys(variables())
    }
    origins |= dict.fromkeys(given, Sentence("command line"))
    _refuse_unknown(env)
    try:
        layered = _layered(variables, file)(**_nested(given))
    except ValidationError as error:
        raise _refusal(error, origins) from None
    return Loaded(Settings.model_validate(dict(layered)), origins)


class _Readable(BaseSettings, Settings):
    """`Settings` as pydantic-settings reads them: `TOCSIN_NAME`, and `TOCSIN_SECTION__NAME`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter=BETWEEN, env_nested_max_split=1, extra="forbid", frozen=True
    )


class _Environment(EnvSettingsSource):
    """The variables of `environ`. A variable with the name of a whole section, such as `TOCSIN_API`, is another program's."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(_Readable)
        self.env_vars = {name.lower(): value for name, value in environ.items() if name.startswith(PREFIX)}

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """An empty value for a section; else the value that the library decodes."""
        return {} if field_name in SECTIONS else super().decode_complex_value(field_name, field, value)


def _layered(*below: PydanticBaseSettingsSource) -> type[BaseSettings]:
    """A class of `Settings` whose values come from its arguments, then from these sources. The first of them wins."""

    class Layered(_Readable):
        # The hook of the library.
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            del settings_cls, env_settings, dotenv_settings, file_secret_settings
            return init_settings, *below

    return Layered


def _read(path: Path) -> dict[str, Any]:
    """The tree in the file. The library's own reader would take a missing file, or a pipe, for an empty file."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WrongInput(f"cannot read the settings file {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WrongInput(f"{path}: {error}") from None


def _refuse_unknown(environ: Mapping[str, str]) -> None:
    """Raise `WrongInput` for a variable of a section that does not exist: the library would overlook it."""
    for variable in environ:
        section, between, name = variable.removeprefix(PREFIX).lower().partition(BETWEEN)
        if variable.startswith(PREFIX) and between and section not in SECTIONS:
            raise WrongInput(f"environment {variable}: {_unknown(f'{section}.{name}')}")


def _refusal(error: ValidationError, origins: Mapping[str, str]) -> WrongInput:
    """The first fault, as an error of one line."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"] if not isinstance(part, int))
    inside = (origin for known, origin in origins.items() if known.startswith(f"{key}."))
    where = origins.get(key) or next(inside, "settings")
    if first["type"] == "extra_forbidden":
        return WrongInput(f"{where}: {_unknown(key)}")
    value = masked(key, first["input"]) if key in known_settings() else first["input"]
    return WrongInput(f"{where}: {key} = {value!r}: {fault_of(first)}")


def _unknown(key: str) -> str:
    section = key.partition(".")[0] if "." in key else None
    known = [one for one in known_settings() if one.startswith(f"{section}.")] or Settings.model_fields
    return f"unknown setting {key!r}; known here: {', '.join(sorted(known))}"


def _keys(tree: Mapping[str, Any]) -> Iterator[str]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from (f"{name}.{inner}" for inner in value)
        else:
            yield name


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in flat.items():
        section, _, name = key.rpartition(".")
        (tree.setdefault(section, {}) if section else tree)[name] = value
    return tree


def _variable(key: str) -> str:
    return PREFIX + key.replace(".", BETWEEN).upper()
