"""Every table of the store, on every engine.

Times are `UtcTime` (microseconds since 1970). `minute` is whole minutes since 1970. Scores are fixed-point: `_e4` means
ten-thousandths. The table `definitions` holds the things that people define: monitors, policies, people, schedules,
sources, silences, expected events. `definition_versions` holds every version of them.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    LargeBinary,
    MetaData,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeEngine

from tocsin.store.types import Float, Integer, Json, String, Text, UtcTime
from tocsin.store.words import WordsColumn

metadata = MetaData()


def _table(
    name: str, *columns: Column[Any] | Index | UniqueConstraint, rowid: bool = True, day: str | None = None
) -> Table:
    """A table of `metadata`. `day`: on PostgreSQL the table is partitioned by the UTC day of this column, which is part of
    its key there.
    """
    return Table(name, metadata, *columns, sqlite_with_rowid=rowid, info={"day": day} if day else {})


def _pk(name: str, type_: TypeEngine[Any] | type[TypeEngine[Any]]) -> Column[Any]:
    return Column(name, type_, primary_key=True, autoincrement=False)


# -- the store itself ------------------------------------------------------------------------------------

meta = _table("meta", _pk("key", String(64)), Column("value", Text, nullable=False))

# -- positions in the stream, advanced in the same transaction as the rows derived from them -------------

offsets = _table(
    "offsets",
    _pk("cluster", String(64)),
    _pk("topic", String(128)),
    _pk("partition", Integer),
    # The next offset to read.
    Column("offset", BigInteger, nullable=False),
    # Raised by a worker that takes the partition over.
    Column("epoch", BigInteger, nullable=False),
    Column("owner", String(128)),
    # The version of the monitors that the last batch was matched with.
    Column("monitors_version", BigInteger, nullable=False, default=0),
    Column("updated_at", UtcTime),
)
barriers = _table(
    "barriers",
    _pk("cluster", String(64)),
    _pk("topic", String(128)),
    _pk("minute", BigInteger),
    Column("taken_at", UtcTime, nullable=False),
    # {partition: end offset} when the clock had passed the minute and its grace.
    Column("ends", Json, nullable=False),
)
gaps = _table(
    "gaps",
    _pk("id", String(64)),
    Column("cluster", String(64), nullable=False),
    Column("topic", String(128), nullable=False),
    Column("partition", Integer, nullable=False),
    Column("from_offset", BigInteger, nullable=False),
    Column("to_offset", BigInteger, nullable=False),
    Column("at", UtcTime, nullable=False),
)

# -- definitions, sources and pushed batches -------------------------------------------------------------

definitions = _table(
    "definitions",
    # monitor | policy | person | schedule | source | silence | expected_event
    _pk("kind", String(32)),
    # Never changes; the name may.
    _pk("id", String(64)),
    Column("name", String(256), nullable=False),
    Column("definition", Json, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Column("deleted_at", UtcTime),
    # When it was last switched on again, or brought back after its end. Null: it was never off.
    Column("on_since", UtcTime),
    Index("definitions_by_name", "kind", "name"),
)
definition_versions = _table(
    "definition_versions",
    _pk("kind", String(32)),
    _pk("id", String(64)),
    _pk("version", Integer),
    Column("definition", Json, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("actor", String(256), nullable=False),
)
source_state = _table(
    "source_state",
    _pk("name", String(256)),
    Column("cursor", Json),
    # created_at of the newest mention handed over.
    Column("last_event_at", UtcTime),
    # The last time the source answered, with or without something new.
    Column("last_success_at", UtcTime),
    Column("last_error_at", UtcTime),
    Column("last_error", Text),
    # Failures in a row.
    Column("failures", Integer, nullable=False, default=0),
    Column("next_fetch_at", UtcTime),
    Column("received", BigInteger, nullable=False, default=0),
    Column("rejected", BigInteger, nullable=False, default=0),
    Column("first_event_at", UtcTime),
    # The last time that a mention came.
    Column("last_news_at", UtcTime),
    # tocsin.health.rhythm: the mentions that come in each hour of a week.
    Column("rhythm", Json),
)
# The ledger of what a source could not hear. An outage has no end while it lasts.
source_gaps = _table(
    "source_gaps",
    _pk("id", String(64)),
    Column("source", String(256), nullable=False),
    # tocsin.health.gaps: failed | told | silent
    Column("cause", String(16), nullable=False),
    Column("starts_at", UtcTime, nullable=False),
    Column("ends_at", UtcTime),
    Column("reason", Text, nullable=False),
    # When the source had brought what was said meanwhile, and how many mentions that were. Never for what is lost.
    Column("filled_at", UtcTime),
    Column("filled", BigInteger, nullable=False, default=0),
    Index("source_gaps_by_source", "source", "starts_at"),
    Index("source_gaps_by_start", "starts_at"),
)
# Posts and authors that a network has deleted. A row waits until all that was handed over before is stored; then they are erased.
removals = _table(
    "removals",
    _pk("source", String(256)),
    # post | author
    _pk("what", String(8)),
    _pk("value", String(256)),
    # When it was last told.
    Column("told_at", UtcTime, nullable=False),
    # When it was first told since it was last done. Null: older code noted it.
    Column("first_told_at", UtcTime),
    Index("removals_by_time", "told_at"),
    Index("removals_by_first_time", "first_told_at"),
)
# Who holds a task that only one worker may do at a time, and until when: one ingest worker reads each source.
leases = _table(
    "leases",
    _pk("name", String(300)),
    Column("owner", String(256), nullable=False),
    Column("until", UtcTime, nullable=False),
)
# The requests that each host still takes from this installation, as JSON, and when nothing of it counts any more.
host_budgets = _table(
    "host_budgets",
    _pk("host", String(255)),
    Column("state", Text, nullable=False),
    Column("idle_at", UtcTime, nullable=False),
    Index("host_budgets_idle", "idle_at"),
)
# The batches that were pushed over HTTP.
batches = _table(
    "batches",
    _pk("id", String(64)),
    Column("at", UtcTime, nullable=False),
    Column("source", String(256), nullable=False),
    Column("accepted", Integer, nullable=False),
    Column("rejected", Json, nullable=False),
    # The accepted ids, so that duplicates can be reported later.
    Column("keys", Json, nullable=False),
)

# -- mentions --------------------------------------------------------------------------------------------

# The identity of each mention that the store has taken. A row is kept longer than the oldest mention that is still accepted.
seen = _table(
    "seen",
    _pk("source", String(256)),
    _pk("id", String(256)),
    Column("created_at", UtcTime, nullable=False),
    # (rank_at, hash) is Mention.version_rank of the current version.
    Column("rank_at", UtcTime, nullable=False),
    Column("hash", String(16), nullable=False),
    # False: the current version is an edit that matches no monitor.
    Column("matched", Boolean, nullable=False),
    rowid=False,
)
_NO_WORDS = text("words IS NULL")
mentions = _table(
    "mentions",
    _pk("source", String(256)),
    _pk("id", String(256)),
    Column("created_at", UtcTime, nullable=False),
    Column("edited_at", UtcTime),
    Column("hash", String(16), nullable=False),
    Column("text", Text, nullable=False),
    Column("title", Text),
    Column("network", String(64)),
    Column("url", Text),
    Column("lang", String(16)),
    Column("country", String(64)),
    Column("author_id", Text),
    Column("author_name", Text),
    Column("author_handle", Text),
    Column("followers", BigInteger),
    Column("verified", Boolean),
    Column("in_reply_to", Text),
    Column("repost_of", Text),
    Column("thread", Text),
    Column("likes", BigInteger),
    Column("reposts", BigInteger),
    Column("replies", BigInteger),
    Column("views", BigInteger),
    Column("links", Json),
    Column("hashtags", Json),
    Column("media", Json),
    Column("truncated", Boolean, nullable=False),
    Column("extra", Json),
    # negative | neutral | positive | unscored
    Column("label", String(8), nullable=False),
    Column("score_e4", Integer, nullable=False),
    Column("confidence_e4", Integer, nullable=False),
    Column("model", String(64)),
    # Equal for copies of one text.
    Column("signature", BigInteger, nullable=False),
    Column("repost", Boolean, nullable=False),
    Column("triggers", Json, nullable=False),
    # The words by which a search finds the mention. Null: older code stored it, and its words are cut later.
    Column("words", WordsColumn),
    # The facets that were told of it (`tocsin.core.facets`), each a list of values. Null: older code stored it.
    Column("intent", Json),
    Column("emotion", Json),
    Column("crisis", Json),
    Column("harm", Json),
    Index("mentions_by_time", "created_at"),
    Index("mentions_wordless", "created_at", sqlite_where=_NO_WORDS, postgresql_where=_NO_WORDS),
    day="created_at",
)
# Every column but the words of the search.
mention_columns = [column for column in mentions.c if column.name != "words"]
# The versions of mentions that came in more than one version.
mention_versions = _table(
    "mention_versions",
    _pk("source", String(256)),
    _pk("id", String(256)),
    _pk("rank_at", UtcTime),
    _pk("hash", String(16)),
    Column("text", Text, nullable=False),
    Column("title", Text),
    rowid=False,
)
# Which mention counts for which monitor, with the fields that a detector needs.
matches = _table(
    "matches",
    _pk("monitor_id", String(64)),
    _pk("source", String(256)),
    _pk("id", String(256)),
    Column("created_at", UtcTime, nullable=False),
    Column("minute", BigInteger, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("label", String(8), nullable=False),
    Column("reach", BigInteger, nullable=False),
    Column("network", String(64)),
    Column("lang", String(16)),
    # Hash of (network, author id).
    Column("author", BigInteger),
    Column("signature", BigInteger, nullable=False),
    Column("repost", Boolean, nullable=False),
    Column("triggers", Json, nullable=False),
    # The facets that were told of the mention. Null: older code stored it.
    Column("intent", Json),
    Column("emotion", Json),
    Column("crisis", Json),
    Column("harm", Json),
    # How the label toward the monitor's brand was found, where it is not that of the text: "part" of the text, "brand-N" (the
    # model that was learnt from corrections), "person".
    Column("scored_by", String(64)),
    # Hashes of its words (`processors.understand.gist`), nearly equal for lightly edited copies. Null: older code stored it, or
    # the mention was erased.
    Column("gist", LargeBinary),
    # Whether an account of the monitor's own brand wrote it: such a match is in no tally. Null: older code stored it, as false.
    Column("own", Boolean),
    Index("matches_by_minute", "monitor_id", "minute"),
    Index("matches_by_mention", "source", "id"),
    rowid=False,
    day="minute",
)
# One row per monitor, minute and partition, so that no two workers update one row. Readers sum over the partitions.
tallies = _table(
    "tallies",
    _pk("monitor_id", String(64)),
    _pk("minute", BigInteger),
    _pk("partition", Integer),
    Column("count", BigInteger, nullable=False),
    Column("negative", BigInteger, nullable=False),
    Column("neutral", BigInteger, nullable=False),
    Column("positive", BigInteger, nullable=False),
    Column("unscored", BigInteger, nullable=False),
    # Sum of followers.
    Column("reach", BigInteger, nullable=False),
    Column("reposts", BigInteger, nullable=False),
    # Mentions with a trigger word.
    Column("triggered", BigInteger, nullable=False, server_default="0"),
    # A sketch: tocsin.core.sketch.
    Column("authors", LargeBinary, nullable=False),
    Index("tallies_by_minute", "minute"),
    rowid=False,
)
# The counts of `tallies` by network, language, source and facet.
tally_parts = _table(
    "tally_parts",
    _pk("monitor_id", String(64)),
    _pk("minute", BigInteger),
    _pk("partition", Integer),
    # network | lang | source | a facet
    _pk("dimension", String(16)),
    _pk("value", String(256)),
    Column("count", BigInteger, nullable=False),
    Column("negative", BigInteger, nullable=False),
    rowid=False,
)
# The labels that people gave to mentions, for one monitor each.
corrections = _table(
    "corrections",
    _pk("monitor_id", String(64)),
    _pk("source", String(256)),
    _pk("id", String(256)),
    Column("label", String(8), nullable=False),
    # The label before the first correction.
    Column("was", String(8), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("actor", String(256), nullable=False),
)
# The models that were learnt from corrections. At most one of a monitor is active.
brand_models = _table(
    "brand_models",
    _pk("monitor_id", String(64)),
    _pk("version", Integer),
    Column("at", UtcTime, nullable=False),
    Column("actor", String(256), nullable=False),
    # {bias, words}: processors.understand.brand.BrandModel
    Column("model", Json, nullable=False),
    # How good the model is (processors.corrections.refit), and the version that was in use when it was learnt.
    Column("figures", Json, nullable=False),
    Column("active", Boolean, nullable=False),
)
# A bounded sample of the mentions that matched no monitor, chosen by the hash of (source, id).
samples = _table(
    "samples",
    _pk("source", String(256)),
    _pk("id", String(256)),
    Column("created_at", UtcTime, nullable=False),
    Column("rate", Float, nullable=False),
    Column("mention", Json, nullable=False),
    Index("samples_by_time", "created_at"),
)
dead_letters = _table(
    "dead_letters",
    _pk("id", String(64)),
    # Null: the letter never reached the stream.
    Column("topic", String(128)),
    Column("partition", Integer),
    Column("offset", BigInteger),
    # The index within the record, the line of the file, or the item of the request.
    Column("position", Integer, nullable=False),
    Column("source", String(256), nullable=False),
    Column("reason", String(64), nullable=False),
    Column("message", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("at", UtcTime, nullable=False),
    # Cut at `MAX_PAYLOAD_BYTES`.
    Column("payload", LargeBinary, nullable=False),
    Column("payload_size", BigInteger, nullable=False),
    Column("payload_hash", String(64), nullable=False),
    Column("replayed_at", UtcTime),
    Index("dead_letters_by_time", "at"),
)

# Erasures that a person asked for: an author, or a post. The names go from here too, when all is done.
erasures = _table(
    "erasures",
    _pk("id", String(64)),
    Column("at", UtcTime, nullable=False),
    Column("actor", String(256), nullable=False),
    Column("role", String(32), nullable=False),
    # author | post
    Column("what", String(8), nullable=False),
    # processors.forgetting.Subject; null once it is done.
    Column("subject", Json),
    # A keyed hash of whom or what was named.
    Column("target", String(64), nullable=False),
    # Posts that the preview counted.
    Column("expected", Integer, nullable=False),
    # queued | running | done | failed
    Column("state", String(16), nullable=False),
    # The last sign of life of the worker, or the last change.
    Column("beat_at", UtcTime, nullable=False),
    # Why it failed.
    Column("message", Text),
    # The rows that went, by place.
    Column("counts", Json, nullable=False),
    Index("erasures_by_state", "state", "at"),
)
# Runs of retention. Each piece adds what it took out, in its own transaction.
retention_runs = _table(
    "retention_runs",
    _pk("id", String(64)),
    # The beginning of the run.
    Column("at", UtcTime, nullable=False),
    # The last piece of the run.
    Column("beat_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    # Null: its time had come.
    Column("asked_by", String(256)),
    Column("pieces", Integer, nullable=False),
    # Rows past their time at the beginning of the run, by kind; counted up to a bound.
    Column("due", Json, nullable=False),
    # Rows that it took out, by kind.
    Column("taken", Json, nullable=False),
    Index("retention_runs_by_time", "at"),
)

# -- detection -------------------------------------------------------------------------------------------

detector_state = _table(
    "detector_state",
    _pk("monitor_id", String(64)),
    _pk("kind", String(32)),
    # The series changes when the monitor matches other mentions. Then the detector learns anew.
    Column("series", String(64), nullable=False),
    # The version of the detector.
    Column("version", String(32), nullable=False),
    # Start of the first window not yet closed.
    Column("next_window", UtcTime, nullable=False),
    Column("next_tick", UtcTime, nullable=False),
    Column("state", Json, nullable=False),
    Index("detector_state_due", "next_tick"),
)
readings = _table(
    "readings",
    _pk("monitor_id", String(64)),
    _pk("kind", String(32)),
    _pk("window_start", UtcTime),
    Column("length_s", Integer, nullable=False),
    Column("series", String(64), nullable=False),
    # When the window was judged.
    Column("tick", UtcTime, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("negative", BigInteger, nullable=False),
    Column("scored", BigInteger, nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("observed", Float, nullable=False),
    Column("expected", Float, nullable=False),
    Column("lower", Float, nullable=False),
    Column("upper", Float, nullable=False),
    Column("score", Float, nullable=False),
    Column("over", Boolean, nullable=False),
    # warm | learning
    Column("state", String(16), nullable=False),
    # adaptive | protected
    Column("baseline", String(16), nullable=False),
    Column("detail", Json, nullable=False),
    rowid=False,
)
# Counts of the mentions that came after their window had closed.
amendments = _table(
    "amendments",
    _pk("monitor_id", String(64)),
    _pk("window_start", UtcTime),
    _pk("partition", Integer),
    Column("count", BigInteger, nullable=False),
    Column("negative", BigInteger, nullable=False),
    Column("scored", BigInteger, nullable=False),
    rowid=False,
)
signals = _table(
    "signals",
    _pk("id", String(64)),
    Column("monitor_id", String(64), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("tick", UtcTime, nullable=False),
    Column("window_start", UtcTime, nullable=False),
    Column("window_end", UtcTime, nullable=False),
    # over | calm | set_aside
    Column("state", String(16), nullable=False),
    Column("score", Float, nullable=False),
    # tocsin.core.signal.Facts
    Column("facts", Json, nullable=False),
    # tocsin.core.signal.Evidence
    Column("evidence", Json, nullable=False),
    Column("handled_at", UtcTime),
    Column("published_at", UtcTime),
    # What the verdict was computed from (`processors.detection.working.Working`). Null: a signal of calm, or older code.
    Column("working", Json),
    Index("signals_unhandled", "handled_at", "tick", "monitor_id", "kind"),
    Index("signals_by_fingerprint", "fingerprint", "tick"),
)

# Acceptances: a person says that the present level of a monitor is its new normal, or takes that back. Detection takes each up
# once, with the state that follows from it.
acceptances = _table(
    "acceptances",
    _pk("monitor_id", String(64)),
    _pk("seq", Integer),
    # accept | undo, of the acceptance before
    Column("action", String(16), nullable=False),
    # The series that it was said about.
    Column("series", String(64), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("actor", String(256), nullable=False),
    Column("role", String(32), nullable=False),
    # applied | lapsed; null: detection has not taken it up yet
    Column("outcome", String(16)),
    # The first window that was judged with it.
    Column("first_window", UtcTime),
    # By kind of signal, the version and the state of the detector before it.
    Column("before", Json),
)

# -- alerts and escalations ------------------------------------------------------------------------------

alerts = _table(
    "alerts",
    _pk("id", String(64)),
    Column("fingerprint", String(64), nullable=False),
    # The fingerprint while the alert is unresolved, else null: one live alert per fingerprint.
    Column("live", String(64), unique=True),
    Column("monitor_id", String(64), nullable=False),
    Column("monitor", String(256), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("status", String(16), nullable=False),
    # 1 (crisis) .. 4 (watch)
    Column("severity", Integer, nullable=False),
    # The reason of the last transition that needed one (suppressed, dismissed, ...).
    Column("reason", Text),
    Column("opened_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Column("last_signal_at", UtcTime, nullable=False),
    Column("worsened_at", UtcTime),
    Column("calmed_at", UtcTime),
    Column("acknowledged_at", UtcTime),
    Column("acknowledged_by", String(256)),
    Column("ack_expires_at", UtcTime),
    Column("snoozed_until", UtcTime),
    Column("resolved_at", UtcTime),
    Column("merged_into", String(64)),
    # A copy from when the alert opened.
    Column("policy", Json, nullable=False),
    # Number of steps already taken.
    Column("step", Integer, nullable=False),
    # Null: nothing is due.
    Column("next_step_at", UtcTime),
    Column("score", Float, nullable=False),
    Column("peak_score", Float, nullable=False),
    Column("facts", Json, nullable=False),
    Column("evidence", Json, nullable=False),
    Column("drill", Boolean, nullable=False, default=False),
    Column("version", Integer, nullable=False),
    Index("alerts_due", "next_step_at"),
    Index("alerts_by_time", "opened_at"),
    # All that a list of alerts filters by, in its order. Whatever is asked for, only the rows that are shown are read.
    Index("alerts_listed", "opened_at", "id", "kind", "severity", "status", "monitor_id", "monitor"),
    Index("alerts_by_status", "status", "opened_at"),
    Index("alerts_by_fingerprint", "fingerprint", "opened_at"),
)
alert_timeline = _table(
    "alert_timeline",
    _pk("alert_id", String(64)),
    _pk("seq", Integer),
    Column("at", UtcTime, nullable=False),
    Column("actor", String(256), nullable=False),
    Column("role", String(32), nullable=False),
    Column("action", String(32), nullable=False),
    Column("from_status", String(16)),
    Column("to_status", String(16)),
    Column("reason", Text),
    Column("detail", Json),
)
# The changes of alerts, in the order in which they were written. Dashboards and the relay read them.
alert_events = Table(
    "alert_events",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("alert_id", String(64), nullable=False),
    Column("escalation_id", String(64)),
    Column("at", UtcTime, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("data", Json, nullable=False),
    Column("published_at", UtcTime),
    sqlite_autoincrement=True,
)
# The outbox.
notices = _table(
    "notices",
    # Deterministic; serves as Message-ID, idempotency header and dedup key.
    _pk("id", String(64)),
    Column("alert_id", String(64), nullable=False),
    Column("escalation_id", String(64)),
    Column("person_id", String(64), nullable=False),
    Column("person", String(256), nullable=False),
    # The notifier's kind.
    Column("channel", String(32), nullable=False),
    # The channel's own settings; secrets as env:/file: references only.
    Column("target", Json, nullable=False),
    # As in `alerts.outbox.queue.KINDS`.
    Column("kind", String(32), nullable=False),
    Column("severity", Integer, nullable=False),
    Column("step", Integer, nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", Json, nullable=False),
    # queued | attempting | sent | failed | unknown | cancelled
    Column("status", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("due_at", UtcTime, nullable=False),
    Column("attempting_at", UtcTime),
    Column("ended_at", UtcTime),
    Column("repeat_of", String(64)),
    Index("notices_due", "status", "due_at"),
    Index("notices_by_alert", "alert_id"),
)
receipts = _table(
    "receipts",
    _pk("notice_id", String(64)),
    _pk("attempt", Integer),
    Column("at", UtcTime, nullable=False),
    # sent | failed | unknown
    Column("outcome", String(16), nullable=False),
    Column("detail", Text, nullable=False),
)
# What people said of an alert afterwards. Each signal's shown precision comes from it.
second_opinions = _table(
    "second_opinions",
    _pk("alert_id", String(64)),
    # The end of the window whose evidence the opinion is about.
    Column("window_end", UtcTime, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("model", String(64), nullable=False),
    # Mentions with a label that were labelled again.
    Column("asked", Integer, nullable=False),
    # Of these, those that both call negative, or both do not.
    Column("agreed", Integer, nullable=False),
    Column("unscored", Integer, nullable=False),
    Column("unscored_negative", Integer, nullable=False),
    # Of all mentions that were asked about, those that it calls negative.
    Column("negative", Integer, nullable=False),
    # Facet -> value -> how many of them it tells it of; null where older code asked.
    Column("facets", Json),
)
verdicts = _table(
    "verdicts",
    _pk("alert_id", String(64)),
    Column("monitor_id", String(64), nullable=False),
    Column("kind", String(32), nullable=False),
    # real | noise | duplicate | expected | wrong_brand
    Column("verdict", String(16), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("actor", String(256), nullable=False),
    Index("verdicts_by_monitor", "monitor_id", "at"),
)
# Back-tests that people asked for, and those behind a proposal. A worker plays one at a time.
backtests = _table(
    "backtests",
    _pk("id", String(64)),
    Column("monitor_id", String(64), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("actor", String(256), nullable=False),
    # queued | running | done | failed | cancelled
    Column("state", String(16), nullable=False),
    # The last sign of life of the worker, or the last change.
    Column("beat_at", UtcTime, nullable=False),
    # Percent.
    Column("progress", Integer, nullable=False),
    # Why it failed.
    Column("message", Text),
    # Of a proposal: the fields of the monitor that it would change.
    Column("change", Json),
    # Of a proposal: the verdict, and the alerts that it was said of.
    Column("because", Json),
    Column("result", Json),
    # of a proposal: accepted | refused
    Column("decided", String(16)),
    Column("decided_by", String(256)),
    Index("backtests_by_monitor", "monitor_id", "at"),
    Index("backtests_by_state", "state", "at"),
)
# Recorded mentions that somebody brings in as history: a check of a file, its import, or the taking out of one.
imports = _table(
    "imports",
    _pk("id", String(64)),
    # Its mentions are in the partition -1 - seq.
    Column("seq", Integer, nullable=False),
    # check | import | undo
    Column("kind", String(16), nullable=False),
    # Of an undo: the import that it takes out.
    Column("undoes", String(64)),
    Column("at", UtcTime, nullable=False),
    Column("actor", String(256), nullable=False),
    # queued | running | done | failed | cancelled | undone
    Column("state", String(16), nullable=False),
    # The last sign of life of the worker, or the last change.
    Column("beat_at", UtcTime, nullable=False),
    # Percent.
    Column("progress", Integer, nullable=False),
    # Why it failed.
    Column("message", Text),
    # Its name within the folder of imports.
    Column("file", String(256), nullable=False),
    # ingest.recorded.mapping.ColumnMapping; null: a file of Tocsin's own form.
    Column("mapping", Json),
    # Whether it fills baselines.
    Column("teach", Boolean, nullable=False),
    # Rows of the file that are done.
    Column("position", BigInteger, nullable=False),
    # Rows by what became of them.
    Column("counts", Json, nullable=False),
    # The first bad rows: line, reason, message.
    Column("reasons", Json, nullable=False),
    # The oldest stored mention.
    Column("first_at", UtcTime),
    # The newest stored mention.
    Column("last_at", UtcTime),
    Index("imports_by_state", "state", "at"),
    UniqueConstraint("seq"),
)
escalations = _table(
    "escalations",
    _pk("id", String(64)),
    Column("alert_id", String(64), nullable=False),
    # pr | legal | both
    Column("team", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("severity", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", String(256), nullable=False),
    Column("claimed_by", String(256)),
    Column("claimed_at", UtcTime),
    Column("assessment_due_at", UtcTime),
    Column("assessed_at", UtcTime),
    Column("statement_due_at", UtcTime),
    # The clock that runs out next; null when no clock runs. The queue is ordered by it.
    Column("deadline_at", UtcTime),
    # When the deputy was paged for the present deadline.
    Column("overdue_at", UtcTime),
    # {pr: {decision, by, at, reason}, legal: {...}}
    Column("decisions", Json, nullable=False),
    Column("closed_at", UtcTime),
    Column("version", Integer, nullable=False),
    Index("escalations_by_deadline", "closed_at", "deadline_at"),
    Index("escalations_by_alert", "alert_id"),
)
escalation_entries = _table(
    "escalation_entries",
    _pk("escalation_id", String(64)),
    _pk("seq", Integer),
    Column("at", UtcTime, nullable=False),
    Column("actor", String(256), nullable=False),
    Column("role", String(32), nullable=False),
    Column("action", String(32), nullable=False),
    Column("from_status", String(16)),
    Column("to_status", String(16)),
    Column("text", Text),
    # Visible to Legal only.
    Column("privileged", Boolean, nullable=False),
    Column("detail", Json),
)

# -- sign-in, keys, audit and health ---------------------------------------------------------------------

signin_links = _table(
    "signin_links",
    _pk("token_hash", String(64)),
    Column("person_id", String(64), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("spent_at", UtcTime),
)
sessions = _table(
    "sessions",
    _pk("token_hash", String(64)),
    Column("person_id", String(64), nullable=False),
    Column("csrf", String(64), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("revoked_at", UtcTime),
    # The browser and its system, as it named itself.
    Column("device", String(64)),
)
# Passkeys: they sign a person in by the lock of a device. The device keeps the secret; the row holds what checks its
# signatures.
passkeys = _table(
    "passkeys",
    _pk("id", String(64)),
    Column("person_id", String(64), nullable=False),
    # The device's id of the passkey, base64url.
    Column("credential", Text, nullable=False),
    # COSE, base64url.
    Column("public_key", Text, nullable=False),
    # As the device counted last; 0 where it does not count.
    Column("sign_count", BigInteger, nullable=False),
    Column("name", String(64), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("used_at", UtcTime),
    Index("passkeys_by_person", "person_id"),
)
# The challenges that browsers must sign with a passkey: one for each browser, answered once.
passkey_challenges = _table(
    "passkey_challenges",
    # Hash of the purpose, and of the session or cookie of the browser that asked.
    _pk("browser_hash", String(64)),
    # base64url
    Column("challenge", String(128), nullable=False),
    Column("expires_at", UtcTime, nullable=False),
)
api_keys = _table(
    "api_keys",
    _pk("id", String(64)),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("name", String(256), nullable=False),
    Column("role", String(32), nullable=False),
    Column("scopes", Json, nullable=False),
    # A push key fixes the source of what it pushes.
    Column("source", String(256)),
    Column("created_at", UtcTime, nullable=False),
    Column("last_used_at", UtcTime),
    Column("revoked_at", UtcTime),
)
# The one button behind a notice's link: bound to an alert, a person and an action, and spent once.
action_tokens = _table(
    "action_tokens",
    _pk("token_hash", String(64)),
    Column("alert_id", String(64), nullable=False),
    Column("person_id", String(64), nullable=False),
    Column("action", String(32), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("spent_at", UtcTime),
)
# A code that was sent to a person's channel, and whether the person typed it. Who types it reads what is sent there.
contact_proofs = _table(
    "contact_proofs",
    _pk("person_id", String(64)),
    # The channel's key, made of kind and target.
    _pk("channel", String(64)),
    Column("code_hash", String(64), nullable=False),
    Column("sent_at", UtcTime, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("proven_at", UtcTime),
    # The channel itself, where it was asked for on the page and is not the person's yet; else null.
    Column("pending", Json),
    # When the channel came by page or API without a proof: it pages nobody until `proven_at`. Null: nobody asks for one.
    Column("asked_at", UtcTime),
)
idempotency = _table(
    "idempotency",
    _pk("principal", String(128)),
    _pk("route", String(128)),
    _pk("key", String(256)),
    Column("at", UtcTime, nullable=False),
    Column("request_hash", String(64), nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", Json),
)
# The audit chain: append-only and hash-chained. It holds ids and hashes, never a post.
audit = _table(
    "audit",
    _pk("seq", BigInteger),
    Column("at", UtcTime, nullable=False),
    Column("actor", String(256), nullable=False),
    Column("role", String(32), nullable=False),
    Column("action", String(64), nullable=False),
    Column("object", String(256), nullable=False),
    Column("detail", Json),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)
# The last report of each part on its own state. The auditor, doctor and /readyz read it.
health = _table(
    "health",
    _pk("component", String(128)),
    Column("at", UtcTime, nullable=False),
    # ok | degraded | blind | failed
    Column("state", String(16), nullable=False),
    Column("detail", Json, nullable=False),
)
