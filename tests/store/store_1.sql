-- A store of schema 1, as its code made it: kept to test the way up from there.
CREATE TABLE meta (
    "key" VARCHAR(64) NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY ("key")
);
CREATE TABLE offsets (
    cluster VARCHAR(64) NOT NULL,
    topic VARCHAR(128) NOT NULL,
    partition INTEGER NOT NULL,
    "offset" BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    owner VARCHAR(128),
    monitors_version BIGINT NOT NULL,
    updated_at BIGINT,
    PRIMARY KEY (cluster, topic, partition)
);
CREATE TABLE barriers (
    cluster VARCHAR(64) NOT NULL,
    topic VARCHAR(128) NOT NULL,
    minute BIGINT NOT NULL,
    taken_at BIGINT NOT NULL,
    ends TEXT NOT NULL,
    PRIMARY KEY (cluster, topic, minute)
);
CREATE TABLE gaps (
    id VARCHAR(64) NOT NULL,
    cluster VARCHAR(64) NOT NULL,
    topic VARCHAR(128) NOT NULL,
    partition INTEGER NOT NULL,
    from_offset BIGINT NOT NULL,
    to_offset BIGINT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (id)
);
CREATE TABLE definitions (
    kind VARCHAR(32) NOT NULL,
    id VARCHAR(64) NOT NULL,
    name VARCHAR(256) NOT NULL,
    definition TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT,
    PRIMARY KEY (kind, id)
);
CREATE INDEX definitions_by_name ON definitions (kind, name);
CREATE TABLE definition_versions (
    kind VARCHAR(32) NOT NULL,
    id VARCHAR(64) NOT NULL,
    version INTEGER NOT NULL,
    definition TEXT NOT NULL,
    at BIGINT NOT NULL,
    actor VARCHAR(256) NOT NULL,
    PRIMARY KEY (kind, id, version)
);
CREATE TABLE source_state (
    name VARCHAR(256) NOT NULL,
    cursor TEXT,
    last_event_at BIGINT,
    last_success_at BIGINT,
    last_error_at BIGINT,
    last_error TEXT,
    failures INTEGER NOT NULL,
    next_fetch_at BIGINT,
    received BIGINT NOT NULL,
    rejected BIGINT NOT NULL,
    first_event_at BIGINT,
    PRIMARY KEY (name)
);
CREATE TABLE batches (
    id VARCHAR(64) NOT NULL,
    at BIGINT NOT NULL,
    source VARCHAR(256) NOT NULL,
    accepted INTEGER NOT NULL,
    rejected TEXT NOT NULL,
    keys TEXT NOT NULL,
    PRIMARY KEY (id)
);
CREATE TABLE seen (
    source VARCHAR(256) NOT NULL,
    id VARCHAR(256) NOT NULL,
    created_at BIGINT NOT NULL,
    rank_at BIGINT NOT NULL,
    hash VARCHAR(16) NOT NULL,
    matched BOOLEAN NOT NULL,
    PRIMARY KEY (source, id)
)
 WITHOUT ROWID;
CREATE TABLE mentions (
    source VARCHAR(256) NOT NULL,
    id VARCHAR(256) NOT NULL,
    created_at BIGINT NOT NULL,
    edited_at BIGINT,
    hash VARCHAR(16) NOT NULL,
    text TEXT NOT NULL,
    title TEXT,
    network VARCHAR(64),
    url TEXT,
    lang VARCHAR(16),
    country VARCHAR(64),
    author_id TEXT,
    author_name TEXT,
    author_handle TEXT,
    followers BIGINT,
    verified BOOLEAN,
    in_reply_to TEXT,
    repost_of TEXT,
    thread TEXT,
    likes BIGINT,
    reposts BIGINT,
    replies BIGINT,
    views BIGINT,
    links TEXT,
    hashtags TEXT,
    media TEXT,
    truncated BOOLEAN NOT NULL,
    extra TEXT,
    label VARCHAR(8) NOT NULL,
    score_e4 INTEGER NOT NULL,
    confidence_e4 INTEGER NOT NULL,
    model VARCHAR(64),
    signature BIGINT NOT NULL,
    repost BOOLEAN NOT NULL,
    triggers TEXT NOT NULL,
    PRIMARY KEY (source, id)
);
CREATE INDEX mentions_by_time ON mentions (created_at);
CREATE TABLE mention_versions (
    source VARCHAR(256) NOT NULL,
    id VARCHAR(256) NOT NULL,
    rank_at BIGINT NOT NULL,
    hash VARCHAR(16) NOT NULL,
    text TEXT NOT NULL,
    title TEXT,
    PRIMARY KEY (source, id, rank_at, hash)
)
 WITHOUT ROWID;
