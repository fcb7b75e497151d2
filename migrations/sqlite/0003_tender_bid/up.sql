-- Tenders, their units, and the sealed bids in them. What binds anybody is a signed note on the
-- record; these rows are where the notes are found again, and what the timer asks for.

-- One row per tender. Only `state`, `notice` and its index change, once each. `plan` is the buyer's
-- draft as JSON. Its holder sees drafts before they are published.
CREATE TABLE tender (
    id               TEXT    NOT NULL PRIMARY KEY,
    procuring_entity TEXT    NOT NULL,
    title            TEXT    NOT NULL,
    state            TEXT    NOT NULL CHECK (state IN ('draft', 'proposed', 'published')),
    plan             TEXT    NOT NULL,
    notice           TEXT,
    notice_index     INTEGER,
    drafted_at       INTEGER NOT NULL
) STRICT;
CREATE INDEX tender_of_buyer ON tender (procuring_entity, state, id);
-- How many drafts its buyer made within a day.
CREATE INDEX tender_drafted ON tender (procuring_entity, drafted_at);
CREATE INDEX tender_of_state ON tender (state, id);

-- One row per lot; never changes. Nothing in it is secret once the tender is published.
CREATE TABLE lot (
    id     TEXT    NOT NULL PRIMARY KEY,
    tender TEXT    NOT NULL REFERENCES tender (id),
    no     INTEGER NOT NULL CHECK (no >= 1),
    title  TEXT    NOT NULL,
    UNIQUE (tender, no)
) STRICT;

CREATE TRIGGER lot_unchanged BEFORE UPDATE ON lot
BEGIN SELECT RAISE(ABORT, 'lot rows are never changed'); END;
CREATE TRIGGER lot_kept BEFORE DELETE ON lot
BEGIN SELECT RAISE(ABORT, 'lot rows are never deleted'); END;

-- Tender documents, readable by anybody after publication; never changes. `blob` names the file in
-- the store. Deliberately without any column that could count or tell who read.
CREATE TABLE document (
    id     TEXT    NOT NULL PRIMARY KEY,
    tender TEXT    NOT NULL REFERENCES tender (id),
    no     INTEGER NOT NULL CHECK (no >= 1),
    name   TEXT    NOT NULL,
    sha256 BLOB    NOT NULL CHECK (length(sha256) = 32),
    size   INTEGER NOT NULL CHECK (size >= 0),
    blob   TEXT    NOT NULL,
    UNIQUE (tender, no)
) STRICT;

CREATE TRIGGER document_unchanged BEFORE UPDATE ON document
BEGIN SELECT RAISE(ABORT, 'document rows are never changed'); END;
CREATE TRIGGER document_kept BEFORE DELETE ON document
BEGIN SELECT RAISE(ABORT, 'document rows are never deleted'); END;

-- One row per opening unit. `state` is moved by compare-and-swap along `opening::rules::next` and by
-- nothing else. `note` is the unit with the signatures so far and never changes once the unit is
-- open; `deadline` and `open_at` are the terms in force, moved by effective amendments only, whose
-- last one (or the unit) has `last_sha256`. `amendment_pending` is the one open request, with the
-- signatures so far. Indices point into `entry`. Who could write here could delay a unit or show
-- wrong terms, never read a bid: custodians hold to the signed notes and not to these columns.
CREATE TABLE unit (
    unit_id              TEXT    NOT NULL PRIMARY KEY,
    tender               TEXT    NOT NULL REFERENCES tender (id),
    lot                  TEXT    NOT NULL REFERENCES lot (id),
    stage                TEXT    NOT NULL CHECK (stage IN ('single', 'technical', 'commercial')),
    note                 TEXT    NOT NULL,
    state                TEXT    NOT NULL CHECK (state IN ('proposed', 'lapsed', 'open', 'closing',
                                                           'closed', 'opened', 'void')),
    deadline             INTEGER NOT NULL,
    open_at              INTEGER NOT NULL,
    challenge_ms         INTEGER NOT NULL,
    min                  INTEGER NOT NULL,
    release_by           TEXT    NOT NULL CHECK (release_by IN ('time', 'order')),
    t                    INTEGER NOT NULL,
    n                    INTEGER NOT NULL,
    proposed_index       INTEGER NOT NULL,
    effective_index      INTEGER,
    amendment_no         INTEGER NOT NULL DEFAULT 0,
    last_sha256          BLOB    NOT NULL CHECK (length(last_sha256) = 32),
    amendment_pending    TEXT,
    amendment_index      INTEGER,
    freeze_size          INTEGER,
    close_note           TEXT,
    close_sha256         BLOB,
    close_proposed_index INTEGER,
    close_index          INTEGER,
    order_note           TEXT,
    suspension_no        INTEGER NOT NULL DEFAULT 0,
    suspended            INTEGER NOT NULL DEFAULT FALSE,
    outage_undecided     INTEGER NOT NULL DEFAULT FALSE,
    opening_index        INTEGER,
    void_reason          TEXT,
    due_at               INTEGER
) STRICT;
CREATE INDEX unit_of_tender ON unit (tender, unit_id);
-- What the timer asks at every tick; `due_at` is empty for a unit that it is done with.
CREATE INDEX unit_of_state ON unit (state, due_at, unit_id);
CREATE INDEX unit_amending ON unit (state, unit_id) WHERE amendment_pending IS NOT NULL;

