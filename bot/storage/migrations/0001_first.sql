-- Times are Unix seconds. A picture is its blob's SHA-256; an error is a code and JSON arguments, never text.

CREATE TABLE job (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE CHECK (length(id) = 16),
    origin TEXT NOT NULL UNIQUE,
    spec TEXT NOT NULL,
    spec_version INTEGER NOT NULL,
    model_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    parent_job TEXT REFERENCES job (id),
    parent_k INTEGER,
    principal TEXT NOT NULL,
    guild INTEGER,
    channel INTEGER,
    context TEXT,
    permissions INTEGER NOT NULL,
    locale TEXT NOT NULL,
    priority INTEGER NOT NULL,
    cost REAL NOT NULL,
    count INTEGER NOT NULL CHECK (count > 0),
    state TEXT NOT NULL CHECK (state IN (
        'queued', 'offered', 'running', 'rendered', 'posted', 'undeliverable', 'failed', 'cancelled'
    )),
    attempt INTEGER NOT NULL DEFAULT 1,
    engine TEXT,
    charged INTEGER NOT NULL DEFAULT 0,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    error_arguments TEXT,
    told INTEGER NOT NULL DEFAULT 0,
    created REAL NOT NULL,
    offered REAL,
    started REAL,
    ended REAL,
    posted REAL
) STRICT;

CREATE INDEX job_by_state ON job (state, seq);
CREATE INDEX job_by_principal ON job (principal, created);
CREATE INDEX job_untold ON job (seq) WHERE told = 0;

CREATE TABLE image (
    job TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    k INTEGER NOT NULL,
    seed INTEGER NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    blob TEXT,
    bytes INTEGER,
    seconds REAL,
    state TEXT NOT NULL DEFAULT 'wanted' CHECK (state IN ('wanted', 'painted', 'failed')),
    error TEXT,
    error_arguments TEXT,
    PRIMARY KEY (job, k),
    CHECK (state <> 'painted' OR blob IS NOT NULL)
) STRICT, WITHOUT ROWID;

CREATE INDEX image_by_blob ON image (blob) WHERE blob IS NOT NULL;

CREATE TABLE message_ref (
    job TEXT PRIMARY KEY REFERENCES job (id) ON DELETE CASCADE,
    channel INTEGER NOT NULL,
    message INTEGER NOT NULL,
    upload_limit INTEGER,
    gone INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE interaction_token (
    job TEXT PRIMARY KEY REFERENCES job (id) ON DELETE CASCADE,
    token TEXT NOT NULL,
    application INTEGER NOT NULL,
    at REAL NOT NULL
) STRICT;

CREATE TABLE usr (
    principal TEXT PRIMARY KEY,
    vtime REAL NOT NULL DEFAULT 0,
    weight REAL NOT NULL DEFAULT 1 CHECK (weight > 0)
) STRICT;

CREATE TABLE setting (
    scope TEXT NOT NULL CHECK (scope IN ('owner', 'guild', 'channel', 'user')),
    scope_id TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    by TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (scope, scope_id, key)
) STRICT;

-- Append-only: every change of a setting, value NULL for a reset.
CREATE TABLE setting_event (
    seq INTEGER PRIMARY KEY,
    scope TEXT NOT NULL,
    scope_id TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT,
    by TEXT NOT NULL,
    at REAL NOT NULL
) STRICT;

-- Append-only: what happened to a job, for support and the fault suite.
CREATE TABLE job_event (
    seq INTEGER PRIMARY KEY,
    job TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    at REAL NOT NULL,
    event TEXT NOT NULL,
    detail TEXT
) STRICT;

CREATE INDEX job_event_by_job ON job_event (job, seq);

-- Single values that outlive a restart: the virtual clock, the last model card, the pace of an engine.
CREATE TABLE fact (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
