-- Tenders, their units, and the sealed bids in them. What binds anybody is a signed note on the
-- record; these rows are where the notes are found again, and what the timer asks for.

-- One row per tender. Only `state`, `notice` and its index change, once each. `plan` is the buyer's
-- draft as JSON. Its holder sees drafts before they are published.
CREATE TABLE tender (
    id               TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    procuring_entity TEXT COLLATE "C" NOT NULL,
    title            TEXT COLLATE "C" NOT NULL,
    state            TEXT COLLATE "C" NOT NULL CHECK (state IN ('draft', 'proposed', 'published')),
    plan             TEXT COLLATE "C" NOT NULL,
    notice           TEXT COLLATE "C",
    notice_index     BIGINT,
    drafted_at       BIGINT  NOT NULL
);
CREATE INDEX tender_of_buyer ON tender (procuring_entity, state, id);
-- How many drafts its buyer made within a day.
CREATE INDEX tender_drafted ON tender (procuring_entity, drafted_at);
CREATE INDEX tender_of_state ON tender (state, id);

-- One row per lot; never changes. Nothing in it is secret once the tender is published.
CREATE TABLE lot (
    id     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    tender TEXT COLLATE "C" NOT NULL REFERENCES tender (id),
    no     BIGINT NOT NULL CHECK (no >= 1),
    title  TEXT COLLATE "C" NOT NULL,
    UNIQUE (tender, no)
);

CREATE TRIGGER lot_unchanged BEFORE UPDATE OR DELETE ON lot
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER lot_kept BEFORE TRUNCATE ON lot
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Tender documents, readable by anybody after publication; never changes. `blob` names the file in
-- the store. Deliberately without any column that could count or tell who read.
CREATE TABLE document (
    id     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    tender TEXT COLLATE "C" NOT NULL REFERENCES tender (id),
    no     BIGINT NOT NULL CHECK (no >= 1),
    name   TEXT COLLATE "C" NOT NULL,
    sha256 BYTEA    NOT NULL CHECK (length(sha256) = 32),
    size   BIGINT NOT NULL CHECK (size >= 0),
    blob   TEXT COLLATE "C" NOT NULL,
    UNIQUE (tender, no)
);

CREATE TRIGGER document_unchanged BEFORE UPDATE OR DELETE ON document
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER document_kept BEFORE TRUNCATE ON document
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- One row per opening unit. `state` is moved by compare-and-swap along `opening::rules::next` and by
-- nothing else. `note` is the unit with the signatures so far and never changes once the unit is
-- open; `deadline` and `open_at` are the terms in force, moved by effective amendments only, whose
-- last one (or the unit) has `last_sha256`. `amendment_pending` is the one open request, with the
-- signatures so far. Indices point into `entry`. Who could write here could delay a unit or show
-- wrong terms, never read a bid: custodians hold to the signed notes and not to these columns.
CREATE TABLE unit (
    unit_id              TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    tender               TEXT COLLATE "C" NOT NULL REFERENCES tender (id),
    lot                  TEXT COLLATE "C" NOT NULL REFERENCES lot (id),
    stage                TEXT COLLATE "C" NOT NULL CHECK (stage IN ('single', 'technical', 'commercial')),
    note                 TEXT COLLATE "C" NOT NULL,
    state                TEXT COLLATE "C" NOT NULL CHECK (state IN ('proposed', 'lapsed', 'open', 'closing',
                                                           'closed', 'opened', 'void')),
    deadline             BIGINT NOT NULL,
    open_at              BIGINT NOT NULL,
    challenge_ms         BIGINT NOT NULL,
    min                  BIGINT NOT NULL,
    release_by           TEXT COLLATE "C" NOT NULL CHECK (release_by IN ('time', 'order')),
    t                    BIGINT NOT NULL,
    n                    BIGINT NOT NULL,
    proposed_index       BIGINT NOT NULL,
    effective_index      BIGINT,
    amendment_no         BIGINT NOT NULL DEFAULT 0,
    last_sha256          BYTEA    NOT NULL CHECK (length(last_sha256) = 32),
    amendment_pending    TEXT COLLATE "C",
    amendment_index      BIGINT,
    freeze_size          BIGINT,
    close_note           TEXT COLLATE "C",
    close_sha256         BYTEA,
    close_proposed_index BIGINT,
    close_index          BIGINT,
    order_note           TEXT COLLATE "C",
    suspension_no        BIGINT NOT NULL DEFAULT 0,
    suspended            BOOLEAN NOT NULL DEFAULT FALSE,
    outage_undecided     BOOLEAN NOT NULL DEFAULT FALSE,
    opening_index        BIGINT,
    void_reason          TEXT COLLATE "C",
    due_at               BIGINT
);
CREATE INDEX unit_of_tender ON unit (tender, unit_id);
-- What the timer asks at every tick; `due_at` is empty for a unit that it is done with.
CREATE INDEX unit_of_state ON unit (state, due_at, unit_id);
CREATE INDEX unit_amending ON unit (state, unit_id) WHERE amendment_pending IS NOT NULL;

