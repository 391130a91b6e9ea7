"""The words of a notice: rendered at the decision, kept as they were, the same on every channel.

One template (`notice.txt.j2`) gives the lines; the HTML is those lines, escaped. Lines are cut so that the whole notice
fits a phone. The words are in the reader's language (`alerts.words`); posts stay as they are.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from sqlalchemy import Connection, Row

from alerts.alert import Alert
from alerts.severity import CLOCKS
from alerts.speakers import with_speakers
from alerts.story import headline, left_out, negatives_below
from alerts.words import Words, words_for
from tocsin.core.clock import iso
from tocsin.core.facets import CommonValue, common
from tocsin.core.signal import Agreement, Evidence, TopMention
from tocsin.core.signal_kinds import SIGNAL_KINDS
from tocsin.core.text import one_line
from tocsin.store.mentions import stored_rows

EXCERPT = 90
QUOTED = 60
LINE = 160
TOP = 3
MOST_TERMS = 4
OPEN_ALERT = "Open the alert"
OPEN_PAGE = "Open the page"
NO_LONGER_KEPT = "(no longer kept)"
CALLED = {
    ("crisis", "data"): "data and privacy",
    ("crisis", "legal"): "law",
    ("crisis", "executive"): "management",
}
"""Values of facets that people call by other words."""


@dataclass(frozen=True, slots=True)
class Message:
    """`subject` fits a lock screen; `body` is {text, html, facts}, JSON values only."""

    subject: str
    body: dict[str, Any]


def alert_message(
    conn: Connection,
    alert: Alert,
    *,
    kind: str,
    words: Words,
    now: datetime,
    reasons: Sequence[str],
    link: str,
    why_now: str = "",
    todo: str = "",
    again: Sequence[str] = (),
) -> Message:
    """The message about an alert, in the words of who reads it. `why_now` gives the reason for an additional notice, `again` the
    lines of one that comes again.
    """
    evidence, facts_now = alert.the_evidence, alert.readable_facts
    [named] = with_speakers(conn, [alert])
    first = headline(named, words)
    subject = words.say("DRILL {headline}", headline=first) if alert.drill else first
    known = facts_now is None or not facts_now.learning
    usual = known and not (facts_now is not None and facts_now.thin)
    top = top_posts(conn, evidence.top[:TOP])
    values = {
        "_": words.say,
        "drill": alert.drill,
        "headline": first,
        "why_now": one_line(words.say(why_now), LINE) if why_now else "",
        "again": [one_line(line, LINE) for line in words.lines(list(again))],
        "below": one_line(_below(alert, top, words), LINE),
        "since": words.clock(evidence.since),
        "zone": words.zone,
        "unheard": SIGNAL_KINDS.of(alert.kind).unheard,
        "observed": figure(alert, evidence.observed, words),
        "window": words.span(evidence.window_end - evidence.window_start),
        "known": known,
        "claim": _claim(alert, words) if known else "",
        "agrees": one_line(", ".join(_agreement(one, words) for one in evidence.agrees), LINE),
        "expected": figure(alert, evidence.expected, words),
        "interval": f"{figure(alert, evidence.lower, words)}-{figure(alert, evidence.upper, words)}",
        "left_out": left_out(alert, words),
        "negative": _negatives(evidence, words, usual=usual),
        "networks": _counts(evidence.networks),
        "languages": _counts(evidence.languages),
        "well_known": _well_known(evidence, top, words),
        "first_heard": one_line(", ".join(_first_heard(evidence)), LINE),
        "facets": one_line(facets_line(evidence, words), LINE),
        "terms": one_line(", ".join(term for term, _ in evidence.terms[:MOST_TERMS]), LINE),
        "top": [{"reach": _reach(post["reach"], words), "text": _post(post["text"], words)} for post in top],
        "missing": one_line(", ".join(map(words.unseen, evidence.missing[:3])), LINE),
        "reasons": one_line("; ".join(words.lines(list(reasons))), LINE),
        "todo": one_line(words.say(todo) if todo else _todo(alert, now, words), LINE),
        "link": link,
    }
    text = _template().render(values)
    html_text = as_html(text, link, words.say(OPEN_ALERT), words.language.code)
    facts = _facts(alert, evidence, kind, link)
    return Message(subject, {"text": text, "html": html_text, "facts": facts})


def _facts(alert: Alert, evidence: Evidence, kind: str, link: str) -> dict[str, Any]:
    """What a receiver that reads no text is told."""
    return {
        "alert_id": alert.id,
        "monitor": alert.monitor,
        "alert_kind": alert.kind,
        "notice_kind": kind,
        "severity": alert.severity,
        "status": alert.status,
        "opened_at": iso(alert.opened_at),
        "since": iso(evidence.since),
        "observed": evidence.observed,
        "expected": evidence.expected,
        "lower": evidence.lower,
        "upper": evidence.upper,
        "negative_share": evidence.negative_share,
        "corrected_share": evidence.corrected_share,
        "link": link,
    }


def plain_message(
    subject: str,
    lines: Sequence[str],
    link: str,
    facts: Mapping[str, Any],
    *,
    button: str = OPEN_PAGE,
    language: str = "en",
) -> Message:
    """A message that is not about an alert: a test, a link to sign in. `button` is what its link is called in HTML."""
    text = "\n".join([one_line(line, LINE) for line in (subject, *lines) if line] + [link]) + "\n"
    return Message(
        one_line(subject, 120),
        {"text": text, "html": as_html(text, link, button, language), "facts": {**facts, "link": link}},
    )


def as_html(text: str, link: str, button: str = OPEN_ALERT, language: str = "en") -> str:
    """The lines as one small self-contained document, everything escaped; the link is a wide button."""
    lines = [line for line in text.strip().splitlines() if line != link]
    # What a lock screen shows below the subject: a line that the subject does not have.
    preview = (
        f"<div style='display:none;max-height:0;overflow:hidden'>{html.escape(lines[1])}</div>"
        if lines[1:]
        else ""
    )
    body = "".join(f"<p style='margin:0 0 6px'>{html.escape(line)}</p>" for line in lines[1:])
    return (
        f"<!doctype html><html lang='{html.escape(language, quote=True)}'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width,initial-scale=1'></head>"
        "<body style='font:16px/1.35 sans-serif;max-width:36em;margin:0 auto;padding:12px'>"
        f"{preview}<h1 style='font-size:20px;margin:0 0 8px'>{html.escape(lines[0])}</h1>{body}"
        f"<p><a href='{html.escape(link, quote=True)}' style='display:block;padding:12px;text-align:center;"
        "background:#8a1c1c;color:#fff;text-decoration:none;border-radius:6px'>"
        f"{html.escape(button)}</a></p></body></html>"
    )


def top_posts(conn: Connection, top: Sequence[TopMention]) -> list[dict[str, Any]]:
    """The posts that matter most, each {source, id, reach, label, text, url, network, author, created_at}.

    Texts come from the store as they are now, cut to one line. A text that was erased since says so.
    """
    if not top:
        return []
    found = stored_rows(conn, [(one.source, one.id) for one in top])
    posts = []
    for one in top:
        row = found.get((one.source, one.id))
        posts.append(
            {
                "source": one.source,
                "id": one.id,
                "reach": one.reach,
                "label": one.label,
                "text": quoted_line(row) if row else NO_LONGER_KEPT,
                "url": row.url if row else None,
                "network": row.network if row else None,
                "lang": row.lang if row else None,
                "author": (row.author_handle or row.author_name) if row else None,
                "created_at": row.created_at if row else None,
            }
        )
    return posts


def quoted_line(row: Row[Any]) -> str:
    """A post as a notice quotes it, on one line."""
    return one_line(_whole(row), EXCERPT)


def _whole(row: Row[Any]) -> str:
    """An article's title stands before its text."""
    return f"{row.title}: {row.text}" if row.title else str(row.text)


