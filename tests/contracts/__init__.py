"""The contract suites of the ports. The wheel has those that plugins need, as `tocsin.contracts`: hence the relative imports."""

from __future__ import annotations

import pkgutil

import pytest

from tocsin.launcher import find_services

# A plugin's tests import a suite before any command of Tocsin has run.
find_services()
# A contract that fails shows the values that it compared, as a test module does.
pytest.register_assert_rewrite(*(f"{__name__}.{module.name}" for module in pkgutil.iter_modules(__path__)))
