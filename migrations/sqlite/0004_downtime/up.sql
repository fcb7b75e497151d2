-- When the platform was last alive: one row, rewritten about once a second while any instance runs.
-- What is missing between two beats was downtime. Its holder could hide or invent one: an outage
-- amendment shows its times in public and needs q custodians.
CREATE TABLE alive (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    at  INTEGER NOT NULL
) STRICT;

-- The running instances, each rewritten with the heartbeat: every statement that arrived there before
-- `decided_through` is decided. A close waits for all that were seen lately. Its holder could delay a
-- close, or have one come before a statement that is then refused with the platform at fault.
CREATE TABLE instance (
    id              TEXT    NOT NULL PRIMARY KEY,
    decided_through INTEGER NOT NULL,
    seen_at         INTEGER NOT NULL
) STRICT;

-- Spans in which no instance was alive, as measured; rows never change. A unit whose deadline fell
-- into one waits for an outage decision.
CREATE TABLE downtime (
    from_at  INTEGER NOT NULL PRIMARY KEY,
    until_at INTEGER NOT NULL CHECK (until_at > from_at)
) STRICT;

CREATE TRIGGER downtime_unchanged BEFORE UPDATE ON downtime
BEGIN SELECT RAISE(ABORT, 'downtime rows are never changed'); END;
CREATE TRIGGER downtime_kept BEFORE DELETE ON downtime
BEGIN SELECT RAISE(ABORT, 'downtime rows are never deleted'); END;

-- What waits for an outage decision follows from the measured spans.
ALTER TABLE unit DROP COLUMN outage_undecided;