CREATE TABLE matches (
    monitor_id VARCHAR(64) NOT NULL,
    source VARCHAR(256) NOT NULL,
    id VARCHAR(256) NOT NULL,
    created_at BIGINT NOT NULL,
    minute BIGINT NOT NULL,
    partition INTEGER NOT NULL,
    label VARCHAR(8) NOT NULL,
    reach BIGINT NOT NULL,
    network VARCHAR(64),
    lang VARCHAR(16),
    author BIGINT,
    signature BIGINT NOT NULL,
    repost BOOLEAN NOT NULL,
    triggers TEXT NOT NULL,
    PRIMARY KEY (monitor_id, source, id)
)
 WITHOUT ROWID;
CREATE INDEX matches_by_mention ON matches (source, id);
CREATE INDEX matches_by_minute ON matches (monitor_id, minute);
CREATE TABLE tallies (
    monitor_id VARCHAR(64) NOT NULL,
    minute BIGINT NOT NULL,
    partition INTEGER NOT NULL,
    count BIGINT NOT NULL,
    negative BIGINT NOT NULL,
    neutral BIGINT NOT NULL,
    positive BIGINT NOT NULL,
    unscored BIGINT NOT NULL,
    reach BIGINT NOT NULL,
    reposts BIGINT NOT NULL,
    triggered BIGINT DEFAULT '0' NOT NULL,
    authors BLOB NOT NULL,
    PRIMARY KEY (monitor_id, minute, partition)
)
 WITHOUT ROWID;
CREATE INDEX tallies_by_minute ON tallies (minute);
CREATE TABLE tally_parts (
    monitor_id VARCHAR(64) NOT NULL,
    minute BIGINT NOT NULL,
    partition INTEGER NOT NULL,
    dimension VARCHAR(16) NOT NULL,
    value VARCHAR(256) NOT NULL,
    count BIGINT NOT NULL,
    negative BIGINT NOT NULL,
    PRIMARY KEY (monitor_id, minute, partition, dimension, value)
)
 WITHOUT ROWID;
CREATE TABLE samples (
    source VARCHAR(256) NOT NULL,
    id VARCHAR(256) NOT NULL,
    created_at BIGINT NOT NULL,
    rate FLOAT NOT NULL,
    mention TEXT NOT NULL,
    PRIMARY KEY (source, id)
);
CREATE INDEX samples_by_time ON samples (created_at);
CREATE TABLE dead_letters (
    id VARCHAR(64) NOT NULL,
    topic VARCHAR(128),
    partition INTEGER,
    "offset" BIGINT,
    position INTEGER NOT NULL,
    source VARCHAR(256) NOT NULL,
    reason VARCHAR(64) NOT NULL,
    message TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    at BIGINT NOT NULL,
    payload BLOB NOT NULL,
    payload_size BIGINT NOT NULL,
    payload_hash VARCHAR(64) NOT NULL,
    replayed_at BIGINT,
    PRIMARY KEY (id)
);
CREATE INDEX dead_letters_by_time ON dead_letters (at);
CREATE TABLE detector_state (
    monitor_id VARCHAR(64) NOT NULL,
    kind VARCHAR(32) NOT NULL,
    series VARCHAR(64) NOT NULL,
    version VARCHAR(32) NOT NULL,
    next_window BIGINT NOT NULL,
    next_tick BIGINT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (monitor_id, kind)
);
CREATE INDEX detector_state_due ON detector_state (next_tick);
CREATE TABLE readings (
    monitor_id VARCHAR(64) NOT NULL,
    kind VARCHAR(32) NOT NULL,
    window_start BIGINT NOT NULL,
    length_s INTEGER NOT NULL,
    series VARCHAR(64) NOT NULL,
    tick BIGINT NOT NULL,
    count BIGINT NOT NULL,
    negative BIGINT NOT NULL,
    scored BIGINT NOT NULL,
    complete BOOLEAN NOT NULL,
    observed FLOAT NOT NULL,
    expected FLOAT NOT NULL,
    lower FLOAT NOT NULL,
    upper FLOAT NOT NULL,
    score FLOAT NOT NULL,
    over BOOLEAN NOT NULL,
    state VARCHAR(16) NOT NULL,
    baseline VARCHAR(16) NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (monitor_id, kind, window_start)
)
 WITHOUT ROWID;
