-- When the platform was last alive: one row, rewritten about once a second while any instance runs.
-- What is missing between two beats was downtime. Its holder could hide or invent one: an outage
-- amendment shows its times in public and needs q custodians.
CREATE TABLE alive (
    one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    at  BIGINT NOT NULL
);

-- The running instances, each rewritten with the heartbeat: every statement that arrived there before
-- `decided_through` is decided. A close waits for all that were seen lately. Its holder could delay a
-- close, or have one come before a statement that is then refused with the platform at fault.
CREATE TABLE instance (
    id              TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    decided_through BIGINT NOT NULL,
    seen_at         BIGINT NOT NULL
);

-- Spans in which no instance was alive, as measured; rows never change. A unit whose deadline fell
-- into one waits for an outage decision.
CREATE TABLE downtime (
    from_at  BIGINT NOT NULL PRIMARY KEY,
    until_at BIGINT NOT NULL CHECK (until_at > from_at)
);

CREATE TRIGGER downtime_unchanged BEFORE UPDATE OR DELETE ON downtime
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER downtime_kept BEFORE TRUNCATE ON downtime
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What waits for an outage decision follows from the measured spans.
ALTER TABLE unit DROP COLUMN outage_undecided;
