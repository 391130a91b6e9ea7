"""The contract suites of the ports. The wheel has those that plugins need, as `tocsin.contracts`: hence the relative imports."""

from __future__ import annotations

from tocsin.launcher import find_services

# A plugin's tests import a suite before any command of Tocsin has run.
find_services()
