-- The record: what was said, in order, and what was published about it. Rows here are evidence;
-- nothing updates or deletes them, and the triggers below make that the database's own rule; our
-- connections set recursive_triggers, without which REPLACE would delete past them. Whoever holds the
-- file can still rewrite it; the custodians' cosignatures are what he cannot rewrite.

-- The record's name, in every key name and checkpoint: fixed by `init`, one row that never changes. Its
-- holder could have the platform refuse to start, no more: roster and keys carry the name too.
CREATE TABLE origin (
    one  INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    name TEXT    NOT NULL
) STRICT;

CREATE TRIGGER origin_unchanged BEFORE UPDATE ON origin
BEGIN SELECT RAISE(ABORT, 'origin rows are never changed'); END;
CREATE TRIGGER origin_kept BEFORE DELETE ON origin
BEGIN SELECT RAISE(ABORT, 'origin rows are never deleted'); END;

-- The next free index and the time of the last entry: the only mutable row of the record. Its holder
-- could make two entries of one index, which `entry`'s key and the tiles would refuse.
CREATE TABLE head (
    one     INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    next    INTEGER NOT NULL CHECK (next >= 0),
    last_at INTEGER NOT NULL
) STRICT;
INSERT INTO head (one, next, last_at) VALUES (1, 0, 0);

CREATE TRIGGER head_grows BEFORE UPDATE ON head
WHEN NEW.next < OLD.next OR NEW.last_at < OLD.last_at
BEGIN SELECT RAISE(ABORT, 'the record only grows'); END;
CREATE TRIGGER head_stays BEFORE DELETE ON head
BEGIN SELECT RAISE(ABORT, 'the record only grows'); END;

-- One row per event. Pad leaves have an index and no row. No column ever changes. Its holder reads
-- every event that is not itself sealed, and every salt. `author` is the enterprise whose own act it is,
-- which alone sees it while it is sealed; the partial indices let others ask for what they may see
-- without touching what they may not.
CREATE TABLE entry (
    idx   INTEGER NOT NULL PRIMARY KEY CHECK (idx >= 0),
    salt  BLOB    NOT NULL CHECK (length(salt) = 32),
    event BLOB    NOT NULL,
    kind  TEXT    NOT NULL,
    level TEXT    NOT NULL CHECK (level IN ('public', 'parties', 'regulator') OR level LIKE 'sealed:%'),
    unit  TEXT,
    author TEXT,
    at    INTEGER NOT NULL
) STRICT;
CREATE INDEX entry_of_unit ON entry (unit, kind, idx) WHERE unit IS NOT NULL;
CREATE INDEX entry_of_kind ON entry (kind, idx);
CREATE INDEX entry_of_author ON entry (author, idx) WHERE author IS NOT NULL;
CREATE INDEX entry_public ON entry (idx) WHERE level = 'public';
CREATE INDEX entry_public_of_unit ON entry (unit, idx) WHERE level = 'public';

CREATE TRIGGER entry_unchanged BEFORE UPDATE ON entry
BEGIN SELECT RAISE(ABORT, 'entry rows are never changed'); END;
CREATE TRIGGER entry_kept BEFORE DELETE ON entry
BEGIN SELECT RAISE(ABORT, 'entry rows are never deleted'); END;

-- Published tiles (C2SP tlog-tiles): kind 'hash' of a level, and kind 'entries' at level 0. A row
-- grows to width 256 and then stands. All of it is public.
CREATE TABLE tile (
    kind  TEXT    NOT NULL CHECK (kind IN ('hash', 'entries')),
    level INTEGER NOT NULL CHECK (level BETWEEN 0 AND 7),
    n     INTEGER NOT NULL CHECK (n >= 0),
    width INTEGER NOT NULL CHECK (width BETWEEN 1 AND 256),
    bytes BLOB    NOT NULL,
    PRIMARY KEY (kind, level, n)
) STRICT;

CREATE TRIGGER tile_grows BEFORE UPDATE ON tile
WHEN NEW.kind <> OLD.kind OR NEW.level <> OLD.level OR NEW.n <> OLD.n OR NEW.width < OLD.width
     OR substr(NEW.bytes, 1, length(OLD.bytes)) <> OLD.bytes
BEGIN SELECT RAISE(ABORT, 'tiles only grow'); END;
CREATE TRIGGER tile_kept BEFORE DELETE ON tile
BEGIN SELECT RAISE(ABORT, 'tiles only grow'); END;

-- Every checkpoint that was signed, with the log's own signature only. No column ever changes: two
-- signed notes of one size are what a split view is made of. All of it is public.
CREATE TABLE checkpoint (
    size INTEGER NOT NULL PRIMARY KEY CHECK (size >= 0),
    root BLOB    NOT NULL CHECK (length(root) = 32),
    at   INTEGER NOT NULL,
    note TEXT    NOT NULL
) STRICT;

CREATE TRIGGER checkpoint_unchanged BEFORE UPDATE ON checkpoint
BEGIN SELECT RAISE(ABORT, 'checkpoint rows are never changed'); END;
CREATE TRIGGER checkpoint_kept BEFORE DELETE ON checkpoint
BEGIN SELECT RAISE(ABORT, 'checkpoint rows are never deleted'); END;

-- Custodians' cosignature lines on checkpoints; `at` is the time that the custodian signed, in Unix
-- milliseconds. No column ever changes. All of it is public.
CREATE TABLE cosignature (
    size      INTEGER NOT NULL REFERENCES checkpoint (size),
    custodian TEXT    NOT NULL,
    line      TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (size, custodian)
) STRICT;
-- A freeze asks for one minute of them, however long the record is, and who looks for a checkpoint
-- asks first from where to where a custodian can have cosigned one.
CREATE INDEX cosignature_at ON cosignature (custodian, at, size);
CREATE INDEX cosignature_of ON cosignature (custodian, size);

CREATE TRIGGER cosignature_unchanged BEFORE UPDATE ON cosignature
BEGIN SELECT RAISE(ABORT, 'cosignature rows are never changed'); END;
CREATE TRIGGER cosignature_kept BEFORE DELETE ON cosignature
BEGIN SELECT RAISE(ABORT, 'cosignature rows are never deleted'); END;