CREATE TABLE amendments (
    monitor_id VARCHAR(64) NOT NULL,
    window_start BIGINT NOT NULL,
    partition INTEGER NOT NULL,
    count BIGINT NOT NULL,
    negative BIGINT NOT NULL,
    scored BIGINT NOT NULL,
    PRIMARY KEY (monitor_id, window_start, partition)
)
 WITHOUT ROWID;
CREATE TABLE signals (
    id VARCHAR(64) NOT NULL,
    monitor_id VARCHAR(64) NOT NULL,
    kind VARCHAR(32) NOT NULL,
    fingerprint VARCHAR(64) NOT NULL,
    tick BIGINT NOT NULL,
    window_start BIGINT NOT NULL,
    window_end BIGINT NOT NULL,
    state VARCHAR(16) NOT NULL,
    score FLOAT NOT NULL,
    facts TEXT NOT NULL,
    evidence TEXT NOT NULL,
    handled_at BIGINT,
    published_at BIGINT,
    PRIMARY KEY (id)
);
CREATE INDEX signals_by_fingerprint ON signals (fingerprint, tick);
CREATE INDEX signals_unhandled ON signals (handled_at, tick, monitor_id, kind);
CREATE TABLE alerts (
    id VARCHAR(64) NOT NULL,
    fingerprint VARCHAR(64) NOT NULL,
    live VARCHAR(64),
    monitor_id VARCHAR(64) NOT NULL,
    monitor VARCHAR(256) NOT NULL,
    kind VARCHAR(32) NOT NULL,
    status VARCHAR(16) NOT NULL,
    severity INTEGER NOT NULL,
    reason TEXT,
    opened_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    last_signal_at BIGINT NOT NULL,
    worsened_at BIGINT,
    calmed_at BIGINT,
    acknowledged_at BIGINT,
    acknowledged_by VARCHAR(256),
    ack_expires_at BIGINT,
    snoozed_until BIGINT,
    resolved_at BIGINT,
    merged_into VARCHAR(64),
    policy TEXT NOT NULL,
    step INTEGER NOT NULL,
    next_step_at BIGINT,
    score FLOAT NOT NULL,
    peak_score FLOAT NOT NULL,
    facts TEXT NOT NULL,
    evidence TEXT NOT NULL,
    drill BOOLEAN NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (live)
);
CREATE INDEX alerts_by_fingerprint ON alerts (fingerprint, opened_at);
CREATE INDEX alerts_by_status ON alerts (status, opened_at);
CREATE INDEX alerts_by_time ON alerts (opened_at);
CREATE INDEX alerts_due ON alerts (next_step_at);
CREATE TABLE alert_timeline (
    alert_id VARCHAR(64) NOT NULL,
    seq INTEGER NOT NULL,
    at BIGINT NOT NULL,
    actor VARCHAR(256) NOT NULL,
    role VARCHAR(32) NOT NULL,
    action VARCHAR(32) NOT NULL,
    from_status VARCHAR(16),
    to_status VARCHAR(16),
    reason TEXT,
    detail TEXT,
    PRIMARY KEY (alert_id, seq)
);
CREATE TABLE alert_events (
    seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    id VARCHAR(64) NOT NULL,
    alert_id VARCHAR(64) NOT NULL,
    escalation_id VARCHAR(64),
    at BIGINT NOT NULL,
    kind VARCHAR(32) NOT NULL,
    data TEXT NOT NULL,
    published_at BIGINT,
    UNIQUE (id)
);
CREATE TABLE notices (
    id VARCHAR(64) NOT NULL,
    alert_id VARCHAR(64) NOT NULL,
    escalation_id VARCHAR(64),
    person_id VARCHAR(64) NOT NULL,
    person VARCHAR(256) NOT NULL,
    channel VARCHAR(32) NOT NULL,
    target TEXT NOT NULL,
    kind VARCHAR(32) NOT NULL,
    severity INTEGER NOT NULL,
    step INTEGER NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    status VARCHAR(16) NOT NULL,
    attempts INTEGER NOT NULL,
    created_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    attempting_at BIGINT,
    ended_at BIGINT,
    repeat_of VARCHAR(64),
    PRIMARY KEY (id)
);
CREATE INDEX notices_by_alert ON notices (alert_id);
CREATE INDEX notices_due ON notices (status, due_at);
CREATE TABLE receipts (
    notice_id VARCHAR(64) NOT NULL,
    attempt INTEGER NOT NULL,
    at BIGINT NOT NULL,
    outcome VARCHAR(16) NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (notice_id, attempt)
);
CREATE TABLE escalations (
    id VARCHAR(64) NOT NULL,
    alert_id VARCHAR(64) NOT NULL,
    team VARCHAR(16) NOT NULL,
    status VARCHAR(16) NOT NULL,
    severity INTEGER NOT NULL,
    reason TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by VARCHAR(256) NOT NULL,
    claimed_by VARCHAR(256),
    claimed_at BIGINT,
    assessment_due_at BIGINT,
    assessed_at BIGINT,
    statement_due_at BIGINT,
    deadline_at BIGINT,
    overdue_at BIGINT,
    decisions TEXT NOT NULL,
    closed_at BIGINT,
    version INTEGER NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX escalations_by_alert ON escalations (alert_id);
CREATE INDEX escalations_by_deadline ON escalations (closed_at, deadline_at);
CREATE TABLE escalation_entries (
    escalation_id VARCHAR(64) NOT NULL,
    seq INTEGER NOT NULL,
    at BIGINT NOT NULL,
    actor VARCHAR(256) NOT NULL,
    role VARCHAR(32) NOT NULL,
    action VARCHAR(32) NOT NULL,
    from_status VARCHAR(16),
    to_status VARCHAR(16),
    text TEXT,
    privileged BOOLEAN NOT NULL,
    detail TEXT,
    PRIMARY KEY (escalation_id, seq)
);
CREATE TABLE signin_links (
    token_hash VARCHAR(64) NOT NULL,
    person_id VARCHAR(64) NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    spent_at BIGINT,
    PRIMARY KEY (token_hash)
);
CREATE TABLE sessions (
    token_hash VARCHAR(64) NOT NULL,
    person_id VARCHAR(64) NOT NULL,
    csrf VARCHAR(64) NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT,
    PRIMARY KEY (token_hash)
);
CREATE TABLE api_keys (
    id VARCHAR(64) NOT NULL,
    token_hash VARCHAR(64) NOT NULL,
    name VARCHAR(256) NOT NULL,
    role VARCHAR(32) NOT NULL,
    scopes TEXT NOT NULL,
    source VARCHAR(256),
    created_at BIGINT NOT NULL,
    last_used_at BIGINT,
    revoked_at BIGINT,
    PRIMARY KEY (id),
    UNIQUE (token_hash)
);
CREATE TABLE action_tokens (
    token_hash VARCHAR(64) NOT NULL,
    alert_id VARCHAR(64) NOT NULL,
    person_id VARCHAR(64) NOT NULL,
    action VARCHAR(32) NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    spent_at BIGINT,
    PRIMARY KEY (token_hash)
);
CREATE TABLE idempotency (
    principal VARCHAR(128) NOT NULL,
    route VARCHAR(128) NOT NULL,
    "key" VARCHAR(256) NOT NULL,
    at BIGINT NOT NULL,
    request_hash VARCHAR(64) NOT NULL,
    status INTEGER NOT NULL,
    body TEXT,
    PRIMARY KEY (principal, route, "key")
);
CREATE TABLE audit (
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    actor VARCHAR(256) NOT NULL,
    role VARCHAR(32) NOT NULL,
    action VARCHAR(64) NOT NULL,
    object VARCHAR(256) NOT NULL,
    detail TEXT,
    previous VARCHAR(64) NOT NULL,
    hash VARCHAR(64) NOT NULL,
    PRIMARY KEY (seq)
);
CREATE TABLE health (
    component VARCHAR(128) NOT NULL,
    at BIGINT NOT NULL,
    state VARCHAR(16) NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (component)
);
INSERT INTO meta VALUES ('schema', '1');
