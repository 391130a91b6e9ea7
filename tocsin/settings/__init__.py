"""Settings: one typed TOML file, each setting also as an environment variable.

`--config FILE` or `TOCSIN_CONFIG` names the file. Every setting is also the variable `TOCSIN_SECTION__NAME`. The environment
wins over the file. Secrets are given as `env:NAME` or `file:PATH` and read when used. Unknown keys are refused.
"""

from tocsin.settings.address import proxy_address, public_address
from tocsin.settings.loading import Loaded, load
from tocsin.settings.secrets import require_reference, reveal
from tocsin.settings.sections import (
    Alerting,
    Api,
    DetectionSettings,
    Ingest,
    Retention,
    Section,
    Settings,
    Smtp,
    StoreSettings,
    StreamSettings,
)
from tocsin.settings.shown import example_file, known_settings, masked

__all__ = [
    "Alerting",
    "Api",
    "DetectionSettings",
    "Ingest",
    "Loaded",
    "Retention",
    "Section",
    "Settings",
    "Smtp",
    "StoreSettings",
    "StreamSettings",
    "example_file",
    "known_settings",
    "load",
    "masked",
    "proxy_address",
    "public_address",
    "require_reference",
    "reveal",
]