-- The last accepted statement of each bidder in each unit. Its holder sees who bids where, which is
-- why these rows are shown to nobody before the opening.
CREATE TABLE chain (
    unit   TEXT COLLATE "C" NOT NULL REFERENCES unit (unit_id),
    bidder TEXT COLLATE "C" NOT NULL,
    bid_id TEXT COLLATE "C" NOT NULL,
    seq    BIGINT NOT NULL CHECK (seq >= 1),
    sha256 BYTEA    NOT NULL CHECK (length(sha256) = 32),
    kind   TEXT COLLATE "C" NOT NULL CHECK (kind IN ('manifest', 'withdrawal')),
    -- Who signed it: what follows is signed by this key or one that it handed over to.
    key    TEXT    NOT NULL,
    -- The entry that accepted it: a repeat is answered with the same receipt.
    accepted_index BIGINT NOT NULL,
    PRIMARY KEY (unit, bidder)
);
CREATE INDEX chain_of_bidder ON chain (bidder, unit);

-- One row per accepted manifest and bidder: two may sign one text. `state` changes, from live to replaced or withdrawn, and then to
-- deleted, when the ciphertext is gone; and `blob`, when its bidder brings a lost ciphertext again.
-- `shares` holds the n sealed shares, a few hundred bytes each, one after the other with their
-- lengths; each opens with one custodian's key for this unit. `blob` names the ciphertext in the
-- store. Its holder has what the store and the bidders' network have: ciphertext.
CREATE TABLE envelope (
    manifest_sha256 BYTEA    NOT NULL CHECK (length(manifest_sha256) = 32),
    unit            TEXT COLLATE "C" NOT NULL REFERENCES unit (unit_id),
    bidder          TEXT COLLATE "C" NOT NULL,
    manifest        TEXT COLLATE "C" NOT NULL,
    salt            BYTEA    NOT NULL CHECK (length(salt) = 32),
    accepted_index  BIGINT NOT NULL,
    arrived_at      BIGINT NOT NULL,
    blob            TEXT COLLATE "C" NOT NULL,
    blob_sha256     BYTEA    NOT NULL CHECK (length(blob_sha256) = 32),
    blob_size       BIGINT NOT NULL,
    shares          BYTEA    NOT NULL,
    state           TEXT COLLATE "C" NOT NULL CHECK (state IN ('live', 'replaced', 'withdrawn', 'deleted')),
    PRIMARY KEY (manifest_sha256, bidder)
);
CREATE INDEX envelope_of_unit ON envelope (unit, state, accepted_index);
-- Accepted by a custodian's word, their files awaited: no shares yet.
CREATE INDEX envelope_awaited ON envelope (unit) WHERE state = 'live' AND length(shares) = 0;
CREATE INDEX envelope_to_delete ON envelope (accepted_index)
    WHERE state IN ('replaced', 'withdrawn');

