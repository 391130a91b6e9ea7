"""News: the entries of a feed, each with the words of its article, which is read from its page.

Pages are read politely. A host's robots.txt is obeyed, and one request at a time is made to a host, with a wait between two.
Reading needs the extra `news` (`pip install 'tocsin[news]'`).
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

from pydantic import Field

from ingest.budget import Budget
from ingest.robots import PAUSE_S, Robots
from ingest.source import FetchFailed, SourceContext
from ingest.sources.article_reading import article_apart
from ingest.sources.feed import FeedSettings, FeedSource
from ingest.sources.feed_parsing import Parsed, parse_apart
from ingest.sources.linked import LinkedFeed, LinkReader, with_words
from ingest.sources.places import Network
from ingest.web import Web
from tocsin.core.errors import WrongInput
from tocsin.core.mention import Mention
from tocsin.core.sentences import Sentence

BUDGET = Budget(1, per_s=PAUSE_S)
"""Of one host whose pages are read; its robots.txt may ask for more time."""

MOST_BYTES = 3 * 1024 * 1024
ENOUGH_CHARS = 1500
"""A feed that gives so many characters gives whole articles."""

_ACCEPT = {"accept": "text/html, application/xhtml+xml;q=0.9"}
_WANTED = ("trafilatura", "protego")


class NewsSettings(FeedSettings):
    """The settings of a feed of news."""

    network: Network = Field("news", description="The network its mentions count for.")


class NewsSource(LinkedFeed):
    """A feed of news as a source; the module's docstring describes how it is read."""

    kind = "news"

    def __init__(
        self,
        context: SourceContext,
        settings: NewsSettings,
        parse: Callable[[bytes, str], Parsed] = parse_apart,
        article: Callable[[bytes, str], dict[str, str]] = article_apart,
    ) -> None:
        if not all(map(find_spec, _WANTED)):
            raise WrongInput(
                Sentence("a source of kind news needs more libraries: pip install 'tocsin[news]'")
            )
        feed = FeedSource(context, settings, parse)
        self._context, self._article = context, article
        self._robots = Robots(context)
        super().__init__(feed, LinkReader(_address, self._read_words))

    def _read_words(self, mention: Mention, url: str) -> Mention:
        rules = self._robots.rules(url)
        if not rules.allow(url):
            raise FetchFailed("the host's robots.txt wants no machine to read it")
        web = Web(self._context, rules.budget, who="the page of the article")
        answer = web.get(url, headers=_ACCEPT, most_bytes=MOST_BYTES)
        found = self._article(answer.body, url)
        text = found["text"].removeprefix(mention.title or "").lstrip()
        return with_words(mention, text, {} if mention.author else {"author": {"name": found["author"]}})


def _address(mention: Mention) -> str | None:
    return mention.url if len(mention.text) < ENOUGH_CHARS else None
