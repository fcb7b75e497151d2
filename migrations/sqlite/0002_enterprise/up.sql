-- Enterprises and organisations. The record's statements are the truth (`credential` keeps the
-- public ones); these rows are where the next act finds its state. `id`, `kind`, `applied_at` never
-- change; name, code and contact are those of the application that an operator vouched for, or of
-- the latest one while nobody did. Its holder could show a wrong state, which the public statements
-- would contradict; the contact is not public.
CREATE TABLE enterprise (
    id                 TEXT    NOT NULL PRIMARY KEY,
    kind               TEXT    NOT NULL CHECK (kind IN ('enterprise', 'organisation')),
    name               TEXT    NOT NULL,
    uscc               TEXT    NOT NULL,
    contact            TEXT    NOT NULL,
    state              TEXT    NOT NULL
                       CHECK (state IN ('applied', 'verified', 'declined', 'keyless', 'reapplied')),
    application_sha256 TEXT    NOT NULL,
    key                TEXT    NOT NULL,
    reason             TEXT    NOT NULL,
    last_sha256        TEXT    NOT NULL,
    last_idx           INTEGER NOT NULL,
    applied_at         INTEGER NOT NULL,
    verified_at        INTEGER
) STRICT;
-- Anybody may claim a code; one claim per kind is verified.
CREATE UNIQUE INDEX enterprise_of_code ON enterprise (kind, uscc) WHERE verified_at IS NOT NULL;

CREATE TRIGGER enterprise_same BEFORE UPDATE ON enterprise
WHEN NEW.id <> OLD.id OR NEW.kind <> OLD.kind OR NEW.applied_at <> OLD.applied_at
     OR (OLD.verified_at IS NOT NULL
         AND (NEW.verified_at IS NOT OLD.verified_at OR NEW.uscc <> OLD.uscc))
BEGIN SELECT RAISE(ABORT, 'who an enterprise is never changes'); END;
CREATE TRIGGER enterprise_kept BEFORE DELETE ON enterprise
BEGIN SELECT RAISE(ABORT, 'enterprise rows are never deleted'); END;

-- Applications, each by itself until an operator decides on it: anybody may apply in anybody's name,
-- and that changes nothing of who a verified body is. `note` is the application as it was signed,
-- `key` the public key in it, in hexadecimal digits.
-- Only its standing changes, and `idx` and `applied_at` when it is made again. Its holder sees
-- contacts; a wrong standing could hide an application from the operators, whose receipt its
-- applicant has.
CREATE TABLE application (
    sha256         TEXT NOT NULL PRIMARY KEY,
    enterprise     TEXT NOT NULL REFERENCES enterprise (id),
    note           TEXT NOT NULL,
    standing       TEXT NOT NULL
                   CHECK (standing IN ('waiting', 'vouched', 'declined', 'passed')),
    idx            INTEGER NOT NULL,
    applied_at     INTEGER NOT NULL,
    decided_sha256 TEXT,
    decided_idx    INTEGER,
    key            TEXT NOT NULL,
    CHECK ((decided_sha256 IS NULL) = (decided_idx IS NULL))
) STRICT;
CREATE INDEX application_waiting ON application (applied_at, sha256) WHERE standing = 'waiting';
CREATE INDEX application_of ON application (enterprise, standing);
CREATE INDEX application_by ON application (enterprise, key, idx);

-- Every key that ever spoke for somebody, and from when until when. Only the end is ever set, once.
-- One public key speaks for one body, ever. Its holder could let a key log in again; acts are
-- judged by the statements.
CREATE TABLE enterprise_key (
    public     TEXT    NOT NULL PRIMARY KEY,
    enterprise TEXT    NOT NULL REFERENCES enterprise (id),
    key        TEXT    NOT NULL,
    from_at    INTEGER NOT NULL,
    until_at   INTEGER,
    ended      TEXT    CHECK (ended IN ('rotated', 'revoked')),
    CHECK ((until_at IS NULL) = (ended IS NULL))
) STRICT;
CREATE UNIQUE INDEX enterprise_key_in_force ON enterprise_key (enterprise) WHERE until_at IS NULL;
CREATE INDEX enterprise_key_of ON enterprise_key (enterprise, from_at);

CREATE TRIGGER enterprise_key_ends_once BEFORE UPDATE ON enterprise_key
WHEN OLD.until_at IS NOT NULL OR NEW.public <> OLD.public OR NEW.enterprise <> OLD.enterprise
     OR NEW.key <> OLD.key OR NEW.from_at <> OLD.from_at
BEGIN SELECT RAISE(ABORT, 'a key only ends, once'); END;
CREATE TRIGGER enterprise_key_kept BEFORE DELETE ON enterprise_key
BEGIN SELECT RAISE(ABORT, 'enterprise_key rows are never deleted'); END;

-- Login challenges that opened a session: gone soon after they are over. Its holder could at most
-- have a login answered as used.
CREATE TABLE challenge_used (
    nonce      TEXT    NOT NULL PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX challenge_used_over ON challenge_used (expires_at);

-- Sessions; the token names its session, and a session that ended lets no token in. Only `ended_at`
-- is ever set, and a row goes when its time is over. Its holder learns who was logged in when;
-- binding acts need the actor's key.
CREATE TABLE session (
    id         TEXT    NOT NULL PRIMARY KEY,
    actor      TEXT    NOT NULL,
    public     TEXT    NOT NULL,
    started_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at   INTEGER
) STRICT;
CREATE INDEX session_of_actor ON session (actor, started_at);
CREATE INDEX session_of_key ON session (public);
CREATE INDEX session_over ON session (expires_at);

-- Answers to acts that carried an Idempotency-Key, for a day. What is under way its process alone knows,
-- so that none outlives it. Its holder sees answers that its askers saw; logins are never among them.
CREATE TABLE idempotency (
    asker   TEXT    NOT NULL,
    key     TEXT    NOT NULL,
    request TEXT    NOT NULL,
    status  INTEGER NOT NULL,
    answer  BLOB NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (asker, key)
) STRICT;
CREATE INDEX idempotency_at ON idempotency (at);