-- Well-signed statements that were refused, so that a repeat gets the same receipt instead of
-- another entry. `sha256` is of the whole note. Never changes.
CREATE TABLE refused (
    sha256 BYTEA    NOT NULL CHECK (length(sha256) = 32),
    unit   TEXT COLLATE "C" NOT NULL,
    code   TEXT COLLATE "C" NOT NULL,
    idx    BIGINT NOT NULL,
    PRIMARY KEY (sha256, code)
);

CREATE TRIGGER refused_unchanged BEFORE UPDATE OR DELETE ON refused
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER refused_kept BEFORE TRUNCATE ON refused
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The id of the folder that the files are in, one row that never changes: the folder says it too, and a
-- platform with another one does not start. Its holder could have it refuse to start, no more.
CREATE TABLE folder (
    one BIGINT           NOT NULL PRIMARY KEY CHECK (one = 1),
    id  TEXT COLLATE "C" NOT NULL
);

CREATE TRIGGER folder_unchanged BEFORE UPDATE OR DELETE ON folder
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER folder_kept BEFORE TRUNCATE ON folder
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Files on their way in, ciphertext and tender documents alike. The store itself knows the offset;
-- `state` tells what the complete file became, and `ending` that its file is about to go: nothing is
-- made of it any more. `sha256` is what was read back.
CREATE TABLE upload (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    owner      TEXT COLLATE "C" NOT NULL,
    length     BIGINT NOT NULL CHECK (length >= 0),
    sha256     BYTEA,
    state      TEXT COLLATE "C" NOT NULL CHECK (state IN ('growing', 'complete', 'used', 'ending')),
    purpose    TEXT COLLATE "C" NOT NULL CHECK (purpose IN ('bid', 'document')),
    expires_at BIGINT NOT NULL
);
CREATE INDEX upload_expired ON upload (expires_at, id) WHERE state <> 'used';
CREATE INDEX upload_of_owner ON upload (owner, state, sha256, id);

-- What custodians handed out. `note` carries a unit identity: with t of them the unit's bids are
-- readable, so nothing shows this column before the opening is recorded. Rows never change.
CREATE TABLE release (
    unit           TEXT COLLATE "C" NOT NULL REFERENCES unit (unit_id),
    custodian      TEXT COLLATE "C" NOT NULL,
    note           TEXT COLLATE "C" NOT NULL,
    recorded_index BIGINT NOT NULL,
    PRIMARY KEY (unit, custodian)
);

CREATE TRIGGER release_unchanged BEFORE UPDATE OR DELETE ON release
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER release_kept BEFORE TRUNCATE ON release
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What custodians found of challenges. A later finding of the same custodian about the same line
-- replaces `note` and `verdict`; both stay on the record.
CREATE TABLE challenge (
    unit      TEXT COLLATE "C" NOT NULL REFERENCES unit (unit_id),
    custodian TEXT COLLATE "C" NOT NULL,
    line      BYTEA NOT NULL CHECK (length(line) = 32),
    note      TEXT COLLATE "C" NOT NULL,
    verdict   TEXT COLLATE "C" NOT NULL CHECK (verdict IN ('answered', 'open', 'finding')),
    PRIMARY KEY (unit, custodian, line)
);

-- The statements that add up to a body's credential, in record order; rows never change. `verified`
-- first, then rotations and revocations: `enterprise::credentials` folds them, checking signatures,
-- so that who writes here cannot make a key speak for anybody. `idx` is the entry of each.
CREATE TABLE credential (
    enterprise TEXT COLLATE "C" NOT NULL,
    no         BIGINT NOT NULL CHECK (no >= 1),
    note       TEXT COLLATE "C" NOT NULL,
    idx        BIGINT NOT NULL CHECK (idx >= 0),
    PRIMARY KEY (enterprise, no)
);

CREATE TRIGGER credential_unchanged BEFORE UPDATE OR DELETE ON credential
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER credential_kept BEFORE TRUNCATE ON credential
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
