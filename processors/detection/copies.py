"""The stories of a window: which of its mentions tell one text, who tells it, and which accounts look automated.

Everything is read from the matches of the span when it is asked for, so it is exact after a kill, an edit or an erasure. What is
read has bounds: `MOST_TEXTS` different texts are compared, and `MOST_POSTS` posts of `MOST_AUTHORS` authors rated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, Final

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Row,
    Select,
    and_,
    bindparam,
    case,
    cast,
    func,
    select,
)

from processors.detection.automation import (
    LEAST_POSTS,
    AuthorPost,
    looks_automated,
    may_look_automated,
    reasons,
)
from processors.detection.reposts import NOT_PASSED_ON, PassedOn
from processors.understand.likeness import KnownTexts
from processors.understand.stories import MOST_TEXTS, CopiedText, folded
from tocsin.core.clock import DAY, minute_of
from tocsin.core.signal import AutomatedAuthor, StoryTold
from tocsin.store import schema as s
from tocsin.store.mentions import HISTORY

COPIES_FROM = 5
"""So many posts of one story, none of them a repost, are a copy-paste flood."""
STORIES_SHOWN = 3
AUTHORS_SHOWN = 5
MOST_AUTHORS = 100
MOST_POSTS = 5_000
# The parameter of a statement about a span that names its monitor, or its monitors.
MONITOR: Final = "monitor_id"
# Groups of mentions that are read: twice the texts, because reposts of a text are a group of their own.
MOST_GROUPS = 2 * MOST_TEXTS


@dataclass(frozen=True, slots=True)
class Copies:
    """The mentions of a span that are set aside: copies beyond one of each story, and the posts beyond one of each account that
    looks automated. `aside` is the number of both, `automated` that of the second, `negative` the negatives among all of them.
    `reposted` are the negatives among reposts beyond the voices that they count as. A volume counts every repost. `in_span` is
    `aside` of a window together with what the windows before it in its span have set aside; then `automated` and `reposted` are
    of all these windows, too.
    """

    aside: int
    groups: int
    negative: int = 0
    automated: int = 0
    reposted: int = 0
    in_span: int = 0


NO_COPIES = Copies(0, 0)


class Group(msgspec.Struct, frozen=True):
    """The mentions of one text in a span, reposts apart."""

    signature: int
    gist: bytes | None
    repost: bool
    count: int
    negative: int


@dataclass(frozen=True, slots=True)
class Automated:
    """An account that looks automated: why, and its posts in the span. `outside` counts those that are in no flood of copies;
    `passed_on` has the negative reposts among them, by story.
    """

    author: int
    why: dict[str, float]
    posts: int
    outside: int
    negative_outside: int
    floods: int
    first: tuple[str, str]
    passed_on: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SpanTexts:
    """The texts of a span as they were read: by text, the story of each, and the accounts that look automated."""

    groups: list[Group]
    story: Mapping[int, int]
    robots: list[Automated]


@dataclass(frozen=True, slots=True)
class WindowStories:
    """What a span tells: `distinct` different texts, the stories of which there are copies, the most told first, the texts that
    are passed on, the most passed on first, and the accounts that look automated, the busiest first.
    """

    distinct: int
    stories: list[StoryTold] = field(default_factory=list)
    passed_on: list[PassedOn] = field(default_factory=list)
    automated: int = 0
    automated_authors: list[AutomatedAuthor] = field(default_factory=list)


def within(monitor_id: str, start: datetime, end: datetime, *, own: bool = False) -> ColumnElement[bool]:
    """The condition of a match of this monitor in [start, end) that was heard. History (`processors.history`) is not."""
    asked = span_of(monitor_id, start, end)
    return _within(s.matches.c.monitor_id == monitor_id, asked, own=own)


def span_of(monitors: str | Sequence[str], start: datetime, end: datetime) -> dict[str, Any]:
    """The values of the parameters of `within_a_span`: those of one monitor, or of several where the statement takes them."""
    return {
        MONITOR: monitors,
        "from_minute": minute_of(start),
        "to_minute": minute_of(end),
        "start": start,
        "end": end,
    }


def _within(mine: ColumnElement[bool], asked: Mapping[str, Any], *, own: bool = False) -> ColumnElement[bool]:
    m = s.matches
    return and_(
        m.c.partition > HISTORY,
        m.c.own.is_(True) if own else m.c.own.is_not(True),
        mine,
        m.c.minute >= asked["from_minute"],
        m.c.minute <= asked["to_minute"],
        m.c.created_at >= asked["start"],
        m.c.created_at < asked["end"],
    )


# The same condition for a statement that is built once: the values come with each question.
_LATER: Final = {
    name: bindparam(name, type_=column.type)
    for name, column in (
        (MONITOR, s.matches.c.monitor_id),
        ("from_minute", s.matches.c.minute),
        ("to_minute", s.matches.c.minute),
        ("start", s.matches.c.created_at),
        ("end", s.matches.c.created_at),
    )
}


def within_a_span(*, own: bool = False, mine: ColumnElement[bool] | None = None) -> ColumnElement[bool]:
    """`within` for a statement that is built once. `span_of` gives the values of its parameters. A statement for several monitors
    gives the condition on them, in the parameter `MONITOR`, as `mine`.
    """
    if mine is None:
        mine = s.matches.c.monitor_id == _LATER[MONITOR]
    return _within(mine, _LATER, own=own)


def texts_in(
    conn: Connection, monitor_id: str, start: datetime, end: datetime, known: KnownTexts | None = None
) -> SpanTexts:
    """The texts in [start, end). `known` remembers those of the monitor, so that they need not be compared again."""
    groups = groups_in(conn, monitor_id, start, end)
    robots = automated_in(conn, monitor_id, start, end, known)
    return SpanTexts(groups, stories_of(groups, known), robots)


def copies_in(
    conn: Connection, monitor_id: str, start: datetime, end: datetime, read: SpanTexts | None = None
) -> Copies:
    """The posts in [start, end) that repeat a story without saying so, as neither repost nor quote, and the further posts of
    accounts that look automated. One post of each story and of each such account stays. Reposts are set aside of a share alone.
    `read` has the texts of this span where they were read already.
    """
    read = read or texts_in(conn, monitor_id, start, end)
    texts, robots = _told(read.groups, read.story), read.robots
    floods = [one for one in texts.values() if one.posts >= COPIES_FROM]
    extra = [(max(0, one.outside - (not one.floods)), one.negative_outside) for one in robots]
    # What is set aside of a robot is no voice of a text any more.
    theirs = sum((Counter(one.passed_on) for one in robots), Counter[int]())
    return Copies(
        aside=sum(one.posts - 1 for one in floods) + sum(n for n, _ in extra),
        groups=len(floods),
        negative=sum(min(one.posts - 1, one.negative_posts) for one in floods) + sum(map(min, extra)),
        automated=sum(n for n, _ in extra),
        reposted=sum(
            msgspec.structs.replace(one, negative=max(0, one.negative - theirs[told])).aside
            for told, one in texts.items()
            if one.negative
        ),
    )


def _told(groups: Iterable[Group], story: Mapping[int, int]) -> dict[int, PassedOn]:
    """By story, its reposts and its other posts."""
    texts: dict[int, PassedOn] = {}
    for one in groups:
        if not one.signature:
            continue
        told = story[one.signature]
        before = texts.get(told, NOT_PASSED_ON)
        texts[told] = (
            PassedOn(
                before.reposts + one.count,
                before.negative + one.negative,
                before.posts,
                before.negative_posts,
            )
            if one.repost
            else PassedOn(
                before.reposts,
                before.negative,
                before.posts + one.count,
                before.negative_posts + one.negative,
            )
        )
    return texts


def groups_in(
    conn: Connection, monitor_id: str, start: datetime, end: datetime, most: int = MOST_GROUPS
) -> list[Group]:
    """The mentions in [start, end) by text, the most copied text first, at most `most` groups."""
    # All rows at once: asked for one by one, each row would cost as much as all that is done with it.
    found = conn.execute(_by_text(), span_of(monitor_id, start, end) | {"most": most}).all()
    return [Group(signature, gist, bool(repost), n, int(bad)) for signature, gist, repost, n, bad in found]


@cache
def _by_text() -> Select[Any]:
    """The statement of `groups_in`. It is asked in most windows, and building it anew costs more than the answer."""
    m, many = s.matches, func.count()
    negative = func.sum(case((m.c.label == "negative", 1), else_=0))
    return (
        select(m.c.signature, m.c.gist, m.c.repost, many, negative)
        .where(within_a_span())
        .group_by(m.c.signature, m.c.gist, m.c.repost)
        .order_by(many.desc(), m.c.signature, cast(m.c.repost, Integer), m.c.gist.is_(None))
        .limit(bindparam("most"))
    )


def stories_of(groups: Iterable[Group], known: KnownTexts | None = None) -> dict[int, int]:
    """By signature, the story of each of these texts: the signature of its leading text. `known` remembers the texts of the
    monitor, so that they need not be compared again.
    """
    return folded((CopiedText(one.signature, one.gist, one.count) for one in groups), known)


def told_in(
    conn: Connection,
    monitor_id: str,
    start: datetime,
    end: datetime,
    count: int,
    read: SpanTexts | None = None,
) -> WindowStories:
    """What the `count` mentions in [start, end) tell. `read` has the texts of this span where they were read already."""
    read = read or texts_in(conn, monitor_id, start, end)
    story, robots = read.story, read.robots
    texts = _told(read.groups, story)
    mentions = {told: one.posts + one.reposts for told, one in texts.items()}
    repeated = sum(n - 1 for n in mentions.values())
    most = sorted((told for told, n in mentions.items() if n > 1), key=lambda one: (-mentions[one], one))
    passed_on = sorted(
        (told for told, one in texts.items() if one.reposts), key=lambda one: (-texts[one].reposts, one)
    )
    shown = [
        _story(conn, monitor_id, start, end, told, [one for one in story if story[one] == told], texts[told])
        for told in most[:STORIES_SHOWN]
    ]
    return WindowStories(
        count - repeated,
        shown,
        [texts[told] for told in passed_on],
        sum(one.posts for one in robots),
        [AutomatedAuthor(*one.first, one.posts, one.why) for one in robots[:AUTHORS_SHOWN]],
    )


def automated_in(
    conn: Connection, monitor_id: str, start: datetime, end: datetime, known: KnownTexts | None = None
) -> list[Automated]:
    """The accounts with posts in [start, end) that look automated by what they posted in the day up to `end` and since `start`,
    the busiest first.
    """
    since = min(start, end - DAY)
    rows = _busiest(conn, monitor_id, since, end)
    posted: dict[int, list[tuple[datetime, int, bytes | None]]] = {}
    for row in rows:
        posted.setdefault(row.author, []).append((row.created_at, row.signature, row.gist))
    suspects = {author for author, posts in posted.items() if may_look_automated(posts)}
    if not suspects:
        return []
    texts = groups_in(conn, monitor_id, since, end)
    story = stories_of(texts, known)
    told = Counter[int]()
    for one in texts:
        if one.signature and not one.repost:
            told[story[one.signature]] += one.count
    by_author: dict[int, list[_Posted]] = {}
    for row in rows:
        if row.author not in suspects:
            continue
        tells: int = story.get(row.signature, row.signature)
        copied = not row.repost and told[tells] >= COPIES_FROM
        post = AuthorPost(row.created_at, tells, copied)
        posted_here = _Posted(post, row.label == "negative", bool(row.repost), (row.source, row.id))
        by_author.setdefault(row.author, []).append(posted_here)
    found = (_rated(author, posts, start) for author, posts in by_author.items())
    return sorted((one for one in found if one), key=lambda one: (-one.posts, one.author))


class _Posted(msgspec.Struct, frozen=True):
    """A post of an account that may look automated, by its key."""

    post: AuthorPost
    negative: bool
    repost: bool
    key: tuple[str, str]


def _rated(author: int, posts: Sequence[_Posted], start: datetime) -> Automated | None:
    why = reasons([one.post for one in posts])
    here = [one for one in posts if one.post.at >= start]
    if not here or not looks_automated(why):
        return None
    outside = [one for one in here if not one.post.copied]
    return Automated(
        author,
        why,
        len(here),
        len(outside),
        sum(one.negative for one in outside),
        len(here) - len(outside),
        min((one.post.at, one.key) for one in here)[1],
        Counter(one.post.story for one in outside if one.repost and one.negative),
    )


def _busiest(conn: Connection, monitor_id: str, since: datetime, end: datetime) -> list[Row[Any]]:
    """The newest posts of the authors with the most posts."""
    asked, (busy, newest) = span_of(monitor_id, since, end), _busy()
    authors = list(conn.execute(busy, asked).scalars())
    return list(conn.execute(newest, asked | {"authors": authors})) if authors else []


@cache
def _busy() -> tuple[Select[Any], Select[Any]]:
    """The statements of `_busiest`: for the authors, and for their posts."""
    m, many = s.matches, func.count()
    busy = (
        select(m.c.author)
        .where(within_a_span(), m.c.author.is_not(None))
        .group_by(m.c.author)
        .having(many >= LEAST_POSTS)
        .order_by(many.desc(), m.c.author)
        .limit(MOST_AUTHORS)
    )
    columns = (
        m.c.author,
        m.c.created_at,
        m.c.signature,
        m.c.gist,
        m.c.repost,
        m.c.label,
        m.c.source,
        m.c.id,
    )
    newest = select(*columns).where(within_a_span(), m.c.author.in_(bindparam("authors", expanding=True)))
    order = (m.c.created_at.desc(), m.c.source, m.c.id)
    return busy, newest.order_by(*order).limit(MOST_POSTS)


def _story(
    conn: Connection,
    monitor_id: str,
    start: datetime,
    end: datetime,
    told: int,
    texts: Sequence[int],
    passed_on: PassedOn,
) -> StoryTold:
    """The figures of one story. Its name is the signature of its leading text, in hexadecimal digits."""
    asked = span_of(monitor_id, start, end) | {"texts": texts}
    figures, earliest = _of_a_story()
    count, bad, named, unnamed, last = conn.execute(figures, asked).one()
    first = conn.execute(earliest, asked).one()
    return StoryTold(
        story=f"{told:016x}",
        source=first.source,
        id=first.id,
        count=count,
        reposts=passed_on.reposts,
        authors=int(named + unnamed),
        negative=int(bad),
        since=first.created_at,
        until=last,
        voices=round(passed_on.voices, 4) if passed_on.reposts else 0.0,
    )


@cache
def _of_a_story() -> tuple[Select[*tuple[Any, ...]], Select[*tuple[Any, ...]]]:
    """The statements of `_story`: for its figures, and for its first mention."""
    m = s.matches
    here = and_(within_a_span(), m.c.signature.in_(bindparam("texts", expanding=True)))
    negative = func.sum(case((m.c.label == "negative", 1), else_=0))
    nobody = func.sum(case((m.c.author.is_(None), 1), else_=0))
    authors, last = func.count(m.c.author.distinct()), func.max(m.c.created_at)
    first = select(m.c.source, m.c.id, m.c.created_at).where(here)
    return (
        select(func.count(), negative, authors, nobody, last).where(here),
        first.order_by(m.c.created_at, m.c.source, m.c.id).limit(1),
    )