def figure(alert: Alert, value: float, words: Words) -> str:
    """A figure of the alert as notices show it: a count, or a share in percent."""
    return words.percent(value) if SIGNAL_KINDS.of(alert.kind).is_share else words.number(value)


def _claim(alert: Alert, words: Words) -> str:
    """What the alert says, where its kind has words of its own for it; else empty."""
    claims, evidence = SIGNAL_KINDS.of(alert.kind).claims, alert.the_evidence
    if claims is None:
        return ""
    observed, expected = (figure(alert, one, words) for one in (evidence.observed, evidence.expected))
    return words.say(claims, observed=observed, expected=expected)


def _below(alert: Alert, top: Sequence[Mapping[str, Any]], words: Words) -> str:
    """What stands below the headline: how many are negative, where the headline had no room for it, and the most seen post that
    is not the brand's own.
    """
    if SIGNAL_KINDS.of(alert.kind).unheard:
        return ""
    said = [negatives_below(alert, words)]
    said += [f"“{one_line(post['text'], QUOTED)}”" for post in top[:1] if post["text"] != NO_LONGER_KEPT]
    return " · ".join(one for one in said if one)


def _agreement(one: Agreement, words: Words) -> str:
    """What another signal of the same window says: its kind, and where and since when the talk has spread."""
    means = words.say(SIGNAL_KINDS.of(one.kind).means)
    places = [
        words.say("{place} since {time}", place=place.value, time=words.clock(place.since))
        for place in one.places
    ]
    return f"{means} ({', '.join(places)})" if places else means