-- The last accepted statement of each bidder in each unit. Its holder sees who bids where, which is
-- why these rows are shown to nobody before the opening.
CREATE TABLE chain (
    unit   TEXT    NOT NULL REFERENCES unit (unit_id),
    bidder TEXT    NOT NULL,
    bid_id TEXT    NOT NULL,
    seq    INTEGER NOT NULL CHECK (seq >= 1),
    sha256 BLOB    NOT NULL CHECK (length(sha256) = 32),
    kind   TEXT    NOT NULL CHECK (kind IN ('manifest', 'withdrawal')),
    -- Who signed it: what follows is signed by this key or one that it handed over to.
    key    TEXT    NOT NULL,
    -- The entry that accepted it: a repeat is answered with the same receipt.
    accepted_index INTEGER NOT NULL,
    PRIMARY KEY (unit, bidder)
) STRICT;
CREATE INDEX chain_of_bidder ON chain (bidder, unit);

-- One row per accepted manifest and bidder: two may sign one text. `state` changes, from live to replaced or withdrawn, and then to
-- deleted, when the ciphertext is gone; and `blob`, when its bidder brings a lost ciphertext again.
-- `shares` holds the n sealed shares, a few hundred bytes each, one after the other with their
-- lengths; each opens with one custodian's key for this unit. `blob` names the ciphertext in the
-- store. Its holder has what the store and the bidders' network have: ciphertext.
CREATE TABLE envelope (
    manifest_sha256 BLOB    NOT NULL CHECK (length(manifest_sha256) = 32),
    unit            TEXT    NOT NULL REFERENCES unit (unit_id),
    bidder          TEXT    NOT NULL,
    manifest        TEXT    NOT NULL,
    salt            BLOB    NOT NULL CHECK (length(salt) = 32),
    accepted_index  INTEGER NOT NULL,
    arrived_at      INTEGER NOT NULL,
    blob            TEXT    NOT NULL,
    blob_sha256     BLOB    NOT NULL CHECK (length(blob_sha256) = 32),
    blob_size       INTEGER NOT NULL,
    shares          BLOB    NOT NULL,
    state           TEXT    NOT NULL CHECK (state IN ('live', 'replaced', 'withdrawn', 'deleted')),
    PRIMARY KEY (manifest_sha256, bidder)
) STRICT;
CREATE INDEX envelope_of_unit ON envelope (unit, state, accepted_index);
-- Accepted by a custodian's word, their files awaited: no shares yet.
CREATE INDEX envelope_awaited ON envelope (unit) WHERE state = 'live' AND length(shares) = 0;
CREATE INDEX envelope_to_delete ON envelope (accepted_index)
    WHERE state IN ('replaced', 'withdrawn');

