"""The door for outside packages: the ports and types that a plugin is made of. Nothing of Tocsin itself imports this module.

A package names its `Plugin` in its metadata, and every command of Tocsin then knows its parts:

    [project.entry-points."tocsin.plugin"]
    pond = "tocsin_pond:PLUGIN"

`docs/examples/tocsin-pond` has one of each. The contract suites that hold each port stand in the wheel as `tocsin.contracts`, and
in Tocsin's sources as `tests/contracts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tocsin.launcher import find_services

# A plugin's own tests import this module before any command of Tocsin has run.
find_services()

from alerts.notifiers.port import Notice, Notifier, Outcome  # noqa: E402  # the services must be found first
from alerts.notifiers.registry import NotifierKind  # noqa: E402  # likewise
from ingest.budget import Budget, HostBudget  # noqa: E402  # likewise
from ingest.markup import html_to_text  # noqa: E402  # likewise
from ingest.source import (  # noqa: E402  # likewise
    Bad,
    BudgetSpent,
    Cursor,
    Fetched,
    FetchFailed,
    Gap,
    Removed,
    Source,
    SourceContext,
    read_cursor,
)
from ingest.web import Answer, Web  # noqa: E402  # likewise
from processors.signals.types import Detector, Reading, Sensitivity, WindowCounts  # noqa: E402  # likewise
from processors.understand.sentiment import UNSCORED, Scorer, Sentiment  # noqa: E402  # likewise
from tocsin.core.clock import Clock  # noqa: E402  # likewise
from tocsin.core.errors import BadMention, TocsinError, WrongInput  # noqa: E402  # likewise
from tocsin.core.facets import NO_FACETS, Facets  # noqa: E402  # likewise
from tocsin.core.mention import Author, Engagement, Mention  # noqa: E402  # likewise
from tocsin.core.signal_kinds import SignalKind  # noqa: E402  # likewise
from tocsin.definitions.source_kinds import SourceKind  # noqa: E402  # likewise
from tocsin.reading import read_mention  # noqa: E402  # likewise
from tocsin.settings import Settings  # noqa: E402  # likewise
from tocsin.settings.secrets import reveal  # noqa: E402  # likewise

__all__ = [
    "NO_FACETS",
    "UNSCORED",
    "Answer",
    "Author",
    "Bad",
    "BadMention",
    "Budget",
    "BudgetSpent",
    "Clock",
    "Cursor",
    "Detector",
    "Engagement",
    "Facets",
    "FetchFailed",
    "Fetched",
    "Gap",
    "HostBudget",
    "Mention",
    "Notice",
    "Notifier",
    "NotifierKind",
    "Outcome",
    "Plugin",
    "Reading",
    "Removed",
    "Scorer",
    "Sensitivity",
    "Sentiment",
    "Settings",
    "SignalKind",
    "Source",
    "SourceContext",
    "SourceKind",
    "TocsinError",
    "Web",
    "WindowCounts",
    "WrongInput",
    "html_to_text",
    "read_cursor",
    "read_mention",
    "reveal",
]


@dataclass(frozen=True, slots=True)
class Plugin:
    """What a package adds. A name that Tocsin or another plugin has already is refused, with all of the plugin."""

    sources: tuple[SourceKind, ...] = ()
    signals: tuple[SignalKind, ...] = ()
    # A scorer wins over Tocsin's own for the languages that it speaks.
    scorers: tuple[Scorer, ...] = ()
    notifiers: Mapping[str, NotifierKind] = field(default_factory=dict)
