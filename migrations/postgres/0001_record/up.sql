-- The record: what was said, in order, and what was published about it. Rows here are evidence;
-- nothing updates or deletes them, and the triggers below make that the database's own rule. Whoever
-- owns the database can still rewrite it; the custodians' cosignatures are what he cannot rewrite.

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% rows are never changed or deleted', TG_TABLE_NAME;
END $$;

-- The record's name, in every key name and checkpoint: fixed by `init`, one row that never changes. Its
-- holder could have the platform refuse to start, no more: roster and keys carry the name too.
CREATE TABLE origin (
    one  BIGINT           NOT NULL PRIMARY KEY CHECK (one = 1),
    name TEXT COLLATE "C" NOT NULL
);

CREATE TRIGGER origin_unchanged BEFORE UPDATE OR DELETE ON origin
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER origin_kept BEFORE TRUNCATE ON origin
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The next free index and the time of the last entry: the only mutable row of the record. Its holder
-- could make two entries of one index, which `entry`'s key and the tiles would refuse.
CREATE TABLE head (
    one     BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    next    BIGINT NOT NULL CHECK (next >= 0),
    last_at BIGINT NOT NULL
);
INSERT INTO head (one, next, last_at) VALUES (1, 0, 0);

CREATE FUNCTION head_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.next < OLD.next OR NEW.last_at < OLD.last_at THEN
        RAISE EXCEPTION 'the record only grows';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER head_grows BEFORE UPDATE ON head FOR EACH ROW EXECUTE FUNCTION head_grows();
CREATE TRIGGER head_stays BEFORE DELETE OR TRUNCATE ON head
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- One row per event. Pad leaves have an index and no row. No column ever changes. Its holder reads
-- every event that is not itself sealed, and every salt. `author` is the enterprise whose own act it is,
-- which alone sees it while it is sealed; the partial indices let others ask for what they may see
-- without touching what they may not.
CREATE TABLE entry (
    idx   BIGINT           NOT NULL PRIMARY KEY CHECK (idx >= 0),
    salt  BYTEA            NOT NULL CHECK (length(salt) = 32),
    event BYTEA            NOT NULL,
    kind  TEXT COLLATE "C" NOT NULL,
    level TEXT COLLATE "C" NOT NULL
          CHECK (level IN ('public', 'parties', 'regulator') OR level LIKE 'sealed:%'),
    unit  TEXT COLLATE "C",
    author TEXT COLLATE "C",
    at    BIGINT           NOT NULL
);
CREATE INDEX entry_of_unit ON entry (unit, kind, idx) WHERE unit IS NOT NULL;
CREATE INDEX entry_of_kind ON entry (kind, idx);
CREATE INDEX entry_of_author ON entry (author, idx) WHERE author IS NOT NULL;
CREATE INDEX entry_public ON entry (idx) WHERE level = 'public';
CREATE INDEX entry_public_of_unit ON entry (unit, idx) WHERE level = 'public';

CREATE TRIGGER entry_unchanged BEFORE UPDATE OR DELETE ON entry
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER entry_kept BEFORE TRUNCATE ON entry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Published tiles (C2SP tlog-tiles): kind 'hash' of a level, and kind 'entries' at level 0. A row
-- grows to width 256 and then stands. All of it is public.
CREATE TABLE tile (
    kind  TEXT COLLATE "C" NOT NULL CHECK (kind IN ('hash', 'entries')),
    level BIGINT           NOT NULL CHECK (level BETWEEN 0 AND 7),
    n     BIGINT           NOT NULL CHECK (n >= 0),
    width BIGINT           NOT NULL CHECK (width BETWEEN 1 AND 256),
    bytes BYTEA            NOT NULL,
    PRIMARY KEY (kind, level, n)
);

CREATE FUNCTION tile_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.kind, NEW.level, NEW.n) <> (OLD.kind, OLD.level, OLD.n) OR NEW.width < OLD.width
       OR substr(NEW.bytes, 1, length(OLD.bytes)) <> OLD.bytes THEN
        RAISE EXCEPTION 'tiles only grow';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER tile_grows BEFORE UPDATE ON tile FOR EACH ROW EXECUTE FUNCTION tile_grows();
CREATE TRIGGER tile_kept BEFORE DELETE OR TRUNCATE ON tile
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Every checkpoint that was signed, with the log's own signature only. No column ever changes: two
-- signed notes of one size are what a split view is made of. All of it is public.
CREATE TABLE checkpoint (
    size BIGINT NOT NULL PRIMARY KEY CHECK (size >= 0),
    root BYTEA  NOT NULL CHECK (length(root) = 32),
    at   BIGINT NOT NULL,
    note TEXT   NOT NULL
);
CREATE TRIGGER checkpoint_unchanged BEFORE UPDATE OR DELETE ON checkpoint
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER checkpoint_kept BEFORE TRUNCATE ON checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Custodians' cosignature lines on checkpoints; `at` is the time that the custodian signed, in Unix
-- milliseconds. No column ever changes. All of it is public.
CREATE TABLE cosignature (
    size      BIGINT           NOT NULL REFERENCES checkpoint (size),
    custodian TEXT COLLATE "C" NOT NULL,
    line      TEXT             NOT NULL,
    at        BIGINT           NOT NULL,
    PRIMARY KEY (size, custodian)
);
-- A freeze asks for one minute of them, however long the record is, and who looks for a checkpoint
-- asks first from where to where a custodian can have cosigned one.
CREATE INDEX cosignature_at ON cosignature (custodian, at, size);
CREATE INDEX cosignature_of ON cosignature (custodian, size);

CREATE TRIGGER cosignature_unchanged BEFORE UPDATE OR DELETE ON cosignature
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER cosignature_kept BEFORE TRUNCATE ON cosignature
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
