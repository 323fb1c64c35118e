"""The gateway's one file as SQL. Times are Unix seconds; `state` is store.State."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS record (
    id INTEGER PRIMARY KEY,
    device TEXT NOT NULL,
    epoch TEXT NOT NULL,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    received_s INTEGER NOT NULL,
    jws BLOB NOT NULL,
    state INTEGER NOT NULL DEFAULT 0,
    outcome TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    posted_s INTEGER
) STRICT;
-- The hash leaves the signature out, so the same name may first come wrongly signed: the last
-- 43 characters are the signature, and both spellings are kept and relayed.
CREATE UNIQUE INDEX IF NOT EXISTS record_bytes
    ON record (device, epoch, seq, hash, substr(jws, -43));
CREATE INDEX IF NOT EXISTS record_waiting ON record (id) WHERE state = 0;
CREATE INDEX IF NOT EXISTS record_parked ON record (id) WHERE state = 2;
CREATE INDEX IF NOT EXISTS record_posted ON record (posted_s) WHERE state = 1;

CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY,
    device TEXT NOT NULL,
    channel TEXT NOT NULL,
    hash BLOB NOT NULL,
    received_s INTEGER NOT NULL,
    expires_s INTEGER,
    jws BLOB NOT NULL,
    state INTEGER NOT NULL DEFAULT 0,
    outcome TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    posted_s INTEGER,
    UNIQUE (device, channel, hash)
) STRICT;
CREATE INDEX IF NOT EXISTS message_waiting ON message (id) WHERE state = 0;

-- What the contract refuses: the bytes, and why.
CREATE TABLE IF NOT EXISTS dead (
    id INTEGER PRIMARY KEY,
    device TEXT NOT NULL,
    topic TEXT NOT NULL,
    reason TEXT NOT NULL,
    words TEXT NOT NULL,
    received_s INTEGER NOT NULL,
    raw BLOB NOT NULL,
    seen INTEGER NOT NULL DEFAULT 1,
    UNIQUE (topic, raw)
) STRICT;
CREATE INDEX IF NOT EXISTS dead_of_device ON dead (device, id);

-- Since when this store remembers: `since_s`.
CREATE TABLE IF NOT EXISTS about (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;

-- What restored backends have asked for, each once, and how many rows were found for it.
CREATE TABLE IF NOT EXISTS again (
    id INTEGER PRIMARY KEY,
    found INTEGER NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS tally (
    name TEXT PRIMARY KEY,
    n INTEGER NOT NULL
) STRICT;
"""