def _first_heard(evidence: Evidence) -> list[str]:
    return [one for name in ("network", "lang") for one in evidence.first_heard.get(name, [])]


def _well_known(evidence: Evidence, top: Sequence[Mapping[str, Any]], words: Words) -> str:
    """The outlets of the first rank and the influential authors that are in it, by name."""
    authors = [
        f"{post['author']} ({_reach(post['reach'], words)})"
        for post in top
        if post["author"] and evidence.influential_from and post["reach"] >= evidence.influential_from
    ]
    return one_line(", ".join([*evidence.outlets[:3], *authors]), LINE)


def _negatives(evidence: Evidence, words: Words, *, usual: bool) -> str:
    share = evidence.negative_share
    if share is None:
        return words.say("unknown: nothing could be scored") if evidence.count else ""
    told = words.percent(share)
    scored = evidence.negative + evidence.neutral + evidence.positive
    if scored:
        n, of = words.number(evidence.negative), words.number(scored)
        told += " " + words.say("({n} of {scored} scored)", n=n, scored=of)
    if evidence.negative_lower is not None and evidence.negative_upper is not None:
        told += f" ({words.percent(evidence.negative_lower)}-{words.percent(evidence.negative_upper)})"
    # What was assumed before much was heard is not usual.
    if usual and evidence.negative_baseline is not None:
        told += ", " + words.say("usually {share}", share=words.percent(evidence.negative_baseline))
    return told + _corrected(evidence, words)


def _corrected(evidence: Evidence, words: Words) -> str:
    """The share of negatives with the scorers' known errors undone, where it is another one in whole percent."""
    share, lower, upper = evidence.corrected_share, evidence.corrected_lower, evidence.corrected_upper
    if share is None or lower is None or upper is None or f"{share:.0%}" == f"{evidence.negative_share:.0%}":
        return ""
    shown = {"share": share, "low": lower, "high": upper}
    figures = {name: words.percent(value) for name, value in shown.items()}
    return "; " + words.say("errors undone {share} ({low}-{high})", **figures)


def facets_line(evidence: Evidence, words: Words | None = None) -> str:
    """What the mentions feel, want and talk of, in shares of all of them, and the shares that are usual, where they are known:
    "anger 41% (usually 22%), fear 12% (usually 1%); complaint 60%; outage 30%".
    """
    in_words = words or words_for(None, "UTC")
    facets = ("emotion", "intent", "crisis")
    shown = [common_in(evidence, facet) for facet in facets]
    return "; ".join(
        ", ".join(_share_told(facet, one, in_words) for one in some)
        for facet, some in zip(facets, shown, strict=True)
        if some
    )


def _share_told(facet: str, one: CommonValue, words: Words) -> str:
    told = f"{words.say(CALLED.get((facet, one.value), one.value))} {words.percent(one.share)}"
    if one.usual is None:
        return told
    return f"{told} ({words.say('usually {share}', share=words.percent(one.usual))})"


def common_in(evidence: Evidence, facet: str) -> list[CommonValue]:
    """The common values of a facet among the mentions of an alert."""
    return common(evidence.facets.get(facet, {}), evidence.count, evidence.usual_facets.get(facet))


def _post(text: str, words: Words) -> str:
    """A post in its own words; ours only where it is no longer kept."""
    return words.say(text) if text == NO_LONGER_KEPT else text


def _reach(followers: int, words: Words) -> str:
    """How far a post reaches. A network that tells no followers leaves it unknown, which is not nought."""
    if not followers:
        return words.say("reach unknown")
    return words.say("reach {n}", n=words.followers(followers))


def _counts(counts: Mapping[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:4]
    return one_line(", ".join(f"{name} {count}" for name, count in ordered), LINE)


def _todo(alert: Alert, now: datetime, words: Words) -> str:
    limit = CLOCKS[alert.severity].acknowledge
    if not limit:
        return words.say(
            "Answer in working hours: open, read, acknowledge; then escalate or dismiss with a reason."
        )
    by = words.clock(now + limit)
    return words.say(
        "Answer by {time}: open, read, acknowledge; then escalate or dismiss with a reason.", time=by
    )


@cache
def _template() -> Template:
    """Plain text, so nothing is escaped here; `as_html` escapes every line."""
    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(
        loader=loader,
        autoescape=False,  # noqa: S701  # plain text; the HTML is made, escaped, by as_html
        undefined=StrictUndefined,
        auto_reload=False,
        keep_trailing_newline=True,
    )
    return environment.get_template("notice.txt.j2")