-- Well-signed statements that were refused, so that a repeat gets the same receipt instead of
-- another entry. `sha256` is of the whole note. Never changes.
CREATE TABLE refused (
    sha256 BLOB    NOT NULL CHECK (length(sha256) = 32),
    unit   TEXT    NOT NULL,
    code   TEXT    NOT NULL,
    idx    INTEGER NOT NULL,
    PRIMARY KEY (sha256, code)
) STRICT;

CREATE TRIGGER refused_unchanged BEFORE UPDATE ON refused
BEGIN SELECT RAISE(ABORT, 'refused rows are never changed'); END;
CREATE TRIGGER refused_kept BEFORE DELETE ON refused
BEGIN SELECT RAISE(ABORT, 'refused rows are never deleted'); END;

-- The id of the folder that the files are in, one row that never changes: the folder says it too, and a
-- platform with another one does not start. Its holder could have it refuse to start, no more.
CREATE TABLE folder (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    id  TEXT    NOT NULL
) STRICT;

CREATE TRIGGER folder_unchanged BEFORE UPDATE ON folder
BEGIN SELECT RAISE(ABORT, 'folder rows are never changed'); END;
CREATE TRIGGER folder_kept BEFORE DELETE ON folder
BEGIN SELECT RAISE(ABORT, 'folder rows are never deleted'); END;

-- Files on their way in, ciphertext and tender documents alike. The store itself knows the offset;
-- `state` tells what the complete file became, and `ending` that its file is about to go: nothing is
-- made of it any more. `sha256` is what was read back.
CREATE TABLE upload (
    id         TEXT    NOT NULL PRIMARY KEY,
    owner      TEXT    NOT NULL,
    length     INTEGER NOT NULL CHECK (length >= 0),
    sha256     BLOB,
    state      TEXT    NOT NULL CHECK (state IN ('growing', 'complete', 'used', 'ending')),
    purpose    TEXT    NOT NULL CHECK (purpose IN ('bid', 'document')),
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX upload_expired ON upload (expires_at, id) WHERE state <> 'used';
CREATE INDEX upload_of_owner ON upload (owner, state, sha256, id);

-- What custodians handed out. `note` carries a unit identity: with t of them the unit's bids are
-- readable, so nothing shows this column before the opening is recorded. Rows never change.
CREATE TABLE release (
    unit           TEXT    NOT NULL REFERENCES unit (unit_id),
    custodian      TEXT    NOT NULL,
    note           TEXT    NOT NULL,
    recorded_index INTEGER NOT NULL,
    PRIMARY KEY (unit, custodian)
) STRICT;

CREATE TRIGGER release_unchanged BEFORE UPDATE ON release
BEGIN SELECT RAISE(ABORT, 'release rows are never changed'); END;
CREATE TRIGGER release_kept BEFORE DELETE ON release
BEGIN SELECT RAISE(ABORT, 'release rows are never deleted'); END;

-- What custodians found of challenges. A later finding of the same custodian about the same line
-- replaces `note` and `verdict`; both stay on the record.
CREATE TABLE challenge (
    unit      TEXT NOT NULL REFERENCES unit (unit_id),
    custodian TEXT NOT NULL,
    line      BLOB NOT NULL CHECK (length(line) = 32),
    note      TEXT NOT NULL,
    verdict   TEXT NOT NULL CHECK (verdict IN ('answered', 'open', 'finding')),
    PRIMARY KEY (unit, custodian, line)
) STRICT;

-- The statements that add up to a body's credential, in record order; rows never change. `verified`
-- first, then rotations and revocations: `enterprise::credentials` folds them, checking signatures,
-- so that who writes here cannot make a key speak for anybody. `idx` is the entry of each.
CREATE TABLE credential (
    enterprise TEXT    NOT NULL,
    no         INTEGER NOT NULL CHECK (no >= 1),
    note       TEXT    NOT NULL,
    idx        INTEGER NOT NULL CHECK (idx >= 0),
    PRIMARY KEY (enterprise, no)
) STRICT;

CREATE TRIGGER credential_unchanged BEFORE UPDATE ON credential
BEGIN SELECT RAISE(ABORT, 'credential rows are never changed'); END;
CREATE TRIGGER credential_kept BEFORE DELETE ON credential
BEGIN SELECT RAISE(ABORT, 'credential rows are never deleted'); END;
